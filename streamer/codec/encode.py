"""Records to bytes, and bytes into framings."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import fastavro

from streamer.codec.columns import Status
from streamer.codec.container import SYNC_BYTES, header_bytes, write_long
from streamer.codec.reader import RecordReader
from streamer.codec.types import root_of
from streamer.data.message import Pieces
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema
from streamer.ports import SchemaIds

SINGLE_OBJECT_MAGIC = b"\xc3\x01"

Framed = Callable[[Pieces], Pieces]
"""Puts a framing around a datum."""
Frame = Callable[[WriterSchema], Framed]
"""What frames the datums of a schema; asked for once for all datums of a batch."""

MAX_REMEMBERED = 64
"""Schemas for which a framing is remembered: whole packets have as many as whoever writes to the input likes."""

_HOLD_TYPES = ("type", "fields", "items", "values")
"""Attributes of a schema in which further types stand; what else has a ``doc`` is a value."""


class RecordWriter:
    """Writes records of one schema as bare datums."""

    def __init__(self, schema: WriterSchema) -> None:
        self.schema = schema
        self._parsed = fastavro.parse_schema(schema.tree)

    def __call__(self, record: Mapping[str, Any]) -> bytes:
        """The datum of `record`."""
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, self._parsed, record)
        return stream.getvalue()


def extended(schema: WriterSchema, name: str, field_schema: WriterSchema) -> WriterSchema:
    """The schema of `schema`'s records with one more field at the end.

    A record is its fields in order, so the bytes of an old record followed by those of the new field are a record of this schema,
    and a reader that only has the old schema skips the new field (Avro 1.11, "Schema Resolution").

    Raises
    ------
    InvalidSchema
        If the record has a field of that name already: the packet was tagged before.
    """
    if name in root_of(schema).fields:
        raise InvalidSchema(f"the packet has a field {name} already")
    tree = {**schema.tree, "fields": [*schema.tree["fields"], {"name": name, "type": field_schema.tree}]}
    return WriterSchema.of(tree)


def without_docs(schema: WriterSchema) -> WriterSchema:
    """The same schema without documentation and white space.

    Neither changes how bytes are read (Avro 1.11, "Schema Declaration"), and both are most of a survey's schema.
    """
    return WriterSchema.of(_without_docs(schema.tree))


class ContainerFrame:
    """Frames each datum as an object container file of its own: any Avro reader can read it.

    The schema comes again with every datum and is larger than a tag, so it comes without its documentation.
    """

    def __init__(self) -> None:
        self._around = lru_cache(MAX_REMEMBERED)(_around)

    def __call__(self, schema: WriterSchema) -> Framed:
        """Container files of one record; the sync marker is the schema's fingerprint, so that equal input gives equal bytes."""
        start, end = self._around(schema)
        return lambda datum: (start, write_long(sum(map(len, datum))), *datum, end)


class RegistryFrame:
    """Frames a datum as 0x00 + big-endian registry id + datum; readers need the registry.

    Each schema is a subject of its own, `subject` and its fingerprint: packets with a tag behind them come from many surveys and
    versions, which a registry would refuse as incompatible versions of one subject.
    """

    def __init__(self, ids: SchemaIds, subject: str) -> None:
        self._ids = ids
        self._subject = subject

    def __call__(self, schema: WriterSchema) -> Framed:
        """The framing with the schema's id; raises SchemaUnavailable if the registry does not take the schema."""
        start = b"\x00" + self._ids.id_of(f"{self._subject}-{schema.fingerprint}", schema).to_bytes(4, "big")
        return lambda datum: (start, *datum)


class SingleObjectFrame:
    """Frames a datum as C3 01 + CRC-64-AVRO of the schema + datum (Avro 1.11, "Single-object encoding")."""

    def __init__(self) -> None:
        self._fingerprint = lru_cache(MAX_REMEMBERED)(rabin_fingerprint)

    def __call__(self, schema: WriterSchema) -> Framed:
        """The framing with the schema's fingerprint."""
        start = SINGLE_OBJECT_MAGIC + self._fingerprint(schema)
        return lambda datum: (start, *datum)


class JsonFrame:
    """Turns a datum into one line of JSON, for people.

    Bytes become Latin-1 text as in Avro's own JSON encoding; times stay numbers; NaN and infinity, which JSON lacks, become null.
    """

    def __init__(self) -> None:
        self._reader = lru_cache(MAX_REMEMBERED)(RecordReader)

    def __call__(self, schema: WriterSchema) -> Framed:
        """The JSON text of records, UTF-8."""
        reader = self._reader(schema)

        def framed(datum: Pieces) -> Pieces:
            record, _, status = reader.read(b"".join(datum), 0)
            if status is not Status.OK:
                raise ValueError(f"the datum is not one of schema {schema.fingerprint}: {status.name}")
            return (json.dumps(_json_value(record), separators=(",", ":"), allow_nan=False).encode(),)

        return framed


def bare(_schema: WriterSchema) -> Framed:
    """Datums as they are: for sinks that do their own framing."""
    return lambda datum: datum


def rabin_fingerprint(schema: WriterSchema) -> bytes:
    """CRC-64-AVRO of the schema's canonical form, little-endian as the single-object encoding wants it."""
    canonical = fastavro.schema.to_parsing_canonical_form(schema.tree)
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def _around(schema: WriterSchema) -> tuple[bytes, bytes]:
    """What stands before the size of a container file's only block, and behind its datum."""
    sync = schema.fingerprint.encode()[:SYNC_BYTES]
    return header_bytes(without_docs(schema)) + sync + write_long(1), sync


def _without_docs(node: Any) -> Any:
    match node:
        case list():
            return [_without_docs(each) for each in node]
        case dict():
            kept = ((name, value) for name, value in node.items() if name != "doc")
            return {name: _without_docs(value) if name in _HOLD_TYPES else value for name, value in kept}
        case _:
            return node


def _json_value(value: Any) -> Any:
    match value:
        case dict():
            return {name: _json_value(inner) for name, inner in value.items()}
        case list():
            return [_json_value(inner) for inner in value]
        case bytes():
            return value.decode("latin-1")
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
