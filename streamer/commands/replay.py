"""`streamer replay`: files in, files out, and a balance."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console, JustifyMethod
from rich.table import Table

from streamer import config, wiring
from streamer.data.batch import State
from streamer.data.tally import Tally
from streamer.errors import InvalidData, Reason
from streamer.sources.archive import ArchiveSource
from streamer.telemetry import SystemClock
from streamer.terminal import balance, progress
from streamer.worker import stopped_by_signals

INTERRUPTED = 130
"""Exit status after a signal, as of any command that a signal ends before its work is done."""

STATES = {State.CLASSIFIED: "classified", State.PARENT_ONLY: "classified, parent only", State.NOT_CLASSIFIED: "not classified"}
"""What an answer's state is called in the table; an answer that only an inner class could be named for counts as classified."""
COLUMNS: tuple[JustifyMethod, ...] = ("left", "left", "right", "left")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replay.

    Parameters
    ----------
    tally : Tally
    seconds : float
        From the first read to the last commit.
    problems : tuple of str
        Files that could not be read to their end.
    done_before : int
        Records that an earlier run into the same folder had done.
    interrupted : bool
        A signal ended it; what it did is kept.
    has_schemas : bool
        Somewhere was named to look writer schemas up.
    """

    tally: Tally
    seconds: float
    problems: tuple[str, ...]
    done_before: int
    interrupted: bool
    has_schemas: bool

    @property
    def needs_schemas(self) -> bool:
        """Nothing could be read for want of schemas, and nowhere to find them was named."""
        return 0 < self.tally.read == self.tally.rejected_by_reason.get(Reason.UNKNOWN_SCHEMA, 0) and not self.has_schemas


def replayed(settings: config.Config) -> Replayed:
    """Tag what the settings' source holds and the sink has not yet; ignored files are counted on standard error.

    Raises
    ------
    InvalidData
        If the source is files, and there is no packet in them.
    """
    clock = SystemClock()
    total = Tally()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        service.worker.stop()

    def add(tally: Tally) -> None:
        nonlocal total
        total = total + tally
        told(total.read)

    with wiring.service(settings, clock) as service, progress("tagged") as told:
        source = service.source
        archive = source if isinstance(source, ArchiveSource) else None
        if archive and archive.ignored:
            click.echo(_ignored(archive.ignored), err=True)
        began = clock.monotonic()
        with stopped_by_signals(interrupt):
            service.worker.run(add)
        seconds = clock.monotonic() - began
        problems, before = (tuple(archive.problems), archive.done_before) if archive else ((), 0)
    has_schemas = isinstance(settings.source, config.Packets) and bool(settings.source.schemas)
    done = Replayed(total, seconds, problems, before, interrupted, has_schemas)
    if archive is not None and archive.is_empty:
        raise InvalidData(archive.nothing_found())
    return done


def _ignored(names: Sequence[str]) -> str:
    """One line however many files were ignored: a folder of packets may hold as many of something else."""
    return f"ignored: {names[0]}" + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")


def report(done: Replayed, out: Path, as_json: bool) -> None:
    """Say what became of the alerts, in words or as the one JSON object.

    Ends with status 1 if something was not read or lost, and with 130 if it was interrupted.
    """
    if done.done_before:
        click.echo(f"{done.done_before:,} record{'s were' if done.done_before > 1 else ' was'} done before", err=True)
    for problem in done.problems:
        click.echo(f"not read to its end: {problem}", err=True)
    if done.needs_schemas:
        click.echo("no packet brings its schema: give --schemas with the folder or registry that has them", err=True)
    if as_json:
        click.echo(json.dumps(as_object(done)))
    else:
        console = Console(highlight=False)
        console.print(balance(done.tally))
        console.print(_reasons(done.tally))
        console.print(f"{done.seconds:,.1f} s, {done.tally.read / max(done.seconds, 1e-9):,.0f} alerts/s; results in {out}")
    if done.interrupted:
        click.echo("interrupted: the same command goes on from here", err=True)
        sys.exit(INTERRUPTED)
    if done.tally.imbalance or done.problems:
        sys.exit(1)


def as_object(done: Replayed) -> dict[str, object]:
    """The counts with their fixed names."""
    return {
        "read": done.tally.read,
        "classified": done.tally.classified,
        "parent_only": _parent_only(done.tally),
        "not_classified": done.tally.not_classified,
        "rejected": {reason.value: count for reason, count in sorted(done.tally.rejected_by_reason.items())},
        "rejected_total": sum(done.tally.rejected.values()),
        "seconds": round(done.seconds, 3),
    }


def _reasons(tally: Tally) -> Table:
    """What became of the alerts by survey and reason."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for (survey, state, why), count in tally.answers.items():
        counts[STATES[state], survey, "" if why == "NONE" else why.value] += count
    for (survey, stage, cause), count in tally.rejected.items():
        counts["rejected", survey, f"{cause.value} ({stage.value})"] += count
    table = Table.grid(padding=(0, 2))
    for column in COLUMNS:
        table.add_column(justify=column)
    for (outcome, survey, reason), count in sorted(counts.items()):
        table.add_row(outcome, survey, f"{count:,}", reason)
    return table


def _parent_only(tally: Tally) -> int:
    """Alerts that only an inner class could be named for; they are among the classified."""
    return sum(count for (_, state, _), count in tally.answers.items() if state is State.PARENT_ONLY)
