"""Messages to rows: takes the framing off and finds each record's writer schema and bytes.

Three framings come in: the Avro object container file (ZTF, most brokers), the registry frame 0x00 + big-endian schema id (Rubin),
and the bare datum of a schema that the operator names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamer.codec.container import (
    MAGIC,
    BadContainer,
    Block,
    Header,
    read_blocks,
    read_header,
    unpacked,
    written,
)
from streamer.codec.decode import RecordReader, Spans, Status
from streamer.data.arrays import Int32s, Int64s
from streamer.data.batch import RawBatch, Rejections
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema, Reason, SchemaUnavailable, Stage, UnknownSchema
from streamer.ports import Schemas

REGISTRY_MAGIC = 0x00
REGISTRY_HEADER_BYTES = 5
MAX_MESSAGE_BYTES = 256 << 20
NO_SCHEMA = -1

_MAX_HEADERS = 64
"""Container headers remembered; a survey has one, a stream of copies by other brokers a handful."""

REASON_OF_STATUS = {
    Status.TRUNCATED: (Reason.TRUNCATED, "the bytes end before the record does"),
    Status.MALFORMED: (Reason.MALFORMED, "the bytes are not what the schema says"),
    Status.TRAILING: (Reason.TRAILING_BYTES, "the record ends before the bytes do"),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a batch, numbered 0 … n − 1.

    Parameters
    ----------
    raw : RawBatch
        The messages they were found in.
    message : int64[n]
        The message of each row.
    record : int64[n]
        Number of the record within its message.
    siblings : int64[n]
        How many rows the message has.
    bodies : Spans of n rows
        The record's bytes, without framing; for a row that was rejected here, the whole message.
    schema : int32[n]
        Index into `schemas`; ``NO_SCHEMA`` where none is known.
    schemas : tuple of WriterSchema
    headers : tuple of Header or None
        For each message, the header of the container it came in.
    """

    raw: RawBatch
    message: Int64s
    record: Int64s
    siblings: Int64s
    bodies: Spans
    schema: Int32s
    schemas: tuple[WriterSchema, ...]
    headers: tuple[Header | None, ...]

    def __len__(self) -> int:
        return len(self.message)

    def original(self, row: int) -> bytes:
        """The bytes that bring this row back when they are read again: its message, or its own record in the same framing."""
        payload = self.raw.payloads[int(self.message[row])]
        header = self.headers[int(self.message[row])]
        body = self.bodies.bytes_of(row)
        if self.siblings[row] == 1 or header is None or len(body) == len(payload):
            return payload
        return written(header.schema, 1, body, payload[len(header.prefix) : header.body])


@dataclass(slots=True)
class _Found:
    """Rows under construction."""

    message: list[int]
    record: list[int]
    buffers: list[bytes]
    buffer: list[int]
    start: list[int]
    end: list[int]
    schema: list[int]
    rejected: list[tuple[int, Stage, Reason, str]]

    def add(self, message: int, buffer: int, start: int, end: int, schema: int) -> int:
        row = len(self.message)
        self.record.append(self.record[-1] + 1 if row and self.message[-1] == message else 0)
        self.message.append(message)
        self.buffer.append(buffer)
        self.start.append(start)
        self.end.append(end)
        self.schema.append(schema)
        return row

    def buffer_of(self, data: bytes) -> int:
        self.buffers.append(data)
        return len(self.buffers) - 1

    def reject(self, message: int, data: bytes, reason: Reason, detail: str, schema: int = NO_SCHEMA) -> None:
        row = self.add(message, self.buffer_of(data), 0, len(data), schema)
        self.rejected.append((row, Stage.CODEC, reason, detail))


class Framing:
    """Takes the framing off; remembers container headers and schemas it has seen, within bounds.

    Parameters
    ----------
    schemas : Schemas
        Where registry ids are looked up.
    bare : WriterSchema or None
        The schema of payloads that are bare datums. With it, whatever is no container file is one.
    """

    def __init__(self, schemas: Schemas, bare: WriterSchema | None = None) -> None:
        self._schemas = schemas
        self._bare = bare
        self._headers: list[Header] = []
        self._readers: dict[WriterSchema, RecordReader] = {}

    def rows(self, raw: RawBatch) -> tuple[Rows, Rejections]:
        """All rows of `raw`, and those of them whose framing or schema could not be read."""
        found = _Found([], [], [], [], [], [], [], [])
        known: dict[WriterSchema, int] = {}
        headers: list[Header | None] = []
        for message, payload in enumerate(raw.payloads):
            headers.append(self._message(found, known, message, payload))
        return _rows(raw, found, tuple(known), tuple(headers)), Rejections.of(found.rejected)

    def _message(self, found: _Found, known: dict[WriterSchema, int], message: int, payload: bytes) -> Header | None:
        try:
            if len(payload) > MAX_MESSAGE_BYTES:
                raise BadContainer(Reason.TOO_LARGE, f"{len(payload)} bytes")
            if payload.startswith(MAGIC):
                return self._container(found, known, message, payload)
            schema, start = self._frame(payload)
            found.add(message, found.buffer_of(payload), start, len(payload), known.setdefault(schema, len(known)))
        except BadContainer as bad:
            found.reject(message, payload, bad.reason, str(bad))
        except UnknownSchema as error:
            found.reject(message, payload, Reason.UNKNOWN_SCHEMA, str(error))
        except SchemaUnavailable as error:
            found.reject(message, payload, Reason.SCHEMA_UNAVAILABLE, str(error))
        except InvalidSchema as error:
            found.reject(message, payload, Reason.INVALID_SCHEMA, str(error))
        return None

    def _frame(self, payload: bytes) -> tuple[WriterSchema, int]:
        if self._bare is not None:
            return self._bare, 0
        if not payload:
            raise BadContainer(Reason.EMPTY, "a message without bytes")
        if payload[0] != REGISTRY_MAGIC or len(payload) < REGISTRY_HEADER_BYTES:
            raise BadContainer(Reason.UNKNOWN_FRAMING, f"begins with {payload[:8].hex(' ')}")
        return self._schemas.by_id(int.from_bytes(payload[1:REGISTRY_HEADER_BYTES], "big")), REGISTRY_HEADER_BYTES

    def _container(self, found: _Found, known: dict[WriterSchema, int], message: int, payload: bytes) -> Header:
        header = self._header(payload)
        schema = known.setdefault(header.schema, len(known))
        before = len(found.message)
        try:
            for block in read_blocks(payload, header):
                self._block(found, message, payload, header, block, schema)
        except BadContainer as bad:
            found.reject(message, payload, bad.reason, str(bad), schema)
        if len(found.message) == before:
            found.reject(message, payload, Reason.EMPTY, "a container file without records", schema)
        return header

    def _block(self, found: _Found, message: int, payload: bytes, header: Header, block: Block, schema: int) -> None:
        if header.codec == "null" and block.count == 1:
            found.add(message, found.buffer_of(payload), block.start, block.end, schema)
            return
        body = unpacked(payload[block.start : block.end], header.codec)
        buffer = found.buffer_of(body)
        if block.count == 1:
            found.add(message, buffer, 0, len(body), schema)
            return
        spans, status = self._reader(header.schema).spans(body, block.count)
        for start, end in spans:
            found.add(message, buffer, start, end, schema)
        if status != Status.OK:
            reason, detail = REASON_OF_STATUS[status]
            found.reject(message, payload, reason, f"record {len(spans)} of {block.count} and what follows: {detail}", schema)

    def _header(self, payload: bytes) -> Header:
        for place, header in enumerate(self._headers):
            if payload.startswith(header.prefix):
                if place:  # the header seen last stands first
                    self._headers.insert(0, self._headers.pop(place))
                return header
        header = read_header(payload)
        self._headers = [header, *self._headers[: _MAX_HEADERS - 1]]
        return header

    def _reader(self, schema: WriterSchema) -> RecordReader:
        if schema not in self._readers:
            if len(self._readers) >= _MAX_HEADERS:
                self._readers.clear()
            self._readers[schema] = RecordReader(schema)
        return self._readers[schema]


def _rows(raw: RawBatch, found: _Found, schemas: tuple[WriterSchema, ...], headers: Sequence[Header | None]) -> Rows:
    def whole(values: list[int]) -> Int64s:
        return np.array(values, dtype=np.int64)

    message = whole(found.message)
    siblings = np.bincount(message, minlength=len(raw))[message] if len(message) else message
    bodies = Spans(found.buffers, whole(found.buffer), whole(found.start), whole(found.end))
    schema = np.array(found.schema, dtype=np.int32)
    return Rows(raw, message, whole(found.record), siblings, bodies, schema, schemas, tuple(headers))
