"""Fixtures around a real Kafka, for every folder that needs one (tests/conftest.py shows them to pytest)."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.kafka_server import ExternalKafka, KafkaServer, NoKafka

Names = Callable[[str], str]
Kafka = KafkaServer | ExternalKafka


def started(server: KafkaServer) -> KafkaServer:
    """The running server; without one CI fails and a user's clone skips, with the reason."""
    try:
        server.start()
    except NoKafka as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run the broker tests, but {reason}")
        pytest.skip(f"no Kafka for this test: {reason}")
    return server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that lives as long as the test session and must not be harmed."""
    if named := os.environ.get("STREAMER_TEST_KAFKA"):
        yield ExternalKafka(named)
        return
    server = started(KafkaServer(tmp_path_factory.mktemp("kafka")))
    yield server
    server.stop()


@pytest.fixture
def mortal_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker of one's own, to kill."""
    server = started(KafkaServer(tmp_path_factory.mktemp("mortal-kafka"), mortal=True))
    yield server
    server.stop()


@pytest.fixture
def names() -> Names:
    """Makes names that no other test uses, for topics, groups and transactional ids."""
    token = uuid.uuid4().hex[:8]
    return lambda name: f"{name}-{token}"
