"""Measurements to packets, valid under our schemas ``ztf`` and ``lsst`` 1.0.

Every visit is encoded once, when its object is made; a packet is the bytes of its visits one after the other, since an Avro record
is its fields in order and an array its items. So a packet costs little more than its copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from streamer.codec.container import write_long
from streamer.codec.encode import RecordWriter
from streamer.data.schema import WriterSchema
from streamer.sources.simulated.cadence import Place
from streamer.sources.simulated.photometry import Measured
from streamer.sources.simulated.truth import Truth
from streamer.stores.bundled import bundled_schema

NULL = write_long(0)
PRESENT = write_long(1)
"""The second branch of a union whose first is null."""
VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Subject:
    """An object, as the packets of a survey need it.

    Parameters
    ----------
    number : int
        Distinguishes it from all other objects of the survey, and from those of other seeds below 1000.
    place : Place
    truth : Truth
    points : Measured
    rng : numpy Generator
        The object's own.
    """

    number: int
    place: Place
    truth: Truth
    points: Measured
    rng: np.random.Generator

    @property
    def moving(self) -> bool:
        """A known object of the solar system."""
        return self.truth.name == "solar-system"


class Object(Protocol):
    """An object whose visits are encoded."""

    object_id: str
    truth: Truth

    def alert_id(self, i: int) -> int:
        """Identifier of the alert that point `i` raises."""

    def body(self, i: int, stamps: Sequence[bytes]) -> bytes:
        """The datum of that alert, with `stamps` as its science, template and difference images."""


@cache
def part_writer(survey: str, *path: str) -> RecordWriter:
    """Writes one of the records inside a packet: the record type of the field that `path` leads to."""
    tree: Any = bundled_schema(survey, VERSION).tree
    for name in path:
        tree = _record(next(field["type"] for field in tree["fields"] if field["name"] == name))
    return RecordWriter(WriterSchema.of(tree))


def _record(tree: Any) -> Any:
    """The record inside a union or an array."""
    if isinstance(tree, list):
        tree = next(branch for branch in tree if branch != "null")
    return tree["items"] if tree["type"] == "array" else tree


def text(value: str) -> bytes:
    """An Avro string."""
    return block(value.encode())


def block(value: bytes) -> bytes:
    """Avro bytes."""
    return write_long(len(value)) + value


def array(items: Sequence[bytes]) -> bytes:
    """A nullable array, which is null where it has no items."""
    if not items:
        return NULL
    return b"".join((PRESENT, write_long(len(items)), *items, NULL))


def near(rng: np.random.Generator, place: Place, count: int, error: float) -> list[tuple[float, float]]:
    """`count` positions scattered by `error` arcsec about `place`."""
    shift = rng.normal(0.0, error / 3600.0, (count, 2))
    stretch = 1.0 / max(np.cos(np.radians(place.dec)), 0.05)
    return [((place.ra + a * stretch) % 360.0, place.dec + b) for a, b in shift.tolist()]
