"""Reading tagged alerts: from a topic or a file, in whatever framing they were written."""

from __future__ import annotations

import io
import json
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException

from streamer.codec.container import MAGIC
from streamer.codec.encode import SINGLE_OBJECT_MAGIC
from streamer.errors import Fatal, InvalidData
from streamer.messages import TAG_FIELD
from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION

Record = Mapping[str, Any]

TAGGED_VERSIONS = (VERSION, "1.0")
"""Versions of the schema ``tagged`` that are understood, the newest first."""

_UNREADABLE = (ValueError, EOFError, IndexError, KeyError, TypeError, StopIteration)
_REGISTRY_HEADER = 5
_SINGLE_OBJECT_HEADER = 10


@dataclass(frozen=True, slots=True)
class Subscription:
    """What to read.

    Parameters
    ----------
    servers, topic : str
    group : str or None
        Consumer group whose place is kept, and whose members share the topic. None: everything from the beginning, whoever else
        reads, and no place is kept.
    """

    servers: str
    topic: str
    group: str | None = None


def tagged_records(payload: bytes) -> Iterator[Record]:
    """The records of a payload: container file, registry frame, single-object encoding or JSON.

    Frames without a schema of their own are read as tags (``schemas/tagged``): whole packets need the container framing.

    Raises
    ------
    InvalidData
        If the payload is none of these.
    """
    try:
        if payload.startswith(MAGIC):
            yield from fastavro.reader(io.BytesIO(payload))  # type: ignore[misc]  # records are mappings
        elif payload.startswith(b"{"):
            yield json.loads(payload)
        elif payload.startswith(SINGLE_OBJECT_MAGIC):
            yield _tag(payload[_SINGLE_OBJECT_HEADER:])
        elif payload.startswith(b"\x00"):
            yield _tag(payload[_REGISTRY_HEADER:])
        else:
            raise InvalidData(f"not a tagged alert: begins with {payload[:8].hex(' ')}")
    except _UNREADABLE as error:
        raise InvalidData(f"not a tagged alert: {type(error).__name__}: {error}") from error


def tag_of(record: Record) -> Record | None:
    """The tag in a record: the record itself, or the last tag that was appended to a whole packet; None if there is none."""
    if "classifications" in record and "tag_id" in record:
        return record
    appended = [name for name in record if name.startswith(TAG_FIELD)]
    return record[appended[-1]] if appended else None


def subscribe(subscription: Subscription, limit: int | None = None, patience: float = 1.0) -> Iterator[Record]:
    """Committed tagged alerts as they come, at most `limit`, without end if None.

    Parameters
    ----------
    subscription : Subscription
    limit : int or None
    patience : float, s
        How long one wait for messages may last; an interrupt is noticed within it.

    Raises
    ------
    Fatal
        If no broker answers or the topic does not exist.
    """
    consumer = Consumer(_settings(subscription))
    try:
        _check(consumer, subscription)
        consumer.subscribe([subscription.topic])
        given = 0
        while limit is None or given < limit:
            message = consumer.poll(patience)
            if message is None:
                continue
            if (error := message.error()) is not None:
                _raise_unless_passing(error)
                continue
            for record in tagged_records(message.value() or b""):
                given += 1
                yield record
            if subscription.group is not None:
                consumer.store_offsets(message)
    finally:
        consumer.close()


def plain(value: Any) -> Any:
    """The same value in what JSON knows: times as ms since 1970 UTC, bytes as Latin-1 text, NaN and infinities as null."""
    match value:
        case Mapping():
            return {name: plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return value.decode("latin-1")
        case datetime():
            return round(value.timestamp() * 1000)
    return value


def _tag(datum: bytes) -> Record:
    """The tag in a datum of any version, as the newest version has it."""
    newest = fastavro.parse_schema(bundled_schema("tagged", TAGGED_VERSIONS[0]).tree)
    for version in TAGGED_VERSIONS:
        stream = io.BytesIO(datum)
        try:
            record = fastavro.schemaless_reader(stream, fastavro.parse_schema(bundled_schema("tagged", version).tree), newest)
        except _UNREADABLE:  # of another version
            continue
        if isinstance(record, dict) and stream.tell() == len(datum):
            return record
    raise InvalidData(f"not a tagged alert: no record of the versions {', '.join(TAGGED_VERSIONS)}")


def _settings(subscription: Subscription) -> dict[str, Any]:
    return {
        "bootstrap.servers": subscription.servers,
        "group.id": subscription.group or f"streamer-subscribe-{uuid.uuid4()}",  # a group of one, or readers share the partitions
        "client.id": "streamer-subscribe",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.auto.commit": subscription.group is not None,
        "enable.auto.offset.store": False,  # a place counts as read when its record was taken
        "log_level": 0,
    }


def _check(consumer: Consumer, subscription: Subscription) -> None:
    try:
        found = consumer.list_topics(subscription.topic, timeout=10.0).topics[subscription.topic]
    except KafkaException as error:
        raise Fatal(f"no Kafka broker answers at {subscription.servers}: {error.args[0].str()}") from error
    if found.error is not None:
        raise Fatal(f"topic {subscription.topic} at {subscription.servers}: {found.error.str()}")


def _raise_unless_passing(error: KafkaError) -> None:
    passing = (KafkaError._PARTITION_EOF, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001  # librdkafka's names
    if error.fatal() or not (error.retriable() or error.code() in passing):
        raise Fatal(f"reading stopped: {error.str()}")
