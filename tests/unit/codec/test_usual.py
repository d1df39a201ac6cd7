"""Messages of the usual forms: recognised together exactly where the readers of the whole format read the same."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.container import block_bytes, header_bytes, write_long, written
from streamer.codec.framing import Framing
from streamer.codec.headers import KnownHeaders
from streamer.codec.rows import Rows
from streamer.codec.usual import Headers, recognised
from streamer.codec.usual_kernel import FRAME, OTHER
from streamer.data.batch import Rejections
from streamer.data.schema import WriterSchema
from streamer.errors import Reason
from tests.fuzzing import mutated
from tests.packets import SYNC, TableOfSchemas, container, datum, raw_batch, record_of, registry_frame

SCHEMA = WriterSchema.of(record_of([("a", "int"), ("b", "string")]))
OTHER_SCHEMA = WriterSchema.of(record_of([("a", "int"), ("b", "string")], "another"))
BODY = datum(SCHEMA.tree, {"a": 1, "b": "x" * 200})
ONE, TWO = (written(schema, 1, BODY, SYNC) for schema in (SCHEMA, OTHER_SCHEMA))
MOST = 1 << 20


def framing() -> Framing:
    return Framing(TableOfSchemas({7: SCHEMA}))


def told(rows: Rows, rejections: Rejections) -> list[tuple[object, ...]]:
    """All that is known of each row; not a rejected one's schema: a header cut in its marker tells that only if it is known."""
    why = {
        row: (reason, detail)
        for row, reason, detail in zip(rejections.row.tolist(), rejections.reason, rejections.detail, strict=True)
    }
    return [
        (
            int(rows.message[row]),
            int(rows.record[row]),
            rows.bodies.bytes_of(row),
            None if row in why else rows.schemas[rows.schema[row]].text,
            bool(rows.is_alone[row]),
            rows.original(row),
            why.get(row),
        )
        for row in range(len(rows))
    ]  # fmt: skip


def test_a_header_seen_before_makes_files_of_one_record_recognised() -> None:
    headers = KnownHeaders()
    known = [headers.of(file) for file in (ONE, TWO)]
    frame = registry_frame(0xFEDCBA98, BODY)
    usual = recognised([TWO, ONE, frame, b"", ONE, ONE + b"\x00", frame[:4]], Headers(tuple(known)), 5, MOST)
    assert usual.header.tolist() == [1, 0, FRAME, OTHER, 0, OTHER, OTHER]
    assert usual.number.tolist() == [0, 0, 0xFEDCBA98, 0, 0, 0, 0]
    assert [TWO[usual.start[0] : usual.end[0]], ONE[usual.start[1] : usual.end[1]]] == [BODY, BODY]
    assert (usual.start[2], usual.end[2]) == (5, len(frame))


SMALL = written(SCHEMA, 1, datum(SCHEMA.tree, {"a": 1, "b": ""}), SYNC)
HEADER = header_bytes(SCHEMA) + SYNC
LONG_SIZE = bytes([len(BODY) % 64 * 2 | 0x80, len(BODY) >> 6 | 0x80, *[0x80] * 7, 0])
BY_OTHERS = {
    "two records": container(SCHEMA.tree, [{"a": 1, "b": ""}] * 2),
    "two blocks": container(SCHEMA.tree, [{"a": 1, "b": ""}] * 2, "null", 1),
    "compressed": container(SCHEMA.tree, [{"a": 1, "b": ""}], "deflate"),
    "no block": HEADER,
    "a number in more bytes than it needs": HEADER + b"\x82\x00" + write_long(len(BODY)) + BODY + SYNC,
    "a number of records beyond 64 bits": HEADER + b"\x82" + b"\x80" * 8 + b"\x02" + write_long(len(BODY)) + BODY + SYNC,
    "a size in ten bytes": HEADER + b"\x02" + LONG_SIZE + BODY + SYNC,
    "a record without bytes": HEADER + block_bytes(1, b"", SYNC),
    "another marker": HEADER + block_bytes(1, BODY, SYNC[::-1]),
    "a longer file than is allowed": written(SCHEMA, 1, bytes(MOST), SYNC),
}  # fmt: skip


@pytest.mark.parametrize("file", BY_OTHERS.values(), ids=BY_OTHERS.keys())
def test_other_container_files_are_left_to_others(file: bytes) -> None:
    headers = KnownHeaders()
    plain = [headers.of(one) for one in (BY_OTHERS["compressed"], SMALL)][1:]
    assert recognised([file], Headers(tuple(plain)), 5, MOST).header.tolist() == [OTHER]
    warm = framing()
    warm.rows(raw_batch([SMALL, BY_OTHERS["compressed"]]))
    assert told(*warm.rows(raw_batch([SMALL, file]))) == told(*framing().rows(raw_batch([SMALL, file])))


def test_a_file_cut_at_any_byte_is_left_to_others() -> None:
    headers = Headers((KnownHeaders().of(ONE),))
    assert set(recognised([ONE[:end] for end in range(len(ONE))], headers, 5, MOST).header.tolist()) == {OTHER}


@given(st.integers(0, 2**32))
def test_mutated_messages_are_read_the_same_with_known_headers_and_without(seed: int) -> None:
    rng = random.Random(seed)
    warm = framing()
    warm.rows(raw_batch([ONE, TWO]))
    files = [ONE, TWO, SMALL, registry_frame(7, BODY), *BY_OTHERS.values()][:-1]
    messages = [mutated(rng, files) if rng.random() < 0.7 else rng.choice(files) for _ in range(5)]
    expected = []
    for number, message in enumerate(messages):
        expected += [(number, *rest) for _, *rest in told(*framing().rows(raw_batch([message])))]
    assert told(*warm.rows(raw_batch(messages))) == expected


def test_rows_are_in_the_order_of_the_messages_whoever_read_them() -> None:
    warm = framing()
    warm.rows(raw_batch([ONE]))
    pair = container(SCHEMA.tree, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    rows, rejections = warm.rows(raw_batch([b"junk", ONE, pair, registry_frame(7, BODY), b"", ONE, registry_frame(8, BODY)]))
    assert rows.message.tolist() == [0, 1, 2, 2, 3, 4, 5, 6]
    assert rows.record.tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert rejections.row.tolist() == [0, 5, 7]
    assert rejections.reason == (Reason.UNKNOWN_FRAMING, Reason.EMPTY, Reason.UNKNOWN_SCHEMA)
    assert rows.is_alone.tolist() == [True, True, False, False, True, True, True, True]


def test_with_a_bare_schema_what_is_no_container_file_is_a_datum() -> None:
    bare = Framing(TableOfSchemas({}), SCHEMA)
    rows, rejections = bare.rows(raw_batch([BODY, b"", ONE, BODY[:3]]))
    assert [rows.bodies.bytes_of(row) for row in range(4)] == [BODY, b"", BODY, BODY[:3]]
    assert len(rejections) == 0
    assert np.unique(rows.schema).tolist() == [0]
