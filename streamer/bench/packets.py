"""The packets that are measured: real ones where they are at hand, else simulated ones of realistic size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal

import fastavro
import numpy as np

from streamer.codec.encode import ContainerFrame, RecordWriter
from streamer.codec.framing import Framing
from streamer.data.batch import Positions, RawBatch
from streamer.data.schema import WriterSchema
from streamer.errors import UnknownSchema
from streamer.ports import Schemas
from streamer.sources.simulator import REALISTIC_STAMP, simulate
from streamer.stores.bundled import SIMULATED_LSST_ID, BundledSchemas, bundled_schema
from streamer.stores.schemas import FirstOf, schemas_from
from streamer.telemetry import SystemClock
from streamer.worker import Limits

SURVEYS = ("ztf", "lsst")
SEED = 1
SIMULATED = 256
BATCH = Limits().messages
"""Alerts that a service takes at a time unless its settings say otherwise."""
_SAMPLES = {"ztf": "ztf_alerts/ipac_schema/v4.01/*.avro", "lsst": "lsst_alerts/real_v10_0_reencoded_confluent/*/*.avro"}
"""Of one writer schema each, like the topics of a night: ZTF 4.01 as sent, Rubin's of 2026 in registry frames of id 1000."""
_LSST_SCHEMAS = "lsst_alerts/schemas"


@dataclass(frozen=True, slots=True)
class Sample:
    """Packets of one survey.

    Parameters
    ----------
    survey : str
    origin : ``real`` or ``simulated``
    payloads : tuple of bytes
    schemas : Schemas
        Writer schemas of registry frames.
    schema_folders : tuple of str
        Where a worker finds those schemas.
    """

    survey: str
    origin: Literal["real", "simulated"]
    payloads: tuple[bytes, ...]
    schemas: Schemas
    schema_folders: tuple[str, ...] = ()

    @property
    def described(self) -> str:
        """How many, which, and how large."""
        size = np.mean([len(payload) for payload in self.payloads]) / 1000
        return f"{len(self.payloads)} {self.origin} {self.survey.upper()} packets of {size:.0f} kB"

    def batch(self, n: int) -> RawBatch:
        """N messages, the packets over and over, each in memory of its own as a consumer would give them."""
        return raw_batch([bytes(bytearray(payload)) for payload in islice(cycle(self.payloads), n)])

    def batches(self, n: int) -> list[RawBatch]:
        """Batches of n messages in which every packet comes equally often; n above the number of packets becomes a multiple of it.

        (With a smaller n the last batch begins again with the first packets.)
        """
        packets = len(self.payloads)
        if n >= packets:
            return [self.batch(packets * round(n / packets))]
        whole = self.batch(n * -(-packets // n)).payloads
        return [raw_batch(whole[start : start + n]) for start in range(0, len(whole), n)]

    def bodies(self) -> list[tuple[WriterSchema, bytes]]:
        """Schema and datum of each packet."""
        rows, _ = Framing(self.schemas).rows(raw_batch(self.payloads))
        return [(rows.schemas[rows.schema[i]], rows.bodies.bytes_of(i)) for i in range(len(rows))]

    def in_containers(self) -> Sample:
        """The same records as container files."""
        frame = ContainerFrame()
        payloads = tuple(b"".join(frame(schema)((body,))) for schema, body in self.bodies())
        return Sample(self.survey, self.origin, payloads, self.schemas)

    def in_registry_frames(self) -> Sample:
        """The same records in registry frames, with ids from 1."""
        bodies = self.bodies()
        ids: dict[WriterSchema, int] = {}
        payloads = tuple(b"\x00" + ids.setdefault(schema, len(ids) + 1).to_bytes(4, "big") + body for schema, body in bodies)
        return Sample(self.survey, self.origin, payloads, NumberedSchemas({number: schema for schema, number in ids.items()}))


@dataclass(frozen=True, slots=True)
class NumberedSchemas:
    """A schema store (port ``Schemas``) over a table."""

    table: dict[int, WriterSchema]

    def by_id(self, number: int) -> WriterSchema:
        """The schema; UnknownSchema if it is not in the table."""
        if number not in self.table:
            raise UnknownSchema(f"schema id {number}")
        return self.table[number]


def raw_batch(payloads: Sequence[bytes]) -> RawBatch:
    """Messages of one partition."""
    n = len(payloads)
    stamp = np.full(n, 1_700_000_000_000, dtype=np.int64)
    return RawBatch(list(payloads), Positions.of([("bench", 0, i, 1) for i in range(n)]), stamp, stamp)


def sample(survey: str, data: Path | None, simulated: int = SIMULATED) -> Sample:
    """Packets of a survey: the real ones below `data`, or so many simulated ones with images of the size that surveys send."""
    files = sorted(data.glob(_SAMPLES[survey])) if data is not None and survey in _SAMPLES else []
    if not files or data is None:
        made = tuple(alert.payload for alert in simulate(survey, simulated, SEED, cutout_bytes=REALISTIC_STAMP))
        return Sample(survey, "simulated", made, BundledSchemas())
    payloads = tuple(file.read_bytes() for file in files)
    folder = data / _LSST_SCHEMAS
    if survey == "ztf":
        return Sample(survey, "real", payloads, BundledSchemas())
    return Sample(
        survey, "real", payloads, FirstOf((BundledSchemas(), schemas_from((str(folder),), SystemClock(), None))), (str(folder),)
    )


def with_history(survey: str, n: int) -> Sample:
    """One simulated packet with n earlier detections, one every third night."""
    schema = bundled_schema(survey, "1.0")
    (made,) = simulate(survey, 1, SEED, cutout_bytes=REALISTIC_STAMP)
    body = Sample(survey, "simulated", (made.payload,), BundledSchemas()).bodies()[0][1]
    record = fastavro.schemaless_reader(io.BytesIO(body), fastavro.parse_schema(schema.tree), None)
    datum = RecordWriter(schema)(_LONGER[survey](record, n))
    if survey == "ztf":
        return Sample(survey, "simulated", (b"".join(ContainerFrame()(schema)((datum,))),), BundledSchemas())
    return Sample(survey, "simulated", (b"\x00" + SIMULATED_LSST_ID.to_bytes(4, "big") + datum,), BundledSchemas())


def _longer_ztf(record: Any, n: int) -> dict[str, Any]:
    trigger = record["candidate"]
    fields = ("jd", "fid", "pid", "programid", "isdiffpos", "magpsf", "sigmapsf", "diffmaglim")
    base = {name: trigger[name] for name in fields} | {"magpsf": 18.0, "sigmapsf": 0.1, "isdiffpos": "t"}
    jd, noise = _past(trigger["jd"], n)
    points = [base | {"jd": t, "fid": 1 + i % 2, "magpsf": 18.0 + 0.3 * e} for i, (t, e) in enumerate(zip(jd, noise, strict=True))]
    return {**record, "prv_candidates": points, "fp_hists": None}


def _longer_lsst(record: Any, n: int) -> dict[str, Any]:
    trigger = record["diaSource"]
    epochs, noise = _past(trigger["midpointMjdTai"], n)
    points = [
        trigger | {"midpointMjdTai": t, "band": "gr"[i % 2], "psfFlux": 2000.0 + 500.0 * e, "psfFluxErr": 50.0}
        for i, (t, e) in enumerate(zip(epochs, noise, strict=True))
    ]
    return {**record, "prvDiaSources": points, "prvDiaForcedSources": None}


_LONGER = {"ztf": _longer_ztf, "lsst": _longer_lsst}


def _past(now: float, n: int) -> tuple[list[float], list[float]]:
    """Epochs before `now`, three days apart with some jitter, and as many standard normal numbers."""
    rng = np.random.default_rng(n)
    epochs = now - 3.0 * np.arange(n, 0, -1) + rng.uniform(-0.2, 0.2, n)
    return epochs.tolist(), rng.normal(size=n).tolist()
