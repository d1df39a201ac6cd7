"""An Avro schema as a tree of types with every name resolved, within bounds that no real survey comes near.

A record that contains itself is refused: no survey has one, and reading it would need as much stack as its bytes ask for.

Only the structure is kept: defaults (some surveys publish invalid ones), aliases, docs and logical types do not change how bytes
are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema

MAX_DEPTH = 64
"""Levels of types within types, those behind a name included."""
MAX_TYPES = 100_000
"""Types in one schema, counting a named type with all that it contains each time it is used: what reading a packet may cost."""

FIXED_BYTES = {"null": 0, "boolean": 1, "float": 4, "double": 8}
"""Size of the primitives that always take the same."""

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


@dataclass(frozen=True, slots=True)
class Record:
    """Fields in their order."""

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


def least_bytes(node: Node) -> int:
    """The fewest bytes that a value of `node` takes."""
    match node:
        case str():
            return FIXED_BYTES.get(node, 1)
        case Fixed(size):
            return size
        case Record():
            return sum(least_bytes(inner) for inner in node.fields.values())
        case Union(branches):
            return 1 + min((least_bytes(branch) for branch in branches), default=0)
        case _:
            return 1


@dataclass(frozen=True, slots=True)
class _Named:
    """A type with a name, and what a use of the name adds to the schema."""

    node: Node
    height: int
    types: int


class _Reader:
    """Resolves one schema: remembers the named types and counts all of them."""

    def __init__(self) -> None:
        self.named: dict[str, _Named | None] = {}
        """None while the type is being read."""
        self.types = 0
        self.deepest = 0

    def read(self, tree: Any, namespace: str, depth: int) -> Node:
        self._count(depth, 1)
        if isinstance(tree, str):
            return self._named(tree, namespace, depth)
        if isinstance(tree, list):
            return Union(tuple(self.read(branch, namespace, depth + 1) for branch in tree))
        if not isinstance(tree, dict) or "type" not in tree:
            raise InvalidSchema(f"{str(tree)[:60]!r} is no type")
        return self._composed(tree, namespace, depth)

    def _count(self, depth: int, types: int) -> None:
        self.types += types
        self.deepest = max(self.deepest, depth)
        if depth > MAX_DEPTH or self.types > MAX_TYPES:
            raise InvalidSchema(f"deeper than {MAX_DEPTH} or more than {MAX_TYPES} types")

    def _named(self, name: str, namespace: str, depth: int) -> Node:
        if name in PRIMITIVES:
            return name
        for full in (f"{namespace}.{name}", name) if "." not in name and namespace else (name,):
            if full in self.named:
                known = self.named[full]
                if known is None:
                    raise InvalidSchema(f"type {name[:60]!r} contains itself")
                self._count(depth + known.height, known.types - 1)
                return known.node
        raise InvalidSchema(f"type {name[:60]!r} is used but not defined before")

    def _composed(self, tree: dict[str, Any], namespace: str, depth: int) -> Node:
        kind = tree["type"]
        try:
            match kind:
                case "record" | "error":
                    return self._record(tree, namespace, depth)
                case "array":
                    return self._array(tree, namespace, depth)
                case "map":
                    return Map(self.read(tree["values"], namespace, depth + 1))
                case "fixed":
                    return self._flat(tree, namespace, Fixed(_size(tree["size"])))
                case "enum":
                    return self._flat(tree, namespace, Enum(tuple(map(str, tree["symbols"]))))
                case _:
                    return self.read(kind, namespace, depth + 1)
        except (KeyError, TypeError) as error:
            raise InvalidSchema(f"{str(kind)[:60]!r} lacks or garbles {str(error)[:60]}") from error

    def _array(self, tree: dict[str, Any], namespace: str, depth: int) -> Array:
        items = self.read(tree["items"], namespace, depth + 1)
        if least_bytes(items) == 0:
            raise InvalidSchema("an array whose items take no bytes, so that a packet could claim any number of them")
        return Array(items)

    def _record(self, tree: dict[str, Any], namespace: str, depth: int) -> Record:
        record = Record(str(tree["name"]))
        full = _full_name(tree, namespace)
        self.named[full] = None
        types, deepest = self.types, self.deepest
        self.deepest = depth
        for entry in tree["fields"]:
            if entry["name"] in record.fields:
                raise InvalidSchema(f"field {str(entry['name'])[:60]!r} occurs twice in {record.name[:60]!r}")
            record.fields[str(entry["name"])] = self.read(entry["type"], full.rpartition(".")[0], depth + 1)
        self.named[full] = _Named(record, self.deepest - depth, self.types - types + 1)
        self.deepest = max(deepest, self.deepest)
        return record

    def _flat(self, tree: dict[str, Any], namespace: str, node: Node) -> Node:
        self.named[_full_name(tree, namespace)] = _Named(node, 0, 1)
        return node


def _full_name(tree: dict[str, Any], enclosing: str) -> str:
    name = str(tree["name"])
    if "." in name:
        return name
    namespace = str(tree.get("namespace", enclosing) or "")
    return f"{namespace}.{name}" if namespace else name


def _size(size: object) -> int:
    if not isinstance(size, int) or not 0 <= size < 1 << 31:
        raise TypeError(f"size {size!r}")
    return size
