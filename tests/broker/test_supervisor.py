"""Two supervised workers in one group, killed with −9 again and again: every alert ends exactly once, tagged or as dead letter."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamer.client import tagged_records
from streamer.sources.simulator import simulate
from tests.broker.client import committed, contents, produce, values
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import eventually, free_ports

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
ALERTS, KILLS = 5_000, 5
READY_S = 240.0

Place = tuple[int, int]
"""Partition and offset of an input."""


class Service:
    """A running `streamer run` with two workers."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self._port = port

    def get(self, path: str) -> str:
        """What it says over HTTP; empty as long as it says nothing good."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def is_ready(self) -> bool:
        return self.get("/readyz") == "ready\n"

    def samples(self, name: str) -> dict[str, float]:
        """The samples of a metric by worker, added up over the other labels."""
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(self.get("/metrics")):
            for sample in family.samples:
                if sample.name == name:
                    found[sample.labels["worker"]] += sample.value  # type: ignore[assignment]  # floats add up as well
        return dict(found)

    def workers(self) -> dict[str, int]:
        """Process ids by slot."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = {}
        for child in children:
            words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            if "--slot" in words:  # not so between fork and exec
                found[words[words.index("--slot") + 1]] = int(child)
        return found


@contextmanager
def running(config: Path, port: int) -> Iterator[Service]:
    with subprocess.Popen([sys.executable, "-m", "streamer.cli", "run", str(config)], cwd=ROOT) as process:
        try:
            yield Service(process, port)
        finally:
            process.kill()


def test_two_workers_killed_again_and_again_lose_nothing_and_double_nothing(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    packets, tagged, dead, group = names("packets"), names("tagged"), names("dead"), names("group")
    for topic, partitions in ((packets, 4), (tagged, 2), (dead, 2)):
        kafka.create_topic(topic, partitions)
    (port,) = free_ports(1)
    config = tmp_path / "streamer.toml"
    config.write_text(
        f"""
        [source]
        kind = "kafka"
        servers = "{kafka.bootstrap}"
        topics = ["{packets}"]
        group = "{group}"
        [sink]
        kind = "kafka"
        servers = "{kafka.bootstrap}"
        topic = "{tagged}"
        dead_letter_topic = "{dead}"
        [model]
        name = []
        [telemetry]
        port = {port}
        [worker]
        workers = 2
        batch = 16
        wait = 0.05
        instance = "{names("instance")}"
        """
    )
    alerts = (alert.payload for alert in simulate("ztf", ALERTS, 1, broken=0.02, cutout_bytes=0))
    chance = random.Random(20261122)

    def done() -> int:
        return sum(committed(kafka.bootstrap, group, packets).values())

    fed = at_work = 0
    used: Counter[str] = Counter()
    with running(config, port) as service:
        for kill in range(KILLS):
            eventually(READY_S, service.is_ready, "both workers ready")
            chunk = list(islice(alerts, ALERTS // KILLS))
            produce(kafka.bootstrap, packets, chunk)
            fed += len(chunk)
            time.sleep(chance.uniform(0.0, 0.3))
            used.update({slot: 1 for slot, count in service.samples("streamer_messages_total").items() if count})
            os.kill(service.workers()["01"[kill % 2]], signal.SIGKILL)
            at_work += done() < fed
        eventually(READY_S, lambda: done() >= fed == ALERTS, "all committed")
        eventually(READY_S, service.is_ready, "both workers ready at the end")
        assert sum(service.samples("streamer_worker_restarts_total").values()) == KILLS
        assert set(service.samples("streamer_ledger_imbalance").values()) == {0.0}
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0

    inputs = {(message.partition() or 0, message.offset() or 0) for message in contents(kafka.bootstrap, packets)}
    outputs = [*places(values(kafka.bootstrap, tagged)), *places(values(kafka.bootstrap, dead))]
    print(f"{KILLS} kills, {at_work} of them at work; {len(inputs)} in, {len(outputs)} out, used slots {dict(used)}")
    assert len(inputs) == ALERTS
    assert Counter(outputs) == Counter(inputs)
    assert set(used) == {"0", "1"}
    assert at_work >= KILLS // 2


def places(messages: list[bytes]) -> Iterator[Place]:
    """Where the inputs of tagged alerts and dead letters stood."""
    for message in messages:
        for record in tagged_records(message):
            yield record["input"]["partition"], record["input"]["offset"]
