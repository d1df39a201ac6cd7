"""A writer schema and what is wanted of it, compiled to a flat table of operations for the kernel.

Each row of the table is one step through a record's bytes; unions and arrays jump. Compiling costs milliseconds, once per schema;
nothing is generated or compiled to machine code for a new schema.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count

import numpy as np

from streamer.codec.projection import BoundTable, Path, Type
from streamer.codec.types import FIXED_BYTES, Array, Enum, Fixed, Map, Node, Record, Union, least_bytes
from streamer.data.arrays import Int32s

MAX_OPERATIONS = 200_000
MAX_NESTING = 16
"""Arrays and maps within each other that the kernel keeps count of."""

PACKET = 0
"""Number of the table that has one entry for each packet."""

NO_TABLE = -1


class Op(IntEnum):
    """What the kernel does, with the meaning of the operands a, b, c."""

    END = 0
    """The record is over: the body must be, too."""
    SKIP = 1
    """a bytes."""
    SKIP_LONG = 2
    SKIP_BYTES = 3
    SKIP_TEXT = 4
    """UTF-8 is checked, as any reader would."""
    SKIP_ENUM = 5
    """One of a symbols."""
    SKIP_NULLABLES = 6
    """A run of c unions of null (branch a) and b bytes."""
    UNION = 7
    """Go on at target a + branch, of b branches."""
    JUMP = 8
    """Go on at a."""
    ARRAY = 9
    """Begin the blocks of an array or map whose items take at least c bytes; behind it at a; entries of table b."""
    NEXT = 10
    """An item of the array that begins at a is done; an entry of table b."""
    FLOAT = 11
    """float to column a of table b."""
    DOUBLE = 12
    LONG_AS_FLOAT = 13
    BOOLEAN_AS_FLOAT = 14
    LONG = 15
    """int or long to column a of table b."""
    TEXT = 16
    """string to column a of table b, at most c bytes of it."""
    BOOLEAN_AS_TEXT = 17
    PRESENT = 18
    """c to column a of table b."""
    NULL_FLOAT = 19
    NULL_LONG = 20
    NULL_TEXT = 21
    SKIP_ITEMS = 22
    """All blocks of an array whose items take c bytes each."""
    FLOATS = 23
    """All blocks of an array of floats (c = 4 bytes each) to column a of table b, an entry each."""


_EMIT = {
    (Type.FLOAT, "float"): Op.FLOAT,
    (Type.FLOAT, "double"): Op.DOUBLE,
    (Type.FLOAT, "int"): Op.LONG_AS_FLOAT,
    (Type.FLOAT, "long"): Op.LONG_AS_FLOAT,
    (Type.FLOAT, "boolean"): Op.BOOLEAN_AS_FLOAT,
    (Type.INTEGER, "int"): Op.LONG,
    (Type.INTEGER, "long"): Op.LONG,
    (Type.TEXT, "string"): Op.TEXT,
    (Type.TEXT, "boolean"): Op.BOOLEAN_AS_TEXT,
}
_NULL = {Type.FLOAT: Op.NULL_FLOAT, Type.INTEGER: Op.NULL_LONG, Type.TEXT: Op.NULL_TEXT}


class NotCovered(Exception):
    """The kernel cannot read this schema; fastavro can."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a wanted field goes: column `number`, of table `table`."""

    name: str
    type: Type
    number: int
    table: int
    width: int


@dataclass(frozen=True, slots=True)
class Operations:
    """A compiled schema.

    Parameters
    ----------
    table : int32[m, 4]
        Operation and its operands a, b, c.
    targets : int32[k]
        Where each branch of each union goes on.
    slots : tuple of Slot
        The columns that are filled; a wanted field without a slot is absent from the schema.
    """

    table: Int32s
    targets: Int32s
    slots: tuple[Slot, ...]


def compiled(root: Record, tables: Sequence[BoundTable]) -> Operations:
    """The operations that fill `tables` from records of `root`.

    Raises
    ------
    NotCovered
        If the schema nests arrays too deeply, is too large, or has a wanted value in a form that only fastavro converts.
    """
    compiler = _Compiler(_slots(tables))
    for number, table in enumerate(tables):
        if table.array is not None:
            if table.array in compiler.arrays:
                raise NotCovered(f"two tables of array {table.array}")
            compiler.arrays[table.array] = number
    compiler.record(root, (), PACKET, packet=True)
    compiler.emit(Op.END)
    return Operations(
        np.array(compiler.code, dtype=np.int32), np.array([*compiler.targets, 0], dtype=np.int32), compiler.all_slots()
    )


Wanted = dict[int, dict[Path, list[Slot]]]
"""The slots to fill from each path, by table."""


def _slots(tables: Sequence[BoundTable]) -> Wanted:
    number = count()
    wanted: Wanted = {}
    for table, bound in enumerate(tables):
        paths = wanted.setdefault(table, {})
        for place in bound.places:
            if place.path is None:
                continue
            slot = Slot(place.field.name, place.field.type, next(number), table, place.field.width)
            paths.setdefault(place.path, []).append(slot)
    return wanted


@dataclass(slots=True)
class _Compiler:
    wanted: Wanted
    arrays: dict[str, int] = field(default_factory=dict)
    code: list[list[int]] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    _nesting: int = 0

    def all_slots(self) -> tuple[Slot, ...]:
        """The slots by number."""
        found = [slot for paths in self.wanted.values() for slots in paths.values() for slot in slots]
        return tuple(sorted(found, key=lambda slot: slot.number))

    def emit(self, op: Op, a: int = 0, b: int = 0, c: int = 0) -> int:
        if len(self.code) >= MAX_OPERATIONS:
            raise NotCovered(f"more than {MAX_OPERATIONS} operations")
        self.code.append([op, a, b, c])
        return len(self.code) - 1

    def record(self, record: Record, path: Path, table: int, *, packet: bool = False) -> None:
        for name, node in record.fields.items():
            if packet and name in self.arrays:
                self._wanted_array(node, self.arrays[name], self.wanted[PACKET].get((name,), []))
            else:
                self._node(node, (*path, name), table)

    def _wanted_array(self, node: Node, table: int, present: Sequence[Slot]) -> None:
        if isinstance(node, Union):
            self._union(node, lambda branch: self._wanted_array(branch, table, present))
        elif isinstance(node, Array):
            self._present(present, 1)
            self._array(node, table)
        else:
            self._null(present)
            self._skip(node)

    def _node(self, node: Node, path: Path, table: int) -> None:
        slots = self.wanted.get(table, {}).get(path, [])
        below = self._below(path, table)
        if not slots and not below:
            self._skip(node)
        elif isinstance(node, Union):
            self._union(node, lambda branch: self._branch(branch, path, table))
        elif isinstance(node, Record):
            self._present(slots, 1)
            self.record(node, path, table)
        elif node == "null":
            self._null(slots)
        else:
            self._value(node, slots)

    def _branch(self, branch: Node, path: Path, table: int) -> None:
        """One branch of a union with wanted values: they come from it, or are null in it."""
        slots = self.wanted[table].get(path, [])
        if branch == "null":
            self._null([*slots, *self._below(path, table)])
        elif isinstance(branch, Record):
            self._present(slots, 1)
            self.record(branch, path, table)
        elif self._below(path, table):
            raise NotCovered(f"{'.'.join(path)} is a record or something else")
        else:
            self._value(branch, slots)

    def _below(self, path: Path, table: int) -> list[Slot]:
        inner = self.wanted.get(table, {}).items()
        return [slot for place, slots in inner if len(place) > len(path) and place[: len(path)] == path for slot in slots]

    def _value(self, node: Node, slots: Sequence[Slot]) -> None:
        values = [slot for slot in slots if slot.type is not Type.PRESENT]
        self._present(slots, 1)
        if not values:
            self._skip(node)
            return
        if len(values) > 1:
            raise NotCovered("one value in two columns")
        [slot] = values
        op = _EMIT.get((slot.type, node)) if isinstance(node, str) else None
        if op is None:
            raise NotCovered(f"{slot.name} as {slot.type.value} from {node}")
        self.emit(op, slot.number, slot.table, slot.width)

    def _present(self, slots: Sequence[Slot], value: int) -> None:
        for slot in slots:
            if slot.type is Type.PRESENT:
                self.emit(Op.PRESENT, slot.number, slot.table, value)

    def _null(self, slots: Sequence[Slot]) -> None:
        self._present(slots, 0)
        for slot in slots:
            if slot.type is not Type.PRESENT:
                self.emit(_NULL[slot.type], slot.number, slot.table, slot.width)

    def _union(self, union: Union, branch_code: Callable[[Node], None]) -> None:
        base = len(self.targets)
        self.targets += [0] * len(union.branches)
        self.emit(Op.UNION, base, len(union.branches))
        jumps = []
        for number, branch in enumerate(union.branches):
            self.targets[base + number] = len(self.code)
            branch_code(branch)
            jumps.append(self.emit(Op.JUMP))
        for jump in jumps:
            self.code[jump][1] = len(self.code)

    def _array(self, array: Array | Map, table: int) -> None:
        if isinstance(array, Array) and self._array_at_once(array, table):
            return
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise NotCovered(f"arrays nested deeper than {MAX_NESTING}")
        begin = self.emit(Op.ARRAY, 0, table)
        least = 0
        if isinstance(array, Map):
            self.emit(Op.SKIP_TEXT)
            items, least = array.values, 1
        else:
            items = array.items
        least += least_bytes(items)
        if table == NO_TABLE:
            self._skip(items)
        else:  # a record, a plain value, or null: an entry that is null has null in every column
            self._node(items, (), table)
        self.emit(Op.NEXT, begin, table)
        self.code[begin][1], self.code[begin][3] = len(self.code), min(least, 1 << 30)
        self._nesting -= 1

    def _array_at_once(self, array: Array, table: int) -> bool:
        """Emit one operation for the whole array, if there is one for it."""
        size = _fixed_bytes(array.items)
        if table == NO_TABLE and size:
            self.emit(Op.SKIP_ITEMS, c=size)
            return True
        slots = self.wanted.get(table, {}).get((), [])
        if array.items == "float" and [slot.type for slot in slots] == [Type.FLOAT]:
            self.emit(Op.FLOATS, slots[0].number, table, FIXED_BYTES["float"])
            return True
        return False

    def _skip(self, node: Node) -> None:
        match node:
            case "null":
                pass
            case "boolean" | "float" | "double":
                self._skip_fixed(FIXED_BYTES[str(node)])
            case "int" | "long":
                self.emit(Op.SKIP_LONG)
            case "bytes":
                self.emit(Op.SKIP_BYTES)
            case "string":
                self.emit(Op.SKIP_TEXT)
            case Fixed(size):
                self._skip_fixed(size)
            case Enum(symbols):
                self.emit(Op.SKIP_ENUM, len(symbols))
            case Record():
                self.record(node, (), NO_TABLE)
            case Array() | Map():
                self._array(node, NO_TABLE)
            case Union():
                self._skip_union(node)

    def _skip_fixed(self, size: int) -> None:
        last = self.code[-1] if self.code else None
        if last is not None and last[0] == Op.SKIP and last[1] + size < 1 << 30:
            last[1] += size  # where a branch begins, the operation before is no skip
        else:
            self.emit(Op.SKIP, size)

    def _skip_union(self, union: Union) -> None:
        size = _nullable_bytes(union)
        if size is None:
            self._union(union, self._skip)
            return
        null = union.branches.index("null")
        last = self.code[-1] if self.code else None
        if last is not None and last[:3] == [Op.SKIP_NULLABLES, null, size]:
            last[3] += 1
        else:
            self.emit(Op.SKIP_NULLABLES, null, size, 1)


def _nullable_bytes(union: Union) -> int | None:
    """The size of the value in a union of null and a type of fixed size; None for any other union."""
    sizes = [_fixed_bytes(branch) for branch in union.branches]
    if len(sizes) != 2 or None in sizes or union.branches.count("null") != 1:
        return None
    return max(size for size in sizes if size is not None)


def _fixed_bytes(node: Node) -> int | None:
    match node:
        case str():
            return FIXED_BYTES.get(node)
        case Fixed(size):
            return size
        case _:
            return None
