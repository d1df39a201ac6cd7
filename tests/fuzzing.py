"""Packets that nobody wrote: real and simulated ones with bits flipped, bytes lost and pieces of others in them.

What the compiled decoder accepts must be what the library reads, to the same values. What it refuses is its own affair; how much of
that the library would have taken is counted on a sample.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from streamer.codec.columns import Status
from streamer.codec.compiled import KernelDecoder
from streamer.codec.container import write_long
from streamer.codec.framing import Framing
from streamer.codec.reader import LibraryDecoder
from streamer.codec.types import root_of
from streamer.data.schema import WriterSchema
from streamer.sources.simulator import simulate
from streamer.stores.bundled import BundledSchemas
from streamer.stores.schemas import CachedSchemas, FolderSchemas
from streamer.surveys import survey_of
from streamer.testing import HandClock
from tests.decoding import assert_same_columns, both_decoders, spans_of
from tests.packets import raw_batch

BATCH = 500
EXTREMES = [
    *(write_long(sign * (1 << bits) + step) for bits in (6, 13, 31, 32, 62) for sign in (-1, 1) for step in (-1, 0, 1)),
    write_long(2**63 - 1),
    write_long(-(2**63)),
    b"\x80\x00",
    b"\xff" * 9 + b"\x7f",
    b"\xff" * 12,
    b"\x80" * 20,
]


@dataclass(slots=True)
class Counts:
    """What became of the mutated packets."""

    packets: int = 0
    unchanged: int = 0
    """The mutation gave a packet back as it was."""
    accepted: int = 0
    truncated: int = 0
    malformed: int = 0
    trailing: int = 0
    asked: int = 0
    """Refused packets that the library was asked about …"""
    only_library: int = 0
    """… and took."""

    def add(self, other: Counts) -> None:
        """Count what `other` counted, too."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@dataclass(frozen=True, slots=True)
class Target:
    """Packets of one writer schema and the two decoders for it."""

    name: str
    bodies: tuple[bytes, ...]
    ours: KernelDecoder
    theirs: LibraryDecoder


def target(name: str, schema: WriterSchema, bodies: Sequence[bytes]) -> Target:
    """Packets to mutate, with the columns that their survey wants."""
    survey = survey_of(root_of(schema))
    assert survey is not None
    return Target(name, tuple(bodies), *both_decoders(schema, survey.projection))


def simulated_targets() -> list[Target]:
    """Small simulated packets of each survey: mostly short histories, so that reading them again costs little."""
    found = []
    for survey in ("ztf", "lsst"):
        payloads = [alert.payload for alert in simulate(survey, 400, seed=5, cutout_bytes=4)]
        rows, rejected = Framing(BundledSchemas()).rows(raw_batch(payloads))
        assert not len(rejected)
        bodies = sorted({rows.bodies.bytes_of(i) for i in range(len(rows))}, key=lambda body: (len(body), body))
        found.append(target(f"simulated {survey}", rows.schemas[0], [*bodies[:20], *bodies[20:200:20]]))
    return found


def real_targets(real_data: Path) -> list[Target]:
    """The three smallest real packets of each writer schema."""
    schemas = CachedSchemas(FolderSchemas(real_data / "lsst_alerts" / "schemas"), HandClock())
    files = sorted(file for folder in ("ztf_alerts", "lsst_alerts") for file in (real_data / folder).rglob("*.avro"))
    rows, _ = Framing(schemas).rows(raw_batch([file.read_bytes() for file in files]))
    sizes = rows.bodies.end - rows.bodies.start
    found = []
    for number, schema in enumerate(rows.schemas):
        mine = np.flatnonzero(rows.schema == number)
        smallest = mine[np.argsort(sizes[mine], kind="stable")[:3]]
        found.append(
            target(f"real {schema.tree['name']} {schema.fingerprint}", schema, [rows.bodies.bytes_of(i) for i in smallest])
        )
    return found


def mutated(rng: random.Random, bodies: Sequence[bytes]) -> bytes:
    """One of `bodies` after one to four accidents."""
    body = bytearray(rng.choice(bodies))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        at = int(len(body) * rng.random() ** rng.choice((1, 3)))  # images are long, and stand at the end
        match rng.randrange(9):
            case 0 | 1:
                body[at : at + 1] = bytes(byte ^ 1 << rng.randrange(8) for byte in body[at : at + 1])
            case 2:
                body[at : at + 1] = rng.randbytes(1)
            case 3:
                del body[at:]
            case 4:
                body[at:at] = rng.randbytes(rng.randint(1, 9))
            case 5:
                del body[at : at + rng.randint(1, 9)]
            case 6:
                other = rng.choice(bodies)
                body[at:] = other[max(0, at + rng.choice((0, 0, 0, rng.randint(-9, 9)))) :]
            case 7:
                extreme = rng.choice(EXTREMES)
                body[at : at + rng.choice((0, 1, len(extreme)))] = extreme
            case 8:
                piece = body[at : at + rng.randint(1, 60)]
                place = rng.randint(0, len(body))
                body[place : place + rng.choice((0, len(piece)))] = piece
    return bytes(body)


def fuzz(aim: Target, count: int, seed: int, share_asked: float = 0.02) -> Counts:
    """Decode `count` mutated packets; AssertionError if one is accepted that the library does not read to the same values."""
    rng = random.Random(f"{aim.name} {seed}")
    counts = Counts()
    for size in _batches(count):
        bodies = [mutated(rng, aim.bodies) for _ in range(size)]
        counts.add(_checked(aim, bodies, rng, share_asked))
    return counts


def _batches(count: int) -> Iterator[int]:
    for done in range(0, count, BATCH):
        yield min(BATCH, count - done)


def _checked(aim: Target, bodies: list[bytes], rng: random.Random, share_asked: float) -> Counts:
    spans = spans_of(bodies)
    ours = aim.ours(spans)
    accepted = np.flatnonzero(ours.status == Status.OK)
    assert_same_columns(ours.take(accepted), aim.theirs(spans.take(accepted)))
    asked = np.array([i for i in np.flatnonzero(ours.status != Status.OK).tolist() if rng.random() < share_asked], dtype=np.int64)
    became = np.bincount(ours.status, minlength=len(Status)).tolist()
    only_library = np.count_nonzero(aim.theirs(spans.take(asked)).status == Status.OK)
    originals = set(aim.bodies)
    unchanged = sum(body in originals for body in bodies)
    return Counts(
        packets=len(bodies),
        unchanged=unchanged,
        accepted=became[Status.OK],
        truncated=became[Status.TRUNCATED],
        malformed=became[Status.MALFORMED],
        trailing=became[Status.TRAILING],
        asked=len(asked),
        only_library=int(only_library),
    )
