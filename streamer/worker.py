"""The loop: read, classify, commit; and how it ends."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Generic, Protocol, TypeVar

from streamer.data.arrays import Float64s
from streamer.data.batch import NO_TIME, RawBatch
from streamer.data.message import Message
from streamer.data.tally import Tally
from streamer.errors import Fatal, MustAbort, Stage
from streamer.ports import Clock, Sink, Source, Telemetry

log = logging.getLogger(__name__)

Lap = Callable[[Stage], None]
"""Called by the pipeline when a stage is done: the time since the last call was spent in it."""


class Outcome(Protocol):
    """What the worker must know of what became of a batch."""

    @property
    def tally(self) -> Tally:
        """The balance sheet."""

    def alert_ids(self) -> Sequence[tuple[str, int]]:
        """(survey, alert id) of each alert that was understood."""


AnOutcome = TypeVar("AnOutcome", bound=Outcome)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds within which a worker runs.

    Parameters
    ----------
    messages : int
        The most that one batch, and so one transaction, holds.
    wait : float, s
        How long a batch may take to fill: the latency that a quiet stream pays for larger batches.
    aborts : int
        So many aborted commits in a row mean that trying again does not help.
    remembered : int
        How many recent alert ids are kept to count those that come again.
    lag_every : float, s
        How often the lag is looked up.
    """

    messages: int = 512
    wait: float = 0.2
    aborts: int = 20
    remembered: int = 100_000
    lag_every: float = 2.0


class Recent:
    """The last `size` alert ids, to tell how many come again."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen: dict[tuple[str, int], None] = {}  # a dict keeps the order of insertion

    def seen_again(self, ids: Iterable[tuple[str, int]]) -> int:
        """How many of `ids` are remembered (or occur twice among them); they are remembered now."""
        again = 0
        for each in ids:
            again += each in self._seen
            self._seen.pop(each, None)
            self._seen[each] = None
            if len(self._seen) > self._size:
                del self._seen[next(iter(self._seen))]
        return again


class _Laps:
    """Seconds by stage."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()
        self.seconds: dict[Stage, float] = {}

    def __call__(self, stage: Stage) -> None:
        now = self._clock.monotonic()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


class Worker(Generic[AnOutcome]):
    """Reads batches until stopped or until the source ends, and commits what became of them.

    Parameters
    ----------
    source : Source
    pipeline : callable
        (batch, lap) → outcome; pure, and calls ``lap(stage)`` after each stage.
    encode : callable
        outcome → the messages to write.
    sink : Sink
    telemetry : Telemetry
    clock : Clock
    limits : Limits
    """

    def __init__(
        self,
        source: Source,
        pipeline: Callable[[RawBatch, Lap], AnOutcome],
        encode: Callable[[AnOutcome], Sequence[Message]],
        sink: Sink,
        telemetry: Telemetry,
        clock: Clock,
        limits: Limits = Limits(),
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._encode = encode
        self._sink = sink
        self._telemetry = telemetry
        self._clock = clock
        self._limits = limits
        self._stopping = threading.Event()
        self._recent = Recent(limits.remembered)
        self._aborts = 0
        self._lag_due = clock.monotonic()

    def stop(self) -> None:
        """Finish the batch in hand, commit it, and return from `run`; may be called from a signal handler or another thread."""
        self._stopping.set()

    def run(self, on_batch: Callable[[Tally], None] | None = None) -> None:
        """Work until stopped or until the source ends; the doors are closed in any case.

        Parameters
        ----------
        on_batch : callable, optional
            Told the tally of each committed batch.

        Raises
        ------
        Fatal
            A door cannot go on, or commits were aborted again and again. Anything else that pipeline or encoder raise passes
            through too: the positions of the batch in hand stay uncommitted.
        """
        log.info("started")
        try:
            while not self._stopping.is_set() and self.turn(on_batch):
                pass
        except Exception:
            log.exception("stopped by a failure; the batch in hand is not committed and will be read again")
            raise
        else:
            log.info("stopped")
        finally:
            self._close()

    def turn(self, on_batch: Callable[[Tally], None] | None = None) -> bool:
        """One round: read a batch, classify it, commit it. False at the end of the source."""
        laps = _Laps(self._clock)
        raw = self._source.read(self._limits.messages, self._limits.wait)
        laps(Stage.SOURCES)
        if raw is None:
            return False
        if len(raw):
            self._work(raw, laps, on_batch)
        self._look_at_lag()
        self._telemetry.turned()
        return True

    def _work(self, raw: RawBatch, laps: _Laps, on_batch: Callable[[Tally], None] | None) -> None:
        outcome = self._pipeline(raw, laps)
        messages = self._encode(outcome)
        laps(Stage.MESSAGES)
        try:
            self._sink.commit(messages, raw.positions)
        except MustAbort as reason:
            self._start_over(reason)
            return
        laps(Stage.SINKS)
        self._aborts = 0
        self._tell(outcome, laps.seconds, _latency(raw, self._clock.now_ms()))
        if on_batch is not None:
            on_batch(outcome.tally)

    def _start_over(self, reason: MustAbort) -> None:
        self._aborts += 1
        self._telemetry.aborted()
        log.warning("commit aborted, reading the batch again: %s", reason, extra={"in_a_row": self._aborts})
        if self._aborts >= self._limits.aborts:
            raise Fatal(f"{self._aborts} commits in a row were aborted; the last one: {reason}") from reason
        self._source.rewind()

    def _tell(self, outcome: AnOutcome, seconds: Mapping[Stage, float], latency: Float64s) -> None:
        self._telemetry.committed(outcome.tally, seconds, latency)
        if again := self._recent.seen_again(outcome.alert_ids()):
            self._telemetry.duplicates(again)

    def _look_at_lag(self) -> None:
        if self._clock.monotonic() >= self._lag_due:
            lag = self._source.lag()
            self._telemetry.lag(lag)
            # with nothing assigned yet it is soon looked up again, so that the worker is known to be ready when it is
            self._lag_due = self._clock.monotonic() + self._limits.lag_every * (1.0 if lag else 0.1)

    def _close(self) -> None:
        try:
            self._sink.close()  # first: an open transaction ends before the partitions go to somebody else
        finally:
            self._source.close()


def _latency(raw: RawBatch, now_ms: int) -> Float64s:
    """float64[m], s since the survey sent each message that says when."""
    seconds: Float64s = (now_ms - raw.produced[raw.produced != NO_TIME]) / 1000.0
    return seconds


@contextmanager
def stopped_by_signals(stop: Callable[[], None], grace: float = 9.0) -> Iterator[None]:
    """Within the block SIGTERM and SIGINT call `stop`; after `grace` seconds, or at a second signal, the process ends anyway.

    That loses nothing: what was not committed is read again. Such an end has exit status 1, a drained one the block's own.
    """
    overdue: list[threading.Timer] = []

    def give_up() -> None:
        log.error("not drained in time; the batch in hand is not committed and will be read again")
        os._exit(1)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if overdue:
            os._exit(1)
        timer = threading.Timer(grace, give_up)
        timer.daemon = True
        overdue.append(timer)
        timer.start()
        stop()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for timer in overdue:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
