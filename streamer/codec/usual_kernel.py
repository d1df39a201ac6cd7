"""The compiled loop over many messages that finds the record in those of the usual forms."""

from __future__ import annotations

import numpy as np

from streamer.codec.container import MAGIC, SYNC_BYTES
from streamer.codec.primitives import ask_for, byte_at, half_at, kernel, long_at, word_at

FRAME, OTHER = -1, -2
"""In the place of a header's number: a message that is no container file, and one that is left to others."""

_MAGIC = np.uint32(int.from_bytes(MAGIC, "little"))
_MAGIC_BYTES = len(MAGIC)
_WORD, _STRIDE = 8, 256
_AHEAD = 4096
"""bytes; how far before it is looked at a header is asked for: a page"""
_ONE = 0x02
"""A block of one record, as everybody writes the number; a longer way to write it is left to others."""
_MOST_SIZE_BYTES = 5
"""A block's size in more bytes is left to others, too: it is more than is read of one message."""


@kernel
def recognise(addresses, lengths, prefixes, sizes, frame_bytes, most_bytes, found):
    """Recognise messages.

    Parameters
    ----------
    addresses, lengths : int64[n]
        Where the messages are.
    prefixes, sizes : int64[k]
        Where the known headers are.
    frame_bytes, most_bytes : int
        See :func:`streamer.codec.usual.recognised`.
    found : int64[4, n]
        Filled with header, schema id, start and end of the record; zeros before.
    """
    likeliest = 0
    for i in range(addresses.shape[0]):
        address, length = addresses[i], lengths[i]
        found[0, i] = OTHER
        if length > most_bytes:
            continue
        if length >= _MAGIC_BYTES and half_at(address, 0) == _MAGIC:
            header = _header_of(address, length, prefixes, sizes, likeliest)
            if header >= 0:
                likeliest = header
                begin = _only_record(address, length, sizes[header])
                if begin > 0:
                    found[0, i], found[2, i], found[3, i] = header, begin, length - SYNC_BYTES
        elif frame_bytes == 0 or (length >= frame_bytes and byte_at(address, 0) == 0):
            found[0, i], found[2, i], found[3, i] = FRAME, frame_bytes, length
            for k in range(1, frame_bytes):
                found[1, i] = found[1, i] << 8 | np.int64(byte_at(address, k))


@kernel
def _header_of(address, length, prefixes, sizes, likeliest):
    """Which header the message begins with, −1 if none: never two, since a header says itself where it ends."""
    for rank in range(-1, prefixes.shape[0]):
        header = likeliest if rank < 0 else rank
        if header >= prefixes.shape[0] or (rank >= 0 and header == likeliest):
            continue
        if sizes[header] + SYNC_BYTES <= length and _is_equal(address, prefixes[header], sizes[header]):
            return header
    return -1


@kernel
def _is_equal(one, other, size):
    """Whether `size` bytes are the same, looked at by strides that are loaded as vectors."""
    at = 0
    while at + _STRIDE <= size:
        ask_for(one, at + _AHEAD, at + _AHEAD + _STRIDE)
        differing = np.uint64(0)
        for k in range(at, at + _STRIDE, _WORD):
            differing |= word_at(one, k) ^ word_at(other, k)
        if differing != 0:
            return False
        at += _STRIDE
    while at < size:
        if byte_at(one, at) != byte_at(other, at):
            return False
        at += 1
    return True


@kernel
def _only_record(address, length, prefix):
    """Where the record begins, if behind the header there is one block of one record, then the sync marker and nothing; else 0."""
    at = prefix + SYNC_BYTES
    if at >= length or byte_at(address, at) != _ONE:
        return 0
    size, begin = long_at(address, at + 1, min(length, at + 1 + _MOST_SIZE_BYTES))
    if begin < 0 or size < 1 or begin + size + SYNC_BYTES != length:
        return 0
    return begin if _is_equal(address + prefix, address + begin + size, SYNC_BYTES) else 0
