"""Messages to rows: takes the framing off and finds each record's writer schema and bytes.

Three framings come in: the Avro object container file (ZTF, most brokers), the registry frame 0x00 + big-endian schema id (Rubin),
and the bare datum of a schema that the operator names. A message of our own dead letters stands for the payloads in them, so that
they can be replayed like any other input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from streamer.codec.columns import MAX_ENTRIES, Status
from streamer.codec.container import (
    MAGIC,
    MAX_BLOCK_RECORDS,
    SYNC_BYTES,
    BadContainer,
    Block,
    Header,
    read_blocks,
    unpacked,
    written,
)
from streamer.codec.headers import KnownHeaders, is_of_dead_letters
from streamer.codec.reader import RecordReader
from streamer.codec.rows import NO_SCHEMA, Rows, RowsFound
from streamer.codec.splitting import Splitter
from streamer.codec.usual import Usual, recognised
from streamer.codec.usual_kernel import FRAME
from streamer.data.arrays import Int64s
from streamer.data.batch import RawBatch, Rejections
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema, Reason, SchemaUnavailable, UnknownSchema
from streamer.ports import Schemas

REGISTRY_MAGIC = 0x00
REGISTRY_HEADER_BYTES = 5
MAX_MESSAGE_BYTES = 256 << 20
MAX_UNPACKED_MESSAGE = 128 << 20
MAX_UNPACKED_BATCH = 1 << 30
"""Bytes that compressed blocks may unpack to. Sources read no more than 64 MiB at a time, and packets shrink to half at best."""
MAX_MESSAGE_RECORDS = MAX_BLOCK_RECORDS
MAX_BATCH_RECORDS = 1 << 20
"""Records of all blocks together: a kilobyte of deflated blocks can claim millions, and each costs a row."""

MAX_SPLITTERS = 64
"""Schemas whose records are split without being compiled again."""

REASON_OF_STATUS = {
    Status.TRUNCATED: (Reason.TRUNCATED, "the bytes end before the record does"),
    Status.MALFORMED: (Reason.MALFORMED, "the bytes are not what the schema says"),
    Status.TRAILING: (Reason.TRAILING_BYTES, "the record ends before the bytes do"),
    Status.OVERLONG: (
        Reason.TOO_LARGE,
        f"more than {MAX_ENTRIES} entries in an array, more than this batch has room for, or too large for the slow reader",
    ),
}

_REASON_OF_PROBLEM = {
    UnknownSchema: Reason.UNKNOWN_SCHEMA,
    SchemaUnavailable: Reason.SCHEMA_UNAVAILABLE,
    InvalidSchema: Reason.INVALID_SCHEMA,
}


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
        self._headers = KnownHeaders()
        self._splitters: dict[WriterSchema, Splitter] = {}
        self._room = MAX_UNPACKED_MESSAGE
        self._records = MAX_MESSAGE_RECORDS
        """How many more bytes and records the message at hand may have."""

    def rows(self, raw: RawBatch) -> tuple[Rows, Rejections]:
        """All rows of `raw`, and those of them whose framing or schema could not be read."""
        found = RowsFound(raw.payloads)
        others = self._usual(found, raw.payloads)
        batch_room, batch_records = MAX_UNPACKED_BATCH, max(0, MAX_BATCH_RECORDS - (len(raw) - len(others)))
        for number in others:
            message = raw.payloads[number]
            found.open_message(number)
            self._room = room = min(MAX_UNPACKED_MESSAGE, batch_room)
            self._records = records = min(MAX_MESSAGE_RECORDS, batch_records)
            for payload in self._unwrapped(message):
                if payload is not message:
                    found.open_payload(payload)
                self._payload(found, payload)
            batch_room -= room - self._room
            batch_records -= records - self._records
        self._headers.forget_payload()
        return found.rows(raw)

    def _usual(self, found: RowsFound, messages: Sequence[bytes]) -> list[int]:
        """Add a row for each message of the forms that surveys write; the numbers of the other messages."""
        known = self._headers.plain
        usual = recognised(messages, known, REGISTRY_HEADER_BYTES if self._bare is None else 0, MAX_MESSAGE_BYTES)
        schema = np.full(len(messages), NO_SCHEMA, dtype=np.int64)
        for number in dict.fromkeys(usual.header.tolist()):
            if number >= 0:
                schema[usual.header == number] = found.schema(known.headers[number].schema)
                self._headers.use(known.headers[number])
            elif number == FRAME:
                self._frames(found, usual, schema)
        rows = np.flatnonzero(schema != NO_SCHEMA)
        found.add_alone(rows, usual.start[rows], usual.end[rows], schema[rows])
        return np.flatnonzero(schema == NO_SCHEMA).tolist() if len(rows) < len(messages) else []

    def _frames(self, found: RowsFound, usual: Usual, schema: Int64s) -> None:
        """Fill in the schemas of registry frames and bare datums; those without one are left out, and asked for again."""
        is_frame = usual.header == FRAME
        for number in dict.fromkeys(usual.number[is_frame].tolist()):
            with suppress(UnknownSchema, SchemaUnavailable, InvalidSchema):
                schema[is_frame & (usual.number == number)] = found.schema(self._bare or self._schemas.by_id(number))

    def _payload(self, found: RowsFound, payload: bytes) -> None:
        try:
            if len(payload) > MAX_MESSAGE_BYTES:
                found.reject(Reason.TOO_LARGE, f"{len(payload)} bytes")
            elif payload.startswith(MAGIC):
                self._container(found, payload)
            else:
                schema, start = self._frame(payload)
                found.add(payload, [(start, len(payload))], found.schema(schema))
        except BadContainer as bad:
            found.reject(bad.reason, str(bad))
        except (UnknownSchema, SchemaUnavailable, InvalidSchema) as problem:
            found.reject(_REASON_OF_PROBLEM[type(problem)], str(problem))

    def _frame(self, payload: bytes) -> tuple[WriterSchema, int]:
        """The schema of a payload that is no container file, and where its body begins."""
        if self._bare is not None:
            return self._bare, 0
        if not payload:
            raise BadContainer(Reason.EMPTY, "a message without bytes")
        if payload[0] != REGISTRY_MAGIC or len(payload) < REGISTRY_HEADER_BYTES:
            raise BadContainer(Reason.UNKNOWN_FRAMING, f"begins with {payload[:8].hex(' ')}")
        return self._schemas.by_id(int.from_bytes(payload[1:REGISTRY_HEADER_BYTES], "big")), REGISTRY_HEADER_BYTES

    def _container(self, found: RowsFound, payload: bytes) -> None:
        header = self._headers.of(payload)
        schema = found.has_header(header)
        before = len(found)
        done = header.body
        try:
            for block in self._blocks(payload, header):
                self._block(found, payload, header, block, done, schema)
                done = block.end + SYNC_BYTES
        except BadContainer as bad:  # the dead letter holds what was not read, and not what was
            found.reject_rest(payload[: header.body] + payload[done:], bad.reason, str(bad), schema)
        if len(found) == before:
            found.reject(Reason.EMPTY, "a container file without records", schema)

    def _block(self, found: RowsFound, payload: bytes, header: Header, block: Block, begin: int, schema: int) -> None:
        """Add the records of the block whose own numbers stand at `begin`."""
        if header.codec == "null" and block.records == 1:  # as every survey writes: no copy
            found.add(payload, [(block.start, block.end)], schema)
            return
        body = self._unpacked(payload[block.start : block.end], header.codec)
        if block.records == 1:
            found.add(body, [(0, len(body))], schema)
            return
        if block.records > len(body):
            raise BadContainer(Reason.MALFORMED, f"a block of {block.records} records in {len(body)} unpacked bytes")
        spans, status = self._splitter(header.schema).spans(body, block.records)
        found.add(body, spans, schema)
        if status != Status.OK:
            reason, detail = REASON_OF_STATUS[status]
            rest = payload[: header.body] + payload[begin : block.end + SYNC_BYTES]
            if spans:
                sync = payload[len(header.prefix) : header.body]
                rest = written(header.schema, block.records - len(spans), body[spans[-1][1] :], sync)
            self._room -= len(rest)  # each broken block brings the header again
            found.reject_rest(rest, reason, f"record {len(spans)} of {block.records} and what follows: {detail}", schema)

    def _blocks(self, payload: bytes, header: Header) -> Iterator[Block]:
        """The blocks of a container file; BadContainer at the one with too many records."""
        for block in read_blocks(payload, header):
            if block.records > self._records:
                raise BadContainer(Reason.TOO_LARGE, "blocks with more records than are read of one message or batch")
            self._records -= block.records
            yield block

    def _unpacked(self, data: bytes, codec: str) -> bytes:
        if self._room <= 0:
            raise BadContainer(Reason.TOO_LARGE, "blocks that unpack to more than is read of one message or batch")
        body = unpacked(data, codec)
        self._room -= len(body)
        return body

    def _splitter(self, schema: WriterSchema) -> Splitter:
        if schema not in self._splitters:
            if len(self._splitters) >= MAX_SPLITTERS:
                self._splitters.clear()
            try:
                self._splitters[schema] = Splitter(schema)
            except InvalidSchema as problem:
                raise BadContainer(Reason.INVALID_SCHEMA, str(problem)) from problem
        return self._splitters[schema]

    def _unwrapped(self, message: bytes) -> list[bytes]:
        """The message itself, or the payloads of the dead letters in it; a file of those that is broken stands for itself."""
        try:
            return self._dead_letters(message) or [message]
        except (BadContainer, InvalidSchema):
            return [message]

    def _dead_letters(self, message: bytes) -> list[bytes]:
        if not message.startswith(MAGIC):
            return []
        header = self._headers.of(message)
        if not is_of_dead_letters(header):
            return []
        splitter, reader = self._splitter(header.schema), RecordReader(header.schema)
        payloads: list[bytes] = []
        for block in self._blocks(message, header):
            body = self._unpacked(message[block.start : block.end], header.codec)
            spans, status = splitter.spans(body, min(block.records, len(body)))
            if status != Status.OK:
                return []
            held = [reader.read(body, start)[0].get("payload") for start, _ in spans]
            payloads += [payload for payload in held if isinstance(payload, bytes)]
            if len(payloads) < len(held):
                return []
        return payloads
