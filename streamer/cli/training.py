"""Commands around light curves and models: where data are from, training, classifying without alerts, evaluating."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamer.cli.options import CONFIG, EXISTING, EXPLAIN, FOLDER, LEVEL, Recipe, extra
from streamer.cli.printing import announcing, narrator, printed
from streamer.errors import InvalidConfig


@click.group()
def data() -> None:
    """Light curves to train with."""


@data.command("sources")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each set, a line each.")
def data_sources(as_json: bool) -> None:
    """Where each public set comes from: source, licence, citation, and how it is read."""
    with extra("train"):
        from streamer.commands.sources import source_lines, sources_text

    printed(source_lines() if as_json else sources_text())


@data.command("prepare")
@click.argument("source", metavar="SRC", type=EXISTING)
@click.option("--out", type=FOLDER, required=True, help="Folder in which each set gets its folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each set, a line each.")
def prepare_data(source: Path, out: Path, as_json: bool) -> None:
    """Make light-curve tables of the public sets in SRC: a folder with lightcurves/ in it, or one set's folder."""
    with extra("train"):
        from streamer.commands.tables import outcome_line, outcome_text
        from streamer.training.prepare import prepare

    for outcome in prepare(source, out, narrator()):
        click.echo(outcome_line(outcome) if as_json else outcome_text(outcome))


@click.command()
@click.argument("recipe", metavar="[RECIPE]", type=Recipe(), required=False)
@click.option(
    "--data",
    type=EXISTING,
    envvar="STREAMER_REAL_DATA",
    help="Folder with the data sets, collected or prepared [STREAMER_REAL_DATA, else ../shared/data].",
)
@click.option("--table", type=EXISTING, help="Instead: the folder of a light-curve table of your own …")
@click.option("--survey", type=CONFIG, help="… whose bands this file describes,")
@click.option("--recipe", "own_recipe", type=CONFIG, help="… with this recipe; without it one is made, beside the bundle.")
@click.option(
    "--out",
    type=FOLDER,
    default=Path("out/models"),
    show_default=True,
    help="Folder in which the bundle's folder is made; with --table the bundle's folder itself.",
)
@click.option("--quick", is_flag=True, help="A small version on simulated light curves alone, in minutes: no data are needed.")
@announcing
def train(
    recipe: Path | None,
    data: Path | None,
    table: Path | None,
    survey: Path | None,
    own_recipe: Path | None,
    out: Path,
    quick: bool,
) -> None:
    """Train a model, or run a benchmark; the same recipe and data give the same bytes. An interrupted run goes on where it was.

    RECIPE is a TOML file, or the name of a recipe that comes along (variability-ztf).
    """
    if (recipe is None) == (table is None) or (table is None and (survey or own_recipe)) or (table is not None and quick):
        raise click.UsageError("give either RECIPE (perhaps --quick), or --table DIR with or without --survey and --recipe")
    from streamer.commands.training import data_folder

    with extra("train"):
        from streamer.training.kinds import kind_of
        from streamer.training.own import train_own

    if recipe is None or table is not None:
        click.echo(str(train_own(table or Path(), out, survey, own_recipe, lambda line: click.echo(line, err=True))))
        return
    kind = kind_of(recipe)
    if quick and kind.quick is None:
        raise InvalidConfig(f"{recipe}: --quick is for models of light curves")
    if quick and kind.quick is not None:
        click.echo(str(kind.quick(recipe, out, narrator())))
    else:
        click.echo(str(kind.train(recipe, data_folder(data), out, narrator())))


@click.command()
@click.option("--table", type=EXISTING, help="Folder of a light-curve table: each object with all its points …")
@click.option("--survey", type=CONFIG, help="… whose bands this file describes.")
@click.option("--features", "rows", type=CONFIG, help="Instead: a CSV with a column for each input of the model.")
@click.option("--model", required=True, metavar="NAME|DIR", help="A shipped model's name, or a bundle's folder.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A file ending in .parquet or .csv.")
@LEVEL
@EXPLAIN
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on standard output.")
@announcing
def classify(
    table: Path | None, survey: Path | None, rows: Path | None, model: str, out: Path, level: float, explain: bool, as_json: bool
) -> None:
    """Classify light curves or rows of features, without any alert."""
    if (table is None) == (rows is None) or (survey is not None and table is None):
        raise click.UsageError("give either --table DIR, with or without --survey, or --features FILE.csv")
    with extra("train"):
        from streamer.commands.classify import classified_rows, classified_table, loaded, said
        from streamer.training.answers import check_writable

        check_writable(out)
        answering = loaded(model, level, explain)
        answers = classified_table(table, survey, answering) if table is not None else classified_rows(rows or Path(), answering)
        click.echo(said(answers, out, as_json))


@click.command()
@click.argument("name", metavar="NAME|FOLDER")
@click.option(
    "--data",
    type=EXISTING,
    envvar="STREAMER_REAL_DATA",
    help="Folder with the data sets [STREAMER_REAL_DATA, else ../shared/data].",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@announcing
def evaluate(name: str, data: Path | None, as_json: bool) -> None:
    """How a model, shipped or in a folder, does on the objects that its training never saw."""
    from streamer.commands.training import data_folder

    with extra("train"):
        from streamer.training.evaluate import bundle_folder
        from streamer.training.folders import RECIPE
        from streamer.training.kinds import kind_of

    folder = bundle_folder(name)
    kind = kind_of(folder / RECIPE)
    found = kind.evaluate(folder, data_folder(data))
    if as_json:
        click.echo(json.dumps(found, allow_nan=False))
    else:
        from rich.markdown import Markdown

        printed(Markdown(kind.text(found)))
