"""Wanted fields are found by name in whatever schema a packet was written with."""

from typing import Any

import pytest

from streamer.codec.projection import ITSELF, Field, Table, Type, bound
from streamer.codec.types import root_of
from streamer.data.schema import WriterSchema
from streamer.errors import UnsupportedSchema
from tests.packets import record_of

ITEM = record_of([("x", "double")], "item")
WANTED = (
    Table(
        "packet",
        (),
        (
            Field("number", ("new.number", "number"), Type.INTEGER, needed=True),
            Field("flux", ("inner.flux", "inner.oldFlux"), needed=True),
            Field("name", ("name",), Type.TEXT, 8),
            Field("has_inner", ("inner",), Type.PRESENT),
        ),
    ),
    Table("items", ("items", "oldItems"), (Field("x", ("x", "X")),)),
)
FIELDS: dict[str, Any] = {
    "number": "long",
    "inner": record_of([("flux", ["null", "float"])], "inner"),
    "name": "string",
    "items": ["null", {"type": "array", "items": ITEM}],
}


def places(changes: dict[str, Any] | None = None, name: str = "alert") -> dict[str, tuple[str, ...] | None]:
    fields = {field: kind for field, kind in (FIELDS | (changes or {})).items() if kind is not None}
    tables = bound(root_of(WriterSchema.of(record_of(list(fields.items()), name))), WANTED)
    found = {place.field.name: place.path for table in tables for place in table.places}
    return found | {"[]": None if tables[1].array is None else (tables[1].array,)}


def test_fields_are_found_whatever_the_record_is_called_and_in_any_order() -> None:
    expected = {
        "number": ("number",),
        "flux": ("inner", "flux"),
        "name": ("name",),
        "has_inner": ("inner",),
        "x": ("x",),
        "[]": ("items",),
    }
    assert places() == expected
    assert places(name="another.brokers.copy") == expected
    assert places({"added": "int", "also": ITEM | {"name": "other"}}) == expected
    backwards = WriterSchema.of(record_of(list(reversed(FIELDS.items()))))
    assert [place.path for place in bound(root_of(backwards), WANTED)[0].places] == [
        expected[field.name] for field in WANTED[0].fields
    ]


@pytest.mark.parametrize(
    ("change", "what", "path"),
    [
        ({"new": record_of([("number", "int")], "new")}, "number", ("new", "number")),
        ({"inner": record_of([("oldFlux", "double")], "inner")}, "flux", ("inner", "oldFlux")),
        ({"inner": ["null", record_of([("flux", "double")], "inner")]}, "flux", ("inner", "flux")),
        ({"name": None}, "name", None),
        ({"name": ["null", "string"]}, "name", ("name",)),
        ({"items": None}, "[]", None),
        ({"items": "null"}, "[]", None),
        ({"items": None, "oldItems": {"type": "array", "items": ITEM}}, "[]", ("oldItems",)),
        ({"items": {"type": "array", "items": ["null", ITEM]}}, "[]", ("items",)),
        ({"items": {"type": "array", "items": record_of([("y", "int")], "item")}}, "x", None),
    ],
)
def test_renamed_removed_and_nullable_fields(change: dict[str, Any], what: str, path: tuple[str, ...] | None) -> None:
    assert places(change)[what] == path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"number": None}, "new.number or number"),
        ({"number": "string"}, "number has type string"),
        ({"number": ["null", "double"]}, "number has type double"),
        ({"inner": None}, "inner.flux or inner.oldFlux"),
        ({"inner": "string"}, "inner.flux or inner.oldFlux"),
        ({"inner": record_of([("flux", "string")], "inner")}, "inner.flux has type string"),
        ({"inner": [record_of([("flux", "float")], "one"), record_of([("flux", "float")], "two")]}, "inner"),
        ({"name": "bytes"}, "name has type bytes"),
        ({"name": ITEM}, "name has type record"),
        ({"items": "string"}, "items"),
        ({"items": {"type": "array", "items": "double"}}, "items"),
        ({"items": ["null", {"type": "array", "items": ITEM}, "string"]}, "items"),
        ({"items": {"type": "array", "items": record_of([("x", "string")], "item")}}, "x has type string"),
    ],
)
def test_a_needed_field_that_is_absent_or_of_another_type_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedSchema, match=named):
        places(change)


PLAIN = (Table("profile", ("profile", "oldProfile"), (Field("value", (ITSELF,)), Field("is_there", (ITSELF,), Type.PRESENT))),)


def plain_array(items: Any, name: str = "profile") -> WriterSchema:
    return WriterSchema.of(record_of([(name, {"type": "array", "items": items})]))


@pytest.mark.parametrize("items", ["float", "double", "int", "boolean", ["null", "float"]])
def test_entries_of_an_array_of_numbers_are_wanted_by_the_empty_path(items: Any) -> None:
    for name in ("profile", "oldProfile"):
        (table,) = bound(root_of(plain_array(items, name)), PLAIN)
        assert (table.array, [place.path for place in table.places]) == (name, [(), ()])
    (table,) = bound(root_of(WriterSchema.of(record_of([("other", "int")]))), PLAIN)
    assert (table.array, [place.path for place in table.places]) == (None, [None, None])


@pytest.mark.parametrize(
    ("items", "named"),
    [
        ("string", r"profile\[\] has type string, not float"),
        (["float", "string"], r"profile\[\] has type string"),
        (ITEM, "profile is not an array of plain values"),
        (["null", ITEM], "profile is not an array of plain values"),
        ({"type": "array", "items": "float"}, r"profile\[\] has type array"),
    ],
)
def test_entries_that_are_no_numbers_are_named(items: Any, named: str) -> None:
    with pytest.raises(UnsupportedSchema, match=named):
        bound(root_of(plain_array(items)), PLAIN)


def test_a_number_is_no_array_of_numbers() -> None:
    with pytest.raises(UnsupportedSchema, match="profile is not an array of plain values"):
        bound(root_of(WriterSchema.of(record_of([("profile", "float")]))), PLAIN)
