"""Reading tagged alerts from a real Kafka, as several people do at once."""

from __future__ import annotations

import json
import threading

import pytest

from streamer.client import Subscription, subscribe
from tests.broker.client import produce
from tests.kafka_fixtures import Kafka, Names

pytestmark = pytest.mark.kafka
COUNT = 20


def numbered(kafka: Kafka, topic: str) -> None:
    """A topic of two partitions with `COUNT` records."""
    kafka.create_topic(topic, 2)
    produce(kafka.bootstrap, topic, (json.dumps({"number": number}).encode() for number in range(COUNT)))


def test_subscribers_without_a_group_each_see_everything(kafka: Kafka, names: Names) -> None:
    topic = names("tagged")
    numbered(kafka, topic)
    one = subscribe(Subscription(kafka.bootstrap, topic), COUNT)
    seen_by_one = [next(one)["number"]]  # and stays while the other reads
    seen_by_other: list[int] = []

    def read() -> None:
        seen_by_other.extend(record["number"] for record in subscribe(Subscription(kafka.bootstrap, topic), COUNT))

    other = threading.Thread(target=read, daemon=True)
    other.start()
    other.join(timeout=30)
    assert not other.is_alive()
    seen_by_one += [record["number"] for record in one]
    assert sorted(seen_by_one) == sorted(seen_by_other) == list(range(COUNT))


def test_the_place_of_a_group_is_kept(kafka: Kafka, names: Names) -> None:
    topic = names("tagged")
    numbered(kafka, topic)
    subscription = Subscription(kafka.bootstrap, topic, names("group"))
    found = [record["number"] for _ in range(2) for record in subscribe(subscription, COUNT // 2)]
    assert sorted(found) == list(range(COUNT))
