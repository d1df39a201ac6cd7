"""Follows the table of operations through the bytes of one body, from one border to the next.

The borders are where a wanted array begins, where an entry of it is done, and where the record ends. Between two of them each
wanted value occurs at most once, and a list of them is all that the way leaves behind; :mod:`streamer.codec.kernel` puts them into
columns.

Every read is checked against the end of the body before it happens; numbers are read byte by byte, and counts and lengths are
checked before they are used, so that no bytes from outside can make the kernel read or write where it may not. What it accepts,
fastavro reads to the same values; it refuses a little more (numbers of more than ten bytes, negative numbers of branches and
symbols, branches of nullable values in more bytes than one), none of which any writer writes.
"""

from __future__ import annotations

import numpy as np

from streamer.codec.columns import Status
from streamer.codec.operations import NO_TABLE, Op
from streamer.codec.primitives import TOO_SHORT, byte_at, is_ascii, is_utf8, kernel, long_at

_OK, _TRUNCATED, _MALFORMED = int(Status.OK), int(Status.TRUNCATED), int(Status.MALFORMED)

_END, _SKIP, _SKIP_LONG, _SKIP_BYTES, _SKIP_TEXT, _SKIP_ENUM = (
    int(op) for op in (Op.END, Op.SKIP, Op.SKIP_LONG, Op.SKIP_BYTES, Op.SKIP_TEXT, Op.SKIP_ENUM)
)
_SKIP_NULLABLES, _UNION, _JUMP, _ARRAY, _NEXT = (int(op) for op in (Op.SKIP_NULLABLES, Op.UNION, Op.JUMP, Op.ARRAY, Op.NEXT))
_FLOAT, _DOUBLE, _LONG_AS_FLOAT, _LONG, _TEXT = (int(op) for op in (Op.FLOAT, Op.DOUBLE, Op.LONG_AS_FLOAT, Op.LONG, Op.TEXT))
_BOOLEAN_AS_FLOAT, _BOOLEAN_AS_TEXT = int(Op.BOOLEAN_AS_FLOAT), int(Op.BOOLEAN_AS_TEXT)
_SKIP_ITEMS, _FLOATS = int(Op.SKIP_ITEMS), int(Op.FLOATS)

SAME, SAME_LENGTH, ANY = 0xFF, 0x80, 0x00
"""Which bits of a byte the way depends on: all; whether a number goes on (or a byte is ASCII); none."""


@kernel
def _depends(mask, begin, end, bits):
    """Note which bits of the bytes from `begin` to `end` decided the way; beyond the mask nobody asks."""
    for k in range(begin, min(end, mask.shape[0])):
        mask[k] = bits


@kernel
def _problem(place):
    """Why a number could not be read, or was no length or count."""
    return _TRUNCATED if place == TOO_SHORT else _MALFORMED


@kernel
def follow(address, at, end, step, table, targets, found, mask, counts):
    """Go on from operation `step` at byte `at` to the next border.

    Parameters
    ----------
    address, end : int64
        Where the body begins, and how many bytes it has.
    table, targets : the operations
    found : int64[values, 2]
        Filled with the wanted values that were passed: operation, and place from `at` on.
    mask : uint8[k]
        The bits of the first k bytes from `at` on that the way depends on: all of them when this begins, and no longer those of
        bytes whose value did not matter. Any bytes with the same bits lead the same way.
    counts : int64[MAX_NESTING + 1]
        Room for how many items are left of each array within another.

    Returns
    -------
    (status, place, step at the border, values found)
    """
    begin = at
    depth = 0
    n_found = 0
    while True:
        op = table[step, 0]
        a = table[step, 1]
        b = table[step, 2]
        c = table[step, 3]
        if op == _SKIP_NULLABLES:
            for _ in range(c):
                if at >= end:
                    return _TRUNCATED, at, step, n_found
                branch = np.int64(byte_at(address, at))
                if branch > 2 or branch & 1:
                    return _MALFORMED, at, step, n_found
                at += 1
                if branch >> 1 != a:
                    _depends(mask, at - begin, at + b - begin, ANY)
                    at += b
            if at > end:
                return _TRUNCATED, at, step, n_found
        elif op == _UNION:
            value, place = long_at(address, at, end)
            if place < 0 or value < 0 or value >= b:
                return _problem(place), at, step, n_found
            at = place
            step = targets[a + value]
            continue
        elif op == _JUMP:
            step = a
            continue
        elif op == _SKIP or op == _FLOAT or op == _DOUBLE or op == _BOOLEAN_AS_FLOAT or op == _BOOLEAN_AS_TEXT:
            if op != _SKIP:
                found[n_found, 0] = step
                found[n_found, 1] = at - begin
                n_found += 1
                a = 4 if op == _FLOAT else 8 if op == _DOUBLE else 1
            if a > end - at:
                return _TRUNCATED, at, step, n_found
            _depends(mask, at - begin, at + a - begin, ANY)
            at += a
        elif op == _SKIP_LONG or op == _LONG or op == _LONG_AS_FLOAT or op == _SKIP_ENUM:
            value, place = long_at(address, at, end)
            if place < 0 or (op == _SKIP_ENUM and (value < 0 or value >= a)):
                return _problem(place), at, step, n_found
            if op != _SKIP_ENUM:
                _depends(mask, at - begin, place - begin, SAME_LENGTH)
            if op == _LONG or op == _LONG_AS_FLOAT:
                found[n_found, 0] = step
                found[n_found, 1] = at - begin
                n_found += 1
            at = place
        elif op == _SKIP_BYTES or op == _SKIP_TEXT or op == _TEXT:
            size, place = long_at(address, at, end)
            if place < 0 or size < 0:
                return _problem(place), at, step, n_found
            if size > end - place:
                return _TRUNCATED, at, step, n_found
            if op == _SKIP_BYTES:
                _depends(mask, place - begin, place + size - begin, ANY)
            elif is_ascii(address, place, place + size):
                _depends(mask, place - begin, place + size - begin, SAME_LENGTH)
            elif not is_utf8(address, place, place + size):
                return _MALFORMED, at, step, n_found
            if op == _TEXT:
                found[n_found, 0] = step
                found[n_found, 1] = at - begin
                n_found += 1
            at = place + size
        elif op == _ARRAY:
            if b != NO_TABLE:
                return _OK, at, step, n_found
            status, count, place = block_at(address, at, end, c)
            if status != _OK:
                return status, at, step, n_found
            at = place
            if count == 0:
                step = a
                continue
            depth += 1
            counts[depth] = count
        elif op == _NEXT:
            if b != NO_TABLE:
                return _OK, at, step, n_found
            counts[depth] -= 1
            if counts[depth] == 0:
                depth -= 1
                step = a
            else:
                step = a + 1
            continue
        elif op == _SKIP_ITEMS:
            count = 1
            while count > 0:
                status, count, place = block_at(address, at, end, c)
                if status != _OK:
                    return status, at, step, n_found
                at = place + count * c
                _depends(mask, place - begin, at - begin, ANY)
        elif op == _FLOATS or op == _END:
            return _OK, at, step, n_found
        else:  # a value that takes no bytes: what is null, and whether something is there
            found[n_found, 0] = step
            found[n_found, 1] = at - begin
            n_found += 1
        step += 1


@kernel
def block_at(address, at, end, least):
    """The number of items in the block of an array that begins at `at`: (status, count, place of the first item).

    Each item takes at least `least` bytes, so more than the rest of the body can hold is a lie.
    """
    count, place = long_at(address, at, end)
    if place >= 0 and count < 0:  # a negative count is followed by the block's size, which nobody needs
        count = -count
        _, place = long_at(address, place, end)
    if place < 0 or count < 0:
        return _problem(place), count, place
    if count > (end - place) // least:
        return _TRUNCATED, count, place
    return _OK, count, place
