"""A file as messages of bounded size: container files are cut between their blocks, everything else stays whole."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from streamer.codec.container import MAGIC, MAX_HEADER_ENTRIES, SYNC_BYTES
from streamer.codec.framing import MAX_MESSAGE_BYTES

SLICE_BYTES = 1 << 20
"""A slice of a container file is full when it has this many bytes …"""
SLICE_RECORDS = 256
"""… or this many records."""

READ_ERRORS = (OSError, EOFError, zlib.error, tarfile.TarError)
"""What reading a file, a member of a tarball or a gzip stream may raise when the bytes are not there."""


class Readable(Protocol):
    """A file, or a member of a tarball: only ever read forwards."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; fewer at the end."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One message of a file.

    Parameters
    ----------
    payload : bytes
        The whole file, or a container file made of its header and some of its blocks.
    first, count : int
        Number of the first record, and how many there are; what cannot be counted is one.
    """

    payload: bytes
    first: int
    count: int


def slices(stream: Readable, limit: int = MAX_MESSAGE_BYTES) -> Iterator[Slice]:
    """The messages of a file, in order; every byte of a record occurs in one of them.

    From the first byte that is not as it should be, the rest of the file is one message, for the codec to reject. Of a message
    longer than `limit` only the first ``limit + 1`` bytes come: enough to see that it is too large.

    Raises
    ------
    One of READ_ERRORS
        After the last message, if reading failed: what was read until then has come, the last piece of it perhaps cut off.
    """
    tape = _Tape(stream, limit)
    yield from _pieces(tape)
    if tape.error is not None:
        raise tape.error


def _pieces(tape: _Tape) -> Iterator[Slice]:
    try:
        tape.header()
    except _NotAsItShouldBe:
        yield Slice(tape.rest(), 0, 1)
        return
    yield from _between_blocks(tape)


def _between_blocks(tape: _Tape) -> Iterator[Slice]:
    header = tape.cut()
    first, count, blocks = 0, 0, [header]
    size = sent = 0
    while True:
        try:
            records = tape.block()
        except _NotAsItShouldBe as end:
            tail = b"" if end.at_the_end else tape.rest()
            break
        blocks.append(tape.cut())
        count += records
        size += len(blocks[-1])
        if size >= SLICE_BYTES or count >= SLICE_RECORDS:
            yield Slice(b"".join(blocks), first, max(count, 1))
            first, count, blocks, size, sent = first + max(count, 1), 0, [header], 0, sent + 1
    if len(blocks) > 1 or not (sent or tail):
        yield Slice(b"".join(blocks), first, max(count, 1))
        first += max(count, 1)
    if tail:
        yield Slice(header + tail, first, 1)


class _NotAsItShouldBe(Exception):
    """The bytes are no container, or end; never leaves this file."""

    def __init__(self, *, at_the_end: bool = False) -> None:
        super().__init__()
        self.at_the_end = at_the_end


class _Tape:
    """Reads a container forwards and keeps what it has read until it is cut off."""

    def __init__(self, stream: Readable, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._taken = bytearray()
        self._sync = b""
        self.error: Exception | None = None

    def cut(self) -> bytes:
        """What was read since the last cut."""
        cut = bytes(self._taken)
        self._taken.clear()
        return cut

    def rest(self) -> bytes:
        """What was read since the last cut, and the rest of the stream, up to one byte more than the limit."""
        self._read(self._limit + 1 - len(self._taken))
        return self.cut()

    def header(self) -> None:
        """Read the header (Avro 1.11, "Object Container Files")."""
        if self._take(len(MAGIC)) != MAGIC:
            raise _NotAsItShouldBe
        while count := self._long():
            if count < 0:
                self._long()
            if abs(count) > MAX_HEADER_ENTRIES:
                raise _NotAsItShouldBe
            for _ in range(2 * abs(count)):
                self._take(self._long())
        self._sync = self._take(SYNC_BYTES)

    def block(self) -> int:
        """Read a block and return its number of records."""
        if not self._read(1):
            raise _NotAsItShouldBe(at_the_end=True)
        count = self._long(self._taken[-1])
        size = self._long()
        if count < 0:
            raise _NotAsItShouldBe
        self._take(size)
        if self._take(SYNC_BYTES) != self._sync:
            raise _NotAsItShouldBe
        return count

    def _long(self, byte: int | None = None) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._take(1)[0] if byte is None else byte
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
            byte = None
        raise _NotAsItShouldBe

    def _take(self, size: int) -> bytes:
        if size < 0 or len(self._taken) + size > self._limit:
            raise _NotAsItShouldBe
        taken = self._read(size)
        if len(taken) < size:
            raise _NotAsItShouldBe
        return taken

    def _read(self, size: int) -> bytes:
        """Up to `size` bytes; where the stream cannot be read it ends, and the error waits until all messages are out."""
        parts = []
        while size > 0:
            try:
                part = self._stream.read(min(size, SLICE_BYTES))
            except READ_ERRORS as error:
                self.error = error
                break
            if not part:
                break
            parts.append(part)
            size -= len(part)
        read = b"".join(parts)
        self._taken += read
        return read
