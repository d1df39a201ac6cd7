"""The compiled decoder against the library: random schemas, projections and bodies; and its parts against plain Python."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from streamer.codec.columns import Status
from streamer.codec.compiled import KernelDecoder
from streamer.codec.container import write_long
from streamer.codec.decode import Program
from streamer.codec.operations import MAX_NESTING, NotCovered
from streamer.codec.primitives import is_utf8
from streamer.codec.projection import ITSELF, Field, Projection, Table, Type, bound
from streamer.codec.reader import LibraryDecoder, RecordReader
from streamer.codec.types import root_of
from streamer.data.arrays import MISSING
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema
from streamer.stores.bundled import bundled_schema
from streamer.surveys import SURVEYS
from tests.decoding import assert_same_columns, both_decoders, spans_of
from tests.packets import datum, record_of
from tests.random_avro import RandomAvro

NOTHING: Projection = (Table("packet", (), ()),)


def one(*fields: Field) -> Projection:
    return (Table("packet", (), fields),)


def is_covered(schema: WriterSchema, projection: Projection) -> bool:
    try:
        both_decoders(schema, projection)
    except NotCovered:
        return False
    return True


@settings(max_examples=400)
@given(st.integers(0, 2**64 - 1))
def test_columns_are_those_of_the_library_for_any_schema_projection_and_bytes(seed: int) -> None:
    avro = RandomAvro(seed)
    tree = avro.record(depth=5)
    schema = WriterSchema.of(tree)
    try:
        root = root_of(schema)
    except InvalidSchema:  # an array of what takes no bytes
        assume(False)
    projection = avro.projection(root)
    bodies = [avro.body(tree) for _ in range(5)]
    spoiled = [body[: avro.rng.randint(0, len(body))] for body in bodies] + [body + b"\x00" for body in bodies]
    program = Program(schema, projection)
    library = LibraryDecoder(RecordReader(schema), bound(root, projection))
    decoded = program.decode(spans_of(bodies + spoiled))
    assert_same_columns(decoded, library(spans_of(bodies + spoiled)))
    assert (decoded.status[: len(bodies)] == Status.OK).all()
    assert (program.why_not_compiled == "") is is_covered(schema, projection)


ENUM = {"type": "enum", "name": "e", "symbols": ["yes", "no"]}


@pytest.mark.parametrize(
    ("kind", "value", "field", "expected"),
    [
        ("int", 12, Field("x", ("x",), Type.TEXT, 4), b"12"),
        (["null", ENUM], "no", Field("x", ("x",), Type.TEXT, 4), b"no"),
    ],
    ids=["a number as text", "a symbol as text"],
)
def test_what_the_kernel_cannot_convert_is_left_to_the_library(kind: Any, value: Any, field: Field, expected: Any) -> None:
    tree = record_of([("x", kind)])
    program = Program(WriterSchema.of(tree), one(field))
    assert program.why_not_compiled
    assert program.decode(spans_of([datum(tree, {"x": value})])).columns["x"].tolist() == [expected]


@pytest.mark.parametrize(("levels", "compiles"), [(MAX_NESTING, True), (MAX_NESTING + 1, False), (50, False)])
def test_arrays_nested_deeper_than_the_kernel_counts_are_left_to_the_library(levels: int, compiles: bool) -> None:
    kind: Any = "long"
    value: Any = -7
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
        value = [value]
    tree = record_of([("deep", kind), ("after", "int")])
    program = Program(WriterSchema.of(tree), one(Field("after", ("after",), Type.INTEGER)))
    assert (program.why_not_compiled == "") is compiles
    decoded = program.decode(spans_of([datum(tree, {"deep": value, "after": 5}), datum(tree, {"deep": [], "after": 6})]))
    assert decoded.columns["after"].tolist() == [5, 6]


def test_whether_an_array_or_a_null_is_there() -> None:
    points = {"type": "array", "items": record_of([("x", "int")], "point")}
    tree = record_of([("points", ["null", points]), ("nothing", "null")])
    projection = (
        Table(
            "packet", (), (Field("p", ("points",), Type.PRESENT), Field("n", ("nothing",), Type.PRESENT), Field("v", ("nothing",)))
        ),
        Table("points", ("points",), (Field("x", ("x",)),)),
    )
    ours, theirs = both_decoders(WriterSchema.of(tree), projection)
    bodies = spans_of([datum(tree, {"points": value}) for value in (None, [], [{"x": 1}])])
    decoded = ours(bodies)
    assert decoded.columns["p"].tolist() == [False, True, True]
    assert decoded.columns["n"].tolist() == [False] * 3
    assert_same_columns(decoded, theirs(bodies))


HISTORY = record_of([("id", "int"), ("points", {"type": "array", "items": record_of([("x", "long"), ("s", "string")], "point")})])
HISTORY_WANTED: Projection = (
    Table("packet", (), (Field("id", ("id",), Type.INTEGER),)),
    Table("points", ("points",), (Field("x", ("x",), Type.INTEGER), Field("s", ("s",), Type.TEXT, 5))),
)


@given(st.lists(st.sampled_from([0, 1, 31, 32, 33, 700, 5000]), max_size=6))
def test_histories_longer_than_ever_before_find_room(lengths: list[int]) -> None:
    ours, theirs = both_decoders(WriterSchema.of(HISTORY), HISTORY_WANTED)
    bodies = [datum(HISTORY, {"id": n, "points": [{"x": n - i, "s": str(i)} for i in range(n)]}) for n in lengths]
    for batch in (bodies, bodies[:2], bodies * 2):
        decoded = ours(spans_of(batch))
        assert_same_columns(decoded, theirs(spans_of(batch)))
        assert decoded.tables["points"].lengths.tolist() == [int(n) for n in decoded.columns["id"]]


def varint(value: int, length: int) -> bytes:
    """The zigzag varint of `value` in `length` bytes, those that are not needed being zeros."""
    rest = (value << 1) ^ (value >> 63)
    return bytes([rest >> 7 * k & 0x7F | (0x80 if k < length - 1 else 0) for k in range(length)])


@given(st.integers(0, 63), st.booleans(), st.data())
def test_integers_of_every_length_are_exact(bits: int, negative: bool, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, 2**bits - 1))
    value = -value - 1 if negative else value
    least = len(write_long(value))
    encoded = varint(value, data.draw(st.integers(least, 10)))
    ours, theirs = both_decoders(
        WriterSchema.of(record_of([("a", "long"), ("b", "long"), ("c", "long")])),
        one(Field("a", ("a",), Type.INTEGER), Field("c", ("c",))),
    )
    decoded = ours(spans_of([encoded * 3]))
    assert decoded.columns["a"].tolist() == [value]
    assert decoded.columns["c"].tolist() == [float(value)]
    assert_same_columns(decoded, theirs(spans_of([encoded * 3])))


@pytest.mark.parametrize("count", [11, 12, 1000])
def test_a_number_of_more_than_ten_bytes_is_malformed(count: int) -> None:
    ours, _ = both_decoders(WriterSchema.of(record_of([("a", "long")])), one(Field("a", ("a",), Type.INTEGER)))
    decoded = ours(spans_of([b"\x80" * (count - 1) + b"\x00"]))
    assert decoded.status.tolist() == [Status.MALFORMED]
    assert decoded.columns["a"].tolist() == [MISSING]


def is_text(data: bytes) -> bool:
    """What the kernel thinks of these bytes."""
    place = np.frombuffer(data, dtype=np.uint8).ctypes.data
    return bool(is_utf8(place, 0, len(data)))


def strictly_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


_EDGES = ("7f", "80", "bf", "c0", "c1", "c2", "df", "e0", "9f", "a0", "ed", "ee", "ef", "f0", "8f", "90", "f4", "f5", "ff", "00")
pieces = st.one_of(
    st.sampled_from([bytes.fromhex(edge) for edge in _EDGES]),
    st.text(max_size=3).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=2),
)


@settings(max_examples=1000)
@given(st.lists(pieces, max_size=8).map(b"".join))
@example(b"\xed\xa0\x80")
@example(b"\xf4\x90\x80\x80")
@example(b"\xc0\xaf")
def test_text_is_utf8_exactly_where_python_says_so(data: bytes) -> None:
    assert is_text(data) == strictly_utf8(data)


def test_every_pair_of_bytes_with_what_may_follow_is_judged_as_python_does() -> None:
    for first in range(256):
        for second in range(256):
            for rest in (b"", b"\x80", b"\x80\x80", b"\xbf\xbf"):
                data = bytes([first, second]) + rest
                assert is_text(data) == strictly_utf8(data), data


def test_what_stands_behind_a_body_is_never_taken_for_its_text() -> None:
    data = np.frombuffer("ö€".encode(), dtype=np.uint8)
    assert not is_utf8(data.ctypes.data, 0, 1)
    assert not is_utf8(data.ctypes.data, 2, 4)


@given(st.lists(st.tuples(st.floats(), st.floats(width=32)), max_size=5))
def test_floats_are_the_bits_that_were_written(values: list[tuple[float, float]]) -> None:
    ours, _ = both_decoders(
        WriterSchema.of(record_of([("d", "double"), ("f", "float")])), one(Field("d", ("d",)), Field("f", ("f",)))
    )
    decoded = ours(spans_of([struct.pack("<df", *pair) for pair in values]))
    assert decoded.columns["d"].tobytes() == np.array([d for d, _ in values], dtype=np.float64).tobytes()
    np.testing.assert_array_equal(decoded.columns["f"], np.array([f for _, f in values], dtype=np.float64))


def test_bodies_of_several_buffers_and_places_are_found() -> None:
    ours, theirs = both_decoders(WriterSchema.of(HISTORY), HISTORY_WANTED)
    first, second = (datum(HISTORY, {"id": n, "points": [{"x": n, "s": "ö"}] * n}) for n in (3, 2))
    bodies = spans_of([first, second])
    shifted = type(bodies)(
        [b"\xff" * 7 + first + second, b"", second + first],
        np.array([2, 0, 0, 2, 1]),
        np.array([len(second), 7, 7 + len(first), 0, 0]),
        np.array([len(second) + len(first), 7 + len(first), 7 + len(first) + len(second), len(second), 0]),
    )
    decoded = ours(shifted)
    assert decoded.columns["id"].tolist() == [3, 3, 2, 2, MISSING]
    assert decoded.status.tolist() == [Status.OK] * 4 + [Status.TRUNCATED]
    assert_same_columns(decoded, theirs(shifted))


@pytest.mark.parametrize("name", ["ztf", "lsst"])
def test_the_kernel_reads_the_packets_of_the_simulators(name: str) -> None:
    [survey] = [survey for survey in SURVEYS if survey.name == name]
    decoder = Program(bundled_schema(name, "1.0"), survey.projection)
    assert decoder.why_not_compiled == ""
    assert isinstance(decoder._decode, KernelDecoder)


@pytest.mark.parametrize("items", ["float", "double", "long", ["null", "float"], ["float", "null"]])
def test_arrays_of_numbers_are_tables_of_one_column(items: Any) -> None:
    values = [[1.0, -2.0, 3.0], [], [0.0] * 200]
    if isinstance(items, list):
        values.append([None, 4.0, None])  # type: ignore[list-item]  # null is the point
    schema = WriterSchema.of(record_of([("before", "int"), ("a", ["null", {"type": "array", "items": items}]), ("after", "int")]))
    number = int if items == "long" else float
    rows = [None, *([None if v is None else number(v) for v in row] for row in values)]
    bodies = spans_of([datum(schema.tree, {"before": 5, "a": row, "after": i}) for i, row in enumerate(rows)])
    wanted = (Table("packet", (), (Field("after", ("after",)),)), Table("a", ("a",), (Field("value", (ITSELF,)),)))
    compiled, library = (decode(bodies) for decode in both_decoders(schema, wanted))
    assert_same_columns(compiled, library)
    assert compiled.columns["after"].tolist() == list(range(len(rows)))
    for row, found in zip(rows, (compiled.tables["a"].row(i)["value"] for i in range(len(rows))), strict=True):
        np.testing.assert_array_equal(found, np.array([np.nan if v is None else v for v in row or []], dtype=np.float64))
