"""Recognises entries of an array by their bytes.

Entries that one writer put behind each other nearly all have the same fields null, numbers of the same length and texts of the same
length. Such a *shape* is what :func:`streamer.codec.steps.follow` leaves behind: the bits on which its way depended, and where
the wanted values stood. Bytes that agree in those bits would lead it the same way past the same checks, so comparing them, a whole
vector of bytes at a time, is as strict and costs a tenth. A few shapes of each array are kept during one call, the one used last
first; in real packets nearly every entry has one of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.codec.primitives import kernel, word_at
from streamer.data.arrays import Int64s, UInt64s

SHAPES = 8
"""Kept for each table."""
MAX_WORDS = 128
"""Entries of more than so many words of eight bytes are followed step by step."""
WORD = 8


class Shapes(NamedTuple):
    """Shapes of each table, and the order in which they are tried.

    Parameters
    ----------
    known : int64[tables]
        How many there are.
    order : int64[tables, SHAPES]
        Their numbers, the one used last first.
    size : int64[tables, SHAPES], bytes
    mask, same : uint64[tables, SHAPES, MAX_WORDS]
        The bits that make the shape, and what they are; no bits behind the entry's end.
    found : int64[tables, SHAPES, values, 2]
        Operation of each wanted value, and its place from the entry's beginning.
    n_found : int64[tables, SHAPES]
    """

    known: Int64s
    order: Int64s
    size: Int64s
    mask: UInt64s
    same: UInt64s
    found: Int64s
    n_found: Int64s


def no_shapes(tables: int, values: int) -> Shapes:
    """Nothing is known yet."""
    return Shapes(
        np.zeros(tables, np.int64),
        np.zeros((tables, SHAPES), np.int64),
        np.zeros((tables, SHAPES), np.int64),
        np.empty((tables, SHAPES, MAX_WORDS), np.uint64),
        np.empty((tables, SHAPES, MAX_WORDS), np.uint64),
        np.empty((tables, SHAPES, values, 2), np.int64),
        np.zeros((tables, SHAPES), np.int64),
    )


@kernel
def _fits(shapes, table, shape, words, address, at):
    differing = np.uint64(0)
    for k in range(words):
        differing |= (word_at(address, at + WORD * k) & shapes.mask[table, shape, k]) ^ shapes.same[table, shape, k]
    return differing == 0


@kernel
def recognised(shapes, table, address, at, end, count):
    """How many of the next `count` entries have the same known shape, and which: (entries, number of the shape)."""
    for rank in range(shapes.known[table]):
        shape = shapes.order[table, rank]
        size = shapes.size[table, shape]
        words = (size + WORD - 1) // WORD
        place, n = at, 0
        while n < count and WORD * words <= end - place and _fits(shapes, table, shape, words, address, place):
            place += size
            n += 1
        if n > 0:
            _to_front(shapes, table, rank)
            return n, shape
    return 0, 0


@kernel
def learn(shapes, table, address, at, stop, end, mask, found, n_found):
    """Know the entry from `at` to `stop` again, in the place of the shape not used for longest; too long ones are left out."""
    words = (stop - at + WORD - 1) // WORD
    if words > MAX_WORDS or WORD * words > end - at:
        return
    if shapes.known[table] < SHAPES:
        shapes.order[table, shapes.known[table]] = shapes.known[table]
        shapes.known[table] += 1
    rank = shapes.known[table] - 1
    shape = shapes.order[table, rank]
    mask[stop - at : WORD * words] = 0
    bits = mask.view(np.uint64)
    for k in range(words):
        shapes.mask[table, shape, k] = bits[k]
        shapes.same[table, shape, k] = word_at(address, at + WORD * k) & bits[k]
    shapes.size[table, shape] = stop - at
    for k in range(n_found):
        shapes.found[table, shape, k, 0] = found[k, 0]
        shapes.found[table, shape, k, 1] = found[k, 1]
    shapes.n_found[table, shape] = n_found
    _to_front(shapes, table, rank)


@kernel
def _to_front(shapes, table, rank):
    first = shapes.order[table, rank]
    for k in range(rank, 0, -1):
        shapes.order[table, k] = shapes.order[table, k - 1]
    shapes.order[table, 0] = first
