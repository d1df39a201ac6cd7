"""Writes records from columns: one loop over the parts of each record."""

from enum import IntEnum

import numba
import numpy as np

from streamer.data.arrays import MISSING


class Part(IntEnum):
    """What is written, with the meaning of its operands a and b."""

    BYTES = 0
    """Entry a of the table of bytes."""
    CHOICE = 1
    """The entry of the table of bytes that integer column a names."""
    LONG = 2
    """Integer column a, as a varint."""
    NULLABLE_LONG = 3
    """The same in a union of null and it; ``MISSING`` is null."""
    DOUBLE = 4
    """Float column a."""
    NULLABLE_FLOAT = 5
    """Float column a in a union of null and float; what is not finite is null."""
    TEXT = 6
    """Text column a."""
    WHEN = 7
    """The next b parts only where integer column a is not 0."""


_MISSING = int(MISSING)
_BYTES, _CHOICE, _LONG, _NULLABLE_LONG, _DOUBLE, _NULLABLE_FLOAT, _TEXT, _WHEN = (int(part) for part in Part)


@numba.njit(cache=True, nogil=True)
def _put_long(out, at, value):
    rest = np.uint64(value << 1) ^ np.uint64(value >> 63)
    while rest >= np.uint64(0x80):
        out[at] = (rest & np.uint64(0x7F)) | np.uint64(0x80)
        at += 1
        rest >>= np.uint64(7)
    out[at] = rest
    return at + 1


@numba.njit(cache=True, nogil=True)
def _put_word(out, at, word, size):
    for k in range(size):
        out[at + k] = (word >> np.uint64(8 * k)) & np.uint64(0xFF)
    return at + size


@numba.njit(cache=True, nogil=True)
def write(parts, table, ends, longs, floats, texts, out, offsets):
    """Write record after record to `out`, which has room for all of them."""
    at = 0
    for row in range(offsets.shape[0] - 1):
        step = 0
        while step < parts.shape[0]:
            part = parts[step, 0]
            a = parts[step, 1]
            step += 1
            if part == _BYTES or part == _CHOICE:
                entry = a if part == _BYTES else longs[a, row]
                for k in range(ends[entry], ends[entry + 1]):
                    out[at] = table[k]
                    at += 1
            elif part == _DOUBLE:
                at = _put_word(out, at, np.float64(floats[a, row]).view(np.uint64), 8)
            elif part == _LONG:
                at = _put_long(out, at, longs[a, row])
            elif part == _NULLABLE_LONG:
                if longs[a, row] == _MISSING:
                    out[at] = 0
                    at += 1
                else:
                    out[at] = 2
                    at = _put_long(out, at + 1, longs[a, row])
            elif part == _NULLABLE_FLOAT:
                if np.isfinite(floats[a, row]):
                    out[at] = 2
                    at = _put_word(out, at + 1, np.uint64(np.float32(floats[a, row]).view(np.uint32)), 4)
                else:
                    out[at] = 0
                    at += 1
            elif part == _TEXT:
                size = texts.shape[2]
                while size > 0 and texts[a, row, size - 1] == 0:
                    size -= 1
                at = _put_long(out, at, size)
                for k in range(size):
                    out[at + k] = texts[a, row, k]
                at += size
            elif longs[a, row] == 0:  # WHEN
                step += parts[step - 1, 2]
        offsets[row + 1] = at
