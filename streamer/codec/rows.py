"""The rows of a batch: every record that was found in its messages, and every message in which none was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace

import numpy as np

from streamer.codec.columns import Spans
from streamer.codec.container import Header, written
from streamer.data.arrays import Bools, Int32s, Int64s
from streamer.data.batch import RawBatch, Rejections
from streamer.data.schema import WriterSchema
from streamer.errors import Reason, Stage

NO_SCHEMA = -1

_COLUMNS = 7
"""Of what is written down of a row: message, record, payload, buffer, start, end, schema."""


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
        The messages; behind them what the dead letters among them hold, and what could not be read of a message.
    headers : mapping of int to Header
        For each payload that is a container file of more than one row, its header.
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
    headers: Mapping[int, Header]

    def __len__(self) -> int:
        return len(self.message)

    def original(self, row: int) -> bytes:
        """The bytes that bring this row back when they are read again: its payload, or a container file of its record alone."""
        number = int(self.payload[row])
        payload = self.payloads[number]
        if self.is_alone[row]:
            return payload
        header = self.headers[number]
        return written(header.schema, 1, self.bodies.bytes_of(row), payload[len(header.prefix) : header.body])


@dataclass(slots=True)
class RowsFound:
    """Rows under construction; what is added one by one belongs to the payload that was opened last.

    Parameters
    ----------
    messages : sequence of bytes
        Those of the batch; each is the payload of its own number.
    """

    messages: InitVar[Sequence[bytes]]
    schemas: dict[WriterSchema, int] = field(default_factory=dict)
    payloads: list[bytes] = field(init=False)
    headers: dict[int, Header] = field(default_factory=dict)
    rejected: list[tuple[int, Stage, Reason, str]] = field(default_factory=list)
    _alone: Int64s = field(default_factory=lambda: np.empty((_COLUMNS, 0), dtype=np.int64))
    _buffers: list[bytes] = field(init=False)
    _table: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)
    _divided: list[int] = field(default_factory=list)
    _message: int = -1
    _record: int = 0
    _payload: int = -1

    def __post_init__(self, messages: Sequence[bytes]) -> None:
        self.payloads = list(messages)
        self._buffers = list(messages)

    def __len__(self) -> int:
        return len(self._table)

    def add_alone(self, message: Int64s, start: Int64s, end: Int64s, schema: Int64s) -> None:
        """Add a row for each of these messages (once for all of them), which hold nothing else."""
        self._alone = np.array((message, np.zeros_like(message), message, message, start, end, schema))

    def open_message(self, number: int) -> None:
        """Begin the next message, which is a payload until another is opened."""
        self._message = self._payload = number
        self._record = 0

    def open_payload(self, payload: bytes) -> None:
        """Begin framed bytes that were found in the message."""
        self._payload = len(self.payloads)
        self.payloads.append(payload)

    def has_header(self, header: Header) -> int:
        """Note that the payload is a container file; the index of its schema."""
        self.headers[self._payload] = header
        return self.schema(header.schema)

    def schema(self, schema: WriterSchema) -> int:
        """The index of a schema, new or not."""
        return self.schemas.setdefault(schema, len(self.schemas))

    def add(self, buffer: bytes, spans: Sequence[tuple[int, int]], schema: int) -> None:
        """Add a row for each (start, end) of `buffer`."""
        place = len(self._buffers)
        self._buffers.append(buffer)
        for start, end in spans:
            self._table.append((self._message, self._record, self._payload, place, start, end, schema))
            self._record += 1

    def reject(self, reason: Reason, detail: str, schema: int = NO_SCHEMA) -> None:
        """Add a row for the payload as a whole, rejected."""
        self.rejected.append((len(self._table), Stage.CODEC, reason, detail))
        payload = self.payloads[self._payload]
        self.add(payload, [(0, len(payload))], schema)

    def reject_rest(self, rest: bytes, reason: Reason, detail: str, schema: int) -> None:
        """Add a row for framed bytes that hold what could not be read of the payload, which then stands for none of its rows."""
        whole = self._payload
        self._divided.append(whole)
        self.open_payload(rest)
        self.reject(reason, detail, schema)
        self._payload = whole

    def rows(self, raw: RawBatch) -> tuple[Rows, Rejections]:
        """What was found, in the order of the messages, and what of it was rejected."""
        table, rejections = self._alone, Rejections.of(self.rejected)
        if self._table:
            table = np.concatenate((self._alone, np.array(self._table, dtype=np.int64).T), axis=1)
            order = np.argsort(table[0], kind="stable")
            table = table[:, order]
            place = np.empty_like(order)
            place[order] = np.arange(len(order))
            rejections = replace(rejections, row=place[self._alone.shape[1] + rejections.row])
        message, record, payload, buffer, start, end, schema = table
        is_alone = np.ones(len(message), dtype=np.bool_)
        if self._table:
            is_alone = (np.bincount(payload, minlength=1)[payload] == 1) & ~np.isin(payload, self._divided)
        bodies = Spans(self._buffers, buffer, start, end)
        schemas = tuple(self.schemas)
        rows = Rows(raw, message, record, payload, is_alone, bodies, schema.astype(np.int32), schemas, self.payloads, self.headers)
        return rows, rejections
