"""Runs a table of operations over many record bodies.

Every read is checked against the end of its body before it happens; numbers are read byte by byte, and counts and lengths are
checked before they are used, so that no bytes from outside can make the kernel read or write where it may not. What it accepts,
fastavro reads to the same values; it refuses a little more (numbers of more than ten bytes, negative numbers of branches and
symbols, branches of nullable values in more bytes than one), none of which any writer writes.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from streamer.codec.columns import MAX_ENTRIES, Status
from streamer.codec.operations import MAX_NESTING, NO_TABLE, Op
from streamer.data.arrays import MISSING

_OK, _TRUNCATED, _MALFORMED, _TRAILING, _OVERLONG = (int(status) for status in Status)
_OVERFLOW = len(Status)  # a table is full: the caller makes room and begins again

_END, _SKIP, _SKIP_LONG, _SKIP_BYTES, _SKIP_TEXT, _SKIP_ENUM = (
    int(op) for op in (Op.END, Op.SKIP, Op.SKIP_LONG, Op.SKIP_BYTES, Op.SKIP_TEXT, Op.SKIP_ENUM)
)
_SKIP_NULLABLES, _UNION, _JUMP, _ARRAY, _NEXT = (int(op) for op in (Op.SKIP_NULLABLES, Op.UNION, Op.JUMP, Op.ARRAY, Op.NEXT))
_FLOAT, _DOUBLE, _LONG_AS_FLOAT, _BOOLEAN_AS_FLOAT, _LONG = (
    int(op) for op in (Op.FLOAT, Op.DOUBLE, Op.LONG_AS_FLOAT, Op.BOOLEAN_AS_FLOAT, Op.LONG)
)
_TEXT, _BOOLEAN_AS_TEXT, _PRESENT, _NULL_FLOAT, _NULL_LONG, _NULL_TEXT = (
    int(op) for op in (Op.TEXT, Op.BOOLEAN_AS_TEXT, Op.PRESENT, Op.NULL_FLOAT, Op.NULL_LONG, Op.NULL_TEXT)
)
_SKIP_ITEMS, _FLOATS = int(Op.SKIP_ITEMS), int(Op.FLOATS)
_MISSING = int(MISSING)


@intrinsic
def _bytes_at(_context: Any, _address: Any) -> Any:
    """The pointer to the byte at an address."""
    signature = types.CPointer(types.uint8)(types.int64)

    def code(_compiler: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return signature, code


@numba.njit(cache=True, nogil=True)
def _long(data, at, end):
    """The zigzag varint at `at` and the place after it; (0, −1) if it is cut short, (0, −2) if it is too long."""
    value = np.uint64(0)
    shift = np.uint64(0)
    for _ in range(10):
        if at >= end:
            return np.int64(0), np.int64(-1)
        byte = data[at]
        at += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1)), at
        shift += np.uint64(7)
    return np.int64(0), np.int64(-2)


@numba.njit(cache=True, nogil=True)
def _word(data, at, size):
    """The little-endian number of `size` bytes at `at`."""
    word = np.uint64(0)
    for k in range(size):
        word |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return word


@numba.njit(cache=True, nogil=True)
def _is_utf8(data, at, end):
    """Whether the bytes are UTF-8 as Python's strict decoder takes it: shortest forms, no surrogates, at most U+10FFFF."""
    while at < end:
        first = data[at]
        if first < 0x80:
            at += 1
            continue
        if first < 0xC2 or first > 0xF4:
            return False
        follow = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if at + follow >= end:
            return False
        second = data[at + 1]
        low, high = 0x80, 0xBF
        if first == 0xE0:
            low = 0xA0
        elif first == 0xED:
            high = 0x9F
        elif first == 0xF0:
            low = 0x90
        elif first == 0xF4:
            high = 0x8F
        if second < low or second > high:
            return False
        for k in range(2, follow + 1):
            if data[at + k] & 0xC0 != 0x80:
                return False
        at += follow + 1
    return True


@numba.njit(cache=True, nogil=True)
def run(addresses, lengths, table, targets, floats, float_base, longs, long_base, texts, text_base, room, used,
        offsets, status):  # fmt: skip
    """Decode bodies into the columns; whether all fitted (if not, the tables need more room and nothing is of use).

    Parameters
    ----------
    addresses, lengths : int64[n]
        Where the bodies are.
    table, targets : the operations
    floats, longs, texts : float64[…], int64[…], uint8[…]
        The columns of each kind end to end, column c beginning at its base.
    room, used : int64[tables]
        Entries that each table can take, and has.
    offsets : int64[tables, n + 1]
        Filled with the entries before each body.
    status : int8[n]
        Filled with what became of each body.
    """
    counts = np.zeros(MAX_NESTING + 1, np.int64)
    before = np.zeros(used.shape[0], np.int64)
    for body in range(addresses.shape[0]):
        data = numba.carray(_bytes_at(addresses[body]), lengths[body], np.uint8)
        end = lengths[body]
        before[:] = used
        at = np.int64(0)
        depth = 0
        step = 0
        outcome = _OK
        while True:
            op = table[step, 0]
            a = table[step, 1]
            b = table[step, 2]
            c = table[step, 3]
            step += 1
            if op == _SKIP_NULLABLES:
                for _ in range(c):
                    if at >= end:
                        outcome = _TRUNCATED
                        break
                    branch = data[at]
                    if branch > 2 or branch & 1:
                        outcome = _MALFORMED
                        break
                    at += 1 if branch >> 1 == a else 1 + b
                if outcome != _OK:
                    break
                if at > end:
                    outcome = _TRUNCATED
                    break
            elif op == _UNION:
                value, place = _long(data, at, end)
                if place < 0:
                    outcome = _TRUNCATED if place == -1 else _MALFORMED
                    break
                if value < 0 or value >= b:
                    outcome = _MALFORMED
                    break
                at = place
                step = targets[a + value]
            elif op == _JUMP:
                step = a
            elif op == _SKIP:
                at += a
                if at > end:
                    outcome = _TRUNCATED
                    break
            elif op == _FLOAT:
                if at + 4 > end:
                    outcome = _TRUNCATED
                    break
                floats[float_base[a] + used[b]] = np.uint32(_word(data, at, 4)).view(np.float32)
                at += 4
            elif op == _DOUBLE:
                if at + 8 > end:
                    outcome = _TRUNCATED
                    break
                floats[float_base[a] + used[b]] = np.uint64(_word(data, at, 8)).view(np.float64)
                at += 8
            elif op == _SKIP_LONG or op == _LONG or op == _LONG_AS_FLOAT or op == _SKIP_ENUM:
                value, place = _long(data, at, end)
                if place < 0:
                    outcome = _TRUNCATED if place == -1 else _MALFORMED
                    break
                at = place
                if op == _LONG:
                    longs[long_base[a] + used[b]] = value
                elif op == _LONG_AS_FLOAT:
                    floats[float_base[a] + used[b]] = value
                elif op == _SKIP_ENUM and (value < 0 or value >= a):
                    outcome = _MALFORMED
                    break
            elif op == _SKIP_BYTES or op == _SKIP_TEXT or op == _TEXT:
                size, place = _long(data, at, end)
                if place < 0 or size < 0:
                    outcome = _TRUNCATED if place == -1 else _MALFORMED
                    break
                if size > end - place:
                    outcome = _TRUNCATED
                    break
                if op != _SKIP_BYTES and not _is_utf8(data, place, place + size):
                    outcome = _MALFORMED
                    break
                if op == _TEXT:
                    base = text_base[a] + used[b] * c
                    for k in range(c):
                        texts[base + k] = data[place + k] if k < size else 0
                at = place + size
            elif op == _ARRAY:
                count, place = _long(data, at, end)
                if place >= 0 and count < 0:  # a negative count is followed by the block's size, which nobody needs
                    count = -count
                    _, place = _long(data, place, end)
                if place < 0 or count < 0:
                    outcome = _TRUNCATED if place == -1 else _MALFORMED
                    break
                at = place
                if count == 0:
                    step = a
                else:
                    if count > (end - at) // c:
                        outcome = _TRUNCATED
                        break
                    if b != NO_TABLE and count > MAX_ENTRIES - (used[b] - before[b]):
                        outcome = _OVERLONG
                        break
                    if b != NO_TABLE and count > room[b] - used[b]:
                        outcome = _OVERFLOW
                        break
                    depth += 1
                    counts[depth] = count
            elif op == _NEXT:
                if b != NO_TABLE:
                    used[b] += 1
                counts[depth] -= 1
                if counts[depth] > 0:
                    step = a + 1
                else:
                    depth -= 1
                    step = a
            elif op == _SKIP_ITEMS or op == _FLOATS:
                while True:
                    count, place = _long(data, at, end)
                    if place >= 0 and count < 0:
                        count = -count
                        _, place = _long(data, place, end)
                    if place < 0 or count < 0:
                        outcome = _TRUNCATED if place == -1 else _MALFORMED
                        break
                    at = place
                    if count == 0:
                        break
                    if count > (end - at) // c:
                        outcome = _TRUNCATED
                        break
                    if op == _FLOATS:
                        if count > MAX_ENTRIES - (used[b] - before[b]):
                            outcome = _OVERLONG
                            break
                        if count > room[b] - used[b]:
                            outcome = _OVERFLOW
                            break
                        base = float_base[a] + used[b]
                        for k in range(count):
                            floats[base + k] = np.uint32(_word(data, at + 4 * k, 4)).view(np.float32)
                        used[b] += count
                    at += count * c
                if outcome != _OK:
                    break
            elif op == _BOOLEAN_AS_FLOAT or op == _BOOLEAN_AS_TEXT:
                if at >= end:
                    outcome = _TRUNCATED
                    break
                if op == _BOOLEAN_AS_FLOAT:
                    floats[float_base[a] + used[b]] = 1.0 if data[at] else 0.0
                else:
                    base = text_base[a] + used[b] * c
                    for k in range(c):
                        texts[base + k] = 0
                    texts[base] = 0x74 if data[at] else 0x66  # t, f
                at += 1
            elif op == _PRESENT:
                longs[long_base[a] + used[b]] = c
            elif op == _NULL_FLOAT:
                floats[float_base[a] + used[b]] = np.nan
            elif op == _NULL_LONG:
                longs[long_base[a] + used[b]] = _MISSING
            elif op == _NULL_TEXT:
                base = text_base[a] + used[b] * c
                for k in range(c):
                    texts[base + k] = 0
            else:  # _END
                if at != end:
                    outcome = _TRAILING
                break
        if outcome == _OVERFLOW:
            return False
        if outcome != _OK:
            used[:] = before
        status[body] = outcome
        used[0] += 1
        for number in range(used.shape[0]):
            offsets[number, body + 1] = used[number]
    return True
