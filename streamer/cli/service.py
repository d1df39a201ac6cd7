"""Commands around the service: run it, check its settings, read what it writes."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamer.cli.options import CONFIG
from streamer.cli.printing import announcing, say

if TYPE_CHECKING:
    from streamer import config


@click.command()
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
    log = logging.getLogger("streamer")
    for warning in (*config.misnamed(os.environ), *([] if stopgap is None else [compile_cache.told(stopgap)])):
        log.warning(warning)
    if report_to is None and loaded.worker.workers > 1:
        from streamer.commands.supervise import supervise  # imports no kernels: a supervisor stays small

        sys.exit(supervise(loaded, settings))
    with compile_cache.announced(log.info):
        _work(loaded, slot, report_to)


def _work(loaded: config.Config, slot: int | None, report_to: int | None) -> None:
    from streamer.commands.work import work, work_in_slot

    if slot is not None and report_to is not None:
        work_in_slot(loaded, slot, report_to)
    else:
        work(loaded)


@click.command()
@click.argument("settings", metavar="CONFIG.toml", type=CONFIG)
@announcing
def check(settings: Path) -> None:
    """Validate a configuration, load its models and try to reach what it names."""
    from streamer import config, logs
    from streamer.commands.check import all_problems
    from streamer.telemetry import SystemClock

    logs.configure("CRITICAL")  # what fails is told below, once
    for warning in config.misnamed(os.environ):
        say(warning)
    found = list(all_problems(settings, os.environ, SystemClock()))
    for problem in found:
        say(problem)
    if found:
        sys.exit(1)
    click.echo(f"{settings}: all good")


@click.command()
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
