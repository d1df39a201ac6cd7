"""The real packets give the same answers from files and through a real Kafka, and go out whole as they came in."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streamer.data.schema import WriterSchema
from streamer.messages import TAG_FIELD
from streamer.stores.bundled import bundled_schema
from streamer.stores.schemas import FolderSchemas
from streamer.tagged import VERSION
from tests.broker.client import contents, produce
from tests.broker.service import Service, Settings, streamer
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import eventually
from tests.packets import datum

pytestmark = [pytest.mark.real_data, pytest.mark.kafka]

LARGEST = 10_000_000
FROM_THE_WAY = ("input", "produced", "ingested", "published")
"""Fields of a tag that say by which way and when it came."""

Row = tuple[Path, int]
"""A file and a record in it."""


@pytest.fixture(scope="module")
def files(real_data: Path) -> dict[str, list[Path]]:
    return {survey: sorted((real_data / f"{survey}_alerts").rglob("*.avro")) for survey in ("ztf", "lsst")}


@pytest.fixture(scope="module")
def replayed(real_data: Path, files: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> dict[Row, bytes]:
    """What `streamer replay` says of each record."""
    out = tmp_path_factory.mktemp("replayed")
    paths = [str(real_data / f"{survey}_alerts") for survey in files]
    said = streamer("replay", *paths, "--schemas", str(real_data / "lsst_alerts" / "schemas"), "--out", str(out), "--json")
    assert said.returncode == 0, said.stderr
    tags = [tag for file in sorted(out.glob("tagged-*.avro")) for tag in _records(file.read_bytes())]
    return {(Path(tag["input"]["source"]), tag["input"]["record"]): _answer(tag) for tag in tags}


def _records(payload: bytes) -> list[dict[str, Any]]:
    return list(fastavro.reader(io.BytesIO(payload)))  # type: ignore[arg-type]  # records are mappings


def _answer(tag: Mapping[str, Any]) -> bytes:
    """The tag without the fields of its way, as bytes: NaN is equal to itself, and no bit of a probability may differ."""
    same = {
        "input": {"source": "", "partition": None, "offset": None, "record": 0},
        "produced": None,
        "ingested": 0,
        "published": 0,
    }
    assert set(same) == set(FROM_THE_WAY)
    return datum(bundled_schema("tagged", VERSION).tree, {**tag, **same})


def through_kafka(service: Service, files: Mapping[str, Iterable[Path]]) -> None:
    """Send the packets of the files in their order, and let the service tag them all."""
    sent = 0
    for survey, those in files.items():
        payloads = [file.read_bytes() for file in those]
        produce(service.servers, service.inputs[survey], payloads)
        sent += len(payloads)
    with service.running() as process:
        eventually(90, lambda: service.sum_of("streamer_messages_total") >= sent, "all packets tagged")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, service.log()


def tagging(shape: str, real_data: Path) -> Settings:
    """The settings for a shape."""
    schemas = str(real_data / "lsst_alerts" / "schemas")
    return {"source": {"schemas": [schemas]}, "sink": {"shape": shape, "framing": "container"}}


def rows(service: Service, files: Mapping[str, list[Path]], tags: Iterable[Mapping[str, Any]]) -> dict[Row, bytes]:
    """The answers by file and record: a packet's offset is its file's number."""
    survey_of = {topic: survey for survey, topic in service.inputs.items()}
    places = [(survey_of[tag["input"]["source"]], tag["input"], tag) for tag in tags]
    return {(files[survey][place["offset"]], place["record"]): _answer(tag) for survey, place, tag in places}


def test_files_and_kafka_give_the_same_answers_bit_for_bit(
    kafka: Kafka, names: Names, tmp_path: Path, real_data: Path, files: dict[str, list[Path]], replayed: dict[Row, bytes]
) -> None:
    service = Service(kafka, names, tmp_path, tagging("tag", real_data), partitions=1, largest=LARGEST)
    through_kafka(service, files)
    tags = [
        tag
        for topic in service.tagged.values()
        for each in contents(kafka.bootstrap, topic)
        for tag in _records(each.value() or b"")
    ]
    found = rows(service, files, tags)
    assert contents(kafka.bootstrap, service.dead) == []
    assert len(found) == len(tags)
    assert found == replayed
    print(f"{len(found)} real alerts: the same from files and through Kafka")


def test_whole_packets_go_through_kafka_untouched_and_the_original_schema_reads_them(
    kafka: Kafka, names: Names, tmp_path: Path, real_data: Path, files: dict[str, list[Path]], replayed: dict[Row, bytes]
) -> None:
    service = Service(kafka, names, tmp_path, tagging("full", real_data), partitions=1, largest=LARGEST)
    through_kafka(service, files)
    store = FolderSchemas(real_data / "lsst_alerts" / "schemas")
    originals = {file: _original(file.read_bytes(), store) for those in files.values() for file in those}
    tags = []
    for topic in service.tagged.values():
        for message in contents(kafka.bootstrap, topic):
            [whole] = _records(message.value() or b"")
            tags.append(tag := whole[TAG_FIELD])
            file = files[tag["survey"]][tag["input"]["offset"]]
            schema, packets = originals[file]
            [read] = fastavro.reader(io.BytesIO(message.value() or b""), reader_schema=schema.tree)
            assert repr(read) == repr(packets[tag["input"]["record"]]), file
    assert contents(kafka.bootstrap, service.dead) == []
    assert rows(service, files, tags) == replayed
    print(f"{len(tags)} real packets: whole, with the same tag, and read with the survey's own schema")


def _original(payload: bytes, store: FolderSchemas) -> tuple[WriterSchema, list[Any]]:
    """A packet's schema and records, read with fastavro alone."""
    if payload.startswith(b"\x00"):
        schema = store.by_id(int.from_bytes(payload[1:5], "big"))
        return schema, [fastavro.schemaless_reader(io.BytesIO(payload[5:]), fastavro.parse_schema(schema.tree), None)]
    reader = fastavro.reader(io.BytesIO(payload))
    return WriterSchema.parse(reader.metadata["avro.schema"]), list(reader)
