"""Pulsar candidates through a real Kafka: the worker, the doors and the metrics know nothing special about them."""

from collections import Counter
from pathlib import Path

import pytest

from streamer.sources.simulator import simulate
from tests.broker.client import produce
from tests.broker.service import Service
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import eventually

pytestmark = pytest.mark.kafka
COUNT = 600


def test_every_candidate_becomes_a_tag_or_a_dead_letter(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    alerts = list(simulate("pulsar", COUNT, 8, broken=0.05))
    service = Service(kafka, names, tmp_path, surveys=("pulsar",))
    produce(service.servers, service.inputs["pulsar"], [alert.payload for alert in alerts])
    with service.running():
        eventually(240, lambda: service.sum_of("streamer_messages_total") == COUNT, "all candidates")
        assert service.sum_of("streamer_ledger_imbalance") == 0
        assert 'survey="pulsar"' in service.answer("/metrics")
    tags, dead = service.tags(), service.dead_letters()
    assert Counter(tag["alert_id"] for tag in tags) == Counter(alert.alert_id for alert in alerts if not alert.broken)
    assert len(tags) + len(dead) == COUNT
    assert {tag["model"]["name"] for tag in tags} == {"pulsar-candidate-8"}
    assert {tag["state"] for tag in tags} == {"CLASSIFIED"}


def test_two_workers_share_the_candidates_and_say_what_else_they_know(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    alerts = list(simulate("pulsar", COUNT, 9))
    service = Service(kafka, names, tmp_path, settings={"worker": {"workers": 2}}, surveys=("pulsar",), partitions=2)
    produce(service.servers, service.inputs["pulsar"], [alert.payload for alert in alerts])
    with service.running():
        eventually(240, lambda: service.sum_of("streamer_messages_total") == COUNT, "all candidates")
        assert service.sum_of("streamer_ledger_imbalance") == 0
    tags = {tag["alert_id"]: {score["name"]: score for score in tag["scores"]} for tag in service.tags()}
    assert tags.keys() == {alert.alert_id for alert in alerts}
    assert all("millisecond_pulsar" in scores for scores in tags.values())
    epochs = Counter(scores["binary_probability"]["epochs"] for scores in tags.values() if "binary_probability" in scores)
    assert min(epochs) == 2
    assert len(epochs) > 1
