"""What runs in processes of its own, so that its CPU time and memory are its own: ``python -m streamer.bench.child``.

The task comes as one line of JSON on standard input. The process says ``ready`` when it could begin, begins at the next line, and
ends with its :class:`Timeline` as one line of JSON. Like `streamer run` it keeps freed memory and spares the collector what stays.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer

from streamer import config, wiring
from streamer.bench.packets import BATCH
from streamer.data.batch import NO_TIME
from streamer.data.tally import Tally
from streamer.memory import keep_freed_memory, spare_what_stays
from streamer.pipeline import Outcome, Pipeline
from streamer.sources.kafka import consumer_settings
from streamer.sources.simulator import REALISTIC_STAMP, SimulatorSource, simulate
from streamer.telemetry import SystemClock

IDLE_S = 3.0
"""A process that has read something and then nothing for so long is done."""
NOTHING_S = 15.0
"""And so is one that has read nothing at all for so long: another one was given every partition."""
PAGE_BYTES = 4096
_STATM = Path("/proc/self/statm")


@dataclass(slots=True)
class Timeline:
    """What a process had done at each batch.

    Parameters
    ----------
    at : list of float, s
        The machine's monotonic clock, the same for all processes.
    messages : list of int
        Done until then.
    cpu : list of float, s
        CPU time of all threads of the process until then.
    rss_mb : list of float, MB
        Resident memory; empty where the system does not tell.
    tagged, rejected : int
    latency : list of float, s
        From the producer's time stamp to the commit, for each message.
    """

    at: list[float] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    tagged: int = 0
    rejected: int = 0
    latency: list[float] = field(default_factory=list)

    def is_idle_since(self, began: float) -> bool:
        """Whether there is nothing more to be expected of a process that began at `began`."""
        now = time.monotonic()
        return now - self.at[-1] > IDLE_S if self.at else now - began > NOTHING_S

    def add(self, messages: int) -> int:
        """Note a batch; how many messages are done now."""
        done = messages + (self.messages[-1] if self.messages else 0)
        self.at.append(time.monotonic())
        self.messages.append(done)
        self.cpu.append(time.process_time())
        if _STATM.exists():
            self.rss_mb.append(int(_STATM.read_text().split()[1]) * PAGE_BYTES / 1e6)
        return done


def bare(settings: config.Config, count: int) -> Timeline:
    """The least that a consumer can do: count the bytes of `count` messages."""
    source = settings.source
    if not isinstance(source, config.KafkaSource):
        raise TypeError("a bare consumer reads Kafka")
    subscription = wiring.subscription(source, settings.worker)
    consumer = Consumer(consumer_settings(subscription))
    consumer.subscribe(list(subscription.topics))
    timeline, size = Timeline(), 0
    _await_go()
    began = time.monotonic()
    while not timeline.is_idle_since(began):
        messages = consumer.consume(BATCH, 0.05)
        size += sum(len(message.value() or b"") for message in messages)
        if messages and timeline.add(len(messages)) >= count:
            break
    consumer.close()
    return timeline


def worker(settings: config.Config, count: int, slot: int = 0) -> Timeline:
    """The service as it is, until it has committed `count` messages."""
    timeline, clock = Timeline(), SystemClock()
    produced: list[Any] = []

    def watch(outcome: Outcome) -> None:
        produced[:] = [outcome.rows.raw.produced]

    def committed(tally: Tally) -> None:
        timeline.tagged += tally.classified + tally.not_classified
        timeline.rejected += sum(tally.rejected.values())
        stamps = produced[0]
        timeline.latency += ((clock.now_ms() - stamps[stamps != NO_TIME]) / 1000.0).tolist()
        if timeline.add(tally.messages) >= count:
            service.worker.stop()

    with wiring.service(settings, clock, watch=watch, slot=slot) as service:
        spare_what_stays()
        _await_go()
        with _ended_when_idle(timeline, service.worker.stop):
            service.worker.run(committed)
    return timeline


def memory(settings: config.Config, count: int, survey: str) -> Timeline:
    """The service over `count` simulated alerts, each different, of the size that the survey sends."""
    timeline, clock = Timeline(), SystemClock()
    alerts = simulate(survey, count, seed=1, cutout_bytes=REALISTIC_STAMP)

    def committed(tally: Tally) -> None:
        timeline.add(tally.messages)

    with wiring.service(settings, clock, SimulatorSource(alerts, "bench", clock)) as service:
        spare_what_stays()
        _await_go()
        service.worker.run(committed)
    return timeline


def start(settings: config.Config, _count: int) -> Timeline:
    """A worker made ready as `streamer run` makes it, but for the broker; it does nothing then."""
    clock = SystemClock()
    loaded = wiring.models(settings.model)
    framing = wiring.framing(settings.source, clock)
    pipeline = Pipeline(framing, loaded.classifiers, allow_private=False, questions=loaded.questions)
    wiring.warm_up(pipeline, tuple(loaded.classifiers), clock)
    _await_go()
    return Timeline()


@contextmanager
def _ended_when_idle(timeline: Timeline, stop: Callable[[], None]) -> Iterator[None]:
    done, began = threading.Event(), time.monotonic()

    def look() -> None:
        while not done.wait(0.5):
            if timeline.is_idle_since(began):
                stop()

    watchdog = threading.Thread(target=look, daemon=True)
    watchdog.start()
    try:
        yield
    finally:
        done.set()
        watchdog.join()


def _await_go() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


def main() -> None:
    """Do the task."""
    task = json.loads(sys.stdin.readline())
    keep_freed_memory()
    settings = config.Config.model_validate(task["settings"])
    kinds: dict[str, Callable[..., Timeline]] = {"bare": bare, "worker": worker, "memory": memory, "start": start}
    timeline = kinds[task["kind"]](settings, task["count"], **task.get("further", {}))
    found = asdict(timeline)
    found["latency"] = np.round(timeline.latency, 4).tolist()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
