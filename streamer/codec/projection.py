"""What a survey wants of a packet, and where in a given writer schema that stands.

Fields are found by name (with aliases) in the *writer's* schema, so that a new version which still carries them needs no code.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import Enum

from streamer.codec.types import Array, Node, Record, Union
from streamer.codec.types import Enum as EnumType
from streamer.errors import UnsupportedSchema


class Type(Enum):
    """What a wanted field becomes."""

    FLOAT = "float"
    """float64 of any number or boolean; null and absent become NaN."""
    INTEGER = "integer"
    """int64 of an int or long; null and absent become ``MISSING``."""
    TEXT = "text"
    """UTF-8 bytes of a string, cut at the field's width; null and absent become empty."""
    PRESENT = "present"
    """bool: the value is there and not null."""


ITSELF = ""
"""The path of an array's entry that is a plain value instead of a record."""

_ACCEPTED = {
    Type.FLOAT: {"int", "long", "float", "double", "boolean"},
    Type.INTEGER: {"int", "long"},
    Type.TEXT: {"string", "boolean", "int", "enum"},
}


@dataclass(frozen=True, slots=True)
class Field:
    """One wanted column.

    Parameters
    ----------
    name : str
        Name of the column.
    paths : tuple of str
        Where the value may stand, dotted, within the table's record; the first that the schema has is used. ``ITSELF`` in an array
        of plain values.
    type : Type
    width : int
        For TEXT: the longest text in bytes; what is longer is cut.
    needed : bool
        A schema without the field is UNSUPPORTED.
    """

    name: str
    paths: tuple[str, ...]
    type: Type = Type.FLOAT
    width: int = 0
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Wanted fields of the packet itself (`arrays` empty), or of the entries of one of its arrays: records, or plain values.

    Parameters
    ----------
    name : str
    arrays : tuple of str
        Names that the array has had; the first that the schema has is used. A null array has no entries.
    fields : tuple of Field
    on_demand : bool
        Large, and left in the bytes unless somebody reads it; see :func:`reading`.
    """

    name: str
    arrays: tuple[str, ...]
    fields: tuple[Field, ...]
    on_demand: bool = False


Projection = tuple[Table, ...]
"""The tables a survey wants; the first is the packet itself."""

Path = tuple[str, ...]


def reading(projection: Projection, read: Container[str]) -> Projection:
    """`projection` without those of its tables on demand that are not in `read`."""
    return tuple(table for table in projection if not table.on_demand or table.name in read)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a wanted field stands in one writer schema: its path (empty: the entry itself), or None if the schema lacks it."""

    field: Field
    path: Path | None


@dataclass(frozen=True, slots=True)
class BoundTable:
    """A table with the places of its fields in one writer schema; `array` is None for the packet, or where the schema lacks it."""

    table: Table
    array: str | None
    places: tuple[Place, ...]


def bound(root: Record, projection: Projection) -> tuple[BoundTable, ...]:
    """`projection` in the writer schema whose record is `root`.

    Raises
    ------
    UnsupportedSchema
        If a needed field is absent or has a type that cannot become what is wanted; the message names it.
    """
    return tuple(_bound_table(root, table) for table in projection)


def _bound_table(root: Record, table: Table) -> BoundTable:
    if not table.arrays:
        return BoundTable(table, None, _places(root, table.fields))
    array = next((name for name in table.arrays if name in root.fields), None)
    if array is None or (node := _not_null(root.fields[array], array)) == "null":
        return BoundTable(table, None, tuple(Place(field, None) for field in table.fields))
    items = _not_null(node.items, array) if isinstance(node, Array) else None
    if any(ITSELF in field.paths for field in table.fields):
        if not isinstance(node, Array) or isinstance(items, Record):
            raise UnsupportedSchema(f"field {array} is not an array of plain values")
        return BoundTable(table, array, tuple(_itself(node.items, field, array) for field in table.fields))
    if not isinstance(items, Record):
        raise UnsupportedSchema(f"field {array} is not an array of records")
    return BoundTable(table, array, _places(items, table.fields))


def _itself(items: Node, field: Field, array: str) -> Place:
    _check_type(items, field, f"{array}[]")
    return Place(field, ())


def _places(record: Record, fields: Iterable[Field]) -> tuple[Place, ...]:
    return tuple(Place(field, _path(record, field)) for field in fields)


def _path(record: Record, field: Field) -> Path | None:
    for text in field.paths:
        path = tuple(text.split("."))
        node = _follow(record, path)
        if node is None:
            continue
        _check_type(node, field, text)
        return path
    if field.needed:
        raise UnsupportedSchema(f"no field {' or '.join(field.paths)}")
    return None


def _check_type(node: Node, field: Field, where: str) -> None:
    if field.type is not Type.PRESENT and (wrong := _kinds(node) - _ACCEPTED[field.type]):
        raise UnsupportedSchema(f"field {where} has type {', '.join(sorted(wrong))}, not {field.type.value}")


def _follow(record: Record, path: Path) -> Node | None:
    node: Node | None = record
    for name in path:
        inner = _not_null(node, ".".join(path)) if node is not None else None
        node = inner.fields.get(name) if isinstance(inner, Record) else None
    return node


def _not_null(node: Node, name: str) -> Node:
    """What a node is when it is not null; UnsupportedSchema where that may be several things, one of them with parts."""
    if not isinstance(node, Union):
        return node
    branches = [branch for branch in node.branches if branch != "null"]
    if len(branches) > 1 and any(isinstance(branch, (Record, Array)) for branch in branches):
        raise UnsupportedSchema(f"field {name} may be of several types")
    return branches[0] if branches else "null"


def _kinds(node: Node) -> set[str]:
    """Names of the types that a value of `node` may have, null aside."""
    branches = node.branches if isinstance(node, Union) else (node,)
    names = {branch if isinstance(branch, str) else _composed_name(branch) for branch in branches}
    return names - {"null"}


def _composed_name(node: Node) -> str:
    return "enum" if isinstance(node, EnumType) else type(node).__name__.lower()
