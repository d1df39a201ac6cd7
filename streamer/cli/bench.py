"""The command that measures."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from streamer.cli.options import EXISTING, FOLDER, extra
from streamer.cli.printing import announcing


@click.command()
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
@announcing
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
    with extra("bench"):
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
