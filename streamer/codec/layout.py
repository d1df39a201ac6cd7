"""The memory that the kernel fills: one piece for each table, cut into columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.codec.columns import entry_bytes
from streamer.codec.operations import Slot
from streamer.codec.projection import BoundTable, Field, Type
from streamer.data.arrays import MISSING, Bools, Bytes, Column, Int64s

_WORD = 8
_ORDER = (Type.FLOAT, Type.INTEGER, Type.PRESENT, Type.TEXT)
"""Columns of one type stand together, so that many are made at once; texts are last, since they end anywhere."""


class Layout:
    """Where the columns of some tables stand, for any number of entries.

    Parameters
    ----------
    tables : sequence of BoundTable
    slots : sequence of Slot
        The columns that the kernel fills, by number.
    """

    def __init__(self, tables: Sequence[BoundTable], slots: Sequence[Slot]) -> None:
        self.entry_bytes: Int64s = np.array([entry_bytes(table.table.fields) for table in tables], dtype=np.int64)
        self._tables = [
            _Table([place.field for place in table.places], [slot for slot in slots if slot.table == number])
            for number, table in enumerate(tables)
        ]
        self._table_of_slot = np.array([slot.table for slot in slots], dtype=np.int64)
        before = {number: place for table in self._tables for number, place in table.before.items()}
        self._before = np.array([before[slot.number] for slot in slots], dtype=np.int64)

    def memory(self, room: Int64s) -> list[Bytes]:
        """Memory for so many entries of each table (int64[tables])."""
        return [np.empty(table.filled_bytes * n, dtype=np.uint8) for table, n in zip(self._tables, room.tolist(), strict=True)]

    def addresses(self, memory: Sequence[Bytes], room: Int64s) -> Int64s:
        """int64[slots], where each column begins."""
        begins = np.array([piece.__array_interface__["data"][0] for piece in memory], dtype=np.int64)
        return begins[self._table_of_slot] + self._before * room[self._table_of_slot]

    def columns(self, number: int, memory: Bytes, room: int, n: int) -> dict[str, Column]:
        """The first n entries of a table's columns by name, absent ones among them."""
        return self._tables[number].columns(memory, room, n)

    def clear(self, number: int, columns: dict[str, Column], rows: Bools) -> None:
        """Put into these rows of a table what an absent field is."""
        self._tables[number].clear(columns, rows)


class _Table:
    """The columns of one table."""

    def __init__(self, fields: Sequence[Field], slots: Sequence[Slot]) -> None:
        self._slots = sorted(slots, key=lambda slot: (_ORDER.index(slot.type), slot.number))
        filled = {slot.name for slot in slots}
        self._fields = fields
        self._absent = [field for field in fields if field.name not in filled]
        self.before: dict[int, int] = {}
        self.filled_bytes = 0
        for slot in self._slots:
            self.before[slot.number] = self.filled_bytes
            self.filled_bytes += slot.width if slot.type is Type.TEXT else _WORD
        self._names = {kind: [slot.name for slot in self._slots if slot.type is kind] for kind in _ORDER}

    def columns(self, memory: Bytes, room: int, n: int) -> dict[str, Column]:
        found: dict[str, Column] = {}
        begin = 0
        for kind, dtype in ((Type.FLOAT, np.float64), (Type.INTEGER, np.int64), (Type.PRESENT, np.int64)):
            names = self._names[kind]
            if names:
                size = _WORD * room * len(names)
                block = memory[begin : begin + size].view(dtype).reshape(len(names), room)[:, :n]
                found.update(zip(names, block.astype(np.bool_) if kind is Type.PRESENT else block, strict=True))
                begin += size
        for slot in self._slots[len(found) :]:
            found[slot.name] = memory[begin : begin + slot.width * n].view(f"S{slot.width}")
            begin += slot.width * room
        return found | self._absent_columns(n)

    def _absent_columns(self, n: int) -> dict[str, Column]:
        same: dict[tuple[Type, int], Column] = {}
        for field in self._absent:
            if (field.type, field.width) not in same:
                same[field.type, field.width] = absent(field, n)
        return {field.name: same[field.type, field.width] for field in self._absent}

    def clear(self, columns: dict[str, Column], rows: Bools) -> None:
        for field in self._fields:
            columns[field.name][rows] = absent(field, 1)[0]


def absent(field: Field, n: int) -> Column:
    """array[n] of what a wanted field is where a packet does not have it."""
    match field.type:
        case Type.FLOAT:
            return np.full(n, np.nan)
        case Type.INTEGER:
            return np.full(n, MISSING)
        case Type.PRESENT:
            return np.zeros(n, dtype=np.bool_)
        case Type.TEXT:
            return np.zeros(n, dtype=f"S{field.width}")
