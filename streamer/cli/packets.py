"""Commands that read, make and show packets, without any server."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from streamer.cli.options import EXISTING, EXPLAIN, FOLDER, LEVEL, MODELS, SURVEY, Place, chosen, extra
from streamer.cli.printing import announcing, printed, say


@click.command()
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True, help="How long to run.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same alerts.")
@MODELS
def demo(seconds: float, seed: int, models: tuple[str, ...]) -> None:
    """Simulated ZTF and LSST alerts through the whole pipeline, live in the terminal; needs no server."""
    from streamer.commands.demo import run_demo

    run_demo(seconds, seed, chosen(models))


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=EXISTING)
@click.option(
    "--out", required=True, type=FOLDER, help="Folder for tagged-*.avro and dead-letters-*.avro; a run that was cut off goes on."
)
@MODELS
@click.option(
    "--shape",
    type=click.Choice(["tag", "full"]),
    default="tag",
    show_default=True,
    help="A small record, or the whole packet with it.",
)
@click.option("--schemas", multiple=True, type=Place(), help="Where writer schemas are found by id; may be given again.")
@click.option("--private", is_flag=True, help="Tag alerts that are not public too, to private-*.avro.")
@LEVEL
@EXPLAIN
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on standard output.")
@announcing
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
        model=chosen(models),
        classify=config.Classify(conformal_level=level, explain=explain),
        telemetry=config.Telemetry(port=0),
    )
    report(replayed(settings), out, as_json)


@click.command()
@click.option("--survey", type=SURVEY, required=True, help="Whose style of packets.")
@click.option("--count", type=click.IntRange(min=1), required=True, help="How many alerts.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many per second.")
@click.option("--broken", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of packets to damage.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same packets.")
@click.option("--out", type=FOLDER, help="Write files to this folder …")
@click.option("--servers", metavar="HOST:PORT", help="… or send to these brokers,")
@click.option("--topic", help="to this topic.")
def simulate(
    survey: str, count: int, rate: float | None, broken: float, seed: int, out: Path | None, servers: str | None, topic: str | None
) -> None:
    """Make packets up, to files or to a topic."""
    if (out is None) == (servers is None) or (servers is None) != (topic is None):
        raise click.UsageError("give either --out DIR, or --servers HOST:PORT and --topic T")
    from streamer.commands.simulate import to_files, to_topic
    from streamer.sinks.feed import paced
    from streamer.sources import simulator
    from streamer.telemetry import SystemClock
    from streamer.terminal import progress

    clock = SystemClock()
    alerts = paced(simulator.simulate(survey, count, seed, broken), rate, clock, time.sleep)
    with progress("simulated", count) as told:
        said = to_files(alerts, out, told) if out is not None else to_topic(alerts, servers or "", topic or "", clock, told)
    say(said)


@click.command()
@click.argument("place", metavar="FILE|FOLDER", type=EXISTING)
@click.option("--schemas", multiple=True, type=Place(), help="Where writer schemas are found by id; may be given again.")
@click.option("--limit", type=click.IntRange(min=1), default=3, show_default=True, help="Show at most so many alerts.")
@click.option(
    "--png",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw a picture instead, the second in a file with -2 behind its name, and so on; needs the extra train or bench.",
)
@announcing
def show(place: Path, schemas: tuple[str, ...], limit: int, png: Path | None) -> None:
    """Read a packet, a tagged file, or the *.avro of a folder aloud, with the light curve drawn in the terminal."""
    from rich.console import Console

    from streamer.commands.show import pictured, shown

    if png is not None:
        with extra("train"):
            for path in pictured(place, schemas, limit, png):
                click.echo(str(path))
        return
    console = Console(highlight=False)
    for part in shown(place, schemas, limit):
        console.print(part)


@click.command()
def tags() -> None:
    """The fields of a tagged alert and how to read them, as Markdown."""
    from streamer.commands.tags import tags_text

    printed(tags_text())


@click.group()
def candidates() -> None:
    """Candidate files of pulsar searches."""


@candidates.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, required=True, help="Folder for the packets, made if need be.")
def convert(files: tuple[Path, ...], out: Path) -> None:
    """Make packets of PulsarHunter's .phcx (also gzipped) and PRESTO's .pfd files; status 1 if one of them cannot be read."""
    from streamer.commands.candidates import convert as convert_files

    found = convert_files(files, out, say)
    left_out = f", {found.failed:,} file{'s' if found.failed > 1 else ''} left out" if found.failed else ""
    click.echo(f"{found.written:,} packet{'s' if found.written != 1 else ''} in {out}{left_out}")
    if found.failed:
        sys.exit(1)
