"""Random Avro: schemas of every kind of type, bodies written block by block, and projections that want some of it."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from streamer.codec.container import write_long
from streamer.codec.projection import ITSELF, Field, Projection, Table, Type, bound
from streamer.codec.types import Array, Record
from streamer.errors import UnsupportedSchema
from tests.packets import Tree, record_of

_NUMBERS = ("int", "long", "float", "double", "boolean")
_PRIMITIVES = (*_NUMBERS, "string", "bytes")


class RandomAvro:
    """All that is random comes from `seed`."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._named: dict[str, Any] = {}
        self._kinds: dict[str, Callable[[int], Any]] = {
            "primitive": lambda _depth: self.rng.choice(_PRIMITIVES),
            "nullable": self._nullable,
            "union": self._union,
            "record": self.record,
            "array": lambda depth: {"type": "array", "items": self.node(depth - 1)},
            "records": lambda depth: {"type": "array", "items": self.record(depth - 1)},
            "map": lambda depth: {"type": "map", "values": self.node(depth - 1)},
            "enum": lambda _depth: self._define(
                "e", {"type": "enum", "symbols": [f"s{i}" for i in range(self.rng.randint(1, 70))]}
            ),
            "fixed": lambda _depth: self._define("f", {"type": "fixed", "size": self.rng.randint(0, 9)}),
            "null": lambda _depth: "null",
            "known": lambda _depth: self.rng.choice([*self._named, "int"]),
        }

    def record(self, depth: int) -> Tree:
        """A record of up to six fields."""
        fields = [(f"f{i}", self.node(depth - 1)) for i in range(self.rng.randint(0, 6))]
        tree = record_of(fields, f"r{len(self._named)}")
        self._named[tree["name"]] = tree
        return tree

    def node(self, depth: int) -> Any:
        """A type with at most `depth` others within each other."""
        flat = ("primitive", "primitive", "primitive", "nullable", "nullable", "enum", "fixed", "null", "known")
        deep = ("union", "record", "array", "records", "records", "map")
        return self._kinds[self.rng.choice(flat if depth < 1 else (*flat, *deep))](depth)

    def _define(self, letter: str, tree: Tree) -> Tree:
        tree["name"] = f"{letter}{len(self._named)}"
        self._named[tree["name"]] = tree
        return tree

    def _nullable(self, depth: int) -> list[Any]:
        branch = self.node(depth - 1)
        while isinstance(branch, list) or branch == "null":
            branch = self.node(depth - 1)
        return self.rng.sample(["null", branch], 2)

    def _union(self, depth: int) -> list[Any]:
        primitives = self.rng.sample(["null", *_PRIMITIVES], self.rng.randint(1, 5))
        other = [self.record(depth - 1)] if self.rng.random() < 0.3 else []
        branches = primitives + other
        return self.rng.sample(branches, len(branches))

    def body(self, tree: Any) -> bytes:
        """A value of the type, as a writer might have put it."""
        rng = self.rng
        if isinstance(tree, list):
            number = rng.randrange(len(tree))
            return write_long(number) + self.body(tree[number])
        kind = tree["type"] if isinstance(tree, dict) else tree
        match kind:
            case "null":
                return b""
            case "boolean":
                return bytes([rng.choice((0, 1, 1, 7))])
            case "int" | "long":
                return write_long(self.number(31 if kind == "int" else 63))
            case "float":
                return rng.choice((struct.pack("<f", rng.gauss(0, 1e3)), rng.randbytes(4)))
            case "double":
                return rng.choice((struct.pack("<d", rng.gauss(0, 1e3)), rng.randbytes(8)))
            case "bytes":
                return self._prefixed(rng.randbytes(rng.randint(0, 6)))
            case "string":
                return self._prefixed(self.text().encode())
            case "enum":
                return write_long(rng.randrange(len(tree["symbols"])))
            case "fixed":
                return rng.randbytes(tree["size"])
            case "record":
                return b"".join(self.body(field["type"]) for field in tree["fields"])
            case "array":
                return b"".join(self._blocks(lambda: self.body(tree["items"])))
            case "map":
                return b"".join(self._blocks(lambda: self._prefixed(self.text().encode()) + self.body(tree["values"])))
            case _:
                return self.body(self._named[kind])

    def number(self, bits: int) -> int:
        """An integer of at most `bits` bits and a sign, of every length alike."""
        value = self.rng.getrandbits(self.rng.randint(0, bits))
        return value if self.rng.random() < 0.5 else -value - 1

    def text(self) -> str:
        """Up to eight characters of one to four bytes, zeros among them."""
        ranges = ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
        return "".join(chr(self.rng.randint(*self.rng.choice(ranges))) for _ in range(self.rng.randint(0, 8)))

    def _prefixed(self, data: bytes) -> bytes:
        return write_long(len(data)) + data

    def _blocks(self, item: Callable[[], bytes]) -> Iterator[bytes]:
        for _ in range(self.rng.choice((0, 1, 1, 2, 3))):
            count = self.rng.randint(1, 4)
            data = b"".join(item() for _ in range(count))
            yield write_long(count) if self.rng.random() < 0.5 else write_long(-count) + write_long(len(data))
            yield data
        yield b"\x00"

    def projection(self, root: Record) -> Projection:
        """Some of the fields of the packet and of its arrays, in any type that they can have, and one that is not there."""
        own = [field for path in _paths(root, ()) for field in self._fields(root, path)]
        tables = [Table("packet", (), (*own, Field("absent", ("absent",), self.rng.choice(list(Type)), 3)))]
        for name in root.fields:
            items = _items(root, name)
            if items is not None and self.rng.random() < 0.8:
                fields = [field for path in _paths(items, ()) for field in self._fields(items, path)]
                tables.append(Table(name, ("absent", name), (*fields, Field("absent", ("absent",), Type.FLOAT))))
            elif items is None and self.rng.random() < 0.8:
                tables += self._plain(root, name)
        return tuple(tables)

    def _plain(self, root: Record, name: str) -> list[Table]:
        """The table of an array of plain values, in a type that these can have; none if the field is no such array."""
        for kind in self.rng.sample(list(Type), len(Type)):
            table = Table(name, (name,), (Field("itself", (ITSELF,), kind, self.rng.randint(1, 12)),))
            try:
                bound(root, (table,))
            except UnsupportedSchema:
                continue
            return [table]
        return []

    def _fields(self, record: Record, path: str) -> Iterable[Field]:
        for kind in Type:
            field = Field(f"{path} as {kind.value}", ("absent", path), kind, self.rng.randint(1, 12))
            if self.rng.random() < 0.4 and _accepted(record, field):
                yield field
                if kind is not Type.PRESENT and self.rng.random() < 0.95:
                    break  # the same value twice is not compiled


def _paths(record: Record, path: tuple[str, ...]) -> Iterator[str]:
    for name in record.fields:
        place = ".".join((*path, name))
        yield place
        inner = _record(record.fields[name])
        if inner is not None:
            yield from _paths(inner, (*path, name))


def _record(node: object) -> Record | None:
    branches = getattr(node, "branches", (node,))
    records = [branch for branch in branches if isinstance(branch, Record)]
    return records[0] if len(records) == 1 and len([b for b in branches if b != "null"]) == 1 else None


def _items(root: Record, name: str) -> Record | None:
    """The record that the packet's array `name` holds, if it is such an array."""
    try:
        bound(root, (Table(name, (name,), ()),))
    except UnsupportedSchema:
        return None
    branches = getattr(root.fields[name], "branches", (root.fields[name],))
    return next((_record(branch.items) for branch in branches if isinstance(branch, Array)), None)


def _accepted(record: Record, field: Field) -> bool:
    try:
        bound(record, (Table("one", (), (field,)),))
    except UnsupportedSchema:
        return False
    return True
