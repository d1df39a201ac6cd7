"""The plainest Kafka client: what the tests feed topics with and what they see in them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage


def produce(bootstrap: str, topic: str, values: Iterable[bytes], headers: Mapping[str, bytes] | None = None) -> None:
    """Append messages, and return when the broker has them."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 1, "message.max.bytes": 100_000_000})
    for value in values:
        producer.produce(topic, value, headers=list((headers or {}).items()))
    assert producer.flush(30) == 0
    producer.close()


def contents(bootstrap: str, topic: str, isolation: str = "read_committed", settled: bool = False) -> list[KafkaMessage]:
    """All messages of a topic, partition by partition, up to where it ends now.

    A committed transaction shows only when the broker has marked its end in each partition, a moment after the commit returned;
    `settled` waits for that, whatever is open.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "onlooker",
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        ends = {number: _end(bootstrap, topic, number) if settled else 0 for number in partitions}
        found: list[KafkaMessage] = []
        open_ends = set(partitions)
        deadline = time.monotonic() + 60
        while open_ends:
            assert time.monotonic() < deadline, f"no end of {topic}"
            for message in consumer.consume(500, 0.1):
                error, number = message.error(), message.partition() or 0
                if error is None:
                    found.append(message)
                elif error.code() != KafkaError._PARTITION_EOF:  # librdkafka's codes are named so
                    raise KafkaException(error)
                elif (message.offset() or 0) >= ends[number]:
                    open_ends.discard(number)
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
    finally:
        consumer.close()


def _end(bootstrap: str, topic: str, partition: int) -> int:
    """The offset after the last record, whether it is committed or not."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "onlooker", "isolation.level": "read_uncommitted"})
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1])
    finally:
        consumer.close()


def values(bootstrap: str, topic: str, isolation: str = "read_committed", settled: bool = False) -> list[bytes]:
    """The values of all messages of a topic."""
    return [message.value() or b"" for message in contents(bootstrap, topic, isolation, settled)]


def committed(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """The positions that a group committed in a topic, by partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "isolation.level": "read_committed"})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        places = [TopicPartition(topic, number) for number in partitions]
        deadline = time.monotonic() + 30
        while True:
            try:
                return {place.partition: place.offset for place in consumer.committed(places, timeout=10) if place.offset >= 0}
            except KafkaException as error:  # a coordinator that is just being made
                if error.args[0].code() != KafkaError.NOT_COORDINATOR or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
    finally:
        consumer.close()
