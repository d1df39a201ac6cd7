"""The kernel with its memory: lays the columns out, runs, makes more room where arrays were longer than ever before."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from streamer.codec import kernel
from streamer.codec.columns import MAX_ENTRIES, Decoded, Spans, Status
from streamer.codec.operations import NO_TABLE, PACKET, Op, Operations, Slot
from streamer.codec.projection import BoundTable, Field, Type
from streamer.data.arrays import MISSING, Column, Float64s, Int64s
from streamer.data.ragged import Ragged

_FIRST_ROOM = 32.0
"""Array entries for each body to begin with; what is really there is learned."""

_address = ctypes.pythonapi.PyBytes_AsString
_address.argtypes = [ctypes.py_object]
_address.restype = ctypes.c_void_p


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
        needed, place = np.unique(bodies.buffer, return_inverse=True)
        begins = np.array([_address(bodies.buffers[number]) for number in needed], dtype=np.int64)
        return self.decoded_at(begins[place] + bodies.start, bodies.end - bodies.start)

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
    """The memory of one run: the columns of each kind end to end."""

    def __init__(self, operations: Operations, room: Int64s) -> None:
        slots = operations.slots
        self.room = room
        self.used = np.zeros(len(room), dtype=np.int64)
        self.status = np.zeros(int(room[PACKET]), dtype=np.int8)
        self.offsets = np.zeros((len(room), int(room[PACKET]) + 1), dtype=np.int64)
        self._float_base = self._bases(slots, (Type.FLOAT,))
        self._long_base = self._bases(slots, (Type.INTEGER, Type.PRESENT))
        self._text_base = self._bases(slots, (Type.TEXT,))
        self._floats = np.empty(self._float_base[-1])
        self._longs = np.empty(self._long_base[-1], dtype=np.int64)
        self._texts = np.empty(self._text_base[-1], dtype=np.uint8)

    def _bases(self, slots: Sequence[Slot], types: tuple[Type, ...]) -> Int64s:
        """Where each column of these types begins, and behind the last where they end."""
        mine = sorted((slot for slot in slots if slot.type in types), key=lambda slot: slot.number)
        sizes = [int(self.room[slot.table]) * max(slot.width, 1) for slot in mine]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def run(self, operations: Operations, addresses: Int64s, lengths: Int64s) -> bool:
        """Decode; whether everything found room."""
        return bool(
            kernel.run(
                addresses,
                lengths,
                operations.table,
                operations.targets,
                self._floats,
                self._float_base,
                self._longs,
                self._long_base,
                self._texts,
                self._text_base,
                self.room,
                self.used,
                self.offsets,
                self.status,
            )
        )

    def column(self, slot: Slot, n: int) -> Column:
        """The first n entries of a column."""
        match slot.type:
            case Type.FLOAT:
                return self._floats[self._float_base[slot.number] :][:n]
            case Type.INTEGER:
                return self._longs[self._long_base[slot.number] :][:n]
            case Type.PRESENT:
                return self._longs[self._long_base[slot.number] :][:n].astype(np.bool_)
            case Type.TEXT:
                return self._texts[self._text_base[slot.number] :][: n * slot.width].view(f"S{slot.width}")


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
