"""Positions against a slow oracle; tallies add up; writer schemas are read or refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.data.arrays import frozen
from streamer.data.batch import Positions, Rejections, State, Why
from streamer.data.schema import WriterSchema
from streamer.data.tally import Tally
from streamer.errors import InvalidSchema, Reason, Stage

Entry = tuple[str, int, int, int]
entries = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(-1, 3), st.integers(0, 50), st.integers(1, 4)), max_size=20
)


@given(entries)
def test_first_is_the_least_offset_and_next_the_one_after_the_last(positions: list[Entry]) -> None:
    first: dict[tuple[str, int], int] = {}
    after: dict[tuple[str, int], int] = {}
    for name, partition, offset, count in positions:
        place = (name, partition)
        first[place] = min(first.get(place, offset), offset)
        after[place] = max(after.get(place, 0), offset + count)
    batch = Positions.of(positions)
    assert batch.first() == first
    assert batch.next() == after
    assert len(batch) == len(positions)


counts = st.integers(0, 5)
tallies = st.builds(
    Tally,
    messages=counts,
    read=counts,
    answers=st.dictionaries(st.tuples(st.sampled_from(["ztf", "lsst"]), st.sampled_from(State), st.sampled_from(Why)), counts),
    rejected=st.dictionaries(st.tuples(st.sampled_from(["ztf"]), st.sampled_from(Stage), st.sampled_from(Reason)), counts),
    withdrawn=st.dictionaries(st.sampled_from(["lsst"]), counts),
    private=st.dictionaries(st.sampled_from(["ztf"]), counts),
)


@given(tallies, tallies)
def test_a_sum_of_tallies_counts_what_both_count(one: Tally, other: Tally) -> None:
    total = one + other
    assert total.messages == one.messages + other.messages
    assert total.read == one.read + other.read
    assert total.classified == one.classified + other.classified
    assert total.not_classified == one.not_classified + other.not_classified
    assert total.imbalance == one.imbalance + other.imbalance
    for reason in Reason:
        expected = one.rejected_by_reason.get(reason, 0) + other.rejected_by_reason.get(reason, 0)
        assert total.rejected_by_reason.get(reason, 0) == expected


def test_a_lost_alert_shows_as_imbalance() -> None:
    answers = {("ztf", State.CLASSIFIED, Why.NONE): 1, ("ztf", State.NOT_CLASSIFIED, Why.NO_MODEL): 1}
    assert Tally(read=3, answers=answers).imbalance == 1
    assert Tally(read=3, answers=answers, rejected={("ztf", Stage.CODEC, Reason.EMPTY): 1}).imbalance == 0


def test_parent_only_counts_as_classified() -> None:
    assert Tally(read=1, answers={("ztf", State.PARENT_ONLY, Why.NONE): 1}).classified == 1


def test_rejections_join_in_order() -> None:
    one = Rejections.of([(1, Stage.CODEC, Reason.EMPTY, "a")])
    other = Rejections.of([(2, Stage.SURVEYS, Reason.PRIVATE, "b"), (3, Stage.CODEC, Reason.EMPTY, "c")])
    joined = Rejections.joined([one, Rejections.of(()), other])
    assert joined.row.tolist() == [1, 2, 3]
    assert joined.detail == ("a", "b", "c")
    assert len(Rejections.joined([])) == 0


def test_frozen_arrays_refuse_writes_and_leave_the_original_alone() -> None:
    array = np.zeros(3)
    with pytest.raises(ValueError, match="read-only"):
        frozen(array)[0] = 1
    array[0] = 1


RECORD = {"type": "record", "name": "r", "fields": []}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'"string"',
        b'{"type": "enum"}',
        b'{"type": "record", "name": "r"}',
        b"\xff\xfe\x00",
        json.dumps(RECORD).encode("utf-16"),
        b"[" * 100_000,
        b'{"type": "record", "fields": [], "n": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_record_schema_in_utf_8_is_invalid(text: bytes) -> None:
    with pytest.raises(InvalidSchema):
        WriterSchema.parse(text)


def test_text_that_utf_8_cannot_carry_is_no_schema() -> None:
    with pytest.raises(InvalidSchema):
        WriterSchema.parse('{"type": "record", "name": "\ud800", "fields": []}')


def test_equal_texts_are_equal_schemas_with_equal_fingerprints() -> None:
    one, other = WriterSchema.of(RECORD), WriterSchema.parse(json.dumps(RECORD, separators=(",", ":")).encode())
    assert one == other
    assert hash(one) == hash(other)
    assert one.fingerprint == other.fingerprint
    assert WriterSchema.parse(json.dumps(RECORD, indent=1)) != one
