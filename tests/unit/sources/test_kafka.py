"""What the Kafka source decides without a broker."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streamer.errors import InvalidConfig
from streamer.sources.beginnings import Beginnings
from streamer.sources.kafka import KafkaSource, Subscription, check_topics
from streamer.testing import HandClock

PLACES = [TopicPartition("t", number) for number in range(3)]


class Coordinator:
    """Answers with ten times the number of the partition, or not at all."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.answers = True

    def __call__(self, places: list[TopicPartition]) -> list[TopicPartition]:
        self.asked.append([place.partition for place in places])
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # librdkafka's codes are named so
        return [TopicPartition(place.topic, place.partition, 10 * place.partition) for place in places]


def test_where_reading_begins_is_asked_once_for_all_partitions() -> None:
    coordinator = Coordinator()
    begins = Beginnings(coordinator, HandClock())
    assert begins.of(PLACES[:2]) == {("t", 0): 0, ("t", 1): 10}
    assert begins.of(PLACES)["t", 2] == 20
    begins.of(PLACES)
    assert coordinator.asked == [[0, 1], [2]]
    begins.forget()
    begins.of(PLACES)
    assert coordinator.asked[2:] == [[0, 1, 2]]


def test_in_an_outage_the_question_is_not_asked_again_at_once() -> None:
    coordinator, clock = Coordinator(), HandClock()
    begins = Beginnings(coordinator, clock)
    coordinator.answers = False
    for _ in range(5):
        assert begins.of(PLACES) == {}
        clock.advance(1.0)
    assert len(coordinator.asked) == 1
    coordinator.answers = True
    clock.advance(60.0)
    assert len(begins.of(PLACES)) == 3


@pytest.mark.parametrize("pattern", ["^(ztf_([0-9)$", "^((?:a|b))$", "^(x(?!y))$"])
def test_a_pattern_that_kafka_cannot_read_is_one_clear_line(pattern: str) -> None:
    for attempt in (
        lambda: check_topics((pattern,)),
        lambda: KafkaSource(Subscription("127.0.0.1:1", (pattern,), "g"), HandClock()),
    ):
        with pytest.raises(InvalidConfig) as caught:
            attempt()
        assert pattern in str(caught.value)
        assert "\n" not in str(caught.value)


def test_patterns_that_kafka_can_read_are_taken() -> None:
    check_topics((r"^(ztf_\d{8}_programid1)$", "^([[:digit:]]+)$", "name"))
