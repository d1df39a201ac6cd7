"""Bodies to columns: the compiled loop over many record bodies."""

from __future__ import annotations

import numpy as np

from streamer.codec.columns import MAX_ENTRIES, Status
from streamer.codec.operations import PACKET, Op
from streamer.codec.primitives import MAX_NUMBER_BYTES, ask_for, byte_at, half_at, kernel, long_at, put_byte, put_word, word_at
from streamer.codec.shapes import WORD, learn, recognised
from streamer.codec.steps import SAME, block_at, follow
from streamer.data.arrays import MISSING

_OK, _TRAILING, _OVERLONG = int(Status.OK), int(Status.TRAILING), int(Status.OVERLONG)
_OVERFLOW = len(Status)  # and the number of the table that is full: the caller makes room and begins again

_END, _FLOAT, _DOUBLE, _LONG_AS_FLOAT, _BOOLEAN_AS_FLOAT, _NULL_FLOAT = (
    int(op) for op in (Op.END, Op.FLOAT, Op.DOUBLE, Op.LONG_AS_FLOAT, Op.BOOLEAN_AS_FLOAT, Op.NULL_FLOAT)
)
_LONG, _NULL_LONG, _TEXT, _BOOLEAN_AS_TEXT, _NULL_TEXT = (
    int(op) for op in (Op.LONG, Op.NULL_LONG, Op.TEXT, Op.BOOLEAN_AS_TEXT, Op.NULL_TEXT)
)
_ARRAY, _FLOATS = int(Op.ARRAY), int(Op.FLOATS)
_MISSING = int(MISSING)
FLOAT_BYTES = 4
_SOON_READ = 10_240
"""bytes of the next body that are asked for while one is decoded; what comes behind are mostly images, which nobody reads"""


@kernel
def run(
    addresses, lengths, table, targets, columns, sizes, room, allowed, used, before, offsets, status, shapes, found, mask, counts
):  # fmt: skip
    """Decode bodies into the columns; the number of the table that needs more room, and then nothing is of use, or −1.

    Parameters
    ----------
    addresses, lengths : int64[n]
        Where the bodies are.
    table, targets : the operations
    columns : int64[slots]
        Where in memory each column begins.
    sizes, room, used : int64[tables]
        Bytes of an entry of each table, entries that it can take, and has.
    allowed : int64[2]
        See :func:`streamer.codec.columns.allowance`.
    offsets : int64[tables, n + 1]
        Filled with the entries before each body.
    status : int8[n]
        Filled with what became of each body.
    before : int64[tables]
    shapes : Shapes
        None known.
    found, mask, counts
        Room for what :func:`streamer.codec.steps.follow` leaves behind.
    """
    for body in range(addresses.shape[0]):
        for number in range(used.shape[0]):
            before[number] = used[number]
        if body + 1 < addresses.shape[0]:
            ask_for(addresses[body + 1], 0, min(_SOON_READ, lengths[body + 1]))
        outcome = _decode(
            addresses[body], lengths[body], table, targets, columns, sizes, room, allowed, before, used, shapes, found, mask, counts
        )
        if outcome >= _OVERFLOW:
            return outcome - _OVERFLOW
        status[body] = outcome
        if outcome == _OK:
            allowed[1] -= max(0, _taken(sizes, before, used) - allowed[0])
        for number in range(used.shape[0]):
            if outcome != _OK:
                used[number] = before[number]
            used[number] += number == PACKET
            offsets[number, body + 1] = used[number]
    return -1


@kernel
def ends(address, end, table, targets, ends_of_records, found, mask, counts):
    """Fill in where records end that stand one after the other; (how many did, what became of the one that did not or the rest).

    Parameters
    ----------
    address, end : int64
        Where the records are, and how many bytes they have.
    table, targets : the operations, which want no values
    ends_of_records : int64[n]
        Filled with the place behind each record.
    found, mask, counts
        Room for what :func:`streamer.codec.steps.follow` leaves behind, which is nothing.
    """
    at = np.int64(0)
    for record in range(ends_of_records.shape[0]):
        outcome, at, _, _ = follow(address, at, end, np.int64(0), table, targets, found, mask, counts)
        if outcome != _OK:
            return record, outcome
        ends_of_records[record] = at
    return ends_of_records.shape[0], _OK if at == end else _TRAILING


@kernel
def _taken(sizes, before, used):
    """Bytes that the arrays of a body take in the columns; entries of the packet's own table are counted when it is done."""
    taken = 0
    for number in range(PACKET + 1, used.shape[0]):
        taken += sizes[number] * (used[number] - before[number])
    return taken


@kernel
def _decode(address, end, table, targets, columns, sizes, room, allowed, before, used, shapes, found, mask, counts):
    """Decode one body; what became of it."""
    at = np.int64(0)
    step = np.int64(0)
    while True:
        outcome, stop, step, n_found = follow(address, at, end, step, table, targets, found, mask[:0], counts)
        if outcome != _OK:
            return outcome
        _put(found, n_found, table, address, at, 0, 1, columns, used)
        at = stop
        if table[step, 0] == _END:
            return _OK if at == end else _TRAILING
        outcome, at = _entries(
            address, at, end, step, table, targets, columns, sizes, room, allowed, before, used, shapes, found, mask, counts
        )
        if outcome != _OK:
            return outcome
        step = table[step, 1] if table[step, 0] == _ARRAY else step + 1


@kernel
def _entries(
    address, at, end, begin, table, targets, columns, sizes, room, allowed, before, used, shapes, found, mask, counts
):  # fmt: skip
    """Decode the blocks of the wanted array whose operation is `begin`: (status, place behind them)."""
    floats_only = table[begin, 0] == _FLOATS
    number = table[begin, 2]
    while True:
        outcome, count, at = block_at(address, at, end, table[begin, 3])
        if outcome != _OK or count == 0:
            return outcome, at
        if count > MAX_ENTRIES - (used[number] - before[number]):
            return _OVERLONG, at
        if _taken(sizes, before, used) + count * sizes[number] > allowed[0] + allowed[1]:
            return _OVERLONG, at
        if count > room[number] - used[number]:
            return _OVERFLOW + number, at
        if floats_only:
            _put_floats(columns[table[begin, 1]] + WORD * used[number], address, at, FLOAT_BYTES, count)
            at += FLOAT_BYTES * count
            used[number] += count
            continue
        while count > 0:
            n, shape = recognised(shapes, number, address, at, end, count)
            if n > 0:
                size = shapes.size[number, shape]
                _put(shapes.found[number, shape], shapes.n_found[number, shape], table, address, at, size, n, columns, used)
                at += n * size
            else:
                mask[:] = SAME
                outcome, stop, _, n_found = follow(address, at, end, begin + 1, table, targets, found, mask, counts)
                if outcome != _OK:
                    return outcome, stop
                _put(found, n_found, table, address, at, 0, 1, columns, used)
                learn(shapes, number, address, at, stop, end, mask, found, n_found)
                at, n = stop, 1
            used[number] += n
            count -= n


@kernel
def _put(found, n_found, table, address, at, size, n, columns, used):
    """Put the values found from `at` on into their columns, and so for n entries of the same shape and `size` bytes."""
    for k in range(n_found):
        op = table[found[k, 0], 0]
        a = table[found[k, 0], 1]
        first = used[table[found[k, 0], 2]]
        c = table[found[k, 0], 3]
        place = at + found[k, 1]
        if op == _TEXT or op == _BOOLEAN_AS_TEXT or op == _NULL_TEXT:
            for i in range(n):
                _put_text(columns[a] + (first + i) * c, c, op, address, place + i * size)
            continue
        target = columns[a] + WORD * first
        if op == _FLOAT:
            _put_floats(target, address, place, size, n)
        elif op == _DOUBLE:
            for i in range(n):
                put_word(target, WORD * i, word_at(address, place + i * size))
        elif op == _LONG or op == _LONG_AS_FLOAT:
            for i in range(n):
                value, _ = long_at(address, place + i * size, place + i * size + MAX_NUMBER_BYTES)
                put_word(target, WORD * i, np.uint64(value) if op == _LONG else _bits(value))
        elif op == _BOOLEAN_AS_FLOAT:
            for i in range(n):
                put_word(target, WORD * i, _bits(1.0 if byte_at(address, place + i * size) else 0.0))
        else:
            word = _bits(np.nan) if op == _NULL_FLOAT else np.uint64(_MISSING) if op == _NULL_LONG else np.uint64(c)  # PRESENT
            for i in range(n):
                put_word(target, WORD * i, word)


@kernel
def _put_floats(target, address, place, size, n):
    """Put n floats, which stand every `size` bytes, as doubles."""
    for i in range(n):
        put_word(target, WORD * i, _bits(np.uint32(half_at(address, place + i * size)).view(np.float32)))


@kernel
def _bits(value):
    """The bits of a number as a double."""
    return np.float64(value).view(np.uint64)


@kernel
def _put_text(target, width, op, address, place):
    """A string cut at the column's width, or a boolean as t or f, or nothing."""
    size = 0
    if op == _TEXT:
        size, place = long_at(address, place, place + MAX_NUMBER_BYTES)
        size = min(size, width)
        for k in range(size):
            put_byte(target, k, byte_at(address, place + k))
    elif op == _BOOLEAN_AS_TEXT:
        size = 1
        put_byte(target, 0, np.uint8(0x74 if byte_at(address, place) else 0x66))
    for k in range(size, width):
        put_byte(target, k, np.uint8(0))
