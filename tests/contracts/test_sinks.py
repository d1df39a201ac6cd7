"""What every sink promises. A new sink is one factory and one line in SINKS."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import fastavro
import pytest

from streamer.data.batch import Cursor, Positions
from streamer.data.message import Channel, Message
from streamer.data.schema import WriterSchema
from streamer.errors import Fatal
from streamer.ports import Sink
from streamer.sinks.archive import ArchiveSink
from streamer.sinks.journal import Journal
from streamer.sinks.kafka import Destination, KafkaSink
from streamer.sources.kafka import KafkaSource, Subscription
from streamer.telemetry import SystemClock
from streamer.testing import HandClock, MemoryBroker, MemorySink, MemorySource
from tests.broker.client import committed, produce, values
from tests.contracts.test_sources import read_some

Request = pytest.FixtureRequest
SCHEMA = WriterSchema.of({"type": "record", "name": "greeting", "fields": [{"name": "text", "type": "string"}]})


class Outlet(Protocol):
    """Where a sink writes, and what can be seen there."""

    input: str
    """The topic or file that the positions speak of; partition 0."""

    def open(self) -> Sink:
        """A sink; the one opened before is closed or dead."""

    def visible(self, channel: Channel) -> list[bytes]:
        """The values that a reader sees, in the order of their partition."""

    def position(self) -> Cursor:
        """The positions that are done."""


class MemoryOutlet:
    input = "alerts"

    def __init__(self, _request: Request) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topic("alerts")
        self.source = MemorySource(self.broker, ["alerts"], "group", "one", HandClock())
        self.source.read(1, 0)

    def open(self) -> Sink:
        return MemorySink(self.broker, "id", self.source.group_metadata)

    def visible(self, channel: Channel) -> list[bytes]:
        return [record.value for record in self.broker.records(channel.value)]

    def position(self) -> Cursor:
        return self.broker.committed("group")


class KafkaOutlet:
    def __init__(self, request: Request) -> None:
        kafka, names = request.getfixturevalue("kafka"), request.getfixturevalue("names")
        self.servers, self.group, self.input = kafka.bootstrap, names("group"), names("alerts")
        self.topics = {channel: names(f"{channel.value}-ztf") for channel in Channel}
        for topic in (self.input, *self.topics.values()):
            kafka.create_topic(topic)
        produce(self.servers, self.input, [b"one"])
        self.source = KafkaSource(Subscription(self.servers, (self.input,), self.group), SystemClock())
        read_some(self.source)
        request.addfinalizer(self.source.close)

    def open(self) -> Sink:
        tagged, dead, private = (
            self.topics[channel].replace("ztf", "{survey}") for channel in (Channel.TAGGED, Channel.DEAD_LETTER, Channel.PRIVATE)
        )
        return KafkaSink(Destination(self.servers, tagged, dead, private), self.group, SystemClock(), self.source.group_metadata)

    def visible(self, channel: Channel) -> list[bytes]:
        return values(self.servers, self.topics[channel])

    def position(self) -> Cursor:
        return {(self.input, number): offset for number, offset in committed(self.servers, self.group, self.input).items()}


STEMS = {Channel.TAGGED: "tagged", Channel.DEAD_LETTER: "dead-letters", Channel.PRIVATE: "private"}


class ArchiveOutlet:
    input = "night.avro"

    def __init__(self, request: Request) -> None:
        path: Path = request.getfixturevalue("tmp_path")
        self.folder = path / "out"

    def open(self) -> Sink:
        return ArchiveSink(self.folder)

    def visible(self, channel: Channel) -> list[bytes]:
        files = sorted(self.folder.glob(f"{STEMS[channel]}-*.avro"))
        return [message(record["text"]).value for file in files for record in fastavro.reader(io.BytesIO(file.read_bytes()))]  # type: ignore[call-overload, index]  # a record is a dict here

    def position(self) -> Cursor:
        journal = Journal(self.folder)
        journal.close()
        return journal.next


SINKS: tuple[object, ...] = (
    pytest.param(ArchiveOutlet, id="archive"),
    pytest.param(MemoryOutlet, id="memory"),
    pytest.param(KafkaOutlet, id="kafka", marks=pytest.mark.kafka),
)


@pytest.fixture(params=SINKS)
def outlet(request: Request) -> Outlet:
    made: Callable[[Request], Outlet] = request.param
    return made(request)


def message(text: str, channel: Channel = Channel.TAGGED, key: bytes = b"key") -> Message:
    value = text.encode()
    return Message(channel, "ztf", key, (bytes([2 * len(value)]) + value,), SCHEMA)


def seen(*texts: str) -> list[bytes]:
    return [message(text).value for text in texts]


def after(outlet: Outlet, count: int) -> Positions:
    """Positions of `count` messages from the start of the input."""
    return Positions.of([(outlet.input, 0, offset, 1) for offset in range(count)])


def test_messages_and_positions_become_visible_together(outlet: Outlet) -> None:
    sink = outlet.open()
    sink.commit([message("a"), message("b")], after(outlet, 2))
    assert outlet.visible(Channel.TAGGED) == seen("a", "b")
    assert outlet.position() == {(outlet.input, 0): 2}
    sink.close()


def test_each_channel_has_a_place_of_its_own(outlet: Outlet) -> None:
    sink = outlet.open()
    sink.commit([message(channel.value, channel) for channel in Channel], after(outlet, 3))
    sink.close()
    for channel in Channel:
        assert outlet.visible(channel) == seen(channel.value)


def test_a_dead_letter_without_a_key_is_written(outlet: Outlet) -> None:
    sink = outlet.open()
    sink.commit([message("poison", Channel.DEAD_LETTER, key=b"")], after(outlet, 1))
    sink.close()
    assert outlet.visible(Channel.DEAD_LETTER) == seen("poison")


def test_positions_without_messages_are_committed(outlet: Outlet) -> None:
    sink = outlet.open()
    sink.commit([], after(outlet, 5))
    sink.close()
    assert outlet.position() == {(outlet.input, 0): 5}


def test_an_empty_commit_changes_nothing(outlet: Outlet) -> None:
    sink = outlet.open()
    sink.commit([], after(outlet, 0))
    sink.close()
    assert outlet.position() == {}
    assert outlet.visible(Channel.TAGGED) == []


def test_many_commits_keep_their_order(outlet: Outlet) -> None:
    sink = outlet.open()
    texts = [f"text {i}" for i in range(30)]
    for i in range(0, 30, 3):
        sink.commit([message(text) for text in texts[i : i + 3]], after(outlet, i + 3))
    sink.close()
    assert outlet.visible(Channel.TAGGED) == seen(*texts)
    assert outlet.position() == {(outlet.input, 0): 30}


def test_a_new_sink_goes_on_where_the_last_one_ended(outlet: Outlet) -> None:
    for i, text in enumerate(("a", "b", "c")):
        sink = outlet.open()
        sink.commit([message(text)], after(outlet, i + 1))
        sink.close()
    assert outlet.visible(Channel.TAGGED) == seen("a", "b", "c")
    assert outlet.position() == {(outlet.input, 0): 3}


def test_a_commit_that_fails_shows_nothing_and_moves_nothing(outlet: Outlet) -> None:
    sink = outlet.open()
    with pytest.raises((Fatal, AttributeError)):
        sink.commit([message("a"), None], after(outlet, 2))  # type: ignore[list-item]  # our own mistake, half-way
    sink.close()
    assert outlet.visible(Channel.TAGGED) == []
    assert outlet.position() == {}


def test_closing_before_anything_was_written_does_no_harm(outlet: Outlet) -> None:
    sink = outlet.open()
    sink.close()
    assert outlet.visible(Channel.TAGGED) == []


def test_the_suite_covers_every_sink() -> None:
    assert len(SINKS) >= 2
