"""`streamer demo`: simulated alerts through the whole pipeline, in view."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.live import Live

from streamer import compile_cache, config, wiring
from streamer.classify.taxonomy import ancestors, by_id
from streamer.commands.answers import named_classes
from streamer.data.batch import State
from streamer.data.photometry import Kind
from streamer.data.tally import Tally
from streamer.pipeline import Outcome, Scored
from streamer.ports import Clock
from streamer.sources.simulator import SimulatedAlert, SimulatorSource, simulate
from streamer.telemetry import SystemClock
from streamer.terminal import Answer, LiveView, Portrait, balance
from streamer.terminal.live import LATEST
from streamer.worker import stopped_by_signals

BROKEN = 0.01
"""Share of damaged packets, so that there is something to reject."""
BATCH = 128
FRAME_S = 0.12
"""Seconds between two pictures."""
PORTRAIT_S = 2.0
"""Seconds that a light curve stays in view."""


def run_demo(seconds: float, seed: int, model: config.Model | None = None, out: Path | None = None) -> None:
    """Run for `seconds`, into `out` or a folder of its own: a live view on a terminal, only the balance in a pipe."""
    clock = SystemClock()
    out = out or Path(tempfile.mkdtemp(prefix="streamer-demo-"))
    settings = config.Config(
        source=config.SimulatorSource(kind="simulator"),
        sink=config.ArchiveSink(kind="archive", folder=out),
        model=model or config.Model(),
        telemetry=config.Telemetry(port=0),
        worker=config.Worker(batch=BATCH),
    )
    source = SimulatorSource(both_surveys(seed), f"simulated-{seed}", clock)
    console = Console(highlight=False)
    show = _Show(console, clock, seconds, f"streamer demo · simulated ZTF and LSST alerts · seed {seed}")
    with compile_cache.announced(show.say), wiring.service(settings, clock, source, show.look) as service:
        show.begin([f"{one.name} {one.version}" for one in service.classifiers.values()], service.worker.stop)
        with stopped_by_signals(service.worker.stop), show.live if console.is_terminal else nullcontext():
            service.worker.run(show.add)
    if not console.is_terminal:
        console.print(balance(show.view.tally))
    console.print(
        f"tagged alerts and dead letters are in {out}; look at some with: {_command()} show {out}/tagged-000001.avro",
        soft_wrap=True,
    )


def _command() -> str:
    """How this program is called from here: by its name if that is on the path."""
    called = "python -m streamer.cli" if sys.argv[0].endswith("__main__.py") else sys.argv[0]
    return "streamer" if shutil.which("streamer") else called


def both_surveys(seed: int) -> Iterator[SimulatedAlert]:
    """Alerts of ZTF and LSST in turn, without end."""
    streams = [simulate(survey, None, seed, BROKEN) for survey in ("ztf", "lsst")]
    return chain.from_iterable(zip(*streams, strict=True))


class _Show:
    """Turns outcomes into the live view, and ends the run in time."""

    def __init__(self, console: Console, clock: Clock, seconds: float, title: str) -> None:
        self._clock = clock
        self._seconds = seconds
        self._stop: Callable[[], None] = lambda: None
        self._began = self._framed = self._portrayed = clock.monotonic()
        self._outcome: Outcome | None = None
        self.view = LiveView(title)
        self.live = Live(self.view, console=console, auto_refresh=False, vertical_overflow="crop", redirect_stderr=False)

    def say(self, line: str) -> None:
        """A line for a person, above the live view if there is one."""
        if self.live.console.is_terminal:
            self.live.console.print(line, style="dim")
        else:
            click.echo(line, err=True)

    def begin(self, models: Sequence[str], stop: Callable[[], None]) -> None:
        """Say who answers, and how the run is ended."""
        self.view.models = models
        self._stop = stop

    def look(self, outcome: Outcome) -> None:
        """Keep what is about to be committed."""
        self._outcome = outcome

    def add(self, tally: Tally) -> None:
        """Take in what was committed."""
        now = self._clock.monotonic()
        if not self.view.tally.read:
            self._began = now  # the first batch also compiles, which is no part of the rate
        scored = self._outcome.scored if self._outcome else ()
        due = now - self._portrayed >= PORTRAIT_S or self.view.portrait is None
        portrait = _portrait(scored) if due else None
        if portrait is not None:
            self._portrayed = now
        self.view.add(tally, [answer for part in scored for answer in _answers(part)], named_classes(scored), portrait)
        self.view.clock(now - self._began)
        if now - self._framed >= FRAME_S and self.live.console.is_terminal:
            self._framed = now
            self.live.refresh()
        if now - self._began >= self._seconds:
            self._stop()


def _answers(part: Scored) -> list[Answer]:
    """The last few answers of a part."""
    return [_answer(part, i) for i in range(max(0, len(part.alerts) - LATEST // 2), len(part.alerts))]


def _answer(part: Scored, i: int) -> Answer:
    alerts, scores = part.alerts, part.scores
    known = scores.state[i] != State.NOT_CLASSIFIED
    name = by_id(int(scores.class_id[i])).name if known else scores.why[i].value
    detections = int(np.count_nonzero(alerts.light_curves.row(i)["kind"] == Kind.DETECTION))
    probability = _probability(part, i) if known else float("nan")
    return Answer(alerts.object_id[i].decode(), alerts.survey, detections, name, probability)


def _probability(part: Scored, i: int) -> float:
    """Of the answer, which is a leaf or an inner class of the part's model."""
    leaves = part.classifier.leaves if part.classifier else ()
    answer = by_id(int(part.scores.class_id[i]))
    return float(sum(part.scores.leaves[i, k] for k, leaf in enumerate(leaves) if answer in (leaf, *ancestors(leaf))))


def _portrait(scored: Sequence[Scored]) -> Portrait | None:
    """The light curve with most detections."""
    best: tuple[int, Scored, int] | None = None
    for part in scored:
        curves = part.alerts.light_curves
        counts = np.bincount(curves.rows[curves["kind"] == Kind.DETECTION], minlength=len(curves))
        if len(counts) and (best is None or counts.max() > best[0]):
            best = int(counts.max()), part, int(counts.argmax())
    if best is None:
        return None
    _, part, i = best
    return Portrait(_answer(part, i), part.alerts.light_curves.row(i), float(part.alerts.epoch[i]))
