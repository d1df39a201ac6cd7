"""What decoding takes and gives: byte ranges in, columns with a status for each body out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from streamer.codec.projection import Field, Type
from streamer.data.arrays import Column, Int8s, Int64s
from streamer.data.ragged import Ragged

MAX_ENTRIES = 1 << 17
"""Entries of a wanted array in one body; ten years of visits to one place of the sky are a fifth of it, and a deflated block of
64 kB could hold millions."""

SHARED_BYTES = 128 << 20
"""Column bytes that the arrays of one batch may take, whoever comes first: sources read 64 MiB at a time, and what is honestly in
those takes at most twice as much in columns (a float is a double there)."""
EVEN_BYTES = 64 << 20
"""Column bytes that are divided evenly among the bodies of one batch: what each may take even when the others took all else."""


class Status(IntEnum):
    """What became of a body."""

    OK = 0
    TRUNCATED = 1
    """The bytes end before the record does."""
    MALFORMED = 2
    """The bytes cannot be what the schema says."""
    TRAILING = 3
    """The record ends before the bytes do."""
    OVERLONG = 4
    """A wanted array has more than ``MAX_ENTRIES`` entries, the arrays take more than their share of the memory that one batch
    may have (see :func:`allowance`), or only the library can read the body and it is very large."""


@dataclass(frozen=True, slots=True)
class Spans:
    """n byte ranges: row i is ``buffers[buffer[i]][start[i]:end[i]]``.

    Parameters
    ----------
    buffers : sequence of bytes
    buffer, start, end : int64[n]
    """

    buffers: Sequence[bytes]
    buffer: Int64s
    start: Int64s
    end: Int64s

    def __len__(self) -> int:
        return len(self.start)

    def bytes_of(self, i: int) -> bytes:
        """The bytes of row i."""
        start, end = int(self.start[i]), int(self.end[i])
        return self.buffers[int(self.buffer[i])][start:end]

    def views(self) -> list[memoryview]:
        """The bytes of each row, not copied."""
        places = zip(self.buffer.tolist(), self.start.tolist(), self.end.tolist(), strict=True)
        return [memoryview(self.buffers[buffer])[start:end] for buffer, start, end in places]

    def take(self, rows: Int64s) -> Spans:
        """The given rows."""
        return Spans(self.buffers, self.buffer[rows], self.start[rows], self.end[rows])


@dataclass(frozen=True, slots=True)
class Decoded:
    """Columns of n bodies.

    Parameters
    ----------
    status : int8[n]
        :class:`Status`; where it is not OK the row's values are those of an absent field and its arrays are empty.
    columns : mapping of name to array[n]
        The packet's own fields: float64, int64, bytes or bool as :class:`streamer.codec.projection.Type` says.
    tables : mapping of name to Ragged of n rows
        The fields of its arrays.
    """

    status: Int8s
    columns: Mapping[str, Column]
    tables: Mapping[str, Ragged]

    def take(self, rows: Int64s) -> Decoded:
        """The given rows; itself, not a copy, if those are all in their order."""
        if len(rows) == len(self.status) and (rows == np.arange(len(rows))).all():
            return self
        return Decoded(
            self.status[rows],
            {name: column[rows] for name, column in self.columns.items()},
            {name: table.take(rows) for name, table in self.tables.items()},
        )


def entry_bytes(fields: Iterable[Field]) -> int:
    """Bytes that an entry of a table with these fields takes in the columns."""
    return sum(field.width if field.type is Type.TEXT else 8 for field in fields)


def allowance(n: int) -> Int64s:
    """int64[2], column bytes that the arrays of each of n bodies may take, and those that all may take together beyond that.

    So a batch takes at most ``EVEN_BYTES + SHARED_BYTES``, one of what sources read at a time is never short of it, and a body with
    usual arrays is never refused for what the others are. Who decodes takes off the second what was taken of it.
    """
    return np.array([EVEN_BYTES // max(n, 1), SHARED_BYTES], dtype=np.int64)


def charged(allowed: Int64s, taken: int) -> bool:
    """Whether a body's arrays may take so many bytes; if so, what is beyond its own part is taken off the common one."""
    extra = max(0, taken - int(allowed[0]))
    if extra > allowed[1]:
        return False
    allowed[1] -= extra
    return True
