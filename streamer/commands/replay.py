"""`streamer replay`: files in, files out, and a balance."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console, JustifyMethod
from rich.table import Table

from streamer import config, wiring
from streamer.commands.answers import named_classes
from streamer.commands.hints import model_hints, schema_hints
from streamer.data.batch import State
from streamer.data.tally import Tally
from streamer.errors import InvalidData, Reason, Stage
from streamer.pipeline import Outcome
from streamer.sources.archive import ArchiveSource
from streamer.telemetry import SystemClock
from streamer.terminal import balance, progress
from streamer.worker import stopped_by_signals

INTERRUPTED = 130
"""Exit status after a signal, as of any command that a signal ends before its work is done."""

STATES = {State.CLASSIFIED: "classified", State.PARENT_ONLY: "classified, parent only", State.NOT_CLASSIFIED: "not classified"}
"""What an answer's state is called in the table; an answer that only an inner class could be named for counts as classified."""
COLUMNS: tuple[JustifyMethod, ...] = ("left", "left", "right", "left")
CLASSES = 12
"""Lines of the table of answers, the commonest first; what else there is shares one more."""


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
    answers : mapping of str to int
        Number of alerts by the name of the class that answers, a leaf or an inner class; the commonest first.
    hints : tuple of str
        What a person can do about what was not read or not answered, a line each.
    """

    tally: Tally
    seconds: float
    problems: tuple[str, ...]
    done_before: int
    interrupted: bool
    answers: Mapping[str, int]
    hints: tuple[str, ...]

    @property
    def read_nothing(self) -> bool:
        """There were records, and not one of them could be read, now or before."""
        unread = sum(count for (_, stage, _), count in self.tally.rejected.items() if stage is Stage.CODEC)
        return 0 < self.tally.read == unread and not self.done_before


class _Sum:
    """Adds up what was committed, and keeps what the first dead letter of each reason says."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.answers: Counter[str] = Counter()
        self.details: dict[Reason, str] = {}
        self._outcome: Outcome | None = None

    def look(self, outcome: Outcome) -> None:
        """Keep what is about to be committed."""
        self._outcome = outcome

    def add(self, tally: Tally) -> None:
        """Take in what was committed."""
        self.tally = self.tally + tally
        if self._outcome is None:
            return
        for (_, name), count in named_classes(self._outcome.scored).items():
            self.answers[name] += count
        for reason, detail in zip(self._outcome.rejections.reason, self._outcome.rejections.detail, strict=True):
            self.details.setdefault(reason, detail)
        self._outcome = None


def replayed(settings: config.Config) -> Replayed:
    """Tag what the settings' source holds and the sink has not yet; ignored files are counted on standard error.

    Raises
    ------
    InvalidData
        If the source is files, and there is no packet in them.
    """
    clock = SystemClock()
    total = _Sum()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        service.worker.stop()

    def add(tally: Tally) -> None:
        total.add(tally)
        told(total.tally.read)

    with wiring.service(settings, clock, watch=total.look) as service, progress("tagged") as told:
        source = service.source
        archive = source if isinstance(source, ArchiveSource) else None
        if archive and archive.ignored:
            click.echo(_ignored(archive.ignored), err=True)
        began = clock.monotonic()
        with stopped_by_signals(interrupt):
            service.worker.run(add)
        seconds = clock.monotonic() - began
        problems, before = (tuple(archive.problems), archive.done_before) if archive else ((), 0)
    answering = {survey: model.name for survey, model in service.classifiers.items()}
    if archive is not None and archive.is_empty:
        raise InvalidData(archive.nothing_found())
    hints = (*_schema_hints(settings, total), *model_hints(total.tally, answering, settings.model))
    return Replayed(total.tally, seconds, problems, before, interrupted, dict(total.answers.most_common()), hints)


def _schema_hints(settings: config.Config, total: _Sum) -> Iterator[str]:
    has_places = isinstance(settings.source, config.Packets) and bool(settings.source.schemas)
    if isinstance(settings.sink, config.ArchiveSink):
        yield from schema_hints(total.tally, total.details, has_places, settings.sink.folder)


def _ignored(names: Sequence[str]) -> str:
    """One line however many files were ignored: a folder of packets may hold as many of something else."""
    return f"ignored: {names[0]}" + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")


def report(done: Replayed, out: Path, as_json: bool) -> None:
    """Say what became of the alerts, in words or as the one JSON object.

    Ends with status 1 if a file was not read to its end, nothing could be read or something was lost, and with 130 if it was
    interrupted.
    """
    if done.done_before:
        click.echo(f"{done.done_before:,} record{'s were' if done.done_before > 1 else ' was'} done before", err=True)
    for problem in done.problems:
        click.echo(f"not read to its end: {problem}", err=True)
    for hint in done.hints:
        click.echo(hint, err=True)
    if done.read_nothing:
        click.echo("nothing could be read: every record is a dead letter", err=True)
    if as_json:
        click.echo(json.dumps(as_object(done)))
    else:
        console = Console(highlight=False)
        console.print(balance(done.tally))
        console.print(_reasons(done.tally))
        if done.answers:
            console.print(_classes(done.answers))
        console.print(f"{done.seconds:,.1f} s, {done.tally.read / max(done.seconds, 1e-9):,.0f} alerts/s; results in {out}")
    if done.interrupted:
        click.echo("interrupted: the same command goes on from here", err=True)
        sys.exit(INTERRUPTED)
    if done.tally.imbalance or done.problems or done.read_nothing:
        sys.exit(1)


def as_object(done: Replayed) -> dict[str, object]:
    """The counts with their fixed names."""
    return {
        "read": done.tally.read,
        "done_before": done.done_before,
        "classified": done.tally.classified,
        "parent_only": _parent_only(done.tally),
        "not_classified": done.tally.not_classified,
        "rejected": {reason.value: count for reason, count in sorted(done.tally.rejected_by_reason.items())},
        "rejected_total": sum(done.tally.rejected.values()),
        "answers": dict(done.answers),
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


def _classes(answers: Mapping[str, int]) -> Table:
    """How many alerts got which class: the commonest, and the rest together."""
    table = Table.grid(padding=(0, 2))
    for justify in COLUMNS[:3]:
        table.add_column(justify=justify)
    counted = list(answers.items())
    for name, count in counted[:CLASSES]:
        table.add_row("answer", name, f"{count:,}")
    if others := counted[CLASSES:]:
        table.add_row("", f"{len(others)} other class{'es' if len(others) > 1 else ''}", f"{sum(count for _, count in others):,}")
    return table


def _parent_only(tally: Tally) -> int:
    """Alerts that only an inner class could be named for; they are among the classified."""
    return sum(count for (_, state, _), count in tally.answers.items() if state is State.PARENT_ONLY)
