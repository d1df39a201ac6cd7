"""An Avro schema as a tree of types with every name resolved, within bounds that no real survey comes near.

Only the structure is kept: defaults (some surveys publish invalid ones), aliases, docs and logical types do not change how bytes
are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema

MAX_DEPTH = 64
MAX_TYPES = 100_000
"""Types in one schema, counting a named type each time it is defined, not each time it is used."""

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


@dataclass(frozen=True, slots=True)
class Record:
    """Fields in their order; `fields` is filled while the record's own name is already known, since types may recur."""

    name: str
    fields: dict[str, Node] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Array:
    """Blocks of items."""

    items: Node


@dataclass(frozen=True, slots=True)
class Map:
    """Blocks of string keys and values."""

    values: Node


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types, its number first."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fixed number of bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Enum:
    """The number of a symbol."""

    symbols: tuple[str, ...]


Node: TypeAlias = str | Record | Array | Map | Union | Fixed | Enum
"""A primitive's name, or a composed type."""


def root_of(schema: WriterSchema) -> Record:
    """The record that `schema` describes.

    Raises
    ------
    InvalidSchema
        If the JSON is no Avro schema, or is larger or deeper than the bounds.
    """
    root = _Reader().read(schema.tree, "", 0)
    if not isinstance(root, Record):
        raise InvalidSchema("the outermost type is not a record")
    return root


class _Reader:
    """Resolves one schema: remembers the named types and counts all of them."""

    def __init__(self) -> None:
        self.named: dict[str, Node] = {}
        self.types = 0

    def read(self, tree: Any, namespace: str, depth: int) -> Node:
        self.types += 1
        if depth > MAX_DEPTH or self.types > MAX_TYPES:
            raise InvalidSchema(f"deeper than {MAX_DEPTH} or more than {MAX_TYPES} types")
        if isinstance(tree, str):
            return self._named(tree, namespace)
        if isinstance(tree, list):
            return Union(tuple(self.read(branch, namespace, depth + 1) for branch in tree))
        if not isinstance(tree, dict) or "type" not in tree:
            raise InvalidSchema(f"{str(tree)[:60]!r} is no type")
        return self._composed(tree, namespace, depth)

    def _named(self, name: str, namespace: str) -> Node:
        if name in PRIMITIVES:
            return name
        for full in (f"{namespace}.{name}", name) if "." not in name and namespace else (name,):
            if full in self.named:
                return self.named[full]
        raise InvalidSchema(f"type {name[:60]!r} is used but not defined before")

    def _composed(self, tree: dict[str, Any], namespace: str, depth: int) -> Node:
        kind = tree["type"]
        try:
            match kind:
                case "record" | "error":
                    return self._record(tree, namespace, depth)
                case "array":
                    return Array(self.read(tree["items"], namespace, depth + 1))
                case "map":
                    return Map(self.read(tree["values"], namespace, depth + 1))
                case "fixed":
                    return self._define(tree, namespace, Fixed(_size(tree["size"])))
                case "enum":
                    return self._define(tree, namespace, Enum(tuple(map(str, tree["symbols"]))))
                case _:
                    return self.read(kind, namespace, depth + 1)
        except (KeyError, TypeError) as error:
            raise InvalidSchema(f"{kind} lacks or garbles {error}") from error

    def _record(self, tree: dict[str, Any], namespace: str, depth: int) -> Record:
        record = Record(str(tree["name"]))
        self._define(tree, namespace, record)
        inner = _namespace(tree, namespace)
        for entry in tree["fields"]:
            if entry["name"] in record.fields:
                raise InvalidSchema(f"field {str(entry['name'])[:60]!r} occurs twice in {record.name[:60]!r}")
            record.fields[str(entry["name"])] = self.read(entry["type"], inner, depth + 1)
        return record

    def _define(self, tree: dict[str, Any], namespace: str, node: Node) -> Node:
        name = str(tree["name"])
        self.named[name if "." in name else ".".join(filter(None, (_namespace(tree, namespace), name)))] = node
        return node


def _namespace(tree: dict[str, Any], enclosing: str) -> str:
    name = str(tree["name"])
    return name.rpartition(".")[0] if "." in name else str(tree.get("namespace", enclosing) or "")


def _size(size: object) -> int:
    if not isinstance(size, int) or not 0 <= size < 1 << 31:
        raise TypeError(f"size {size!r}")
    return size
