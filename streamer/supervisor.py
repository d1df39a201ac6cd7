"""Several workers in one consumer group: started, watched, started again when they die, and stopped together.

Each worker is a process of its own, started afresh and not forked (librdkafka's threads do not survive a fork), in a *slot* with
a number that stays the same however often its worker dies. The number is part of the transactional id, so a worker's successor
ends what it left open. The only thing that comes back from a worker is its :mod:`streamer.reports`.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from streamer.ports import Clock
from streamer.reports import Report

log = logging.getLogger(__name__)

Command = Callable[[int, int], Sequence[str]]
"""(slot, descriptor) → the command of that slot's worker, which is to report to the descriptor."""

TICK_S = 0.1
"""Seconds from one look at the workers to the next."""
SILENCE_S = 20.0
"""A worker that has not reported for so long hangs."""
KILL_S = 0.5
"""Grace beyond the workers' own, before they are killed."""

_DRAINED = (0, -signal.SIGTERM)  # a worker that is still starting has nothing to drain, and just ends


@dataclass(frozen=True, slots=True)
class Restarts:
    """When a dead worker is started again.

    Parameters
    ----------
    first, longest : float, s
        The pause after one death; it doubles with each further *rapid* one, up to `longest`.
    settled : float, s
        A death after so long a life is not rapid, and those before it are forgotten. Longer than a failing start takes.
    deaths : int
        So many rapid deaths in a row mean that starting again does not help.
    """

    first: float = 0.5
    longest: float = 30.0
    settled: float = 30.0
    deaths: int = 8

    def rapid(self, before: int, lived: float) -> int:
        """How many rapid deaths in a row there are after a death; `before` it, there were so many."""
        return 0 if lived >= self.settled else before + 1

    def pause(self, rapid: int) -> float:
        """Seconds to wait after so many rapid deaths in a row."""
        return min(self.first * 2.0 ** max(rapid - 1, 0), self.longest)


class _Life:
    """One process in a slot, and what it last said."""

    def __init__(self, number: int, command: Command, clock: Clock) -> None:
        self._clock = clock
        self.began = self._heard = clock.monotonic()
        self._report = Report(is_alive=True, is_ready=False, metrics="")
        reading, writing = os.pipe()
        try:
            # a process group of its own: Ctrl-C reaches the supervisor alone, which then tells each worker once
            self.process = subprocess.Popen(  # noqa: S603  # the command is our own
                command(number, writing), stdin=subprocess.DEVNULL, pass_fds=(writing,), process_group=0
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        threading.Thread(target=self._listen, args=(reading,), name=f"slot-{number}", daemon=True).start()

    def _listen(self, reading: int) -> None:
        with os.fdopen(reading, "rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):  # else the worker died over it
                    self._report = Report.of_line(line)
                    self._heard = self._clock.monotonic()

    def report(self) -> Report | None:
        """What it said last; None if it is dead or says nothing any more."""
        silent = self._clock.monotonic() - self._heard > SILENCE_S
        return None if silent or self.process.poll() is not None else self._report


class _Slot:
    """A number, and the lives of its workers."""

    def __init__(self, number: int, command: Command, clock: Clock, restarts: Restarts) -> None:
        self.number = number
        self._command = command
        self._clock = clock
        self._restarts = restarts
        self._due: float | None = None
        self._rapid = 0
        self.restarted = 0
        self.life = _Life(number, command, clock)

    def look(self) -> bool:
        """Start the worker again if it is dead and the time has come; False if that was tried often enough."""
        now = self._clock.monotonic()
        if self._due is None:
            if self.life.process.poll() is not None:
                return self._mourn(now)
        elif now >= self._due:
            self._due = None
            self.restarted += 1
            self.life = _Life(self.number, self._command, self._clock)
            log.info("worker started again", extra={"slot": self.number, "pid": self.life.process.pid})
        return True

    def _mourn(self, now: float) -> bool:
        lived = now - self.life.began
        self._rapid = self._restarts.rapid(self._rapid, lived)
        status = self.life.process.returncode
        facts = {"slot": self.number, "status": status, "lived_s": round(lived, 1), "rapid_deaths": self._rapid}
        if self._rapid >= self._restarts.deaths:
            log.error("worker died again and again; giving up", extra=facts)
            return False
        self._due = now + self._restarts.pause(self._rapid)
        log.warning("worker died; it is started again", extra=facts | {"pause_s": self._restarts.pause(self._rapid)})
        return True


class Supervisor:
    """Keeps `count` workers at work until stopped; a :class:`streamer.ports.Probed` over all of them.

    Parameters
    ----------
    command : callable
        (slot, descriptor) → a worker's command.
    count : int
        Workers; their slots are 0 … count − 1.
    clock : Clock
    grace : float, s
        How long the workers may take to drain; a little later they are killed, which loses nothing.
    restarts : Restarts
    """

    def __init__(self, command: Command, count: int, clock: Clock, grace: float = 9.0, restarts: Restarts = Restarts()) -> None:
        self._command = command
        self._count = count
        self._clock = clock
        self._grace = grace
        self._restarts = restarts
        self._slots: tuple[_Slot, ...] = ()
        self._stopping = False
        self._registry = CollectorRegistry()
        self._registry.register(_Workers(lambda: self._slots))

    def stop(self) -> None:
        """Drain all workers and return from `run`; may be called from a signal handler or another thread."""
        self._stopping = True  # no Event: its lock could be held by the very code that the signal interrupts

    def run(self) -> int:
        """Work until stopped; the exit status, 0 if all workers drained in time when told to."""
        log.info("starting workers", extra={"workers": self._count})
        try:
            self._slots = tuple(_Slot(number, self._command, self._clock, self._restarts) for number in range(self._count))
            while not self._stopping:
                time.sleep(TICK_S)
                if not all(slot.look() for slot in self._slots):
                    self._drain()
                    return 1
            return 0 if self._drain() else 1
        finally:
            for slot in self._slots:
                slot.life.process.kill()
                slot.life.process.wait()

    def _drain(self) -> bool:
        """Tell every worker to end and wait for it; whether all that ran did so in order and in time."""
        running = [slot.life.process for slot in self._slots if slot.life.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = self._clock.monotonic() + self._grace + KILL_S
        while any(process.poll() is None for process in running):
            if self._clock.monotonic() > deadline:
                log.error("not all workers drained in time; what they did not commit will be read again")
                return False
            time.sleep(TICK_S / 10)
        log.info("all workers ended", extra={"statuses": [process.returncode for process in running]})
        return all(process.returncode in _DRAINED for process in running)

    def is_alive(self) -> bool:
        """Every slot has a worker, and every worker's loop turns or will."""
        return self._all(lambda report: report.is_alive)

    def is_ready(self) -> bool:
        """Every worker is ready."""
        return self._all(lambda report: report.is_ready)

    def _all(self, good: Callable[[Report], bool]) -> bool:
        reports = [slot.life.report() for slot in self._slots]
        return len(reports) == self._count and all(report is not None and good(report) for report in reports)

    def metrics(self) -> bytes:
        """The metrics of all workers, each with a label ``worker``, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Workers(Collector):
    """The workers' metrics with their slots as labels, and the supervisor's own.

    Nothing is added up: lag and imbalance of several workers are theirs each, and a counter that begins again with a new process
    does so in a series of its own, as Prometheus expects. A dead worker has no series.
    """

    def __init__(self, slots: Callable[[], Iterable[_Slot]]) -> None:
        self._slots = slots

    def collect(self) -> Iterable[Metric]:
        """Everything, family by family."""
        up = Metric("streamer_worker_up", "Whether the slot has a worker that reports", "gauge")
        restarts = Metric("streamer_worker_restarts", "Workers started again after a death", "counter")
        told: dict[int, str] = {}
        for slot in self._slots():
            report = slot.life.report()
            label = {"worker": str(slot.number)}
            up.add_sample("streamer_worker_up", label, float(report is not None))
            restarts.add_sample("streamer_worker_restarts_total", label, float(slot.restarted))
            if report is not None:
                told[slot.number] = report.metrics
        yield from (up, restarts)
        yield from labelled(told)


def labelled(told: Mapping[int, str]) -> Iterable[Metric]:
    """The metric families of several workers, by slot in Prometheus' text format, each sample with a label ``worker``."""
    families: dict[str, Metric] = {}
    for number, text in told.items():
        for family in text_string_to_metric_families(text):
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            whole.samples += [sample._replace(labels={"worker": str(number), **sample.labels}) for sample in family.samples]
    return families.values()
