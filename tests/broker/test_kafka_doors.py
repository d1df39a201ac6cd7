"""The Kafka source and sink against a real Kafka: what no double can prove."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException, Producer

from streamer.data.batch import NO_TIME, Positions, RawBatch
from streamer.data.message import Channel, Message
from streamer.errors import Fatal, MustAbort
from streamer.sinks.kafka import Destination, KafkaSink
from streamer.sources.kafka import CHUNK, KafkaSource, Subscription
from streamer.telemetry import SystemClock
from tests.broker.client import committed, contents, produce, values
from tests.flow.trivial import SCHEMA, message
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import KafkaServer, eventually

pytestmark = pytest.mark.kafka

CLOCK = SystemClock()


class Bench:
    """One input topic, one output topic, and the doors between them, closed at the end."""

    def __init__(self, kafka: Kafka, names: Names, partitions: int = 2) -> None:
        self.kafka, self.servers, self.names = kafka, kafka.bootstrap, names
        self.input, self.tagged, self.dead, self.group = names("alerts"), names("tagged"), names("dead"), names("group")
        kafka.create_topic(self.input, partitions)
        kafka.create_topic(self.tagged)
        kafka.create_topic(self.dead)
        self.opened: list[KafkaSource | KafkaSink] = []

    def source(self, *topics: str, instance: str | None = None, **client: str | int) -> KafkaSource:
        subscription = Subscription(
            self.servers, topics or (self.input,), self.group, instance, {name.replace("_", "."): v for name, v in client.items()}
        )
        self.opened.append(made := KafkaSource(subscription, CLOCK))
        return made

    def sink(self, source: KafkaSource, slot: str = "0", patience: float = 30.0, largest: int = 1_000_000) -> KafkaSink:
        destination = Destination(self.servers, self.tagged, self.dead, largest=largest)
        made = KafkaSink(destination, f"{self.group}-{slot}", CLOCK, source.group_metadata, patience)
        self.opened.insert(0, made)
        return made

    def feed(self, *payloads: bytes) -> None:
        produce(self.servers, self.input, payloads)

    def results(self) -> list[bytes]:
        return sorted(values(self.servers, self.tagged) + values(self.servers, self.dead))

    def committed(self) -> int:
        return sum(committed(self.servers, self.group, self.input).values())

    def close(self) -> None:
        for door in self.opened:
            door.close()


@pytest.fixture
def bench(kafka: Kafka, names: Names) -> Iterator[Bench]:
    made = Bench(kafka, names)
    yield made
    made.close()


@pytest.fixture
def mortal_bench(mortal_kafka: KafkaServer, names: Names) -> Iterator[Bench]:
    made = Bench(mortal_kafka, names)
    yield made
    made.close()


def numbers(start: int, stop: int) -> list[bytes]:
    return [b"%d" % i for i in range(start, stop)]


def next_batch(source: KafkaSource, limit: int = 100, seconds: float = 30.0) -> RawBatch:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if len(batch := source.read(limit, 0.1)):
            return batch
    raise AssertionError("no message came")


def work(source: KafkaSource, sink: KafkaSink, count: int, limit: int = 100) -> int:
    """Commit batches until `count` messages are through; how many commits were aborted on the way."""
    aborts = done = 0
    while done < count:
        batch = next_batch(source, limit)
        try:
            sink.commit([message(payload) for payload in batch.payloads], batch.positions)
            done += len(batch)
        except MustAbort:
            aborts += 1
            source.rewind()
    return aborts


def test_messages_dead_letters_and_positions_go_through_exactly_once(bench: Bench) -> None:
    bench.feed(*numbers(0, 500), b"poison")
    source = bench.source()
    work(source, bench.sink(source), 501, limit=64)
    assert bench.results() == sorted([*numbers(0, 500), b"poison"])
    assert values(bench.servers, bench.dead) == [b"poison"]
    assert bench.committed() == 501


def test_key_headers_and_topic_by_survey_arrive(bench: Bench) -> None:
    prefix, name = bench.tagged.split("-")
    destination = Destination(bench.servers, "{survey}-" + name, bench.dead)
    bench.kafka.create_topic(f"ztf-{name}")
    bench.opened.insert(0, sink := KafkaSink(destination, bench.group, CLOCK))
    sink.commit([Message(Channel.TAGGED, "ztf", b"ZTF:a", (b"value",), SCHEMA, (("one", b"1"), ("two", b"2")))], Positions.of([]))
    [found] = contents(bench.servers, f"ztf-{name}")
    assert (found.key(), found.value(), found.headers()) == (b"ZTF:a", b"value", [("one", b"1"), ("two", b"2")])
    assert prefix == "tagged"


def test_a_private_alert_without_a_private_topic_stops_the_worker_before_it_leaks(bench: Bench) -> None:
    sink = bench.sink(bench.source())
    with pytest.raises(Fatal, match="private topic"):
        sink.commit([Message(Channel.PRIVATE, "ztf", b"k", (b"secret",), SCHEMA)], Positions.of([]))
    sink.close()
    bench.opened.remove(sink)
    assert bench.results() == []


def test_the_surveys_stamp_is_taken_from_the_header_and_else_from_kafka(bench: Bench) -> None:
    produce(bench.servers, bench.input, [b"stamped"], {"producer_timestamp": b"1700000000123"})
    produce(bench.servers, bench.input, [b"garbled"], {"producer_timestamp": b"9" * 400})
    produce(bench.servers, bench.input, [b"plain"], {"something": b"else"})
    source = bench.source()
    stamps: dict[bytes, int] = {}
    while len(stamps) < 3:
        batch = next_batch(source)
        stamps |= dict(zip(batch.payloads, batch.produced.tolist(), strict=True))
    assert stamps[b"stamped"] == 1_700_000_000_123
    for payload in (b"garbled", b"plain"):
        assert stamps[payload] != NO_TIME
        assert abs(stamps[payload] - CLOCK.now_ms()) < 60_000


def test_what_a_dead_transaction_wrote_is_invisible_and_its_successor_ends_it_at_once(bench: Bench) -> None:
    bench.feed(b"1")
    producer = Producer({"bootstrap.servers": bench.servers, "transactional.id": f"{bench.group}-0"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(bench.tagged, b"half done")
    producer.flush(10)
    source = bench.source()
    began = time.monotonic()
    work(source, bench.sink(source), 1)
    assert values(bench.servers, bench.tagged) == [b"1"]
    assert time.monotonic() - began < 12, "a successor with the same id does not wait for the time-out"
    assert b"half done" in values(bench.servers, bench.tagged, "read_uncommitted")
    with pytest.raises(KafkaException, match="fenced"):
        producer.commit_transaction(10)


def test_messages_that_their_producer_took_back_are_not_read(bench: Bench) -> None:
    producer = Producer({"bootstrap.servers": bench.servers, "transactional.id": bench.names("survey")})
    producer.init_transactions(30)
    for payload, keep in ((b"1", True), (b"taken back", False), (b"2", True)):
        producer.begin_transaction()
        producer.produce(bench.input, payload, partition=0)
        producer.flush(10)
        (producer.commit_transaction if keep else producer.abort_transaction)(30)
    producer.close()
    source = bench.source()
    work(source, bench.sink(source), 2)
    assert bench.results() == [b"1", b"2"]


def test_an_aborted_commit_is_read_again(bench: Bench) -> None:
    """The group changes between read and commit: the old member's positions are refused, and nothing is doubled."""
    bench.feed(*numbers(0, 50))
    source = bench.source(instance="one")
    sink = bench.sink(source)
    batch = next_batch(source, 10)
    stale = source.group_metadata()
    source.close()
    bench.opened.remove(source)
    fresh = bench.source(instance="one")
    first = next_batch(fresh, 10)
    zombie = KafkaSink(Destination(bench.servers, bench.tagged, bench.dead), bench.names("zombie"), CLOCK, lambda: stale)
    with pytest.raises((MustAbort, Fatal)):
        zombie.commit([message(payload) for payload in batch.payloads], batch.positions)
    zombie.close()
    assert bench.results() == []
    fresh.rewind()
    sink = bench.sink(fresh)
    work(fresh, sink, 50)
    assert bench.results() == sorted(numbers(0, 50))
    assert len(first)


def test_a_second_member_takes_partitions_over_without_loss_or_doubles(bench: Bench) -> None:
    bench.feed(*numbers(0, 400))
    one = bench.source(instance="one")
    sink_one = bench.sink(one, "one")
    work(one, sink_one, 60, limit=20)
    two = bench.source(instance="two")
    sink_two = bench.sink(two, "two")
    bench.feed(*numbers(400, 800))
    shares = [0, 0]
    deadline = time.monotonic() + 60
    while bench.committed() < 800:
        assert time.monotonic() < deadline
        for i, (source, sink) in enumerate(((one, sink_one), (two, sink_two))):
            if not len(batch := source.read(20, 0.05)):
                continue
            try:
                sink.commit([message(payload) for payload in batch.payloads], batch.positions)
                shares[i] += len(batch)
            except MustAbort:
                source.rewind()
    assert bench.results() == sorted(numbers(0, 800))
    eventually(20, lambda: [len(s.read(1, 0.1)) + len(s.lag()) for s in (one, two)] == [1, 1], "one partition each")


def test_daily_topics_are_picked_up_by_pattern_while_running(bench: Bench) -> None:
    token = bench.names("x")[2:]
    monday, tuesday = (f"ztf_{night}_programid1_{token}" for night in ("20260105", "20260106"))
    bench.kafka.create_topic(monday)
    produce(bench.servers, monday, [b"1"])
    pattern = rf"^ztf_\d{{8}}_programid1_{token}$"
    source = bench.source(pattern, topic_metadata_refresh_interval_ms=1000)
    sink = bench.sink(source)
    work(source, sink, 1)
    produce_first = [b"2", b"3"]  # before the worker knows of the topic: none of them may be lost
    bench.kafka.create_topic(tuesday)
    bench.kafka.create_topic(f"ztf_20260106_programid3_{token}")
    produce(bench.servers, tuesday, produce_first)
    produce(bench.servers, f"ztf_20260106_programid3_{token}", [b"4"])
    work(source, sink, 2)
    assert bench.results() == [b"1", b"2", b"3"]
    assert not len(source.read(10, 1.0))


def test_a_topic_that_does_not_exist_yet_is_waited_for_and_complained_about_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    topic = bench.names("later")
    source = bench.source(topic, topic_metadata_refresh_interval_ms=500)
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            assert not len(source.read(10, 0.1))
    assert len([record for record in caplog.records if record.name == "streamer.sources.kafka"]) <= 1
    bench.kafka.create_topic(topic)
    produce(bench.servers, topic, [b"1"])
    assert next_batch(source).payloads == [b"1"]


def test_a_worker_that_starts_again_under_its_name_takes_over_at_once(bench: Bench) -> None:
    bench.feed(*numbers(0, 20))
    first = bench.source(instance="slot-0")
    work(first, bench.sink(first), 10, limit=10)
    began = time.monotonic()
    second = bench.source(instance="slot-0")  # the first was never closed, as after kill −9
    work(second, bench.sink(second), 20 - bench.committed())
    assert time.monotonic() - began < 8, "a session time-out would take 10 s"
    assert bench.results() == sorted(numbers(0, 20))
    with pytest.raises(Fatal):
        eventually(20, lambda: first.read(10, 0.2) is None, "the fenced member to end")


def test_a_fenced_sink_is_fatal_and_writes_nothing(bench: Bench) -> None:
    bench.feed(b"1")
    source = bench.source()
    old = bench.sink(source)
    batch = next_batch(source)
    new = bench.sink(source)
    with pytest.raises((Fatal, MustAbort)):
        old.commit([message(b"1")], batch.positions)
    assert bench.results() == []
    new.commit([message(b"1")], batch.positions)
    assert bench.results() == [b"1"]


def test_a_message_above_the_limit_is_one_clear_error(bench: Bench) -> None:
    sink = bench.sink(bench.source(), largest=5_000)
    with pytest.raises(Fatal, match="larger than 5000 bytes"):
        sink.commit([Message(Channel.TAGGED, "ztf", b"k", (b"x" * 10_000,), SCHEMA)], Positions.of([]))


def test_a_message_that_the_broker_refuses_is_the_same_clear_error(bench: Bench) -> None:
    narrow = bench.names("narrow")
    bench.kafka.create_topic(narrow, 1, {"max.message.bytes": "2000"})
    bench.opened.insert(0, sink := KafkaSink(Destination(bench.servers, narrow, bench.dead), bench.group, CLOCK))
    noise = bytes(hash((i, "x")) % 256 for i in range(50_000))  # does not compress
    with pytest.raises(Fatal, match="is larger than"):
        sink.commit([Message(Channel.TAGGED, "ztf", b"k", (noise,), SCHEMA)], Positions.of([]))


def test_a_message_larger_than_a_fetch_is_read(bench: Bench) -> None:
    wide = bench.names("wide")
    bench.kafka.create_topic(wide, 1, {"max.message.bytes": "90000000"})
    produce(bench.servers, wide, [b"x" * 60_000_000, b"small"])
    source = bench.source(wide)
    sizes: list[int] = []
    while len(sizes) < 2:
        sizes += [len(payload) for payload in next_batch(source, 10, 60).payloads]
    assert sizes == [60_000_000, 5]


def test_a_batch_is_full_when_it_has_many_bytes(bench: Bench) -> None:
    count, size, most = 500, 10_000, 1_000_000
    bench.feed(*(bytes([number % 256]) * size for number in range(count)))
    source = KafkaSource(Subscription(bench.servers, (bench.input,), bench.group), CLOCK, most)
    bench.opened.append(source)
    sizes: list[int] = []
    while sum(sizes) < count * size:
        sizes.append(sum(len(payload) for payload in source.read(count, 2.0).payloads))
    assert max(sizes) <= most + CHUNK * size
    assert sum(sizes) == count * size


def test_lag_is_known_before_anything_was_read_and_falls_to_nothing(bench: Bench) -> None:
    source = bench.source()
    eventually(20, lambda: source.read(10, 0.1) is not None and len(source.lag()) == 2, "lag of the empty partitions")
    assert sum(source.lag().values()) == 0
    bench.feed(*numbers(0, 30))
    work(source, bench.sink(source), 30, limit=10)
    assert sum(source.lag().values()) == 0


def test_an_unreachable_broker_is_one_clear_error_before_anything_is_consumed() -> None:
    with pytest.raises(Fatal, match="init_transactions"):
        KafkaSink(Destination("127.0.0.1:9", "t", "d"), "id", CLOCK, patience=0.5)


def test_secrets_are_not_shown() -> None:
    secrets = {"sasl.password": "opensesame"}
    assert "opensesame" not in repr(Subscription("s", ("t",), "g", client=secrets))
    assert "opensesame" not in repr(Destination("s", "t", "d", client=secrets))


def test_the_new_group_protocol_works_too(bench: Bench) -> None:
    bench.feed(*numbers(0, 100))
    source = bench.source(group_protocol="consumer")
    work(source, bench.sink(source), 100, limit=30)
    assert bench.results() == sorted(numbers(0, 100))


def test_a_broker_that_crashes_and_comes_back_costs_nothing_but_time(mortal_bench: Bench, mortal_kafka: KafkaServer) -> None:
    bench = mortal_bench
    bench.feed(*numbers(0, 200))
    source = bench.source(instance="one")
    sink = bench.sink(source, patience=60.0)
    work(source, sink, 40, limit=20)
    batch = next_batch(source, 20)
    mortal_kafka.restart()
    try:
        sink.commit([message(payload) for payload in batch.payloads], batch.positions)
    except MustAbort:
        source.rewind()
    except Fatal:  # the process would end here, and be started again
        bench.close()
        bench.opened.clear()
        source = bench.source(instance="one")
        sink = bench.sink(source, patience=60.0)
    bench.feed(*numbers(200, 300))
    work(source, sink, 300 - bench.committed())
    assert bench.results() == sorted(numbers(0, 300))
