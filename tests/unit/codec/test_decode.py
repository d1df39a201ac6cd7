"""Record bodies to columns, against fastavro on random schemas and values."""

import io
import math
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.columns import Decoded, Spans, Status
from streamer.codec.decode import Program
from streamer.codec.projection import Field, Projection, Table, Type
from streamer.data.arrays import MISSING
from streamer.data.schema import WriterSchema
from tests.packets import Tree, datum, record_of


def spans(bodies: list[bytes]) -> Spans:
    n = len(bodies)
    ends = np.array([len(body) for body in bodies], dtype=np.int64)
    return Spans(bodies, np.arange(n), np.zeros(n, dtype=np.int64), ends)


def decode(tree: Tree, projection: Projection, bodies: list[bytes]) -> Decoded:
    return Program(WriterSchema.of(tree), projection).decode(spans(bodies))


KINDS: dict[str, tuple[Type, st.SearchStrategy[Any]]] = {
    "int": (Type.INTEGER, st.integers(-(2**31), 2**31 - 1)),
    "long": (Type.INTEGER, st.integers(-(2**63) + 1, 2**63 - 1)),
    "float": (Type.FLOAT, st.floats(width=32)),
    "double": (Type.FLOAT, st.floats()),
    "boolean": (Type.FLOAT, st.booleans()),
    "string": (Type.TEXT, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)),
}


@st.composite
def fields(draw: st.DrawFn) -> tuple[str, Any, Type, st.SearchStrategy[Any]]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    wanted, values = KINDS[kind]
    match draw(st.sampled_from(["plain", "null first", "null last"])):
        case "null first":
            return kind, ["null", kind], wanted, st.none() | values
        case "null last":
            return kind, [kind, "null"], wanted, st.none() | values
        case _:
            return kind, kind, wanted, values


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tree, Projection, list[dict[str, Any]]]:
    """A packet of fields, a record and an array of records, some of it wanted, with values."""
    drawn = {part: draw(st.lists(fields(), min_size=1, max_size=4)) for part in ("own", "inner", "items")}
    columns = {part: [(f"{part}{i}", tree) for i, (_, tree, _, _) in enumerate(some)] for part, some in drawn.items()}
    array = {"type": "array", "items": record_of(columns["items"], "item")}
    rest = [
        ("skipped", {"type": "map", "values": "bytes"}),
        ("inner", draw(st.sampled_from([record_of(columns["inner"], "inner"), ["null", record_of(columns["inner"], "inner")]]))),
        ("items", draw(st.sampled_from([array, ["null", array]]))),
    ]
    order = draw(st.permutations([*columns["own"], *rest]))
    is_nullable = {name: isinstance(tree, list) for name, tree in rest}

    def wanted(part: str, prefix: str = "") -> tuple[Field, ...]:
        kinds = [(f"{part}{i}", kind) for i, (_, _, kind, _) in enumerate(drawn[part])]
        return tuple(Field(name, ("absent", prefix + name), kind, 40) for name, kind in draw(st.permutations(kinds)))

    present = Field("has_inner", ("inner",), Type.PRESENT)
    projection = (
        Table("packet", (), (*wanted("own"), *wanted("inner", "inner."), present)),
        Table("t", ("none", "items"), wanted("items")),
    )

    def values(part: str) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({f"{part}{i}": some for i, (_, _, _, some) in enumerate(drawn[part])})

    def maybe(name: str, some: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.none() | some if is_nullable[name] else some

    record = st.tuples(
        values("own"), maybe("inner", values("inner")), maybe("items", st.lists(values("items"), max_size=3)), st.binary(max_size=5)
    ).map(lambda parts: parts[0] | {"inner": parts[1], "items": parts[2], "skipped": {"k": parts[3]}})
    return record_of(order), projection, draw(st.lists(record, max_size=4))


def expected(value: Any, field: Field) -> Any:
    match field.type:
        case Type.FLOAT:
            return math.nan if value is None else float(value)
        case Type.INTEGER:
            return int(MISSING) if value is None else value
        case Type.TEXT:
            return b"" if value is None else value.encode()[: field.width]
        case Type.PRESENT:
            return value is not None


def follow(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = None if record is None else record[name]
    return record


@given(cases())
def test_columns_hold_what_fastavro_reads(case: tuple[Tree, Projection, list[dict[str, Any]]]) -> None:
    tree, projection, records = case
    bodies = [datum(tree, record) for record in records]
    parsed = fastavro.parse_schema(tree)
    read: list[Any] = [fastavro.schemaless_reader(io.BytesIO(body), parsed, None) for body in bodies]
    decoded = decode(tree, projection, bodies)
    assert decoded.status.tolist() == [Status.OK] * len(records)
    packet, items = projection
    for field in packet.fields:
        values = [expected(follow(record, field.paths[-1]), field) for record in read]
        np.testing.assert_array_equal(decoded.columns[field.name], np.array(values, dtype=decoded.columns[field.name].dtype))
    table = decoded.tables["t"]
    assert table.lengths.tolist() == [len(record["items"] or []) for record in read]
    flat = [item for record in read for item in record["items"] or []]
    for field in items.fields:
        values = [expected(item[field.name], field) for item in flat]
        np.testing.assert_array_equal(table[field.name], np.array(values, dtype=table[field.name].dtype))


TREE = record_of([("a", "int"), ("s", "string"), ("v", {"type": "array", "items": record_of([("x", "double")], "i")})])
WANTED: Projection = (
    Table("packet", (), (Field("a", ("a",), Type.INTEGER), Field("s", ("s",), Type.TEXT, 4), Field("gone", ("gone",)))),
    Table("v", ("v",), (Field("x", ("x",)), Field("y", ("y",)))),
)
BODY = datum(TREE, {"a": 300, "s": "öl", "v": [{"x": 1.5}, {"x": 2.5}]})


def test_a_body_cut_anywhere_is_truncated_and_its_neighbours_are_read() -> None:
    for end in range(len(BODY)):
        decoded = decode(TREE, WANTED, [BODY, BODY[:end], BODY])
        assert decoded.status.tolist() == [Status.OK, Status.TRUNCATED, Status.OK]
        assert decoded.columns["a"].tolist() == [300, MISSING, 300]
        assert decoded.tables["v"].lengths.tolist() == [2, 0, 2]


def test_a_body_with_bytes_behind_it_is_trailing() -> None:
    decoded = decode(TREE, WANTED, [BODY + b"\x00", BODY])
    assert decoded.status.tolist() == [Status.TRAILING, Status.OK]
    assert decoded.columns["a"].tolist() == [MISSING, 300]


def test_absent_fields_are_nan_and_texts_are_cut_at_their_width() -> None:
    decoded = decode(TREE, WANTED, [BODY, datum(TREE, {"a": 1, "s": "long text", "v": []})])
    assert np.isnan(decoded.columns["gone"]).all()
    assert np.isnan(decoded.tables["v"]["y"]).all()
    assert decoded.columns["s"].tolist() == ["öl".encode(), b"long"]


def test_no_bodies_give_empty_columns_of_the_right_types() -> None:
    decoded = decode(TREE, WANTED, [])
    assert decoded.columns["a"].dtype == np.int64
    assert len(decoded.tables["v"]) == 0


@pytest.mark.parametrize(
    ("kind", "body", "statuses"),
    [
        ("string", b"\x04\xff\xfe", {Status.MALFORMED}),
        ("string", b"\x80\x80\x80\xbe\x01x", {Status.TRUNCATED}),
        ("string", b"\x01x", {Status.TRUNCATED, Status.MALFORMED}),
        (["null", "string"], b"\x08", {Status.MALFORMED}),
        ({"type": "enum", "name": "e", "symbols": ["a"]}, b"\x08", {Status.MALFORMED}),
        ({"type": "array", "items": "int"}, b"\xfe\xff\xff\xff\xff\x3f\x02", {Status.TRUNCATED, Status.MALFORMED}),
        ({"type": "fixed", "name": "f", "size": 9}, b"x", {Status.TRUNCATED}),
    ],
)
def test_impossible_bytes_have_a_status(kind: Any, body: bytes, statuses: set[Status]) -> None:
    decoded = decode(record_of([("s", kind)]), (Table("packet", (), ()),), [body])
    assert Status(decoded.status[0]) in statuses


def test_logical_types_stay_the_numbers_they_are() -> None:
    tree = record_of([("t", {"type": "long", "logicalType": "timestamp-millis"}), ("d", {"type": "int", "logicalType": "date"})])
    plain = record_of([("t", "long"), ("d", "int")])
    wanted = (Table("packet", (), (Field("t", ("t",), Type.INTEGER), Field("d", ("d",)))),)
    decoded = decode(tree, wanted, [datum(plain, {"t": 2**62, "d": 3})])
    assert decoded.status.tolist() == [Status.OK]
    assert decoded.columns["t"].tolist() == [2**62]
    assert decoded.columns["d"].tolist() == [3.0]


def test_a_schema_with_an_invalid_default_is_read() -> None:
    tree = {"type": "record", "name": "r", "fields": [{"name": "a", "type": ["null", "int"], "default": "nonsense"}]}
    wanted = (Table("packet", (), (Field("a", ("a",)),)),)
    assert decode(tree, wanted, [b"\x02\x08"]).columns["a"].tolist() == [4.0]


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_random_bytes_never_raise(bodies: list[bytes]) -> None:
    decoded = decode(TREE, WANTED, bodies)
    assert len(decoded.status) == len(bodies)
    bad = decoded.status != Status.OK
    assert (decoded.columns["a"][bad] == MISSING).all()
