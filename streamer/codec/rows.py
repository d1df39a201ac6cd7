"""The rows of a batch: every record that was found in its messages, and every message in which none was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from streamer.codec.columns import Spans
from streamer.codec.container import Header, written
from streamer.data.arrays import Bools, Int32s, Int64s
from streamer.data.batch import RawBatch, Rejections
from streamer.data.schema import WriterSchema
from streamer.errors import Reason, Stage

NO_SCHEMA = -1


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
        Number of the row within its message.
    payload : int64[n]
        Index into `payloads` of the framed bytes that the row was found in.
    is_alone : bool[n]
        Whether its payload holds nothing else.
    bodies : Spans of n rows
        The record's bytes, without framing; for a row that was rejected here, its whole payload.
    schema : int32[n]
        Index into `schemas`; ``NO_SCHEMA`` where none is known.
    schemas : tuple of WriterSchema
    payloads : sequence of bytes
        The messages; in the place of a message of dead letters, what those hold.
    headers : sequence of Header or None
        For each payload that is a container file, its header.
    """

    raw: RawBatch
    message: Int64s
    record: Int64s
    payload: Int64s
    is_alone: Bools
    bodies: Spans
    schema: Int32s
    schemas: tuple[WriterSchema, ...]
    payloads: Sequence[bytes]
    headers: Sequence[Header | None]

    def __len__(self) -> int:
        return len(self.message)

    def original(self, row: int) -> bytes:
        """The bytes that bring this row back when they are read again: its payload, or a container file of its record alone."""
        number = int(self.payload[row])
        payload, header = self.payloads[number], self.headers[number]
        body = self.bodies.bytes_of(row)
        if self.is_alone[row] or header is None or len(body) == len(payload):
            return payload
        return written(header.schema, 1, body, payload[len(header.prefix) : header.body])


@dataclass(slots=True)
class RowsFound:
    """Rows under construction; what is added belongs to the message and payload that were opened last."""

    schemas: dict[WriterSchema, int] = field(default_factory=dict)
    payloads: list[bytes] = field(default_factory=list)
    headers: list[Header | None] = field(default_factory=list)
    rejected: list[tuple[int, Stage, Reason, str]] = field(default_factory=list)
    _buffers: list[bytes] = field(default_factory=list)
    _table: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)
    _divided: list[int] = field(default_factory=list)
    _message: int = -1
    _record: int = 0

    def __len__(self) -> int:
        return len(self._table)

    def open_message(self, number: int) -> None:
        """Begin the next message."""
        self._message = number
        self._record = 0

    def open_payload(self, payload: bytes) -> None:
        """Begin the next framed bytes of the message."""
        self.payloads.append(payload)
        self.headers.append(None)

    def open_rest(self, rest: bytes) -> None:
        """Begin framed bytes that hold what could not be read of the payload before, which then stands for none of its rows."""
        self._divided.append(len(self.payloads) - 1)
        self.open_payload(rest)

    def has_header(self, header: Header) -> int:
        """Note that the payload is a container file; the index of its schema."""
        self.headers[-1] = header
        return self.schema(header.schema)

    def schema(self, schema: WriterSchema) -> int:
        """The index of a schema, new or not."""
        return self.schemas.setdefault(schema, len(self.schemas))

    def add(self, buffer: bytes, spans: Sequence[tuple[int, int]], schema: int) -> None:
        """Add a row for each (start, end) of `buffer`."""
        self._buffers.append(buffer)
        for start, end in spans:
            place = len(self._buffers) - 1
            self._table.append((self._message, self._record, len(self.payloads) - 1, place, start, end, schema))
            self._record += 1

    def reject(self, reason: Reason, detail: str, schema: int = NO_SCHEMA) -> None:
        """Add a row for the payload as a whole, rejected."""
        self.rejected.append((len(self._table), Stage.CODEC, reason, detail))
        payload = self.payloads[-1]
        self.add(payload, [(0, len(payload))], schema)

    def rows(self, raw: RawBatch) -> tuple[Rows, Rejections]:
        """What was found, and what of it was rejected."""
        table = np.array(self._table, dtype=np.int64).reshape(len(self._table), 7)
        message, record, payload, buffer, start, end, schema = np.ascontiguousarray(table.T)
        bodies = Spans(self._buffers, buffer, start, end)
        is_alone = (np.bincount(payload, minlength=1)[payload] == 1) & ~np.isin(payload, self._divided)
        rows = Rows(
            raw,
            message,
            record,
            payload,
            is_alone,
            bodies,
            schema.astype(np.int32),
            tuple(self.schemas),
            self.payloads,
            self.headers,
        )
        return rows, Rejections.of(self.rejected)
