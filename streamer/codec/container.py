"""Avro object container files: header, blocks, and the way back (Avro 1.11 specification, "Object Container Files")."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cramjam

from streamer.data.schema import WriterSchema
from streamer.errors import Reason

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
MAX_HEADER_ENTRIES = 64
MAX_BLOCK_BYTES = 64 << 20
"""A block that claims to hold more, or unpacks to more, is rejected before memory is given to it."""
MAX_BLOCK_RECORDS = 1 << 17
"""A block that claims more records is rejected: 64 kB of deflated zeros can be 64 million records of one byte."""


class BadContainer(ValueError):
    """Bytes that are no container file; carries the reason that the alert's rejection gets."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Header:
    """The start of a container file.

    Parameters
    ----------
    prefix : bytes
        All bytes up to the sync marker: equal prefixes mean equal schemas.
    schema : WriterSchema
    codec : str
        ``null``, ``deflate``, ``snappy`` or ``zstandard``.
    """

    prefix: bytes
    schema: WriterSchema
    codec: str

    @property
    def body(self) -> int:
        """Where the first block begins."""
        return len(self.prefix) + SYNC_BYTES


class Block(NamedTuple):
    """One block: so many records packed into ``buffer[start:end]``."""

    records: int
    start: int
    end: int


def read_long(buffer: bytes, position: int) -> tuple[int, int]:
    """The zigzag varint at `position` and the position after it; BadContainer if it does not end in time."""
    value = shift = 0
    while shift < 70:
        if position >= len(buffer):
            raise BadContainer(Reason.TRUNCATED, "the bytes end within a number")
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), position
        shift += 7
    raise BadContainer(Reason.MALFORMED, "a number of more than ten bytes")


def write_long(value: int) -> bytes:
    """`value` as a zigzag varint."""
    rest = (value << 1) ^ (value >> 63)
    encoded = []
    while rest >= 0x80:
        encoded.append((rest & 0x7F) | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


def read_header(buffer: bytes) -> Header:
    """The header of a container file; raises BadContainer or InvalidSchema."""
    metadata: dict[bytes, bytes] = {}
    position = len(MAGIC)
    while True:
        count, position = read_long(buffer, position)
        if count == 0:
            break
        if count < 0:
            count = -count
            _, position = read_long(buffer, position)
        if count + len(metadata) > MAX_HEADER_ENTRIES:
            raise BadContainer(Reason.MALFORMED, f"a header of {count + len(metadata)} entries")
        for _ in range(count):
            key, position = _read_bytes(buffer, position)
            metadata[key], position = _read_bytes(buffer, position)
    if position + SYNC_BYTES > len(buffer):
        raise BadContainer(Reason.TRUNCATED, "the bytes end within the header")
    if b"avro.schema" not in metadata:
        raise BadContainer(Reason.MALFORMED, "a header without a schema")
    codec = metadata.get(b"avro.codec", b"null").decode("utf-8", "replace")
    return Header(buffer[:position], WriterSchema.parse(metadata[b"avro.schema"]), codec)


def read_blocks(buffer: bytes, header: Header) -> Iterator[Block]:
    """The blocks of a container file, each checked by its size and its sync marker; BadContainer where one is not right."""
    if header.body > len(buffer):
        raise BadContainer(Reason.TRUNCATED, "the bytes end within the header")
    sync = buffer[len(header.prefix) : header.body]
    position = header.body
    while position < len(buffer):
        count, position = read_long(buffer, position)
        size, position = read_long(buffer, position)
        most = min(size, MAX_BLOCK_RECORDS) if header.codec == "null" else MAX_BLOCK_RECORDS  # a record has at least a byte
        if size < 0 or not 0 <= count <= most:
            raise BadContainer(Reason.MALFORMED, f"a block of {count} records in {size} bytes")
        end = position + size
        if end + SYNC_BYTES > len(buffer):
            raise BadContainer(Reason.TRUNCATED, f"a block of {size} bytes where {len(buffer) - position} are left")
        if buffer[end : end + SYNC_BYTES] != sync:
            raise BadContainer(Reason.MALFORMED, "a block without its sync marker")
        yield Block(count, position, end)
        position = end + SYNC_BYTES


def unpacked(data: bytes, codec: str) -> bytes:
    """The bytes of a block, decompressed; BadContainer if they are not, or are larger than ``MAX_BLOCK_BYTES``."""
    try:
        match codec:
            case "null":
                return data
            case "deflate":
                return _inflated(data)
            case "snappy":
                return _unsnapped(data)
            case "zstandard":
                return _unpacked_zstandard(data)
    except (zlib.error, cramjam.DecompressionError, OSError) as error:
        raise BadContainer(Reason.MALFORMED, f"{codec}: {error}") from error
    raise BadContainer(Reason.MALFORMED, f"unknown codec {codec[:20]!r}")


def written(schema: WriterSchema, count: int, body: bytes, sync: bytes) -> bytes:
    """A container file of one null-codec block."""
    return b"".join((header_bytes(schema), sync, block_bytes(count, body, sync)))


def header_bytes(schema: WriterSchema, codec: bytes = b"null") -> bytes:
    """The header of a container file, up to the sync marker."""
    entries = ((b"avro.codec", codec), (b"avro.schema", schema.text.encode()))
    packed = b"".join(write_long(len(part)) + part for entry in entries for part in entry)
    return MAGIC + write_long(len(entries)) + packed + b"\x00"


def block_bytes(count: int, body: bytes, sync: bytes) -> bytes:
    """One block of a null-codec container file."""
    return b"".join((write_long(count), write_long(len(body)), body, sync))


def _read_bytes(buffer: bytes, position: int) -> tuple[bytes, int]:
    size, position = read_long(buffer, position)
    if size < 0:
        raise BadContainer(Reason.MALFORMED, f"a length of {size}")
    if position + size > len(buffer):
        raise BadContainer(Reason.TRUNCATED, f"a length of {size} where {len(buffer) - position} bytes are left")
    return buffer[position : position + size], position + size


def _inflated(data: bytes) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = stream.decompress(data, MAX_BLOCK_BYTES + 1)
    if len(plain) > MAX_BLOCK_BYTES:
        raise BadContainer(Reason.TOO_LARGE, f"a block that unpacks to more than {MAX_BLOCK_BYTES} bytes")
    if not stream.eof:
        raise BadContainer(Reason.TRUNCATED, "a compressed block that does not end")
    return plain


def _unsnapped(data: bytes) -> bytes:
    """Snappy as Avro writes it: a raw block, then the big-endian CRC-32 of the plain bytes."""
    if len(data) < 5:
        raise BadContainer(Reason.TRUNCATED, "a snappy block without its checksum")
    size = shift = 0
    for byte in data[:5]:  # the plain size, an unsigned varint, stands first
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > MAX_BLOCK_BYTES:
        raise BadContainer(Reason.TOO_LARGE, f"a block that unpacks to {size} bytes")
    plain = bytes(cramjam.snappy.decompress_raw(data[:-4]))
    if zlib.crc32(plain) != int.from_bytes(data[-4:], "big"):
        raise BadContainer(Reason.MALFORMED, "a snappy block whose checksum is wrong")
    return plain


def _unpacked_zstandard(data: bytes) -> bytes:
    """Grow the room until the block fits: its own claim about its size is not to be trusted."""
    room = max(16 * len(data), 1 << 16)
    while True:
        target = bytearray(min(room, MAX_BLOCK_BYTES))
        try:
            return bytes(target[: cramjam.zstd.decompress_into(data, target)])
        except cramjam.DecompressionError as error:
            if "write" not in str(error):
                raise
        if room >= MAX_BLOCK_BYTES:
            raise BadContainer(Reason.TOO_LARGE, f"a block that unpacks to more than {MAX_BLOCK_BYTES} bytes")
        room *= 8
