"""Schemas as trees of types: names are resolved, and hostile schemas are refused before anything reads with them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.reader import RecordReader
from streamer.codec.types import Array, Enum, Fixed, Record, Union, root_of
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema
from tests.packets import Tree, datum, record_of


def root(tree: Tree) -> Record:
    return root_of(WriterSchema.of(tree))


def test_every_kind_of_type_is_known() -> None:
    fixed = {"type": "fixed", "name": "f", "size": 3}
    enum = {"type": "enum", "name": "e", "symbols": ["a", "b"]}
    tree = record_of(
        [
            ("a", ["null", "int"]),
            ("b", {"type": "array", "items": "string"}),
            ("c", fixed),
            ("d", enum),
            ("e", {"type": "long", "logicalType": "timestamp-millis"}),
            ("f", {"type": "map", "values": "f"}),
        ]
    )
    fields = root(tree).fields
    assert fields["a"] == Union(("null", "int"))
    assert fields["b"] == Array("string")
    assert fields["c"] == Fixed(3)
    assert fields["d"] == Enum(("a", "b"))
    assert fields["e"] == "long"


def test_a_name_is_looked_up_in_its_name_space_and_then_without() -> None:
    inner = record_of([("x", "int")], "inner") | {"namespace": "space"}
    tree = record_of([("a", inner), ("b", "space.inner"), ("c", "inner")], "outer") | {"namespace": "space"}
    fields = root(tree).fields
    assert fields["a"] is fields["b"] is fields["c"]


def deep(levels: int) -> Any:
    tree: Any = "int"
    for _ in range(levels):
        tree = {"type": "array", "items": tree}
    return tree


def ladder(steps: int, lowest: str = "null") -> Tree:
    """Records of two of the record before: the last has 2 ** steps values."""
    fields: list[tuple[str, Any]] = [("f0", record_of([("x", lowest)], "n0"))]
    fields += [(f"f{i}", record_of([("a", f"n{i - 1}"), ("b", f"n{i - 1}")], f"n{i}")) for i in range(1, steps)]
    return record_of(fields)


HOSTILE = {
    "contains itself": record_of([("next", ["null", "r"])]),
    "contains itself in an array": record_of([("next", {"type": "array", "items": "r"})]),
    "contains itself for ever": record_of([("next", "r")]),
    "contains itself two levels down": record_of([("a", record_of([("b", ["null", "r"])], "s"))]),
    "array of nulls": record_of([("a", {"type": "array", "items": "null"})]),
    "array of empty records": record_of([("a", {"type": "array", "items": record_of([], "e")})]),
    "array of empty fixed": record_of([("a", {"type": "array", "items": {"type": "fixed", "name": "f", "size": 0}})]),
    "nested 100 deep": record_of([("a", deep(100))]),
    "deep behind names": record_of([(f"f{i}", record_of([("a", f"n{i - 1}" if i else "int")], f"n{i}")) for i in range(80)]),
    "billion laughs": ladder(60),
    "200,000 types": record_of([("a", ["int"] * 200_000)]),
    "unknown type": record_of([("a", "nothing")]),
    "no type": {"type": "record", "name": "r", "fields": [{"name": "a"}]},
    "no name": {"type": "record", "fields": []},
    "field without name": {"type": "record", "name": "r", "fields": [{"type": "int"}]},
    "fields that are none": {"type": "record", "name": "r", "fields": [1, "a", None]},
    "number as type": record_of([("a", 3)]),
    "field twice": record_of([("a", "int"), ("a", "int")]),
    "huge fixed": record_of([("a", {"type": "fixed", "name": "f", "size": 10**30})]),
    "fixed of text": record_of([("a", {"type": "fixed", "name": "f", "size": "x"})]),
    "enum of nothing": record_of([("a", {"type": "enum", "name": "f"})]),
}


@pytest.mark.parametrize("tree", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_schema_is_invalid(tree: Tree) -> None:
    with pytest.raises(InvalidSchema) as caught:
        root(tree)
    assert len(str(caught.value)) < 200
    with pytest.raises(InvalidSchema):
        RecordReader(WriterSchema.of(tree))


@pytest.mark.parametrize(
    "tree",
    [
        record_of([(f"f{i}", "int") for i in range(10_000)]),
        record_of([("a", ["null", *({"type": "fixed", "name": f"f{i}", "size": 1} for i in range(199))])]),
        record_of([("a", deep(40))]),
        ladder(10, "int"),
    ],
    ids=["10,000 fields", "union of 200", "nested 40 deep", "small ladder"],
)
def test_a_large_schema_is_read(tree: Tree) -> None:
    assert root(tree).fields
    RecordReader(WriterSchema.of(tree))


def test_fields_keep_names_that_mean_something_in_a_schema() -> None:
    tree = record_of([("type", "int"), ("default", "int"), ("doc", "int"), ("fields", "int")])
    record, _, _ = RecordReader(WriterSchema.of(tree)).read(datum(tree, {"type": 1, "default": 2, "doc": 3, "fields": 4}), 0)
    assert record == {"type": 1, "default": 2, "doc": 3, "fields": 4}


json_values = st.recursive(
    st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["record", "array", "int", "null", "r", "map", "enum", "fixed", ""])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size", "namespace"]), inner),
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=4))
def test_json_of_any_form_is_a_schema_or_invalid(fields: list[Any]) -> None:
    schema = WriterSchema.of({"type": "record", "name": "r", "fields": fields})
    try:
        assert isinstance(root_of(schema), Record)
    except InvalidSchema:
        return
    try:
        RecordReader(schema)
    except InvalidSchema:
        return
