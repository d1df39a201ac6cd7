"""Where the records of a block end: the compiled way against the library's."""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streamer.codec.columns import Status
from streamer.codec.reader import MAX_BODY_BYTES, RecordReader
from streamer.codec.splitting import Splitter
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema
from tests.fuzzing import mutated
from tests.packets import datum, record_of
from tests.random_avro import RandomAvro


@given(st.integers(0, 2**64 - 1), st.integers(0, 6), st.integers(0, 6))
def test_records_end_where_the_library_says_for_any_schema(seed: int, records: int, claimed: int) -> None:
    avro = RandomAvro(seed)
    tree = avro.record(depth=4)
    try:
        splitter = Splitter(WriterSchema.of(tree))
    except InvalidSchema:  # an array of what takes no bytes
        assume(False)
    block = b"".join(avro.body(tree) for _ in range(records))
    assert splitter.spans(block, claimed) == RecordReader(WriterSchema.of(tree)).spans(block, claimed)


TREE = record_of([("a", "long"), ("s", "string"), ("v", {"type": "array", "items": ["null", "double"]})])
RECORDS = [{"a": 10**i, "s": "x" * i, "v": [None, 1.5] * i} for i in range(5)]


@given(st.integers(0, 2**32))
def test_of_a_mutated_block_no_record_is_found_that_the_library_does_not_find(seed: int) -> None:
    rng = random.Random(seed)
    block = mutated(rng, [b"".join(datum(TREE, record) for record in RECORDS)])
    spans, status = Splitter(WriterSchema.of(TREE)).spans(block, 5)
    theirs, as_they_say = RecordReader(WriterSchema.of(TREE)).spans(block, 5)
    assert spans == theirs[: len(spans)]
    assert status != Status.OK or as_they_say == Status.OK


def test_a_schema_that_the_kernel_does_not_cover_is_split_by_the_library() -> None:
    kind: Any = "long"
    for _ in range(30):
        kind = {"type": "array", "items": kind}
    tree = record_of([("deep", kind), ("after", "int")])
    body = datum(tree, {"deep": [[[]]], "after": 5})
    assert Splitter(WriterSchema.of(tree)).spans(body * 2, 2) == ([(0, len(body)), (len(body), 2 * len(body))], Status.OK)


@pytest.mark.parametrize("size", [10, MAX_BODY_BYTES])
def test_a_record_of_any_size_is_found_between_others(size: int) -> None:
    tree = record_of([("b", "bytes")])
    bodies = [datum(tree, {"b": bytes(n)}) for n in (3, size, 4)]
    ends = [len(b"".join(bodies[:k])) for k in range(4)]
    assert Splitter(WriterSchema.of(tree)).spans(b"".join(bodies), 3) == (list(pairwise(ends)), Status.OK)
