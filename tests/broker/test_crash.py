"""A worker process killed with −9 at random moments: every input ends exactly once as a tagged alert or a dead letter."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.broker.client import committed, produce, values
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import eventually

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
KILLS = 20
PER_KILL = 300
DRAIN_S = 10.0


class Slot:
    """A worker slot: its topics, its group, and the process that is in it."""

    def __init__(self, kafka: Kafka, names: Names) -> None:
        self.servers = kafka.bootstrap
        self.input, self.tagged, self.dead, self.group = names("alerts"), names("tagged"), names("dead"), names("group")
        for topic in (self.input, self.tagged, self.dead):
            kafka.create_topic(topic, 2)

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.broker.worker_process"]
        return subprocess.Popen([*command, self.servers, self.input, self.tagged, self.dead, self.group], cwd=ROOT)

    def done(self) -> int:
        return sum(committed(self.servers, self.group, self.input).values())


def payloads(start: int, count: int) -> list[bytes]:
    """Alert numbers, every tenth one poison."""
    return [b"poison-%d" % i if i % 10 == 0 else b"%d" % i for i in range(start, start + count)]


def test_a_worker_killed_at_random_moments_loses_nothing_and_doubles_nothing(kafka: Kafka, names: Names) -> None:
    slot, chance = Slot(kafka, names), random.Random(20261122)
    fed: list[bytes] = []
    at_work = 0
    for _ in range(KILLS):
        fresh = payloads(len(fed), PER_KILL)
        produce(slot.servers, slot.input, fresh)
        fed += fresh
        before = slot.done()
        process = slot.start()
        eventually(30, lambda before=before: slot.done() > before, "the worker's first commit")  # type: ignore[misc]  # a default binds it
        time.sleep(chance.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        at_work += slot.done() < len(fed)
    process = slot.start()
    eventually(60, lambda: slot.done() == len(fed), "all committed")
    process.send_signal(signal.SIGTERM)
    assert process.wait(DRAIN_S) == 0

    tagged, dead = values(slot.servers, slot.tagged), values(slot.servers, slot.dead)
    print(f"{KILLS} kills, {at_work} of them at work; {len(fed)} messages in, {len(tagged)} tagged, {len(dead)} dead letters")
    assert Counter(tagged + dead) == Counter(fed)
    assert all(value.isdigit() for value in tagged)
    assert at_work >= KILLS // 2
