"""Registry frames in and out of the real service, with a registry that goes away while it runs."""

from __future__ import annotations

import io
import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streamer.sources.simulator import simulate
from streamer.stores.bundled import bundled_schema
from streamer.wiring import TAGGED_SUBJECT
from tests.broker.client import produce, values
from tests.broker.registry import Registry
from tests.broker.service import Service, streamer
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import eventually
from tests.packets import registry_frame

pytestmark = pytest.mark.kafka

COUNT = 100
SURVEY_SUBJECT = "alert-packet"
STRANGE_ID = 99_999


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.close()


def read(registry: Registry, payload: bytes) -> dict[str, object]:
    """A message as any client of the registry reads it."""
    assert payload[:1] == b"\x00"
    schema = fastavro.parse_schema(json.loads(registry.schemas[int.from_bytes(payload[1:5], "big")]))
    record = fastavro.schemaless_reader(io.BytesIO(payload[5:]), schema, None)
    assert isinstance(record, dict)
    return record


def test_registry_frames_in_and_out_and_an_outage_stops_nothing(
    kafka: Kafka, names: Names, tmp_path: Path, registry: Registry
) -> None:
    survey_id = registry.register(SURVEY_SUBJECT, bundled_schema("lsst", "1.0").text)
    bodies = [alert.payload[5:] for alert in simulate("lsst", 2 * COUNT, 5)]
    packets = [registry_frame(survey_id, body) for body in bodies]
    service = Service(
        kafka,
        names,
        tmp_path,
        {
            "source": {"schemas": [registry.url], "schema_cache": str(tmp_path / "cache")},
            "sink": {"framing": "registry", "registry": registry.url},
        },
        surveys=("lsst",),
    )
    topic, tagged = service.inputs["lsst"], service.tagged["lsst"]
    assert streamer("check", str(service.config)).returncode == 0

    produce(kafka.bootstrap, topic, [*packets[:COUNT], registry_frame(STRANGE_ID, b"?")])
    with service.running() as process:
        eventually(240, lambda: service.sum_of("streamer_messages_total") == COUNT + 1, "the first packets")
        assert registry.asked.count(f"/schemas/ids/{survey_id}") == 1, "one question for a schema, however many packets"
        registry.close()
        produce(kafka.bootstrap, topic, [*packets[COUNT:], registry_frame(STRANGE_ID + 1, b"?")])
        eventually(240, lambda: service.sum_of("streamer_messages_total") == 2 * COUNT + 2, "the packets of the outage")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, service.log()

    tags = [read(registry, payload) for payload in values(kafka.bootstrap, tagged)]
    letters: list[Any] = [next(iter(fastavro.reader(io.BytesIO(payload)))) for payload in values(kafka.bootstrap, service.dead)]
    assert len({tag["tag_id"] for tag in tags}) == len(tags) == 2 * COUNT
    assert Counter(letter["reason"] for letter in letters) == {"UNKNOWN_SCHEMA": 1, "SCHEMA_UNAVAILABLE": 1}
    assert all(subject.startswith((TAGGED_SUBJECT, SURVEY_SUBJECT)) for subject in registry.subjects)

    said = streamer("subscribe", tagged, "--servers", kafka.bootstrap, "--limit", str(2 * COUNT), "--json")
    assert {json.loads(line)["tag_id"] for line in said.stdout.splitlines()} == {tag["tag_id"] for tag in tags}


def test_a_registry_that_is_down_at_the_start_of_the_service_loses_nothing(
    kafka: Kafka, names: Names, tmp_path: Path, registry: Registry
) -> None:
    gone = Registry()
    gone.close()
    service = Service(kafka, names, tmp_path, {"sink": {"framing": "registry", "registry": gone.url}}, surveys=("lsst",))
    produce(kafka.bootstrap, service.inputs["lsst"], [alert.payload for alert in simulate("lsst", COUNT, 5)])
    said = streamer("check", str(service.config))
    assert said.returncode == 1
    assert said.stderr.startswith("streamer: sink.registry: ")
    with service.running() as process:
        assert process.wait(60) == 1
    assert "schema registry" in service.log().splitlines()[-1]

    back = service.configured("back", {"sink": {"framing": "registry", "registry": registry.url}})
    process = service.start(back)
    try:
        eventually(240, lambda: service.sum_of("streamer_messages_total") == COUNT, "all packets")
    finally:
        process.kill()
        process.wait()
    assert len(values(kafka.bootstrap, service.tagged["lsst"])) == COUNT
