"""Records written from columns are the bytes that fastavro writes from the same values."""

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.container import write_long
from streamer.codec.write import RecordColumns, text_bytes
from streamer.data.arrays import MISSING
from tests.packets import datum, record_of

longs = st.integers(-(2**63) + 1, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
COLOURS = ["red", "green", "blue"]

TREE = record_of(
    [
        ("constant", "string"),
        ("number", "long"),
        ("maybe", ["null", "long"]),
        ("exact", "double"),
        ("measured", ["null", "float"]),
        ("name", "string"),
        ("colour", {"type": "enum", "name": "colour", "symbols": COLOURS}),
        ("inner", ["null", record_of([("a", "long"), ("b", "string")], "inner")]),
        ("last", "long"),
    ]
)

records = st.fixed_dictionaries(
    {
        "constant": st.just("the same"),
        "number": longs,
        "maybe": st.none() | longs,
        "exact": st.floats(),
        "measured": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
        "name": texts,
        "colour": st.sampled_from(COLOURS),
        "inner": st.none() | st.fixed_dictionaries({"a": longs, "b": texts}),
        "last": longs,
    }
)


def int64(values: list[Any]) -> Any:
    return np.array([MISSING if value is None else value for value in values], dtype=np.int64)


def as_bytes(values: list[str]) -> Any:
    return np.array([value.encode() for value in values], dtype=np.bytes_)


@given(st.lists(records, min_size=1, max_size=6))
def test_every_kind_of_part_is_what_fastavro_writes(rows: list[dict[str, Any]]) -> None:
    def column(name: str) -> list[Any]:
        return [row[name] for row in rows]

    there = np.array([row["inner"] is not None for row in rows])
    columns = RecordColumns(len(rows))
    columns.same(text_bytes("the same")).long(int64(column("number"))).nullable_long(int64(column("maybe")))
    columns.double(np.array(column("exact")))
    measured = [math.nan if value is None else value for value in column("measured")]
    columns.nullable_float(np.array(measured, dtype=np.float32)).text(as_bytes(column("name")))
    columns.choice([write_long(i) for i in range(3)], int64([COLOURS.index(colour) for colour in column("colour")]))
    columns.choice([write_long(0), write_long(1)], there.astype(np.int64))
    columns.when(there, 2)
    columns.long(int64([row["inner"]["a"] if row["inner"] else 0 for row in rows]))
    columns.text(as_bytes([row["inner"]["b"] if row["inner"] else "not there" for row in rows]))
    columns.long(int64(column("last")))
    assert columns.records() == [datum(TREE, row) for row in rows]


@given(st.lists(longs, max_size=20))
def test_numbers_of_every_length_are_written(values: list[int]) -> None:
    expected = [datum(record_of([("a", "long")]), {"a": value}) for value in values]
    assert RecordColumns(len(values)).long(int64(values)).records() == expected


def test_the_widest_values_of_every_kind_find_room() -> None:
    lowest, n = -(2**63) + 1, 50
    columns = RecordColumns(n)
    for _ in range(20):
        columns.long(np.full(n, lowest)).nullable_long(np.full(n, lowest)).double(np.full(n, -math.pi))
        columns.nullable_float(np.full(n, 1.5, dtype=np.float32)).text(np.full(n, b"x" * 300)).same(b"y" * 70)
        columns.choice([b"", b"z" * 90], np.ones(n, dtype=np.int64))
    row = columns.records()[-1]
    assert columns.records() == [row] * n
    assert len(row) == 20 * (10 + 11 + 8 + 5 + 302 + 70 + 90)


def test_what_is_not_finite_is_null() -> None:
    values = np.array([np.nan, np.inf, -np.inf, -0.0], dtype=np.float32)
    assert RecordColumns(4).nullable_float(values).records() == [b"\x00"] * 3 + [b"\x02\x00\x00\x00\x80"]


def test_no_parts_are_empty_records_and_no_records_are_none() -> None:
    assert RecordColumns(3).records() == [b"", b"", b""]
    assert RecordColumns(0).same(b"x").text(np.zeros(0, dtype="S3")).long(np.zeros(0, dtype=np.int64)).records() == []


def test_parts_that_hold_nowhere_are_left_out() -> None:
    columns = RecordColumns(2).when(np.array([False, True]), 2).same(b"a").same(b"b").same(b"c")
    assert columns.records() == [b"c", b"abc"]
