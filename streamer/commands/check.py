"""Whether a configuration will work: what `streamer check` tries before anything is consumed."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streamer import config, wiring
from streamer.errors import InvalidConfig, StreamerError, UnknownSchema
from streamer.ports import Clock
from streamer.sources.kafka import check_topics
from streamer.stores.schemas import FolderSchemas, RegistrySchemas, is_address

ANSWER_S = 5.0
"""How long each thing may take to answer."""


def all_problems(file: Path, environ: Mapping[str, str], clock: Clock) -> Iterator[str]:
    """One sentence for each thing that is wrong with a configuration; where settings are, the models are tried all the same."""
    try:
        settings = config.load(file, environ)
    except InvalidConfig as error:
        yield from str(error).splitlines()
        alone = config.models_alone(file, environ)
        yield from () if alone is None else _models(alone)
    else:
        yield from problems(settings, clock)


def problems(settings: config.Config, clock: Clock) -> Iterator[str]:
    """One sentence for each thing that is not as the settings say."""
    yield from _models(settings.model)
    yield from _said("candidates.catalogue", partial(wiring.catalogues, settings.candidates))
    match settings.source:
        case config.KafkaSource() as source:
            yield from _packets(source, clock)
            yield from _said("source", partial(check_topics, wiring.topics(source)))
            yield from _broker("source", source, source.topics)
        case config.ArchiveSource() as source:
            yield from _packets(source, clock)
            yield from (f"source.paths: {path} does not exist" for path in source.paths if not path.exists())
        case config.SimulatorSource():
            pass
    match settings.sink:
        case config.KafkaSink() as sink:
            yield from _broker("sink", sink, ())
            if sink.registry is not None:
                yield from _registry("sink.registry", sink.registry, clock)
        case config.ArchiveSink() as sink:
            yield from _writable(sink.folder)
    yield from _port(settings.telemetry)
    if settings.worker.compile_cache is not None:
        yield from _writable(settings.worker.compile_cache, "worker.compile_cache")


def _models(settings: config.Model) -> Iterator[str]:
    alone = [settings.model_copy(update={"name": (name,)}) for name in settings.name]
    found = [problem for each in alone for problem in _said("model.name", partial(wiring.models, each))]
    yield from found or _said("model.name", partial(wiring.models, settings))


def _packets(packets: config.Packets, clock: Clock) -> Iterator[str]:
    yield from _said("source.bare_schema", partial(wiring.bare_schema, packets.bare_schema))
    for place in packets.schemas:
        if is_address(place):
            yield from _registry("source.schemas", place, clock)
        else:
            yield from _said("source.schemas", partial(FolderSchemas, Path(place)))
    if packets.schema_cache is not None:
        yield from _writable(packets.schema_cache, "source.schema_cache")


def _registry(setting: str, address: str, clock: Clock) -> Iterator[str]:
    def ask() -> None:
        with contextlib.suppress(UnknownSchema):  # that is an answer, which is all that was asked for
            RegistrySchemas(address, clock, ANSWER_S).by_id(1)

    yield from _said(setting, ask)


def _broker(section: str, broker: config.Broker, topics: tuple[str, ...]) -> Iterator[str]:
    servers = ",".join(broker.servers)
    complaints: list[KafkaError] = []
    try:
        client: dict[str, Any] = {**wiring.client_settings(broker), "bootstrap.servers": servers, "log_level": 0}
        admin = AdminClient(client | {"error_cb": complaints.append})
    except StreamerError as error:
        yield f"{section}.{error}"
        return
    except KafkaException as error:
        yield f"{section}: not good for a Kafka client: {error.args[0].str()}"
        return
    try:
        found = admin.list_topics(timeout=ANSWER_S)
    except KafkaException as error:
        admin.poll(0)  # hears the complaints
        yield _unanswered(section, servers, [*complaints, error.args[0]])
    else:
        yield from (f"{section}.topics: there is no topic {topic} at {servers}" for topic in topics if topic not in found.topics)


def _unanswered(section: str, servers: str, complaints: list[KafkaError]) -> str:
    """Why there was no answer; of what the client says, a refused password first, then what it met with first."""
    refused = [error for error in complaints if error.code() == KafkaError._AUTHENTICATION]  # noqa: SLF001  # librdkafka's name
    if refused:
        return f"{section}.password: the broker at {servers} refuses the user name or the password: {refused[0].str()}"
    return f"{section}.servers: no Kafka broker answers at {servers}: {complaints[0].str()}"


def _writable(folder: Path, setting: str = "sink.folder") -> Iterator[str]:
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        yield f"{setting}: {there} is not a folder"
    elif not os.access(there, os.W_OK):
        yield f"{setting}: {there} cannot be written to"


def _port(settings: config.Telemetry) -> Iterator[str]:
    try:
        if settings.port:
            socket.create_server((settings.address, settings.port)).close()
    except OSError as error:
        yield f"telemetry.port {settings.port} at {settings.address} cannot be opened: {error.strerror}"


def _said(setting: str, attempt: Callable[[], object]) -> Iterator[str]:
    """What `attempt` complains of, with the setting's name in front."""
    try:
        attempt()
    except StreamerError as error:
        for line in str(error).splitlines():
            yield line if line.startswith(setting) else f"{setting}: {line}"
