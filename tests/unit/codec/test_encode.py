"""Records to bytes and into framings; the extended packet."""

import io
import json
import tracemalloc
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.encode import (
    ContainerFrame,
    Frame,
    JsonFrame,
    RecordWriter,
    extended,
    rabin_fingerprint,
    without_docs,
)
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidSchema
from tests.packets import datum, record_of

TREE = record_of([("a", "double"), ("b", "bytes")])
SCHEMA = WriterSchema.of(TREE)
TAG = WriterSchema.of(record_of([("t", "string")], "tag"))


@given(st.floats(allow_nan=False), st.binary(max_size=9), st.text(st.characters(exclude_categories=["Cs"]), max_size=9))
def test_the_extended_packet_is_read_with_the_original_schema(a: float, b: bytes, t: str) -> None:
    original = datum(TREE, {"a": a, "b": b})
    longer = extended(SCHEMA, "tag", TAG)
    body = original + RecordWriter(TAG)({"t": t})
    writer, reader = fastavro.parse_schema(longer.tree), fastavro.parse_schema(TREE)
    assert fastavro.schemaless_reader(io.BytesIO(body), writer, reader) == {"a": a, "b": b}
    whole: Any = fastavro.schemaless_reader(io.BytesIO(body), writer, None)
    assert whole["tag"] == {"t": t}


def test_a_field_name_that_is_taken_is_refused() -> None:
    with pytest.raises(InvalidSchema, match="field a already"):
        extended(SCHEMA, "a", TAG)


def test_the_fingerprint_is_that_of_the_avro_specification() -> None:
    canonical = fastavro.schema.to_parsing_canonical_form("int")
    assert bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))[::-1].hex() == "7275d51a3f395c8f"
    documented = WriterSchema.of({**TREE, "doc": "words do not count"})
    assert rabin_fingerprint(SCHEMA) == rabin_fingerprint(documented) != rabin_fingerprint(TAG)


def test_the_header_of_a_message_has_no_documentation_and_reads_the_same() -> None:
    inner = {
        "type": "record",
        "name": "Inner",
        "doc": "of a record",
        "fields": [{"name": "doc", "type": "string", "doc": "a field"}],
    }
    default = {"doc": "a value"}
    tree = {
        "type": "record",
        "name": "Outer",
        "doc": "…",
        "fields": [
            {"name": "a", "type": {"type": "array", "items": inner}, "doc": "of a field", "default": []},
            {"name": "b", "type": ["null", {"type": "map", "values": "Inner"}], "default": None, "unit": "mJy"},
            {
                "name": "c",
                "type": {"type": "record", "name": "Held", "fields": [{"name": "doc", "type": "string"}]},
                "default": default,
            },
        ],
    }
    bare = without_docs(WriterSchema.of(tree))
    assert bare.text.count('"doc"') == 3  # the names of two fields and a key of a default
    assert bare.tree["fields"][2]["default"] == default
    assert bare.tree["fields"][1]["unit"] == "mJy"
    assert rabin_fingerprint(bare) == rabin_fingerprint(WriterSchema.of(tree))
    record = {"a": [{"doc": "x"}], "b": {"k": {"doc": "y"}}, "c": {"doc": "z"}}
    framed = b"".join(ContainerFrame()(WriterSchema.of(tree))((datum(tree, record),)))
    assert list(fastavro.reader(io.BytesIO(framed))) == [record]


def test_equal_records_make_equal_container_files() -> None:
    body = datum(TREE, {"a": 1.0, "b": b""})
    assert ContainerFrame()(SCHEMA)((body,)) == ContainerFrame()(SCHEMA)((body,))


@given(st.floats(), st.binary(max_size=9))
def test_json_is_valid_whatever_the_values(a: float, b: bytes) -> None:
    (text,) = JsonFrame()(SCHEMA)((datum(TREE, {"a": a, "b": b}),))
    read = json.loads(bytes(text), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert read["b"].encode("latin-1") == b


@pytest.mark.parametrize("frame", [ContainerFrame(), JsonFrame()])
def test_a_framing_remembers_a_bounded_number_of_schemas(frame: Frame) -> None:
    tracemalloc.start()
    try:
        for number in range(300):
            frame(WriterSchema.of(record_of([("a", "int")], f"r{number}_{'x' * 50_000}")))((b"\x02",))
        assert tracemalloc.get_traced_memory()[0] < 300 * 50_000
    finally:
        tracemalloc.stop()
