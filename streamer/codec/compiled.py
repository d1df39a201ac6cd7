"""The kernel with its memory: lays the columns out, runs, makes more room where arrays were longer than ever before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.codec import kernel
from streamer.codec.columns import EVEN_BYTES, MAX_ENTRIES, SHARED_BYTES, Decoded, Spans, Status, allowance
from streamer.codec.layout import Layout
from streamer.codec.memory import addresses_of
from streamer.codec.operations import MAX_NESTING, NO_TABLE, PACKET, Op, Operations
from streamer.codec.projection import BoundTable
from streamer.codec.shapes import MAX_WORDS, WORD, no_shapes
from streamer.data.arrays import Bytes, Float64s, Int8s, Int64s
from streamer.data.ragged import Ragged

_FIRST_ROOM = 32.0
"""Array entries for each body to begin with; what is really there is learned."""
_LEAST_ROOM = 1024
"""Array entries of all bodies together; a few bodies are seldom like the few before them."""


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
        self._names = [table.table.name for table in tables]
        self._layout = Layout(tables, operations.slots)
        self._per_body: Float64s = np.full(len(tables), _FIRST_ROOM)
        self._least = _least_bytes_of_entries(operations, len(tables))
        self._most = (EVEN_BYTES + SHARED_BYTES) // np.maximum(self._layout.entry_bytes, 1)

    def __call__(self, bodies: Spans, allowed: Int64s | None = None) -> Decoded:
        """Columns of all `bodies`, and what became of each; `allowed` (see :func:`allowance`) is for more than these, if given."""
        return self.decoded_at(addresses_of(bodies.buffers)[bodies.buffer] + bodies.start, bodies.end - bodies.start, allowed)

    def decoded_at(self, addresses: Int64s, lengths: Int64s, allowed: Int64s | None = None) -> Decoded:
        """Columns of the bodies at these addresses (int64[n]), which somebody keeps alive; `lengths` in bytes."""
        n, tables = len(addresses), len(self._names)
        allowed = allowance(n) if allowed is None else allowed
        status: Int8s = np.zeros(n, dtype=np.int8)
        offsets: Int64s = np.zeros((tables, n + 1), dtype=np.int64)
        while True:
            room = self._room(lengths)
            memory = self._layout.memory(room)
            used: Int64s = np.zeros(tables, dtype=np.int64)
            left = allowed.copy()
            full = self._run(addresses, lengths, memory, room, left, used, offsets, status)
            if full < 0:
                break
            self._per_body[full] *= 2.0
            del memory
        allowed[:] = left
        self._per_body = np.maximum(_FIRST_ROOM, 1.25 * used / max(n, 1))
        return self._decoded(memory, room, used, offsets, status)

    def _room(self, lengths: Int64s) -> Int64s:
        """Entries to make room for in each table: as many as the last bodies had, never more than these bodies may have.

        The second keeps one body with a huge array from making the room of all later batches huge, and ends the doubling.
        """
        usual = np.maximum(_LEAST_ROOM, self._per_body * len(lengths))
        most = np.minimum(np.minimum(lengths.sum() // self._least, len(lengths) * MAX_ENTRIES), self._most)
        room: Int64s = np.minimum(usual, most).astype(np.int64)
        room[PACKET] = len(lengths)
        return room

    def _run(
        self,
        addresses: Int64s,
        lengths: Int64s,
        memory: Sequence[Bytes],
        room: Int64s,
        allowed: Int64s,
        used: Int64s,
        offsets: Int64s,
        status: Int8s,
    ) -> int:
        """Decode; the table that needs more room, or −1."""
        operations, slots = self._operations, len(self._operations.slots)
        return int(
            kernel.run(
                addresses,
                lengths,
                operations.table,
                operations.targets,
                self._layout.addresses(memory, room),
                self._layout.entry_bytes,
                room,
                allowed,
                used,
                np.zeros_like(used),
                offsets,
                status,
                no_shapes(len(room), slots),
                np.empty((slots, 2), dtype=np.int64),
                np.empty(MAX_WORDS * WORD, dtype=np.uint8),
                np.empty(MAX_NESTING + 1, dtype=np.int64),
            )
        )

    def _decoded(self, memory: Sequence[Bytes], room: Int64s, used: Int64s, offsets: Int64s, status: Int8s) -> Decoded:
        packet, *arrays = (
            self._layout.columns(number, *sizes)
            for number, sizes in enumerate(zip(memory, room.tolist(), used.tolist(), strict=True))
        )
        bad = status != Status.OK
        if bad.any():
            self._layout.clear(PACKET, packet, bad)
        tables = {
            name: Ragged(offsets[i], columns) for i, (name, columns) in enumerate(zip(self._names[1:], arrays, strict=True), 1)
        }
        return Decoded(status, packet, tables)


def _least_bytes_of_entries(operations: Operations, n_tables: int) -> Int64s:
    """int64[n_tables], the fewest bytes that an entry of each table takes: the number of entries is checked against it."""
    least = np.full(n_tables, np.iinfo(np.int32).max, dtype=np.int64)
    fills_a_table = np.isin(operations.table[:, 0], (Op.ARRAY, Op.FLOATS)) & (operations.table[:, 2] != NO_TABLE)
    arrays = operations.table[fills_a_table]
    np.minimum.at(least, arrays[:, 2], arrays[:, 3])
    return least
