"""Columns to records: n Avro datums in one call, the way back from :mod:`streamer.codec.decode`.

A record is written as parts in the order of the schema's fields. What is the same in every record is bytes; what differs is a
column.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from streamer.codec.container import write_long
from streamer.codec.write_kernel import Part, write
from streamer.data.arrays import Bools, Float32s, Float64s, Int64s, Texts


@dataclass(slots=True)
class RecordColumns:
    """The parts of n records, appended in the order of the schema's fields.

    Parameters
    ----------
    n : int
        Number of records.
    """

    n: int
    _parts: list[tuple[int, int, int]] = field(default_factory=list)
    _table: dict[bytes, int] = field(default_factory=dict)
    _longs: list[Int64s] = field(default_factory=list)
    _floats: list[Float32s | Float64s] = field(default_factory=list)
    _texts: list[Texts] = field(default_factory=list)

    def same(self, data: bytes) -> RecordColumns:
        """Bytes that stand in every record."""
        self._parts.append((Part.BYTES, self._entry(data), 0))
        return self

    def choice(self, options: Sequence[bytes], index: Int64s) -> RecordColumns:
        """``options[index]`` of each record."""
        entries = np.array([self._entry(option) for option in options], dtype=np.int64)
        return self._long(Part.CHOICE, entries[index])

    def long(self, values: Int64s) -> RecordColumns:
        """An int or long."""
        return self._long(Part.LONG, values)

    def nullable_long(self, values: Int64s) -> RecordColumns:
        """A union of null and long, null first; ``MISSING`` is null."""
        return self._long(Part.NULLABLE_LONG, values)

    def double(self, values: Float64s) -> RecordColumns:
        """A double."""
        return self._float(Part.DOUBLE, values)

    def nullable_float(self, values: Float32s) -> RecordColumns:
        """A union of null and float, null first; what is not finite is null."""
        return self._float(Part.NULLABLE_FLOAT, values)

    def text(self, values: Texts) -> RecordColumns:
        """A string."""
        self._parts.append((Part.TEXT, len(self._texts), 0))
        self._texts.append(values)
        return self

    def when(self, holds: Bools, parts: int) -> RecordColumns:
        """The `parts` parts that are appended next belong only to the records where `holds`."""
        self._long(Part.WHEN, holds.astype(np.int64))
        code, column, _ = self._parts[-1]
        self._parts[-1] = (code, column, parts)
        return self

    def records(self) -> list[bytes]:
        """The n datums."""
        parts = np.array(self._parts, dtype=np.int64).reshape(len(self._parts), 3)
        table = b"".join(self._table)
        ends = np.cumsum([0, *map(len, self._table)])
        width = max((values.dtype.itemsize for values in self._texts), default=1)
        texts = [values.astype(f"S{width}").view(np.uint8).reshape(self.n, width) for values in self._texts]
        out = np.empty(self.n * self._longest(ends, width), dtype=np.uint8)
        offsets = np.zeros(self.n + 1, dtype=np.int64)
        write(
            parts,
            np.frombuffer(table or b"\0", dtype=np.uint8),
            ends,
            _stacked(self._longs, self.n, np.int64),
            _stacked(self._floats, self.n, np.float64),
            np.stack(texts) if texts else np.zeros((1, self.n, 1), dtype=np.uint8),
            out,
            offsets,
        )
        data = out[: offsets[-1]].tobytes()
        bounds = offsets.tolist()
        return [data[start:end] for start, end in pairwise(bounds)]

    def _longest(self, ends: Int64s, width: int) -> int:
        """No record is longer than this."""
        sizes = np.diff(ends)
        most: dict[int, int] = {Part.TEXT: width + 10, Part.WHEN: 0}
        same = int(sizes[[a for part, a, _ in self._parts if part == Part.BYTES]].sum())
        chosen = sum(int(sizes[self._longs[a]].max(initial=0)) for part, a, _ in self._parts if part == Part.CHOICE)
        return same + chosen + sum(most.get(part, 11) for part, _, _ in self._parts if part not in {Part.BYTES, Part.CHOICE})

    def _entry(self, data: bytes) -> int:
        return self._table.setdefault(data, len(self._table))

    def _long(self, part: Part, values: Int64s) -> RecordColumns:
        self._parts.append((part, len(self._longs), 0))
        self._longs.append(values)
        return self

    def _float(self, part: Part, values: Float32s | Float64s) -> RecordColumns:
        self._parts.append((part, len(self._floats), 0))
        self._floats.append(values)
        return self


def text_bytes(text: str) -> bytes:
    """A string as Avro writes it."""
    data = text.encode()
    return write_long(len(data)) + data


def double_bytes(value: float) -> bytes:
    """A double as Avro writes it."""
    return struct.pack("<d", value)


def float_bytes(value: float) -> bytes:
    """A float as Avro writes it."""
    return struct.pack("<f", value)


def _stacked(columns: Sequence[Int64s | Float32s | Float64s], n: int, dtype: type) -> Int64s | Float64s:
    return np.stack([np.asarray(column, dtype=dtype) for column in columns]) if columns else np.zeros((1, n), dtype=dtype)
