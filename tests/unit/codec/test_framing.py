"""Messages to rows: whatever comes in, every message ends in rows, and every row is read or rejected."""

import io
import zlib
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.container import MAGIC, MAX_BLOCK_RECORDS, block_bytes, header_bytes, written
from streamer.codec.encode import RecordWriter
from streamer.codec.framing import MAX_BATCH_RECORDS, MAX_MESSAGE_RECORDS, MAX_UNPACKED_MESSAGE, Framing
from streamer.codec.rows import NO_SCHEMA, Rows
from streamer.data.batch import Rejections
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema, Reason, SchemaUnavailable, UnknownSchema
from streamer.stores.bundled import bundled_schema
from tests.packets import SYNC, TREE_OF_NO_SURVEY, TableOfSchemas, container, datum, raw_batch, record_of, registry_frame

TREE = record_of([("a", "int"), ("b", "string")])
SCHEMA = WriterSchema.of(TREE)
RECORDS = [{"a": i, "b": "x" * i} for i in range(5)]


def framing(bare: WriterSchema | None = None) -> Framing:
    problems = {7: SCHEMA, 8: SchemaUnavailable("down"), 9: InvalidSchema("garbage"), 10: UnknownSchema("no")}
    return Framing(TableOfSchemas(problems), bare)  # type: ignore[arg-type]  # a dict of schemas and problems is what the table takes


def read(*payloads: bytes) -> tuple[Rows, Rejections]:
    return framing().rows(raw_batch(payloads))


def good_bodies(rows: Rows, rejections: Rejections) -> list[bytes]:
    rejected = set(rejections.row.tolist())
    return [rows.bodies.bytes_of(i) for i in range(len(rows)) if i not in rejected]


BODIES = [datum(TREE, record) for record in RECORDS]


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
@pytest.mark.parametrize("per_block", [1, 2, 100])
def test_each_record_of_a_container_is_a_row(codec: str, per_block: int) -> None:
    rows, rejections = read(container(TREE, RECORDS, codec, per_block))
    assert len(rejections) == 0
    assert good_bodies(rows, rejections) == BODIES
    assert rows.record.tolist() == [0, 1, 2, 3, 4]
    assert rows.message.tolist() == [0] * 5
    assert [rows.schemas[i].tree["name"] for i in rows.schema] == ["r"] * 5


def test_a_registry_frame_is_a_row_of_the_schema_with_its_id() -> None:
    rows, rejections = read(registry_frame(7, BODIES[1]), container(TREE, RECORDS[:1]))
    assert good_bodies(rows, rejections) == [BODIES[1], BODIES[0]]
    assert rows.schemas[rows.schema[0]] == SCHEMA


def test_with_a_bare_schema_whatever_is_no_container_is_a_bare_datum() -> None:
    rows, rejections = framing(SCHEMA).rows(raw_batch([BODIES[2], container(TREE, RECORDS[:1]), b""]))
    assert good_bodies(rows, rejections) == [BODIES[2], BODIES[0], b""]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"\x00", Reason.UNKNOWN_FRAMING),
        (b"\x00\x00\x00\x00", Reason.UNKNOWN_FRAMING),
        (b'{"json": 1}', Reason.UNKNOWN_FRAMING),
        (b"Obj\x02", Reason.UNKNOWN_FRAMING),
        (registry_frame(8, b""), Reason.SCHEMA_UNAVAILABLE),
        (registry_frame(9, b""), Reason.INVALID_SCHEMA),
        (registry_frame(10, b""), Reason.UNKNOWN_SCHEMA),
        (registry_frame(0xFFFFFFFF, b""), Reason.UNKNOWN_SCHEMA),
        (container(TREE, []), Reason.EMPTY),
        (header_bytes(SCHEMA) + SYNC + block_bytes(0, b"", SYNC), Reason.EMPTY),
        (header_bytes(SCHEMA) + SYNC + block_bytes(0, b"abc", SYNC), Reason.TRAILING_BYTES),
        (written(SCHEMA, 2, BODIES[0], SYNC), Reason.TRUNCATED),
    ],
)
def test_a_message_without_a_good_record_is_one_rejected_row_or_more(payload: bytes, reason: Reason) -> None:
    rows, rejections = read(payload, container(TREE, RECORDS[:1]))
    assert reason in rejections.reason
    assert BODIES[0] in good_bodies(rows, rejections)
    again, once_more = read(rows.original(int(rejections.row[-1])))
    assert len(again) == len(once_more) == 1


def test_the_good_records_before_a_broken_block_are_kept() -> None:
    file = container(TREE, RECORDS, "null", 2)
    rows, rejections = read(file[:-3])
    assert good_bodies(rows, rejections) == BODIES[:4]
    assert rejections.reason == (Reason.TRUNCATED,)


@pytest.mark.parametrize("per_block", [1, 2, 5])
@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_the_dead_letter_of_a_broken_file_holds_what_was_not_read_and_nothing_else(codec: str, per_block: int) -> None:
    rows, rejections = read(container(TREE, RECORDS, codec, per_block)[:-3])
    [lost] = rejections.row.tolist()
    again, rejected_again = read(rows.original(lost))
    assert good_bodies(again, rejected_again) == []
    assert rejected_again.reason == rejections.reason
    for row in range(lost):
        assert good_bodies(*read(rows.original(row))) == [BODIES[row]]


def file_of(*blocks: list[bytes]) -> bytes:
    return header_bytes(SCHEMA) + SYNC + b"".join(block_bytes(len(block), b"".join(block), SYNC) for block in blocks)


BAD = b"\x02\xff\xff\xff\xff\x0f"


@pytest.mark.parametrize(
    "blocks",
    [
        [[BODIES[0], BAD, BODIES[1]], [BODIES[2], BODIES[3]]],
        [[BODIES[0], BAD, BODIES[1]], [BODIES[2]]],
        [[BAD, BODIES[1]], [BODIES[2]]],
        [[BODIES[0], BODIES[1]], [BAD, BODIES[1]]],
        [[BODIES[0], BAD, BODIES[1]], [BAD, BAD], [BODIES[2], BODIES[3]]],
    ],
)
def test_each_row_of_a_file_with_broken_blocks_comes_back_from_its_own_original_bytes(blocks: list[list[bytes]]) -> None:
    rows, rejections = read(file_of(*blocks))
    assert set(rejections.reason) == {Reason.MALFORMED}
    for row in range(len(rows)):
        again, rejected_again = read(rows.original(row))
        is_rejected = row in rejections.row
        assert good_bodies(again, rejected_again) == ([] if is_rejected else [rows.bodies.bytes_of(row)])
        assert len(rejected_again) == is_rejected


def test_of_a_schema_that_is_none_each_row_comes_back_from_its_own_original_bytes() -> None:
    header = header_bytes(WriterSchema.of(record_of([("a", "nothing")]))) + SYNC
    rows, rejections = read(header + block_bytes(1, b"x", SYNC) + block_bytes(2, b"yz", SYNC))
    assert rejections.reason == (Reason.INVALID_SCHEMA,)
    assert [rows.original(0), rows.original(1)] == [header + block_bytes(1, b"x", SYNC), header + block_bytes(2, b"yz", SYNC)]


def test_what_is_kept_of_broken_blocks_is_bounded_however_large_the_header() -> None:
    header = header_bytes(WriterSchema.of(TREE | {"doc": "x" * (8 << 20)})) + SYNC
    rows, rejections = read(header + block_bytes(2, BODIES[0] + BAD, SYNC) * 100)
    assert rejections.reason[-1] == Reason.TOO_LARGE
    assert sum(len(rows.payloads[number]) for number in rows.payload[rejections.row].tolist()) < MAX_UNPACKED_MESSAGE + (32 << 20)


def test_blocks_that_unpack_to_too_much_in_one_message_are_refused() -> None:
    tree = record_of([("a", "bytes")])
    bomb = container(tree, [{"a": bytes(MAX_UNPACKED_MESSAGE // 3)}] * 4, "deflate", 1)
    rows, rejections = read(bomb)
    assert len(rows) - len(rejections) == 4 - 1
    assert rejections.reason == (Reason.TOO_LARGE,)


def zeros(tree: dict[str, Any], records: int, size: int, blocks: int) -> bytes:
    """A file of deflated blocks that each claim so many records in so many zeros."""
    schema = WriterSchema.of(tree)
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = stream.compress(bytes(size)) + stream.flush()
    return header_bytes(schema, b"deflate") + SYNC + block_bytes(records, packed, SYNC) * blocks


def test_deflated_blocks_with_too_many_records_in_one_message_are_refused() -> None:
    rows, rejections = read(zeros(TREE_OF_NO_SURVEY, MAX_BLOCK_RECORDS // 2, MAX_BLOCK_RECORDS // 2, 5))
    assert len(rows) - len(rejections) == MAX_MESSAGE_RECORDS
    assert rejections.reason == (Reason.TOO_LARGE,)


def test_a_batch_has_a_bounded_number_of_records_and_single_ones_are_read_as_ever() -> None:
    full = zeros(TREE_OF_NO_SURVEY, MAX_BLOCK_RECORDS, MAX_BLOCK_RECORDS, 1)
    messages = MAX_BATCH_RECORDS // MAX_BLOCK_RECORDS
    rows, rejections = read(*[full] * (messages - 1), container(TREE, RECORDS[:1]), full)
    assert len(rows) - len(rejections) == MAX_BATCH_RECORDS - MAX_BLOCK_RECORDS + 1
    assert rejections.reason == (Reason.TOO_LARGE,)


def test_records_without_bytes_are_refused() -> None:
    rows, rejections = read(zeros(record_of([]), MAX_BLOCK_RECORDS, 0, 3))
    assert (len(rows), rejections.reason) == (1, (Reason.MALFORMED,))


def test_a_container_cut_at_any_byte_never_raises_and_accounts_for_its_message() -> None:
    file = container(TREE, RECORDS, "null", 2)
    kept = framing()  # remembers headers from cut to cut
    for end in range(len(file)):
        rows, rejections = kept.rows(raw_batch([file[:end]]))
        fresh_rows, fresh = read(file[:end])
        assert len(rows) >= 1
        assert good_bodies(rows, rejections) == BODIES[: len(rows) - len(rejections)]
        assert (len(rows), rejections.reason) == (len(fresh_rows), fresh.reason), f"cut at {end}"
        # a cut between two blocks is a shorter file that is whole
        assert len(rejections) == 1 or (len(rejections) == 0 and len(rows) in {2, 4})


def test_a_multi_record_row_comes_back_alone_from_its_original_bytes() -> None:
    for codec in ("null", "deflate"):
        rows, _ = read(container(TREE, RECORDS, codec))
        for i in range(len(rows)):
            alone = rows.original(i)
            assert list(fastavro.reader(io.BytesIO(alone))) == [RECORDS[i]]
            again, rejections = read(alone)
            assert good_bodies(again, rejections) == [BODIES[i]]


def test_a_header_seen_before_is_not_parsed_again() -> None:
    kept = framing()
    one, _ = kept.rows(raw_batch([container(TREE, RECORDS[:1])]))
    two, _ = kept.rows(raw_batch([container(TREE, RECORDS[:2])]))
    assert one.schemas[0] is two.schemas[0]


def test_more_schemas_than_are_remembered_are_read_all_the_same() -> None:
    trees = [record_of([("a", "int")], f"r{i}") for i in range(70)]
    rows, rejections = read(*(container(tree, [{"a": 1}, {"a": 2}]) for tree in trees for _ in range(2)))
    assert len(rows) == 280
    assert len(rejections) == 0
    assert len(rows.schemas) == 70


def dead_letter_file(payloads: list[bytes]) -> bytes:
    own = bundled_schema("dead_letter", "1.0")
    where = {"source": "t", "partition": 0, "offset": 1, "record": 0}
    fields = {"survey": "ztf", "stage": "CODEC", "reason": "EMPTY", "detail": "", "input": where, "is_withheld": False}
    times = {"broker": {"name": "s", "version": "1"}, "produced": None, "ingested": 1, "published": 2}
    body = b"".join(RecordWriter(own)({**fields, **times, "payload": payload}) for payload in payloads)
    return written(own, len(payloads), body, SYNC)


def test_dead_letters_stand_for_the_payloads_in_them() -> None:
    inner = [registry_frame(7, BODIES[1]), b"garbage", container(TREE, RECORDS[:2])]
    rows, rejections = read(dead_letter_file(inner))
    assert good_bodies(rows, rejections) == [BODIES[1], BODIES[0], BODIES[1]]
    assert rejections.reason == (Reason.UNKNOWN_FRAMING,)
    assert rows.original(1) == b"garbage"
    assert rows.record.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("fields", [[("a", "int")], [("payload", "int")], [("payload", "string")]])
def test_a_record_that_only_has_the_name_of_a_dead_letter_stands_for_itself(fields: list[tuple[str, str]]) -> None:
    tree = record_of(fields, "DeadLetter") | {"namespace": "streamer.dead_letter"}
    record: dict[str, Any] = {name: 1 if kind == "int" else "x" for name, kind in fields}
    rows, rejections = read(container(tree, [record, record]))
    assert len(rows) == 2
    assert len(rejections) == 0


@given(st.lists(st.one_of(st.binary(max_size=40), st.binary(max_size=60).map(lambda rest: MAGIC + rest)), max_size=6))
def test_random_bytes_never_raise_and_each_message_has_a_row(payloads: list[bytes]) -> None:
    rows, rejections = read(*payloads)
    assert sorted(set(rows.message.tolist())) == list(range(len(payloads)))
    assert len(set(rejections.row.tolist())) == len(rejections)
    assert np.all(rows.schema[rejections.row] >= NO_SCHEMA)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_a_container_with_a_few_bytes_changed_never_raises(place: int, change: bytes) -> None:
    file = container(TREE, RECORDS, "deflate", 2)
    place %= len(file)
    rows, rejections = read(file[:place] + change + file[place + len(change) :])
    assert len(rows) >= 1
    assert len(rejections) <= len(rows)
