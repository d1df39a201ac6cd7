"""Where a worker's CPU time goes at full rate through a real Kafka: ``python -m tests.bench.profile_worker --alerts 30000``.

Prints µs per alert by thread, next to a bare consumer of the same topic; the main thread's by stage; and, where Linux's ``perf``
may be used, by what the processor was doing. `--shape full` profiles whole packets, `--survey lsst` the other survey.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from streamer import config, wiring
from streamer.bench.packets import BATCH, SURVEYS, Sample, sample
from streamer.data.tally import Tally
from streamer.memory import keep_freed_memory, spare_what_stays
from streamer.sinks.feed import feed
from streamer.sources.kafka import consumer_settings
from streamer.telemetry import PrometheusTelemetry, SystemClock
from tests.conftest import real_data_folder
from tests.kafka_server import KafkaServer, NoKafka, create_topic

WARM, END = 0.15, 0.95
"""Shares of the topic between which is measured: after connecting, and before the last batches, which wait to be filled."""
PARTITIONS = 4
MAIN, CLIENT, OTHERS = "main thread", "librdkafka's threads", "the sink's thread"
_TASKS = Path("/proc/self/task")

KINDS = (
    ("system calls: network, waking, waiting", r"\[kernel|\[vdso"),
    ("decompressing", r"LZ4_decomp|LZ4F_decomp|ZSTD_decomp|snappy_unc"),
    ("compressing", r"LZ4_comp|LZ4F_comp|LZ4_count|ZSTD_comp|snappy_comp"),
    ("copying (memmove)", r"mem(move|cpy)"),
    ("rest of librdkafka", r"librdkafka"),
    ("Python's collector", r"gc_collect|visit_(decref|reachable)|_traverse|untrack|move_unreachable"),
    ("Python's interpreter and objects", r"libpython|bin/python|cimpl|_blake2|_hashlib|ld-linux"),
    ("NumPy", r"_multiarray_umath|openblas"),
    ("compiled kernels", r"JIT|libm\.so|llvmlite|numba|_dispatcher|_helperlib|_nrt|\[unknown\]"),
    ("allocating, comparing: rest of libc", r"libc\.so"),
)
"""What a sample was doing, by the first pattern that its shared object and symbol match."""


class ThreadClock(SystemClock):
    """Its monotonic time is the CPU time of the asking thread, so that the worker's stop-watch shows that.

    Deadlines then come later than they should, and none comes while there is work.
    """

    def monotonic(self) -> float:
        """Seconds of CPU."""
        return time.thread_time()


@dataclass(frozen=True, slots=True)
class Profile:
    """µs per alert.

    Parameters
    ----------
    rate : float, alerts/s
    threads : mapping of thread to µs
    stages : mapping of stage to µs
        Of the main thread; empty for a bare consumer.
    kinds : mapping of thread to mapping of kind to µs
        Empty without ``perf``.
    """

    rate: float
    threads: Mapping[str, float]
    stages: Mapping[str, float]
    kinds: Mapping[str, Mapping[str, float]]


class Watch:
    """Measures this process between two shares of the work; beside it ``perf`` samples it."""

    def __init__(self, count: int, recording: Path | None, stages: Callable[[], dict[str, float]] = dict) -> None:
        self._bounds = WARM * count, END * count
        self._recording = recording
        self._stages = stages
        self._perf: subprocess.Popen[bytes] | None = None
        self._began: tuple[int, float, dict[int, float], dict[str, float]] | None = None
        self.profile: Profile | None = None

    def saw(self, done: int) -> bool:
        """Whether to go on after so many alerts."""
        if self._began is None and done >= self._bounds[0]:
            if self._recording is not None and shutil.which("perf"):
                command = [
                    "perf",
                    "record",
                    "-q",
                    "-e",
                    "cpu-clock",
                    "-F",
                    "997",
                    "-p",
                    str(os.getpid()),
                    "-o",
                    str(self._recording),
                ]
                self._perf = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            self._began = done, time.monotonic(), _cpu(), self._stages()
        elif self._began is not None and done >= self._bounds[1]:
            self.profile = self._ended(done, *self._began)
            return False
        return True

    def _ended(self, done: int, first: int, began: float, cpu: dict[int, float], stages: dict[str, float]) -> Profile:
        alerts, names = done - first, _names()
        threads: Counter[str] = Counter()
        for task, spent in _cpu().items():
            threads[names.get(task, OTHERS)] += 1e6 * (spent - cpu.get(task, 0.0)) / alerts  # type: ignore[assignment]  # a Counter of floats
        spent_in = {stage: 1e6 * (spent - stages.get(stage, 0.0)) / alerts for stage, spent in self._stages().items()}
        return Profile(alerts / (time.monotonic() - began), dict(threads), spent_in, self._kinds(names, threads))

    def _kinds(self, names: Mapping[int, str], threads: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """The threads' time divided as their samples are."""
        if self._perf is None:
            return {}
        self._perf.send_signal(signal.SIGINT)
        self._perf.wait(60)
        found: dict[str, Counter[str]] = {}
        for task, kind, samples in _samples(self._recording):
            found.setdefault(names.get(task, OTHERS), Counter())[kind] += samples
        return {
            thread: {kind: threads[thread] * samples / counts.total() for kind, samples in counts.items()}
            for thread, counts in found.items()
        }


def _samples(recording: Path | None) -> Iterator[tuple[int, str, int]]:
    """(thread, kind, number of samples) of a recording."""
    command = ["perf", "report", "-i", str(recording), "--stdio", "-t", ";", "-F", "sample,pid,dso,symbol"]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if match := re.match(r"\s*(\d+)\s*;\s*(\d+):[^;]*;([^;]*);(.*)", line):
            what = f"{match[3]} {match[4]}"
            yield int(match[2]), next((kind for kind, pattern in KINDS if re.search(pattern, what)), "anything else"), int(match[1])


def _cpu() -> dict[int, float]:
    """Seconds of CPU of each thread of this process."""
    return {int(task.name): int((task / "schedstat").read_text().split()[0]) / 1e9 for task in _TASKS.iterdir()}


def _names() -> dict[int, str]:
    """What the threads are for."""
    clients = {int(task.name): CLIENT for task in _TASKS.iterdir() if (task / "comm").read_text().startswith("rdk:")}
    return {os.getpid(): MAIN} | clients


def bare(settings: config.Config, count: int, recording: Path) -> Profile | None:
    """A bare consumer."""
    if not isinstance(settings.source, config.KafkaSource):
        return None
    subscription = wiring.subscription(settings.source, settings.worker)
    consumer = Consumer(consumer_settings(subscription))
    consumer.subscribe(list(subscription.topics))
    watch, done, size = Watch(count, recording), 0, 0
    while watch.saw(done):
        messages = consumer.consume(BATCH, 0.05)
        done += len(messages)
        size += sum(len(message.value() or b"") for message in messages)
    consumer.close()
    return watch.profile


def worker(settings: config.Config, count: int, recording: Path) -> Profile | None:
    """The service as it is."""
    done = 0

    def committed(tally: Tally) -> None:
        nonlocal done
        done += tally.messages
        if not watch.saw(done):
            service.worker.stop()

    with wiring.service(settings, ThreadClock()) as service:
        watch = Watch(count, recording, lambda: _stages(service.telemetry))
        spare_what_stays()
        service.worker.run(committed)
    return watch.profile


def _stages(telemetry: PrometheusTelemetry) -> dict[str, float]:
    """Seconds by stage so far."""
    samples = (each for family in telemetry.registry.collect() for each in family.samples)
    return {each.labels["stage"]: each.value for each in samples if each.name == "streamer_stage_seconds_sum"}


def _run(kind: str, settings: Mapping[str, Any], count: int, folder: Path) -> Profile:
    """One of the above in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.profile_worker", "--child", kind, "--alerts", str(count)]
    answer = subprocess.run([*command, str(folder / kind)], input=json.dumps(settings), capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(answer.stderr[-2000:])
    return Profile(**json.loads(answer.stdout))


def _settings(servers: str, packets: Sample, topic: str, shape: str, framing: str) -> dict[str, Any]:
    out, dead = f"{topic}-{shape}", f"{topic}-dead"
    for name in (out, dead):
        create_topic(servers, name, PARTITIONS)
    source = {"kind": "kafka", "servers": servers, "topics": [topic], "group": topic, "schemas": list(packets.schema_folders)}
    sink = {"kind": "kafka", "servers": servers, "topic": out, "dead_letter_topic": dead, "shape": shape, "framing": framing}
    return {"source": source, "sink": sink, "telemetry": {"port": 0}, "worker": {"instance": topic}}


def _table(first: str, columns: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table of µs, one row for each name, the largest first, and their sum."""
    largest: dict[str, float] = {}
    for column in columns.values():
        largest |= {name: max(value, largest.get(name, 0.0)) for name, value in column.items()}
    names = sorted(largest, key=lambda name: -largest[name])
    rows = [[name, *(f"{column[name]:.1f}" if name in column else "" for column in columns.values())] for name in names]
    rows.append(["together", *(f"{sum(column.values()):.1f}" for column in columns.values())])
    lines = [[first, *columns], ["---", *("---:" for _ in columns)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def profile(servers: str, packets: Sample, count: int, shape: str, framing: str, folder: Path) -> None:
    """Fill a topic, run both over it, and print the tables."""
    topic = f"profile-{uuid.uuid4().hex[:8]}"
    create_topic(servers, topic, PARTITIONS)
    feed(islice(cycle(packets.payloads), count), servers, topic, SystemClock())
    settings = _settings(servers, packets, topic, shape, framing)
    plain = _run("bare", {**settings, "source": {**settings["source"], "group": f"{topic}-bare"}}, count, folder)
    ours = _run("worker", settings, count, folder)
    unstaged = ours.threads[MAIN] - sum(ours.stages.values())
    print(f"µs of CPU per alert, {count:,} messages of {packets.described}, {shape} in {framing} framing, {ours.rate:,.0f}/s\n")
    print(_table("thread", {"worker": ours.threads, "bare consumer": plain.threads}))
    print(_table("stage of the main thread", {"worker": {**ours.stages, "telemetry and what is in no stage": unstaged}}))
    print(_table("what", {**ours.kinds, "bare consumer": Counter(_together(plain))}) if ours.kinds else "no perf here\n")


def _together(found: Profile) -> dict[str, float]:
    total: Counter[str] = Counter()
    for kinds in found.kinds.values():
        total.update(kinds)
    return dict(total)


@contextmanager
def _servers(folder: Path) -> Iterator[str]:
    """The broker that STREAMER_TEST_KAFKA names, or one of our own; raises NoKafka."""
    if named := os.environ.get("STREAMER_TEST_KAFKA"):
        yield named
        return
    server = KafkaServer(folder)
    server.start()
    try:
        yield server.bootstrap
    finally:
        server.stop()


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=30_000)
    parser.add_argument("--survey", choices=SURVEYS, default="ztf")
    parser.add_argument("--shape", choices=("tag", "full"), default="tag")
    parser.add_argument("--framing", choices=("container", "single-object", "json"), default="container")
    parser.add_argument("--child", choices=("bare", "worker"), help=argparse.SUPPRESS)
    parser.add_argument("recording", nargs="?", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        keep_freed_memory()
        settings = config.Config.model_validate(json.load(sys.stdin))
        found = {"bare": bare, "worker": worker}[arguments.child](settings, arguments.alerts, arguments.recording)
        print(json.dumps(asdict(found) if found else None))
        return 0
    folder = real_data_folder()
    packets = sample(arguments.survey, folder if (folder / "README.md").is_file() else None)
    with tempfile.TemporaryDirectory(prefix="streamer-profile-") as name:
        try:
            with _servers(Path(name)) as servers:
                profile(servers, packets, arguments.alerts, arguments.shape, arguments.framing, Path(name))
        except NoKafka as reason:
            print(f"no Kafka: {reason}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
