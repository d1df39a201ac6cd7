"""Records through fastavro, one at a time: the way for schemas that the kernel does not cover, and its oracle."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import fastavro
import numpy as np

from streamer.codec.columns import MAX_ENTRIES, Decoded, Spans, Status, allowance, charged, entry_bytes
from streamer.codec.projection import BoundTable, Field, Path, Type
from streamer.codec.types import root_of
from streamer.data.arrays import MISSING, Column, Int8s, Int64s
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema

MAX_BODY_BYTES = 2 << 20
"""Larger bodies are not read into Python objects, and where several records stand together none of more than half of it: an item of
one byte can become a dict of two hundred. Real packets have a tenth."""
_PART = 16
"""Bodies whose records are Python objects at the same time."""


class RecordReader:
    """Reads single records of one writer schema through fastavro."""

    def __init__(self, schema: WriterSchema) -> None:
        root_of(schema)  # bounds depth and size before fastavro sees it
        try:
            self._schema = fastavro.parse_schema(_structure(schema.tree))
        except Exception as error:
            raise InvalidSchema(f"{type(error).__name__}: {str(error)[:100]!r}") from error

    def read(self, buffer: bytes, start: int) -> tuple[dict[str, Any], int, Status]:
        """The record that begins at `start`, where it ends, and whether that went well; an empty record if not."""
        stream = io.BytesIO(buffer)
        stream.seek(start)
        try:
            record = fastavro.schemaless_reader(stream, self._schema, None)
        except EOFError:
            return {}, start, Status.TRUNCATED
        except Exception:  # noqa: BLE001  whatever bytes from outside make fastavro raise, the row is bad and the batch goes on
            return {}, start, Status.MALFORMED
        return (record, stream.tell(), Status.OK) if isinstance(record, dict) else ({}, start, Status.MALFORMED)

    def spans(self, buffer: bytes, count: int) -> tuple[list[tuple[int, int]], Status]:
        """(start, end) of up to `count` records that stand one after the other in `buffer`, and how the last attempt went.

        Only a window of the buffer is shown to fastavro, so that one huge record in it does not become Python objects.
        """
        found: list[tuple[int, int]] = []
        begin = end = 0
        window = buffer[:MAX_BODY_BYTES]
        for _ in range(count):
            if end - begin > MAX_BODY_BYTES // 2:
                begin, window = end, buffer[end : end + MAX_BODY_BYTES]
            start = end
            _, place, status = self.read(window, start - begin)
            if status != Status.OK:
                is_cut = status == Status.TRUNCATED and begin + len(window) < len(buffer)
                return found, Status.OVERLONG if is_cut else status
            end = begin + place
            found.append((start, end))
        return found, Status.OK if end == len(buffer) else Status.TRAILING


_STRUCTURAL = {"type", "name", "namespace", "fields", "items", "values", "symbols", "size"}


def _structure(tree: Any) -> Any:
    """The schema without what does not say how bytes are read.

    One published ZTF schema has an invalid default; a logical type would turn numbers into dates.
    """
    if isinstance(tree, dict):
        return {key: _structure(value) for key, value in tree.items() if key in _STRUCTURAL}
    return [_structure(branch) for branch in tree] if isinstance(tree, list) else tree


class LibraryDecoder:
    """Decodes bodies of one writer schema into the columns of `tables`, record by record."""

    def __init__(self, reader: RecordReader, tables: Sequence[BoundTable]) -> None:
        self._reader = reader
        self._packet, *self._arrays = tables
        self._entry_bytes = [entry_bytes(table.table.fields) for table in self._arrays]

    def __call__(self, bodies: Spans, allowed: Int64s | None = None) -> Decoded:
        """Columns of all `bodies`, and what became of each; `allowed` (see :func:`allowance`) is for more than these, if given."""
        status: Int8s = np.zeros(len(bodies), dtype=np.int8)
        allowed = allowance(len(bodies)) if allowed is None else allowed
        parts = [self._part(bodies, range(0), status, allowed)]
        parts += [
            self._part(bodies, range(begin, min(begin + _PART, len(bodies))), status, allowed)
            for begin in range(0, len(bodies), _PART)
        ]
        columns = {name: np.concatenate([part[name] for part, _ in parts]) for name in parts[0][0]}
        tables = {table.table.name: _end_to_end([part[i] for _, part in parts]) for i, table in enumerate(self._arrays)}
        return Decoded(status, columns, tables)

    def _part(self, bodies: Spans, rows: range, status: Int8s, allowed: Int64s) -> tuple[dict[str, Column], list[Ragged]]:
        """The columns of some rows, whose records are then forgotten: they take many times the memory; fills in `status`."""
        records: list[dict[str, Any]] = []
        for row in rows:
            record, status[row] = self._record(bodies.bytes_of(row), allowed)
            records.append(record)
        return _columns(self._packet, records), [_ragged(table, records) for table in self._arrays]

    def _record(self, body: bytes, allowed: Int64s) -> tuple[dict[str, Any], Status]:
        """The record of a body, empty if that did not go well."""
        if len(body) > MAX_BODY_BYTES:
            return {}, Status.OVERLONG
        record, end, status = self._reader.read(body, 0)
        if status == Status.OK and end != len(body):
            return {}, Status.TRAILING
        lengths = [len(_entries(table, record)) for table in self._arrays]
        taken = sum(length * size for length, size in zip(lengths, self._entry_bytes, strict=True))
        if max(lengths, default=0) > MAX_ENTRIES or not charged(allowed, taken):
            return {}, Status.OVERLONG
        return record, status


def _entries(table: BoundTable, record: dict[str, Any]) -> list[Any]:
    return (record.get(table.array) or []) if table.array else []


def _end_to_end(tables: Sequence[Ragged]) -> Ragged:
    """All rows of each table behind those of the table before."""
    lengths = np.concatenate([table.lengths for table in tables])
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns}
    return Ragged(offsets_from_lengths(lengths), columns)


def _columns(table: BoundTable, records: Sequence[Any]) -> dict[str, Column]:
    return {place.field.name: _column(place.field, place.path, records) for place in table.places}


def _ragged(table: BoundTable, records: Sequence[dict[str, Any]]) -> Ragged:
    entries = [_entries(table, record) for record in records]
    lengths = np.array([len(rows) for rows in entries], dtype=np.int64)
    flat = [row for rows in entries for row in rows]
    return Ragged(offsets_from_lengths(lengths), _columns(table, flat))


def _column(field: Field, path: Path | None, records: Sequence[Any]) -> Column:
    values = [_value(record, path) for record in records] if path is not None else [None] * len(records)
    match field.type:
        case Type.FLOAT:
            return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        case Type.INTEGER:
            return np.array([MISSING if value is None else value for value in values], dtype=np.int64)
        case Type.TEXT:
            return np.array([_text(value) for value in values], dtype=f"S{field.width}")
        case Type.PRESENT:
            return np.array([value is not None for value in values], dtype=np.bool_)


def _value(record: Any, path: Path) -> Any:
    """What stands at `path` in a record, or the entry of an array of plain values, which has an empty path."""
    value = record
    for name in path:
        if value is None:
            return None
        value = value.get(name)
    return value


def _text(value: Any) -> bytes:
    if value is None:
        return b""
    return (b"t" if value else b"f") if isinstance(value, bool) else str(value).encode()
