"""Container files: read as fastavro wrote them, and never more than a rejection when they are broken."""

import io
import zlib

import cramjam
import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.container import (
    MAGIC,
    MAX_BLOCK_BYTES,
    BadContainer,
    header_bytes,
    read_blocks,
    read_header,
    read_long,
    unpacked,
    write_long,
    written,
)
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema, Reason
from tests.packets import SYNC, container, datum, record_of

TREE = record_of([("a", "int"), ("b", "string")])
SCHEMA = WriterSchema.of(TREE)


def bodies_of(file: bytes) -> list[tuple[int, bytes]]:
    header = read_header(file)
    return [(block.records, unpacked(file[block.start : block.end], header.codec)) for block in read_blocks(file, header)]


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_long_comes_back(value: int) -> None:
    encoded = write_long(value)
    assert read_long(b"x" + encoded + b"y", 1) == (value, 1 + len(encoded))
    assert encoded == datum(record_of([("n", "long")]), {"n": value})


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", Reason.TRUNCATED), (b"\xff" * 3, Reason.TRUNCATED), (b"\xff" * 20, Reason.MALFORMED)]
)
def test_a_number_that_does_not_end_is_rejected(data: bytes, reason: Reason) -> None:
    with pytest.raises(BadContainer) as caught:
        read_long(data, 0)
    assert caught.value.reason is reason


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard"])
@pytest.mark.parametrize("per_block", [1, 2, 100])
def test_every_codec_gives_the_records_that_fastavro_wrote(codec: str, per_block: int) -> None:
    if codec == "zstandard":  # fastavro needs another package to write it
        file = _zstandard_file([{"a": i, "b": "x" * i} for i in range(5)], per_block)
    else:
        file = container(TREE, [{"a": i, "b": "x" * i} for i in range(5)], codec, per_block)
    blocks = bodies_of(file)
    assert [count for count, _ in blocks] == {1: [1] * 5, 2: [2, 2, 1], 100: [5]}[per_block]
    assert b"".join(body for _, body in blocks) == b"".join(datum(TREE, {"a": i, "b": "x" * i}) for i in range(5))


def _zstandard_file(records: list[dict[str, object]], per_block: int) -> bytes:
    file = header_bytes(SCHEMA, b"zstandard") + SYNC
    for start in range(0, len(records), per_block):
        part = records[start : start + per_block]
        packed = bytes(cramjam.zstd.compress(b"".join(datum(TREE, record) for record in part)))
        file += write_long(len(part)) + write_long(len(packed)) + packed + SYNC
    return file


def test_fastavro_reads_what_we_write() -> None:
    file = written(SCHEMA, 2, datum(TREE, {"a": 1, "b": "p"}) + datum(TREE, {"a": 2, "b": "q"}), SYNC)
    assert list(fastavro.reader(io.BytesIO(file))) == [{"a": 1, "b": "p"}, {"a": 2, "b": "q"}]


def test_a_header_in_blocks_of_negative_count_is_read() -> None:
    entry = b"".join(write_long(len(part)) + part for part in (b"avro.schema", SCHEMA.text.encode()))
    file = MAGIC + write_long(-1) + write_long(len(entry)) + entry + b"\x00" + SYNC
    header = read_header(file)
    assert header.schema == SCHEMA
    assert header.codec == "null"
    assert list(read_blocks(file, header)) == []


def bad(file: bytes) -> Reason:
    with pytest.raises(BadContainer) as caught:
        bodies_of(file)
    return caught.value.reason


def with_block(count: int, size: int, rest: bytes, codec: bytes = b"null") -> bytes:
    return header_bytes(SCHEMA, codec) + SYNC + write_long(count) + write_long(size) + rest


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (with_block(1, 3, b"abc" + b"X" * 16), Reason.MALFORMED),
        (with_block(1, 200_000_000, b"abc" + SYNC), Reason.TRUNCATED),
        (with_block(1, -1, b"abc" + SYNC), Reason.MALFORMED),
        (with_block(-1, 3, b"abc" + SYNC), Reason.MALFORMED),
        (with_block(4, 3, b"abc" + SYNC), Reason.MALFORMED),
        (with_block(2**62, 3, b"abc" + SYNC, b"deflate"), Reason.MALFORMED),
        (with_block(1 << 20, 3, b"abc" + SYNC, b"deflate"), Reason.MALFORMED),
        (with_block(1, 3, b"\xff\xff\xff" + SYNC, b"deflate"), Reason.MALFORMED),
        (with_block(1, 3, b"abc" + SYNC, b"snappy"), Reason.TRUNCATED),
        (with_block(1, 8, b"\x03\x08abc" + b"\0\0\0" + SYNC, b"snappy"), Reason.MALFORMED),
        (with_block(1, 3, b"abc" + SYNC, b"zstandard"), Reason.MALFORMED),
        (with_block(1, 3, b"abc" + SYNC, b"lzma\xff"), Reason.MALFORMED),
        (MAGIC + write_long(1) + write_long(200_000_000) + b"avro.schema", Reason.TRUNCATED),
        (MAGIC + write_long(2**40), Reason.MALFORMED),
        (MAGIC + write_long(1) + write_long(-5), Reason.MALFORMED),
        (MAGIC + b"\x00" + SYNC, Reason.MALFORMED),
        (header_bytes(SCHEMA) + SYNC[:5], Reason.TRUNCATED),
    ],
)
def test_a_broken_file_is_rejected_for_its_reason(file: bytes, reason: Reason) -> None:
    assert bad(file) is reason


def test_a_known_header_without_its_whole_sync_marker_is_truncated() -> None:
    file = header_bytes(SCHEMA) + SYNC
    header = read_header(file)
    with pytest.raises(BadContainer) as caught:
        list(read_blocks(file[:-1], header))
    assert caught.value.reason is Reason.TRUNCATED


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _snapped(data: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(data)) + zlib.crc32(data).to_bytes(4, "big")


BOMB = bytes(MAX_BLOCK_BYTES + 1)


@pytest.mark.parametrize(
    ("codec", "packed"),
    [("deflate", _deflated(BOMB)), ("snappy", _snapped(BOMB)), ("zstandard", bytes(cramjam.zstd.compress(BOMB, 3)))],
    ids=["deflate", "snappy", "zstandard"],
)
def test_a_bomb_is_too_large(codec: str, packed: bytes) -> None:
    assert bad(with_block(1, len(packed), packed + SYNC, codec.encode())) is Reason.TOO_LARGE


def test_a_deflate_block_that_does_not_end_is_truncated() -> None:
    packed = _deflated(b"abc" * 100)[:-1]
    assert bad(with_block(1, len(packed), packed + SYNC, b"deflate")) is Reason.TRUNCATED


def test_a_snappy_block_with_a_wrong_checksum_is_malformed() -> None:
    packed = _snapped(b"abc")[:-1] + b"\x00"
    assert bad(with_block(1, len(packed), packed + SYNC, b"snappy")) is Reason.MALFORMED


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b"\xff", '{"type":"record","name":"r","fields":[]}'.encode("utf-16")])
def test_a_header_with_a_bad_schema_says_so(text: bytes) -> None:
    entry = b"".join(write_long(len(part)) + part for part in (b"avro.schema", text))
    with pytest.raises(InvalidSchema):
        read_header(MAGIC + write_long(1) + entry + b"\x00" + SYNC)


@given(st.binary(max_size=200))
def test_random_bytes_after_the_magic_are_a_rejection_or_a_schema_problem(data: bytes) -> None:
    with pytest.raises((BadContainer, InvalidSchema)):
        bodies_of(MAGIC + data)
