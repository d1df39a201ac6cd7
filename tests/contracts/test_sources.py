"""What every source promises. A new source is one factory and one line in SOURCES."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from streamer.data.batch import RawBatch
from streamer.ports import Source
from streamer.sinks.archive import ArchiveSink
from streamer.sinks.kafka import Destination, KafkaSink
from streamer.sources.archive import ArchiveSource
from streamer.sources.kafka import KafkaSource, Subscription
from streamer.telemetry import SystemClock
from streamer.testing import HandClock, MemoryBroker, MemorySink, MemorySource
from tests.broker.client import produce

Request = pytest.FixtureRequest


class Place(Protocol):
    """Where messages wait to be read, and who remembers what is done with."""

    def feed(self, payloads: Sequence[bytes]) -> None:
        """Put messages there, all of one file or partition, in their order."""

    def open(self) -> Source:
        """A source that starts where the last commit ended."""

    def commit(self, batch: RawBatch) -> None:
        """The batch is done, as a sink would say."""


class MemoryPlace:
    def __init__(self, _request: Request) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topic("alerts", 1)

    def feed(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            self.broker.produce("alerts", payload)

    def open(self) -> Source:
        self.source = MemorySource(self.broker, ["alerts"], "group", "one", HandClock())
        return self.source

    def commit(self, batch: RawBatch) -> None:
        MemorySink(self.broker, "id", self.source.group_metadata).commit([], batch.positions)


class KafkaPlace:
    def __init__(self, request: Request) -> None:
        kafka, names = request.getfixturevalue("kafka"), request.getfixturevalue("names")
        self.servers = kafka.bootstrap
        self.topic, self.group = names("alerts"), names("group")
        kafka.create_topic(self.topic, 1)

    def feed(self, payloads: Sequence[bytes]) -> None:
        produce(self.servers, self.topic, payloads)

    def open(self) -> Source:
        self.source = KafkaSource(Subscription(self.servers, (self.topic,), self.group, instance="one"), SystemClock())
        return self.source

    def commit(self, batch: RawBatch) -> None:
        sink = KafkaSink(Destination(self.servers, "unused", "unused"), self.group, SystemClock(), self.source.group_metadata)
        sink.commit([], batch.positions)
        sink.close()


class ArchivePlace:
    """One file for each message; a sink in another folder remembers what is done."""

    def __init__(self, request: Request) -> None:
        path: Path = request.getfixturevalue("tmp_path")
        self.folder, self.out = path / "in", path / "out"

    def feed(self, payloads: Sequence[bytes]) -> None:
        self.folder.mkdir()
        for i, payload in enumerate(payloads):
            (self.folder / f"{i:03d}.avro").write_bytes(payload)

    def open(self) -> Source:
        sink = ArchiveSink(self.out)
        sink.close()
        return ArchiveSource([self.folder], SystemClock(), sink.committed())

    def commit(self, batch: RawBatch) -> None:
        sink = ArchiveSink(self.out)
        sink.commit([], batch.positions)
        sink.close()


SOURCES: tuple[object, ...] = (
    pytest.param(ArchivePlace, id="archive"),
    pytest.param(MemoryPlace, id="memory"),
    pytest.param(KafkaPlace, id="kafka", marks=pytest.mark.kafka),
)

PAYLOADS = [b"payload %d" % i for i in range(10)]


@pytest.fixture(params=SOURCES)
def place(request: Request) -> Place:
    made: Callable[[Request], Place] = request.param
    return made(request)


def read_some(source: Source, limit: int = 100) -> RawBatch:
    """The next batch that is not empty."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        batch = source.read(limit, 0.2)
        assert batch is not None, "the source ended before it gave its messages"
        if len(batch):
            return batch
    raise AssertionError("no message came")


def read_all(source: Source, count: int, limit: int = 100) -> list[bytes]:
    """Payloads until `count` have come."""
    found: list[bytes] = []
    while len(found) < count:
        found += read_some(source, limit).payloads
    return found


def test_all_messages_come_in_the_order_of_their_partition(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    assert read_all(source, 10) == PAYLOADS
    source.close()


def test_a_batch_has_at_most_as_many_messages_as_asked_for(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    batches = [read_some(source, 3)]
    while sum(map(len, batches)) < 10:
        batches.append(read_some(source, 3))
    assert all(len(batch) <= 3 for batch in batches)
    assert [payload for batch in batches for payload in batch.payloads] == PAYLOADS
    source.close()


def test_every_message_has_a_position_of_its_own_and_a_time_of_receipt(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    batch = read_some(source)
    positions = batch.positions
    assert len(positions) == len(batch.produced) == len(batch.received) == len(batch)
    assert len(set(zip(positions.name.tolist(), positions.partition.tolist(), positions.offset.tolist(), strict=True))) == len(
        batch
    )
    assert (positions.count >= 1).all()
    assert (batch.received > 0).all()
    source.close()


def test_after_the_last_message_nothing_comes_or_the_source_ends(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    read_all(source, 10)
    assert not source.read(100, 0.1)
    source.close()


def test_rewind_without_a_commit_gives_the_same_batch_again(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    first = read_some(source, 4)
    source.rewind()
    again = read_some(source, len(first))
    assert list(again.payloads) == list(first.payloads)
    assert again.positions.first() == first.positions.first()
    source.close()


def test_rewind_goes_back_to_the_commit_and_no_further(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    first = read_some(source, 4)
    place.commit(first)
    second = read_some(source, 4)
    source.rewind()
    assert list(read_some(source, len(second)).payloads) == list(second.payloads)
    source.close()


def test_a_new_source_goes_on_after_the_commit(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    first = read_some(source, 4)
    place.commit(first)
    read_some(source, 4)
    source.close()
    source = place.open()
    assert read_all(source, 10 - len(first)) == PAYLOADS[len(first) :]
    source.close()


def test_a_new_source_without_a_commit_begins_at_the_beginning(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    read_some(source, 4)
    source.close()
    source = place.open()
    assert read_all(source, 10) == PAYLOADS
    source.close()


def test_lag_falls_to_nothing_or_is_never_known(place: Place) -> None:
    place.feed(PAYLOADS)
    source = place.open()
    read_all(source, 10, limit=4)
    assert sum(source.lag().values()) == 0
    source.close()


def test_closing_is_possible_before_anything_was_read(place: Place) -> None:
    place.feed(PAYLOADS)
    place.open().close()


def test_the_suite_covers_every_source() -> None:
    assert len(SOURCES) >= 2
