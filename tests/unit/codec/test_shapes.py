"""Entries that are recognised by their bytes get no other answer than those that are followed step by step."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.codec.columns import Status
from streamer.codec.projection import Field, Projection, Table, Type
from streamer.codec.shapes import MAX_WORDS, SHAPES, WORD
from streamer.data.schema import WriterSchema
from tests.decoding import assert_same_columns, both_decoders, spans_of
from tests.packets import datum, record_of

POINT = record_of(
    [
        ("t", "double"),
        ("n", "long"),
        ("f", ["null", "float"]),
        ("skipped", ["null", "int"]),
        ("name", "string"),
        ("band", ["null", "string"]),
        ("e", {"type": "enum", "name": "e", "symbols": ["a", "b", "c"]}),
        ("ok", "boolean"),
        ("marks", {"type": "array", "items": "int"}),
        ("blob", "bytes"),
        ("last", ["string", "null", "boolean"]),
    ],
    "point",
)
HISTORY = record_of([("id", "int"), ("points", ["null", {"type": "array", "items": POINT}]), ("after", "long")])
WANTED: Projection = (
    Table("packet", (), (Field("id", ("id",), Type.INTEGER), Field("after", ("after",)))),
    Table(
        "points",
        ("points",),
        (
            *(Field(name, (name,)) for name in ("t", "f", "ok")),
            Field("n", ("n",), Type.INTEGER),
            Field("has_f", ("f",), Type.PRESENT),
            Field("name", ("name",), Type.TEXT, 4),
            Field("band", ("band",), Type.TEXT, 2),
        ),
    ),
)


def a_point(rng: random.Random) -> dict[str, Any]:
    """A point that many others resemble."""
    return {
        "t": rng.random(),
        "n": rng.choice((0, 5, -64, 64, 10**6, -(2**62))),
        "f": rng.choice((None, 1.5, rng.random())),
        "skipped": rng.choice((None, None, 7, 700)),
        "name": rng.choice(("ztf", "lsst", "zürich", "", "a longer one")),
        "band": rng.choice((None, "g", "r")),
        "e": rng.choice("aab"),
        "ok": rng.random() < 0.5,
        "marks": rng.choice(([], [1, 2], [1, 200])),
        "blob": rng.choice((b"", b"\x80\xff")),
        "last": rng.choice((None, "x", "ü", True)),
    }


def a_body(rng: random.Random, kinds: list[dict[str, Any]], n: int) -> bytes:
    points = [rng.choice(kinds) | {"t": rng.random()} for _ in range(n)]
    return datum(HISTORY, {"id": rng.randrange(9), "points": rng.choice((None, points, points)), "after": rng.randrange(10**9)})


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 3 * SHAPES), st.integers(0, 60))
def test_histories_of_many_and_of_few_shapes_are_those_of_the_library(seed: int, kinds: int, n: int) -> None:
    rng = random.Random(seed)
    ours, theirs = both_decoders(WriterSchema.of(HISTORY), WANTED)
    some = [a_point(rng) for _ in range(kinds)]
    bodies = spans_of([a_body(rng, some, rng.randint(0, n)) for _ in range(8)])
    decoded = ours(bodies)
    assert (decoded.status == Status.OK).all()
    assert_same_columns(decoded, theirs(bodies))


@pytest.mark.parametrize("seed", range(4))
def test_every_changed_byte_and_every_cut_is_judged_as_in_a_body_of_its_own(seed: int) -> None:
    rng = random.Random(seed)
    ours, theirs = both_decoders(WriterSchema.of(HISTORY), WANTED)
    points = [a_point(rng) for _ in range(2)] * 2
    body = datum(HISTORY, {"id": 1, "points": points, "after": 2})
    changed = [body[:i] + bytes([body[i] ^ 1 << bit]) + body[i + 1 :] for i in range(len(body)) for bit in range(8)]
    cut = [body[:i] for i in range(len(body))]
    known = [body, *changed, *cut, body]  # the first is remembered when the others come
    together = ours(spans_of(known))
    alone = [ours(spans_of([each])) for each in known]
    np.testing.assert_array_equal(together.status, [each.status[0] for each in alone])
    accepted = np.flatnonzero(together.status == Status.OK)
    assert len(accepted) > len(body)
    assert_same_columns(together.take(accepted), theirs(spans_of(known).take(accepted)))


@pytest.mark.parametrize("size", [MAX_WORDS * WORD - 40, MAX_WORDS * WORD, 5 * MAX_WORDS * WORD])
def test_entries_too_long_to_be_remembered_are_read_all_the_same(size: int) -> None:
    ours, theirs = both_decoders(WriterSchema.of(HISTORY), WANTED)
    point = a_point(random.Random(0)) | {"blob": bytes(size)}
    bodies = spans_of([datum(HISTORY, {"id": n, "points": [point] * n, "after": 0}) for n in (3, 20)])
    assert_same_columns(ours(bodies), theirs(bodies))


def test_entries_that_end_with_the_body_are_not_compared_beyond_it() -> None:
    tree = record_of([("points", {"type": "array", "items": "long"})])
    wanted = (Table("packet", (), ()), Table("points", ("points",), (Field("v", ("",), Type.INTEGER),)))
    ours, theirs = both_decoders(WriterSchema.of(tree), wanted)
    bodies = spans_of([datum(tree, {"points": list(range(n))}) for n in range(20)])
    assert_same_columns(ours(bodies), theirs(bodies))
