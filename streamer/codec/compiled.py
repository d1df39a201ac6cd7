"""The kernel with its memory: lays the columns out, runs, makes more room where arrays were longer than ever before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.codec import kernel
from streamer.codec.columns import MAX_ENTRIES, Decoded, Spans, Status
from streamer.codec.memory import addresses_of
from streamer.codec.operations import MAX_NESTING, NO_TABLE, PACKET, Op, Operations, Slot
from streamer.codec.projection import BoundTable, Field, Type
from streamer.codec.shapes import MAX_WORDS, WORD, no_shapes
from streamer.data.arrays import MISSING, Column, Float64s, Int64s
from streamer.data.ragged import Ragged

_FIRST_ROOM = 32.0
"""Array entries for each body to begin with; what is really there is learned."""


class KernelDecoder:
    """Decodes bodies of one compiled schema.

    Parameters
    ----------
    operations : Operations
    tables : sequence of BoundTable
        What the operations were compiled from.
    """

    def __init__(self, operations: Operations, tables: Sequence[BoundTable]) -> None:
        self._operations = operations
        self._tables = tables
        self._slots = {(slot.table, slot.name): slot for slot in operations.slots}
        self._per_body: Float64s = np.full(len(tables), _FIRST_ROOM)
        self._least = _least_bytes_of_entries(operations, len(tables))

    def __call__(self, bodies: Spans) -> Decoded:
        """Columns of all `bodies`, and what became of each."""
        return self.decoded_at(addresses_of(bodies.buffers)[bodies.buffer] + bodies.start, bodies.end - bodies.start)

    def decoded_at(self, addresses: Int64s, lengths: Int64s) -> Decoded:
        """Columns of the bodies at these addresses (int64[n]), which somebody keeps alive; `lengths` in bytes."""
        n = len(addresses)
        while True:
            layout = _Layout(self._operations, self._room(lengths))
            if layout.run(self._operations, addresses, lengths):
                break
            self._per_body *= 2.0
        self._per_body = np.maximum(_FIRST_ROOM, 1.25 * layout.used / max(n, 1))
        return self._decoded(layout)

    def _room(self, lengths: Int64s) -> Int64s:
        """Entries to make room for in each table: as many as the last bodies had, never more than these bodies' bytes can hold.

        The second keeps one body with a huge array from making the room of all later batches huge, and ends the doubling.
        """
        usual = np.ceil(self._per_body * len(lengths))
        most = np.minimum(lengths.sum() // self._least, len(lengths) * MAX_ENTRIES)
        room: Int64s = np.minimum(usual, most).astype(np.int64)
        room[PACKET] = len(lengths)
        return room

    def _decoded(self, layout: _Layout) -> Decoded:
        bad = layout.status != Status.OK
        packet, *arrays = (self._columns(layout, number) for number in range(len(self._tables)))
        if bad.any():
            for place in self._tables[PACKET].places:
                packet[place.field.name][bad] = absent(place.field, 1)[0]
        names = [table.table.name for table in self._tables[1:]]
        tables = {name: Ragged(layout.offsets[i], columns) for i, (name, columns) in enumerate(zip(names, arrays, strict=True), 1)}
        return Decoded(layout.status, packet, tables)

    def _columns(self, layout: _Layout, table: int) -> dict[str, Column]:
        fields = [place.field for place in self._tables[table].places]
        n = int(layout.used[table])
        return {
            field.name: layout.column(slot, n) if (slot := self._slots.get((table, field.name))) else absent(field, n)
            for field in fields
        }


def _least_bytes_of_entries(operations: Operations, n_tables: int) -> Int64s:
    """int64[n_tables], the fewest bytes that an entry of each table takes: the number of entries is checked against it."""
    least = np.full(n_tables, np.iinfo(np.int32).max, dtype=np.int64)
    fills_a_table = np.isin(operations.table[:, 0], (Op.ARRAY, Op.FLOATS)) & (operations.table[:, 2] != NO_TABLE)
    arrays = operations.table[fills_a_table]
    np.minimum.at(least, arrays[:, 2], arrays[:, 3])
    return least


class _Layout:
    """The memory of one run."""

    def __init__(self, operations: Operations, room: Int64s) -> None:
        n = int(room[PACKET])
        self.room = room
        self.used = np.zeros(len(room), dtype=np.int64)
        self.status = np.zeros(n, dtype=np.int8)
        self.offsets = np.zeros((len(room), n + 1), dtype=np.int64)
        self._columns = [np.empty(int(room[slot.table]), dtype=_dtype(slot)) for slot in operations.slots]

    def run(self, operations: Operations, addresses: Int64s, lengths: Int64s) -> bool:
        """Decode; whether everything found room."""
        return bool(
            kernel.run(
                addresses,
                lengths,
                operations.table,
                operations.targets,
                np.array([column.ctypes.data for column in self._columns], dtype=np.int64),
                self.room,
                self.used,
                np.zeros_like(self.used),
                self.offsets,
                self.status,
                no_shapes(len(self.room), len(operations.slots)),
                np.empty((len(operations.slots), 2), dtype=np.int64),
                np.empty(MAX_WORDS * WORD, dtype=np.uint8),
                np.empty(MAX_NESTING + 1, dtype=np.int64),
            )
        )

    def column(self, slot: Slot, n: int) -> Column:
        """The first n entries of a column."""
        column = self._columns[slot.number][:n]
        return column.astype(np.bool_) if slot.type is Type.PRESENT else column


def _dtype(slot: Slot) -> str:
    match slot.type:
        case Type.FLOAT:
            return "f8"
        case Type.INTEGER | Type.PRESENT:
            return "i8"
        case Type.TEXT:
            return f"S{slot.width}"


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
