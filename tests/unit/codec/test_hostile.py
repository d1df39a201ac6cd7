"""Schemas and packets made to hurt: an answer for each, and no more memory than their bytes are worth."""

import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest

from streamer.codec.columns import EVEN_BYTES, MAX_ENTRIES, SHARED_BYTES, Decoded, Status, allowance
from streamer.codec.container import write_long
from streamer.codec.decode import Program
from streamer.codec.framing import REASON_OF_STATUS
from streamer.codec.projection import ITSELF, Field, Projection, Table, Type
from streamer.codec.reader import RecordReader
from streamer.data.arrays import MISSING
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema
from streamer.sources.kafka import BATCH_BYTES
from tests.decoding import assert_same_columns, both_decoders, spans_of
from tests.packets import Tree, datum, record_of

LAST: Projection = (Table("packet", (), (Field("last", ("last",), Type.INTEGER),)),)


def followed(kind: Any) -> Tree:
    return record_of([("x", kind), ("last", "int")])


def lists(levels: int) -> Any:
    kind: Any = "int"
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
    return kind


@pytest.mark.parametrize(
    "tree",
    [
        record_of([("last", "int"), ("next", ["null", "r"])]),
        record_of([("last", "int"), ("next", {"type": "map", "values": "r"})]),
        followed(lists(100)),
        record_of([(f"f{i}", "int") for i in range(200_000)]),
    ],
    ids=["contains itself", "contains itself in a map", "nested 100 deep", "200,000 fields"],
)
def test_a_schema_beyond_the_bounds_is_invalid(tree: Tree) -> None:
    with pytest.raises(InvalidSchema):
        Program(WriterSchema.of(tree), LAST)


FIXED = [{"type": "fixed", "name": f"f{i}", "size": i % 7} for i in range(199)]


@pytest.mark.parametrize(
    ("tree", "record"),
    [
        (
            record_of([*((f"f{i}", "int") for i in range(10_000)), ("last", "int")]),
            {f"f{i}": i for i in range(10_000)} | {"last": 7},
        ),
        (followed(["null", *FIXED]), {"x": ("f150", b"abc"), "last": 7}),
        (followed(["null", "int", "string", "double"]), {"x": "ö", "last": 7}),
        (followed(lists(60)), {"x": [[[]]], "last": 7}),
    ],
    ids=["10,000 fields", "union of 200", "union of four", "nested 60 deep"],
)
def test_a_large_schema_is_decoded(tree: Tree, record: Any) -> None:
    decoded = Program(WriterSchema.of(tree), LAST).decode(spans_of([datum(tree, record)]))
    assert decoded.columns["last"].tolist() == [7]


def test_every_branch_of_a_union_of_200_is_skipped_right() -> None:
    ours, theirs = both_decoders(WriterSchema.of(followed(["null", *FIXED])), LAST)
    bodies = spans_of([write_long(n) + b"\x02" * 7 for n in range(-1, 202)])
    assert_same_columns(ours(bodies).take(np.arange(1, 203)), theirs(bodies).take(np.arange(1, 203)))
    assert ours(bodies).status[[0, 201, 202]].tolist() == [Status.MALFORMED] * 3


POINT = record_of([("y", "boolean")], "point")
HUGE = (2**63 - 1, -(2**63), -(2**63) + 1, 2**62, -(2**31), 200_000_000, 10**6)


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize(
    "kind",
    ["string", "bytes", {"type": "array", "items": "int"}, {"type": "map", "values": "int"}, {"type": "array", "items": POINT}],
    ids=["string", "bytes", "array", "map", "records"],
)
def test_a_length_or_count_that_the_bytes_cannot_hold_is_refused_before_memory_is_given(kind: Any, number: int) -> None:
    wanted = (*LAST, Table("points", ("x",), (Field("y", ("y",)),))) if kind == {"type": "array", "items": POINT} else LAST
    program = Program(WriterSchema.of(followed(kind)), wanted)
    body = write_long(number) + b"\x02" * 50
    decoded, peak = traced(program, [body])
    assert Status(decoded.status[0]) in {Status.TRUNCATED, Status.MALFORMED}
    assert decoded.columns["last"].tolist() == [MISSING]
    assert peak < 1 << 20


HISTORY = record_of([("last", "int"), ("points", {"type": "array", "items": POINT})])
COLUMNS = 6
POINTS = Table("points", ("points",), (Field("y", ("y",)), *(Field(f"c{i}", (f"c{i}",)) for i in range(1, COLUMNS))))
HISTORY_WANTED: Projection = (*LAST, POINTS)


def history(n: int) -> bytes:
    """A packet with an array of n entries of one byte."""
    return b"\x0e" + write_long(n) + b"\x01" * n + b"\x00"


def traced(program: Program, bodies: list[bytes]) -> tuple[Decoded, int]:
    """The columns, and the bytes that were held at most while they were made."""
    spans = spans_of(bodies)
    tracemalloc.start()
    try:
        return program.decode(spans), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_longest_array_is_read_and_costs_no_more_than_its_columns() -> None:
    program = Program(WriterSchema.of(HISTORY), HISTORY_WANTED)
    assert program.why_not_compiled == ""
    decoded, peak = traced(program, [history(MAX_ENTRIES)])
    assert decoded.tables["points"].lengths.tolist() == [MAX_ENTRIES]
    assert decoded.tables["points"]["y"].sum() == MAX_ENTRIES
    assert peak < 2 * 8 * COLUMNS * MAX_ENTRIES


@pytest.mark.parametrize("n", [MAX_ENTRIES + 1, 1_000_000])
def test_a_longer_array_is_overlong_and_costs_nothing(n: int) -> None:
    ours, theirs = both_decoders(WriterSchema.of(HISTORY), HISTORY_WANTED)
    program = Program(WriterSchema.of(HISTORY), HISTORY_WANTED)
    bodies = [history(3), history(n), history(2)]
    decoded, peak = traced(program, bodies)
    assert decoded.status.tolist() == [Status.OK, Status.OVERLONG, Status.OK]
    assert decoded.tables["points"].lengths.tolist() == [3, 0, 2]
    assert peak < 1 << 20
    assert_same_columns(ours(spans_of(bodies)), theirs(spans_of(bodies)))
    assert theirs(spans_of(bodies)).status.tolist() == [Status.OK, Status.OVERLONG, Status.OK]


def test_an_array_of_many_small_blocks_is_counted_as_one() -> None:
    program = Program(WriterSchema.of(HISTORY), HISTORY_WANTED)
    block = write_long(-2) + write_long(2) + b"\x01\x00"
    many = [b"\x0e" + block * n + b"\x00" for n in (MAX_ENTRIES // 2, MAX_ENTRIES // 2 + 1)]
    assert program.decode(spans_of(many)).status.tolist() == [Status.OK, Status.OVERLONG]


def least_of(n: int) -> int:
    """Entries that each of n packets may have whatever the others have."""
    return int(allowance(n)[0]) // (8 * COLUMNS)


def test_a_batch_of_long_arrays_takes_bounded_memory_and_no_short_one_is_refused() -> None:
    program = Program(WriterSchema.of(HISTORY), HISTORY_WANTED)
    n = 100
    short, long = history(least_of(n)), history(MAX_ENTRIES)
    decoded, peak = traced(program, [long, short] * (n // 2))
    is_short = np.arange(n) % 2 == 1
    assert (decoded.status[is_short] == Status.OK).all()
    taken = SHARED_BYTES // (8 * COLUMNS * MAX_ENTRIES - allowance(n)[0])
    assert decoded.status[~is_short].tolist() == [Status.OK] * taken + [Status.OVERLONG] * (n // 2 - taken)
    lengths = np.where(decoded.status != Status.OK, 0, np.where(is_short, least_of(n), MAX_ENTRIES))
    assert decoded.tables["points"].lengths.tolist() == lengths.tolist()
    assert int(lengths.sum()) * 8 * COLUMNS <= SHARED_BYTES + EVEN_BYTES
    assert peak < 2 * (SHARED_BYTES + EVEN_BYTES)


def test_both_decoders_refuse_the_same_for_want_of_room() -> None:
    ours, theirs = both_decoders(WriterSchema.of(HISTORY), HISTORY_WANTED)
    bodies = spans_of([history(n) for n in (2000, MAX_ENTRIES, 40_000, 7, 20_000, 3)])
    allowed = [np.array([8 * COLUMNS * 2000, 8 * COLUMNS * 150_000]) for _ in range(2)]
    decoded, read = ours(bodies, allowed[0]), theirs(bodies, allowed[1])
    assert decoded.status.tolist() == [Status.OK, Status.OK, Status.OVERLONG, Status.OK, Status.OK, Status.OK]
    assert_same_columns(decoded, read)
    assert allowed[0].tolist() == allowed[1].tolist() == [8 * COLUMNS * 2000, 8 * COLUMNS * (150_000 - MAX_ENTRIES - 16_000)]


def test_what_is_refused_in_company_is_read_alone() -> None:
    decode, _ = both_decoders(WriterSchema.of(HISTORY), HISTORY_WANTED)
    bodies = spans_of([history(MAX_ENTRIES)] * 60)
    last = np.flatnonzero(decode(bodies).status == Status.OVERLONG)
    assert len(last) > 0
    assert (decode(bodies.take(last[:1])).status == Status.OK).all()


def test_what_sources_read_at_a_time_is_never_refused_for_its_arrays() -> None:
    floats = record_of([("last", "int"), ("points", {"type": "array", "items": "float"})])
    wanted = (*LAST, Table("points", ("points",), (Field("value", (ITSELF,)),)))
    ours, _ = both_decoders(WriterSchema.of(floats), wanted)
    body = datum(floats, {"last": 7, "points": []})[:-1] + write_long(MAX_ENTRIES) + bytes(4 * MAX_ENTRIES) + b"\x00"
    bodies = spans_of([body] * (BATCH_BYTES // len(body)) + [datum(floats, {"last": 7, "points": []})] * 1000)
    assert (ours(bodies).status == Status.OK).all()


def test_one_long_history_does_not_make_room_for_long_histories_in_every_later_packet() -> None:
    program = Program(WriterSchema.of(HISTORY), HISTORY_WANTED)
    program.decode(spans_of([history(MAX_ENTRIES)]))
    _, peak = traced(program, [history(5)] * 500)
    assert peak < 1 << 20


def test_a_bomb_within_the_bounds_of_a_block_is_overlong() -> None:
    packed = zlib.compress(history(5_000_000))
    assert len(packed) < 10_000
    decoded, peak = traced(Program(WriterSchema.of(HISTORY), HISTORY_WANTED), [zlib.decompress(packed)])
    assert decoded.status.tolist() == [Status.OVERLONG]
    assert peak < 1 << 20


def test_what_only_the_library_reads_is_not_read_if_it_is_very_large() -> None:
    tree = record_of([*((field["name"], field["type"]) for field in HISTORY["fields"]), ("deep", lists(17))])
    program = Program(WriterSchema.of(tree), HISTORY_WANTED)
    assert program.why_not_compiled
    bodies = [history(3) + b"\x00", history(5_000_000) + b"\x00"]
    decoded, peak = traced(program, bodies)
    assert decoded.status.tolist() == [Status.OK, Status.OVERLONG]
    assert peak < 6 << 20  # the body is copied once


def test_records_in_a_large_block_are_found_without_reading_all_of_it_at_once() -> None:
    bodies = [history(n) for n in (3, 900_000, 1, 700_000, 900_000, 1_000_000, 5, 900_000)]
    ends = np.cumsum([len(body) for body in bodies]).tolist()
    found, status = RecordReader(WriterSchema.of(HISTORY)).spans(b"".join(bodies), len(bodies))
    assert status is Status.OK
    assert found == list(zip([0, *ends], ends, strict=False))


def test_a_huge_record_between_others_is_overlong() -> None:
    block = history(3) + history(20_000_000) + history(3)
    reader = RecordReader(WriterSchema.of(HISTORY))
    found, status = reader.spans(block, 3)
    assert found == [(0, len(history(3)))]
    assert status is Status.OVERLONG


def test_every_status_but_ok_has_a_reason() -> None:
    assert REASON_OF_STATUS.keys() == set(Status) - {Status.OK}


def test_arrays_within_arrays_of_nothing_but_zeros_end() -> None:
    tree = followed(lists(16))
    ours, theirs = both_decoders(WriterSchema.of(tree), LAST)
    n = 200_000
    bodies = spans_of([write_long(n) + b"\x00" * n + b"\x00\x0e", b"\x02" * 16 * n, b"\x02" * 15 + b"\x00" * n])
    assert_same_columns(ours(bodies), theirs(bodies))
    assert ours(bodies).columns["last"].tolist() == [7, MISSING, MISSING]
