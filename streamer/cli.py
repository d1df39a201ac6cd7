"""The command line. Names and flags are fixed, since others script against them."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamer import __version__
from streamer.errors import InvalidConfig, StreamerError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from streamer import config

EXISTING = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
CONFIG = click.Path(exists=True, dir_okay=False, path_type=Path)
SURVEY = click.Choice(["ztf", "lsst", "pulsar"])
NO_MODEL = "none"
INTERRUPTED = 130
PIPE_WIDTH = 400
"""Columns of a table that nobody looks at directly."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class _Commands(click.Group):
    """A group whose commands end with one line for each thing that is wrong, and status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except StreamerError as error:
            for line in str(error).splitlines():
                click.echo(f"streamer: {line}", err=True)
            ctx.exit(1)
        except OSError as error:
            if error.filename is None and error.errno not in _FULL:  # a pipe that was closed, or a fault of ours
                raise
            named = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
            click.echo(f"streamer: {named}{error.strerror}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


class _Place(click.ParamType[str]):
    """A folder of schemas, or the address of a registry."""

    name = "DIR|URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse addresses that are not HTTP."""
        from streamer import config

        try:
            return config.address(value) if "://" in value else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


_MODELS = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME|DIR",
    help=f"Model to use instead of the shipped ones: its name, or its folder with a slash in it (./mine); may be given again. "
    f"{NO_MODEL}: classify nothing.",
)


_LEVEL = click.option(
    "--level",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.9,
    show_default=True,
    help="Share of each class's objects whose conformal set shall hold their class.",
)
_EXPLAIN = click.option("--explain", is_flag=True, help="Say for each answer which inputs weigh most; much slower.")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="streamer")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Classify the alert streams of sky surveys."""
    from streamer import compile_cache

    if ctx.invoked_subcommand != "run":  # which has a setting for it
        stopgap = compile_cache.choose(None, os.environ)  # before kernels are imported
        if stopgap is not None:
            click.echo(f"streamer: {compile_cache.told(stopgap)}", err=True)


@main.command()
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True, help="How long to run.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same alerts.")
@_MODELS
def demo(seconds: float, seed: int, models: tuple[str, ...]) -> None:
    """Simulated ZTF and LSST alerts through the whole pipeline, live in the terminal; needs no server."""
    from streamer.commands.demo import run_demo

    run_demo(seconds, seed, _chosen(models))


@main.command()
@click.argument("settings", metavar="CONFIG.toml", type=CONFIG)
@click.option("--slot", type=click.IntRange(min=0), hidden=True, help="Which of a supervisor's workers this is.")
@click.option("--report-to", type=click.IntRange(min=0), hidden=True, help="The supervisor's pipe.")
def run(settings: Path, slot: int | None, report_to: int | None) -> None:
    """Run the service until it is stopped; SIGTERM lets it finish the batch in hand."""
    with _ended_at_once():  # until there is a worker that can be told to stop
        _run(settings, slot, report_to)


def _run(settings: Path, slot: int | None, report_to: int | None) -> None:
    from streamer import compile_cache, config, logs

    loaded = config.load(settings, os.environ)
    logs.configure("INFO", facts=None if slot is None else {"worker": slot})
    stopgap = compile_cache.choose(loaded.worker.compile_cache, os.environ)  # before kernels are imported
    for warning in (*config.misnamed(os.environ), *([] if stopgap is None else [compile_cache.told(stopgap)])):
        logging.getLogger("streamer").warning(warning)
    if slot is not None and report_to is not None:
        from streamer.commands.work import work_in_slot

        work_in_slot(loaded, slot, report_to)
    elif loaded.worker.workers > 1:
        from streamer.commands.supervise import supervise

        sys.exit(supervise(loaded, settings))
    else:
        from streamer.commands.work import work

        work(loaded)


@main.command()
@click.argument("settings", metavar="CONFIG.toml", type=CONFIG)
def check(settings: Path) -> None:
    """Validate a configuration, load its models and try to reach what it names."""
    from streamer import config, logs
    from streamer.commands.check import problems
    from streamer.telemetry import SystemClock

    logs.configure("CRITICAL")  # what fails is told below, once
    for warning in config.misnamed(os.environ):
        click.echo(f"streamer: {warning}", err=True)
    found = list(problems(config.load(settings, os.environ), SystemClock()))
    for problem in found:
        click.echo(f"streamer: {problem}", err=True)
    if found:
        sys.exit(1)
    click.echo(f"{settings}: all good")


@main.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=EXISTING)
@click.option(
    "--out", required=True, type=FOLDER, help="Folder for tagged-*.avro and dead-letters-*.avro; a run that was cut off goes on."
)
@_MODELS
@click.option(
    "--shape",
    type=click.Choice(["tag", "full"]),
    default="tag",
    show_default=True,
    help="A small record, or the whole packet with it.",
)
@click.option("--schemas", multiple=True, type=_Place(), help="Where writer schemas are found by id; may be given again.")
@click.option("--private", is_flag=True, help="Tag alerts that are not public too, to private-*.avro.")
@_LEVEL
@_EXPLAIN
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on standard output.")
def replay(
    paths: tuple[Path, ...],
    out: Path,
    models: tuple[str, ...],
    shape: str,
    schemas: tuple[str, ...],
    private: bool,
    level: float,
    explain: bool,
    as_json: bool,
) -> None:
    """Tag the alerts in *.avro files, folders and .tar.gz; other files are ignored, and counted."""
    from streamer import config, logs
    from streamer.commands.replay import replayed, report

    logs.configure("ERROR")
    settings = config.Config(
        source=config.ArchiveSource(kind="archive", paths=paths, schemas=schemas),
        sink=config.ArchiveSink(kind="archive", folder=out, shape="full" if shape == "full" else "tag", private=private),
        model=_chosen(models),
        classify=config.Classify(conformal_level=level, explain=explain),
        telemetry=config.Telemetry(port=0),
    )
    report(replayed(settings), out, as_json)


@main.command()
@click.option("--survey", type=SURVEY, required=True, help="Whose style of packets.")
@click.option("--count", type=click.IntRange(min=1), required=True, help="How many alerts.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many per second.")
@click.option("--broken", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of packets to damage.")
@click.option("--seed", type=click.IntRange(min=0), required=True, help="The same seed gives the same packets.")
@click.option("--out", type=FOLDER, help="Write files to this folder …")
@click.option("--servers", metavar="HOST:PORT", help="… or send to these brokers,")
@click.option("--topic", help="to this topic.")
def simulate(
    survey: str, count: int, rate: float | None, broken: float, seed: int, out: Path | None, servers: str | None, topic: str | None
) -> None:
    """Make packets up, to files or to a topic."""
    if (out is None) == (servers is None) or (servers is None) != (topic is None):
        raise click.UsageError("give either --out DIR, or --servers HOST:PORT and --topic T")
    from streamer.sinks.feed import feed, paced
    from streamer.sources import simulator
    from streamer.telemetry import SystemClock
    from streamer.terminal import progress

    clock = SystemClock()
    alerts = paced(simulator.simulate(survey, count, seed, broken), rate, clock, time.sleep)
    with progress("simulated", count) as told:
        if out is not None:
            simulator.write_files(alerts, out, told)
        else:
            feed((alert.payload for alert in alerts), servers or "", topic or "", clock, told)


@main.command()
@click.argument("topic")
@click.option("--servers", required=True, metavar="HOST:PORT", help="Brokers to begin with.")
@click.option("--group", help="Consumer group whose place is kept; without it, from the beginning.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def subscribe(topic: str, servers: str, group: str | None, limit: int | None, as_json: bool) -> None:
    """Print tagged alerts as they come."""
    from rich.console import Console

    from streamer import client
    from streamer.terminal import tagged_line

    console = Console(highlight=False, soft_wrap=True)
    for record in client.subscribe(client.Subscription(servers, topic, group), limit):
        if as_json:
            click.echo(json.dumps(client.plain(record), allow_nan=False))
        else:
            console.print(tagged_line(client.tag_of(record) or record))


@main.command()
@click.argument("file", type=CONFIG)
@click.option("--schemas", multiple=True, type=_Place(), help="Where writer schemas are found by id; may be given again.")
@click.option("--limit", type=click.IntRange(min=1), default=3, show_default=True, help="Show at most so many alerts.")
def show(file: Path, schemas: tuple[str, ...], limit: int) -> None:
    """Read one packet or tagged file aloud, with the light curve drawn in the terminal."""
    from rich.console import Console

    from streamer.commands.show import shown

    console = Console(highlight=False)
    for part in shown(file, schemas, limit):
        console.print(part)


@main.command()
def tags() -> None:
    """The fields of a tagged alert and how to read them, as Markdown."""
    from streamer.commands.tags import tags_text

    _print(tags_text())


@main.group()
def candidates() -> None:
    """Candidate files of pulsar searches."""


@candidates.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, required=True, help="Folder for the packets, made if need be.")
def convert(files: tuple[Path, ...], out: Path) -> None:
    """Make packets of PulsarHunter's .phcx (also gzipped) and PRESTO's .pfd files; status 1 if one of them cannot be read."""
    from streamer.commands.candidates import convert as convert_files

    found = convert_files(files, out, lambda problem: click.echo(f"streamer: {problem}", err=True))
    click.echo(f"{found.written:,} packets in {out}" + (f", {found.failed:,} files left out" if found.failed else ""))
    if found.failed:
        sys.exit(1)


@main.group()
def features() -> None:
    """What the models may read."""


@features.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each feature, a line each.")
def list_features(as_json: bool) -> None:
    """All features: unit, meaning, when undefined, source."""
    from streamer.commands.catalogue import feature_lines, feature_table

    _print(feature_lines() if as_json else feature_table())


@main.group()
def models() -> None:
    """The trained models."""


@models.command("list")
@click.option("--folder", type=FOLDER, help="Search this folder of bundles too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each model, a line each.")
def list_models(folder: Path | None, as_json: bool) -> None:
    """All models, from their manifests; ends with status 1 if a file of one of them is damaged."""
    from streamer.commands.models import model_lines, model_table, sound_models

    sound, damaged = sound_models(folder)
    _print(model_lines(sound) if as_json else model_table(sound))
    for problem in damaged:
        click.echo(problem, err=True)
    if damaged:
        sys.exit(1)


@models.command("show")
@click.argument("name")
@click.option("--folder", type=FOLDER, help="Search this folder of bundles too.")
def show_model(name: str, folder: Path | None) -> None:
    """A model's card: what each class was trained on, and how it does on objects it never saw."""
    from streamer.commands.models import card

    _print(card(name, folder))


@main.group()
def data() -> None:
    """Light curves to train with."""


@data.command("sources")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each set, a line each.")
def data_sources(as_json: bool) -> None:
    """Where each public set comes from: source, licence, citation, and how it is read."""
    with _extra("train"):
        from streamer.commands.sources import source_lines, sources_text

    _print(source_lines() if as_json else sources_text())


@data.command("prepare")
@click.argument("source", metavar="SRC", type=EXISTING)
@click.option("--out", type=FOLDER, required=True, help="Folder in which each set gets its folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each set, a line each.")
def prepare_data(source: Path, out: Path, as_json: bool) -> None:
    """Make light-curve tables of the public sets in SRC: a folder with lightcurves/ in it, or one set's folder."""
    with _extra("train"):
        from streamer.commands.tables import outcome_line, outcome_text
        from streamer.training.prepare import prepare

    for outcome in prepare(source, out, _narrator()):
        click.echo(outcome_line(outcome) if as_json else outcome_text(outcome))


@main.command()
@click.argument("recipe", metavar="[RECIPE.toml]", type=CONFIG, required=False)
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
def train(
    recipe: Path | None,
    data: Path | None,
    table: Path | None,
    survey: Path | None,
    own_recipe: Path | None,
    out: Path,
    quick: bool,
) -> None:
    """Train a model, or run a benchmark; the same recipe and data give the same bytes. An interrupted run goes on where it was."""
    if (recipe is None) == (table is None) or (table is None and (survey or own_recipe)) or (table is not None and quick):
        raise click.UsageError("give either RECIPE.toml (perhaps --quick), or --table DIR with or without --survey and --recipe")
    from streamer.commands.training import data_folder

    with _extra("train"):
        from streamer.training.kinds import kind_of
        from streamer.training.own import train_own

    if recipe is None or table is not None:
        click.echo(str(train_own(table or Path(), out, survey, own_recipe, lambda line: click.echo(line, err=True))))
        return
    kind = kind_of(recipe)
    if quick and kind.quick is None:
        raise InvalidConfig(f"{recipe}: --quick is for models of light curves")
    if quick and kind.quick is not None:
        click.echo(str(kind.quick(recipe, out, _narrator())))
    else:
        click.echo(str(kind.train(recipe, data_folder(data), out, _narrator())))


@main.command()
@click.option("--table", type=EXISTING, help="Folder of a light-curve table: each object with all its points …")
@click.option("--survey", type=CONFIG, help="… whose bands this file describes.")
@click.option("--features", "rows", type=CONFIG, help="Instead: a CSV with a column for each input of the model.")
@click.option("--model", required=True, metavar="NAME|DIR", help="A shipped model's name, or a bundle's folder.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A file ending in .parquet or .csv.")
@_LEVEL
@_EXPLAIN
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on standard output.")
def classify(
    table: Path | None, survey: Path | None, rows: Path | None, model: str, out: Path, level: float, explain: bool, as_json: bool
) -> None:
    """Classify light curves or rows of features, without any alert."""
    if (table is None) == (rows is None) or (survey is not None and table is None):
        raise click.UsageError("give either --table DIR, with or without --survey, or --features FILE.csv")
    with _extra("train"):
        from streamer.commands.classify import classified_rows, classified_table, loaded, said
        from streamer.training.answers import check_writable

        check_writable(out)
        answering = loaded(model, level, explain)
        answers = classified_table(table, survey, answering) if table is not None else classified_rows(rows or Path(), answering)
        click.echo(said(answers, out, as_json))


@main.command()
@click.argument("name", metavar="NAME|FOLDER")
@click.option(
    "--data",
    type=EXISTING,
    envvar="STREAMER_REAL_DATA",
    help="Folder with the data sets [STREAMER_REAL_DATA, else ../shared/data].",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def evaluate(name: str, data: Path | None, as_json: bool) -> None:
    """How a model, shipped or in a folder, does on the objects that its training never saw."""
    from streamer.commands.training import data_folder

    with _extra("train"):
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

        _print(Markdown(kind.text(found)))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--servers", metavar="HOST:PORT", envvar="STREAMER_TEST_KAFKA", help="Kafka to measure through [STREAMER_TEST_KAFKA]."
)
@click.option(
    "--data",
    type=EXISTING,
    envvar="STREAMER_REAL_DATA",
    help="Folder with real packets [STREAMER_REAL_DATA, else ../shared/data]; without it simulated ones are used.",
)
@click.option("--out", type=FOLDER, help="Write bench.json and plots to this folder.")
@click.option("--only", multiple=True, metavar="MEASURE", help="Only this measure; may be given again.")
@click.option("--full", is_flag=True, help="More rounds, and memory over a million alerts: an hour instead of minutes.")
@click.option("--check", is_flag=True, help="End with status 1 if a ratio is 25 % worse than the recorded one.")
@click.option("--record", "keep", is_flag=True, help="Record the figures, for --quote and for later runs with --check.")
@click.option(
    "--quote", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Measure nothing; put the record into this text."
)
def bench(
    as_json: bool,
    servers: str | None,
    data: Path | None,
    out: Path | None,
    only: tuple[str, ...],
    full: bool,
    check: bool,
    keep: bool,
    quote: Path | None,
) -> None:
    """Measure decoding, trees, the whole pipeline, memory and Kafka, each against fair baselines in the same run."""
    from streamer import logs

    logs.configure("ERROR")
    with _extra("bench"):
        from streamer.bench.run import FULL, NORMAL, Request
        from streamer.commands.bench import bench as run_bench
        from streamer.commands.bench import data_folder
        from streamer.commands.bench import quote as write_quote

        if quote is not None:
            write_quote(quote)
            return
        request = Request(data_folder(data), servers, only, FULL if full else NORMAL)
        if not run_bench(request, out, as_json, check, keep):
            sys.exit(1)


def _chosen(models: tuple[str, ...]) -> config.Model:
    """The models that were named, else the shipped ones."""
    from streamer import config

    return config.Model() if not models else config.Model(name=tuple(name for name in models if name != NO_MODEL))


@contextmanager
def _ended_at_once() -> Iterator[None]:
    """Within the block SIGTERM ends the process with status 0: what has not begun has nothing to finish.

    As the first process of a container it would not be ended at all without a handler. It leaves without unwinding, since an
    exception may be swallowed by the C library that called back when the signal came; locks, ports and claims go with the process.
    """
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Within the block, a package that cannot be imported is a matter of installing an extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing; install it with: pip install 'streamer-broker[{name}]'") from error


def _print(what: str | RenderableType) -> None:
    """Text as it is; anything else as the terminal has room for, and in a pipe as wide as it wants to be."""
    from rich.console import Console
    from rich.markdown import Markdown

    if isinstance(what, str):
        click.echo(what, nl=bool(what))
    elif sys.stdout.isatty():
        Console(highlight=False).print(what)
    else:
        click.echo(what.markup) if isinstance(what, Markdown) else Console(highlight=False, width=PIPE_WIDTH).print(what)


def _narrator() -> Callable[[str], None]:
    """What tells a person on a terminal how far a long run is; silent in a pipe."""
    return (lambda line: click.echo(line, err=True)) if sys.stderr.isatty() else (lambda _line: None)


if __name__ == "__main__":
    main()
