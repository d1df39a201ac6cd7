"""The real service as an operator has it: a configuration file, a `streamer run` process, and topics around it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streamer.codec.encode import SINGLE_OBJECT_MAGIC
from streamer.config import Model
from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION
from tests.broker.client import values
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import free_ports

ROOT = Path(__file__).parents[2]
Settings = Mapping[str, Mapping[str, object]]
Kind = Literal["tagged", "dead_letter"]
Place = tuple[str, int, int, int]
"""Topic, partition, offset, and record within the message."""


def streamer(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A finished command."""
    command = [sys.executable, "-m", "streamer.cli", *arguments]
    everything = {**os.environ, **(environ or {})}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=everything)


def configuration(settings: Settings) -> str:
    """The settings as TOML (texts, numbers, switches and lists look the same there as in JSON)."""
    lines = []
    for section, entries in settings.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items())]
    return "\n".join(lines) + "\n"


class Service:
    """A configuration with topics, a group and a port of its own.

    Parameters
    ----------
    kafka : Kafka
    names : Names
    folder : Path
        For the configuration and the logs.
    settings : mapping
        Section → setting → value, over the defaults of the tests.
    surveys : tuple of str
        One input topic for each.
    partitions : int
        Of each input topic.
    """

    def __init__(
        self,
        kafka: Kafka,
        names: Names,
        folder: Path,
        settings: Settings | None = None,
        surveys: tuple[str, ...] = ("ztf", "lsst"),
        partitions: int = 2,
        largest: int = 1_000_000,
    ) -> None:
        self.servers, self.folder, self.group = kafka.bootstrap, folder, names("group")
        self.inputs = {survey: names(f"{survey}-packets") for survey in surveys}
        self.tagged = {survey: names(f"{survey}-tagged") for survey in surveys}
        self.dead = names("dead-letters")
        (self.port,) = free_ports(1)
        for topic in self.inputs.values():
            kafka.create_topic(topic, partitions, {"max.message.bytes": "10000000"})
        for topic in (*self.tagged.values(), self.dead):
            kafka.create_topic(topic, 2, {"max.message.bytes": str(largest)})
        defaults: Settings = {
            "source": {"kind": "kafka", "servers": self.servers, "topics": list(self.inputs.values()), "group": self.group},
            "sink": {
                "kind": "kafka",
                "servers": self.servers,
                "topic": names("{survey}-tagged"),
                "dead_letter_topic": self.dead,
                "framing": "single-object",
                "largest": largest,
            },
            "model": {"name": list(Model().name)},
            "telemetry": {"port": self.port},
            "worker": {"instance": names("instance")},
        }
        self.settings = {name: {**section, **(settings or {}).get(name, {})} for name, section in defaults.items()}
        self.config = self.configured("streamer", {})

    def configured(self, name: str, more: Settings) -> Path:
        """A configuration file of this service with other settings over its own."""
        path = self.folder / f"{name}.toml"
        path.write_text(configuration({section: {**own, **more.get(section, {})} for section, own in self.settings.items()}))
        return path

    def start(self, config: Path | None = None, environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start `streamer run`; what it logs is appended to a file beside the configuration."""
        config = config or self.config
        command = [sys.executable, "-m", "streamer.cli", "run", str(config)]
        with config.with_suffix(".log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **(environ or {})})

    @contextmanager
    def running(self, environ: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """A running service; ended in any case."""
        process = self.start(environ=environ)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        """What the services of this folder have logged."""
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("*.log")))

    def answer(self, path: str, port: int | None = None) -> str:
        """What the service says over HTTP; empty as long as it says nothing good."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            return ""

    def sum_of(self, metric: str, port: int | None = None) -> float:
        """The sum over all series of a metric, 0 while the service is silent."""
        lines = self.answer("/metrics", port).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{metric} ", f"{metric}{{")))

    def tags(self) -> list[dict[str, Any]]:
        """All tags that a subscriber sees under read_committed."""
        return list(
            records("tagged", (value for topic in self.tagged.values() for value in values(self.servers, topic, settled=True)))
        )

    def dead_letters(self) -> list[dict[str, Any]]:
        """All dead letters that a subscriber sees under read_committed."""
        return [record for value in values(self.servers, self.dead, settled=True) for record in container_records(value)]


def container_records(payload: bytes) -> list[dict[str, Any]]:
    """The records of a container file."""
    records: list[Any] = list(fastavro.reader(io.BytesIO(payload)))
    return records


def records(kind: Kind, payloads: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The records of single-object messages, read with the released schema and nothing of ours."""
    schema = fastavro.parse_schema(bundled_schema(kind, VERSION if kind == "tagged" else "1.0").tree)
    for payload in payloads:
        assert payload.startswith(SINGLE_OBJECT_MAGIC)
        record = fastavro.schemaless_reader(io.BytesIO(payload[10:]), schema, None)
        assert isinstance(record, dict)
        yield record


def place(record: Mapping[str, Any]) -> Place:
    """Which input a tag or a dead letter belongs to."""
    read = record["input"]
    return (read["source"], read["partition"], read["offset"], read["record"])


class Progress:
    """How many input messages a group has committed; asks over one connection as long as it is open."""

    def __init__(self, servers: str, group: str, topics: Iterable[str]) -> None:
        self._consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "log_level": 0})
        self._places = [
            TopicPartition(topic, number)
            for topic in topics
            for number in self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]

    def done(self, patience: float = 30.0) -> int:
        """Messages behind the committed positions."""
        deadline = time.monotonic() + patience
        while True:
            try:
                found = self._consumer.committed(self._places, timeout=5)
                return sum(place.offset for place in found if place.offset > 0)
            except KafkaException as error:  # the coordinator is being made, or its broker starts again
                if error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()
