"""Ways in which a packet may be broken on its way; none of them can be read as an alert afterwards."""

from __future__ import annotations

import io
from collections.abc import Callable

import fastavro
import numpy as np

from streamer.codec.encode import ContainerFrame, RecordWriter
from streamer.data.schema import WriterSchema

Framed = Callable[[bytes], bytes]
"""Puts a packet's framing around a datum."""

_OTHER_SCHEMA = WriterSchema.of(
    {"type": "record", "name": "weather", "namespace": "streamer.simulated", "fields": [{"name": "humidity", "type": "double"}]}
)
_UNKNOWN_ID = 2_000_000_000


def broken(rng: np.random.Generator, schema: WriterSchema, body: bytes, framed: Framed) -> bytes:
    """One of: nothing at all, a packet cut off, random bytes, a packet with flipped bits, one of another schema."""
    kind = int(rng.integers(5))
    if kind == 0:
        return b""
    if kind == 1:
        whole = framed(body)
        return whole[: int(rng.integers(1, len(whole)))]
    if kind == 2:
        return b"\xff" + rng.bytes(int(rng.integers(1, 400)))  # the first byte is that of no framing
    if kind == 3:
        return framed(_flipped(rng, schema, body))
    return _of_another_schema(rng, framed(body))


def _flipped(rng: np.random.Generator, schema: WriterSchema, body: bytes) -> bytes:
    """The body with the bits of some bytes flipped, early enough to derail a reader; cut short if that one gets through."""
    start = int(rng.integers(0, 24))
    flipped = body[:start] + bytes(byte ^ 0xFF for byte in body[start : start + 24]) + body[start + 24 :]
    return flipped[: len(body) // 2] if _readable(schema, flipped) else flipped


def _readable(schema: WriterSchema, body: bytes) -> bool:
    stream = io.BytesIO(body)
    try:
        fastavro.schemaless_reader(stream, fastavro.parse_schema(schema.tree), None)
    except Exception:  # noqa: BLE001  # whatever the reader raises: it could not read
        return False
    return stream.tell() == len(body)


def _of_another_schema(rng: np.random.Generator, packet: bytes) -> bytes:
    """The frame of an id that nobody knows, or a container file with a record that is no alert."""
    if packet.startswith(b"\x00"):
        return b"\x00" + _UNKNOWN_ID.to_bytes(4, "big") + packet[5:]
    datum = RecordWriter(_OTHER_SCHEMA)({"humidity": float(rng.random())})
    return b"".join(ContainerFrame()(_OTHER_SCHEMA)((datum,)))
