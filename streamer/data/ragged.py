"""Ragged columns: n rows of differing length as flat columns and n + 1 offsets (as in Arrow and Awkward)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Bools, Column, Int64s


@dataclass(frozen=True, slots=True)
class Ragged:
    """A table per row, all rows end to end.

    Parameters
    ----------
    offsets : int64[n + 1]
        Row i spans ``offsets[i]:offsets[i + 1]`` of every column; starts at 0 and never falls.
    columns : mapping of name to array[offsets[-1]]
        The flat columns, all of one length.
    """

    offsets: Int64s
    columns: Mapping[str, Column]

    def __post_init__(self) -> None:
        if not len(self.offsets) or self.offsets[0] != 0 or (self.offsets[1:] < self.offsets[:-1]).any():
            raise ValueError("offsets must start at 0 and never fall")
        entries = int(self.offsets[-1])
        if wrong := [name for name, column in self.columns.items() if len(column) != entries]:
            raise ValueError(f"columns {wrong} do not have the {entries} entries that the offsets span")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    @property
    def lengths(self) -> Int64s:
        """int64[n], how many entries each row has."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def rows(self) -> Int64s:
        """int64[offsets[-1]], the row that each entry belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def row(self, i: int) -> dict[str, Column]:
        """Views of row i, one for each column."""
        start, end = self.offsets[i], self.offsets[i + 1]
        return {name: column[start:end] for name, column in self.columns.items()}

    def take(self, rows: Int64s) -> Ragged:
        """A new table with the given rows, in the given order; rows may repeat."""
        rows = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[rows]
        offsets = offsets_from_lengths(lengths)
        entries = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths)
        return Ragged(offsets, {name: column[entries] for name, column in self.columns.items()})

    def where(self, keep: Bools) -> Ragged:
        """The same rows with only the entries that `keep` (bool[offsets[-1]]) marks."""
        return Ragged(self._marked_before(keep), {name: column[keep] for name, column in self.columns.items()})

    def count(self, marked: Bools) -> Int64s:
        """int64[n], how many entries of each row are `marked` (bool[offsets[-1]])."""
        before = self._marked_before(marked)
        return before[1:] - before[:-1]

    def _marked_before(self, marked: Bools) -> Int64s:
        """int64[n + 1], marked entries before each row."""
        return offsets_from_lengths(marked)[self.offsets]

    def ordered(self, *keys: Column) -> Ragged:
        """The same rows with their entries sorted by `keys`, the first key first; equal entries keep their order."""
        order = np.lexsort((*reversed(keys), self.rows))
        return Ragged(self.offsets, {name: column[order] for name, column in self.columns.items()})


def offsets_from_lengths(lengths: Int64s | Bools) -> Int64s:
    """int64[n + 1] offsets of rows with the given lengths (int64[n])."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def joined_entries(tables: Sequence[Ragged]) -> Ragged:
    """Row by row, the entries of all `tables` (same n, same columns) one after the other."""
    n = len(tables[0])
    sources = np.concatenate([table.rows for table in tables])
    order = np.argsort(sources, kind="stable")
    lengths = np.sum([table.lengths for table in tables], axis=0, dtype=np.int64).reshape(n)
    columns = {name: np.concatenate([table[name] for table in tables])[order] for name in tables[0].columns}
    return Ragged(offsets_from_lengths(lengths), columns)
