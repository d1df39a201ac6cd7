"""The real service killed with −9 at random moments: every input ends exactly once as a tagged alert or a dead letter."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streamer.sources.simulator import SimulatedAlert, simulate
from tests.broker.client import contents
from tests.broker.service import Place, Progress, Service, Settings, place
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import KafkaServer, eventually, free_ports

pytestmark = pytest.mark.kafka

SLOTS = 2
AT_WORK = 10
"""Kills of each slot after it has committed something."""
STARTING = 2
"""Kills of each slot at a moment when it may not even have begun."""
BACKLOG = 600
"""Packets that wait for the workers at any time, so that a kill always hits work."""
DRAIN_S = 10.0
BROKEN = 0.1
MOST_RESTARTS = 3
"""How often the service may end over a broker that crashed: its client gives up, and may then meet a group that still loads."""
SMALL_BATCHES = {"worker": {"batch": 16, "wait": 0.05}}


class Stream:
    """Simulated packets of both surveys, a tenth of them broken, sent over and over: the place makes an input, not its bytes."""

    def __init__(self, service: Service, count: int = 300) -> None:
        self._service = service
        self._alerts = {survey: list(simulate(survey, count, 7, BROKEN)) for survey in service.inputs}
        self._turn: Iterator[tuple[str, SimulatedAlert]] = cycle(
            pair for both in zip(*([(s, a) for a in alerts] for s, alerts in self._alerts.items()), strict=True) for pair in both
        )
        self.sent = 0

    def send(self, count: int) -> None:
        """Append packets, evenly over surveys and partitions, and return when the broker has them."""
        producer = Producer({"bootstrap.servers": self._service.servers, "acks": "all", "linger.ms": 1})
        for _ in range(count):
            survey, alert = next(self._turn)
            producer.produce(self._service.inputs[survey], alert.payload, partition=self.sent // len(self._alerts) % 2)
            self.sent += 1
        assert producer.flush(30) == 0
        producer.close()

    def expected(self) -> dict[Place, SimulatedAlert]:
        """What lies at each place of the input topics, as Kafka has it."""
        known = {alert.payload: alert for alerts in self._alerts.values() for alert in alerts}
        return {
            (topic, message.partition() or 0, message.offset() or 0, 0): known[message.value() or b""]
            for topic in self._service.inputs.values()
            for message in contents(self._service.servers, topic)
        }


def assert_each_input_is_there_exactly_once(service: Service, stream: Stream) -> str:
    """Compare what came out, place by place and alert by alert, with what went in; the counts in words."""
    expected, tags, letters = stream.expected(), service.tags(), service.dead_letters()
    found = Counter([place(record) for record in (*tags, *letters)])
    assert len(expected) == stream.sent
    assert found == Counter(expected.keys())
    for tag in tags:
        alert = expected[place(tag)]
        assert (tag["alert_id"], alert.broken) == (alert.alert_id, False)
    for letter in letters:
        alert = expected[place(letter)]
        assert (letter["payload"], alert.broken) == (alert.payload, True)
    return f"{len(expected)} packets in, {len(tags)} tagged, {len(letters)} dead letters, none lost, none doubled"


class Slot:
    """A worker's place in the group, in which one process follows another."""

    def __init__(self, service: Service, names: Names, number: int) -> None:
        (self._port,) = free_ports(1)
        self._service, self._chance, self._over = service, random.Random(20261122 + number), threading.Event()
        own: Settings = {"telemetry": {"port": self._port}, "worker": {"instance": names(f"slot-{number}")}}
        self._config = service.configured(f"slot-{number}", own)

    def start(self) -> subprocess.Popen[bytes]:
        return self._service.start(self._config)

    def commits(self) -> bool:
        """Whether the process that is in it has committed something."""
        return self._service.sum_of("streamer_messages_total", self._port) > 0

    def end(self) -> None:
        """No further lives."""
        self._over.set()

    def live_and_die(self) -> int:
        """Start the worker again and again and kill it each time; how many of the kills came after its first commit."""
        return sum(self._one_life(patient=number < AT_WORK) for number in range(AT_WORK + STARTING) if not self._over.is_set())

    def _one_life(self, patient: bool) -> bool:
        process = self.start()
        try:
            if patient:
                eventually(240, lambda: self.commits() or self._over.is_set() or process.poll() is not None, "a first commit")
            time.sleep(self._chance.uniform(0.0, 0.3 if patient else 2.5))
            at_work = self.commits()
        finally:
            process.send_signal(signal.SIGKILL)
            status = process.wait(10)
        assert status == -signal.SIGKILL, self._service.log()
        return at_work


def test_workers_killed_at_random_moments_lose_nothing_and_double_nothing(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    service = Service(kafka, names, tmp_path, SMALL_BATCHES)
    stream, slots = Stream(service), [Slot(service, names, number) for number in range(SLOTS)]
    with closing(Progress(service.servers, service.group, service.inputs.values())) as progress, ThreadPoolExecutor(SLOTS) as pool:
        lives = [pool.submit(slot.live_and_die) for slot in slots]
        try:
            while not all(life.done() for life in lives):
                stream.send(max(BACKLOG - (stream.sent - progress.done()), 0))
                time.sleep(0.1)
        finally:
            for slot in slots:
                slot.end()
        at_work = sum(life.result() for life in lives)
        _finish(service, [slot.start() for slot in slots], lambda: progress.done() >= stream.sent)
    said = assert_each_input_is_there_exactly_once(service, stream)
    print(f"{SLOTS * (AT_WORK + STARTING)} kills, {at_work} of them at work; {said}")
    assert at_work >= SLOTS * AT_WORK


def test_a_broker_killed_under_the_service_costs_nothing_but_time(mortal_kafka: KafkaServer, names: Names, tmp_path: Path) -> None:
    service = Service(mortal_kafka, names, tmp_path, SMALL_BATCHES)
    stream, restarts = Stream(service), 0
    stream.send(1_500)
    with service.running() as first, closing(Progress(service.servers, service.group, service.inputs.values())) as progress:
        eventually(240, lambda: progress.done() > 0, "a first commit")
        before = progress.done()
        mortal_kafka.restart()
        process = first
        try:
            stream.send(300)
            deadline = time.monotonic() + 120
            while progress.done() < stream.sent:
                assert time.monotonic() < deadline, service.log()
                if process.poll() is not None:  # what the operator's supervisor does
                    process, restarts = service.start(), restarts + 1
                time.sleep(0.2)
            _finish(service, [process], lambda: True)
        finally:
            process.kill()
            process.wait()
    said = assert_each_input_is_there_exactly_once(service, stream)
    print(f"broker killed after {before} packets, service started again {restarts} times; {said}")
    assert before < 1_500
    assert restarts <= MOST_RESTARTS


def _finish(service: Service, processes: list[subprocess.Popen[bytes]], is_done: Callable[[], bool]) -> None:
    """Wait for the last commit, then let the processes drain, which each does in time and in order."""
    try:
        eventually(240, is_done, "all committed")
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(DRAIN_S) for process in processes] == [0] * len(processes), service.log()
    finally:
        for process in processes:
            process.kill()
            process.wait()
