"""Pulsar candidates, made up: pulsars, interference and noise, valid under our schema ``pulsar_candidate`` 1.0.

Their mixture is nobody's sky. How the shapes are made stands in :mod:`streamer.sources.simulated.folded`; how far they are from
real candidates is measured, and said in the card of the model that is trained with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from streamer.codec.container import write_long
from streamer.codec.encode import RecordWriter
from streamer.data.arrays import Float64s
from streamer.data.photometry import SECONDS_PER_DAY, mjd_tai_from_jd_utc
from streamer.data.schema import WriterSchema
from streamer.sources.simulated.folded import BANDWIDTH_MHZ, CENTRE_GHZ, DM, HABITS, KINDS, SCAN_S, TRIALS, Folded
from streamer.sources.simulated.packets import PRESENT
from streamer.stores.bundled import bundled_schema

SCHEMA_NAME = "pulsar_candidate"
FIRST_MJD = 61_000.0
PER_SCAN = 200
"""Candidates of one observation."""
SHARES: Mapping[str, float] = {"pulsar": 0.2, "rfi": 0.35, "noise": 0.45}
"""What candidates are: not nature's mixture, but enough of each to look at."""
IDS = 10**7
"""Candidates of one seed whose numbers are all different."""
LIGHT = 299_792_458.0
"""m/s."""
_MOST_EARLIER = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate's datum, and what it really is (``pulsar``, ``rfi``, ``noise``); `epoch` is MJD TAI."""

    body: bytes
    truth: str
    object_id: str
    candidate_id: int
    epoch: float


def candidates(seed: int, kind: str | None = None) -> Iterator[Candidate]:
    """Candidates without end, in order of time; the same seed gives the same ones. All of one kind, if it is named."""
    write = _Writer(bundled_schema(SCHEMA_NAME, "1.0"))
    for number in count():
        rng = np.random.default_rng((seed, 3, number))
        drawn = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        yield _candidate(rng, kind or drawn, seed, number, write)


def _candidate(rng: np.random.Generator, kind: str, seed: int, number: int, write: _Writer) -> Candidate:
    one = KINDS[kind](rng, HABITS)
    scan = number // PER_SCAN
    mjd = FIRST_MJD + (scan + 0.5) * SCAN_S / SECONDS_PER_DAY
    period, error, earlier = _epochs(rng, one, mjd) if kind == "pulsar" else (one.period, 1e-6 * one.period, [])
    candidate_id = (seed + 1) * IDS + number
    name = f"SIM{seed:03d}-{number:07d}" if kind == "pulsar" else None
    fields: dict[str, Any] = {
        "candidate_id": candidate_id,
        "object_id": name,
        "telescope": "simulated",
        "survey": "simulated",
        "beam": number % 13,
        "scan": f"scan-{scan}",
        "epoch": mjd,
        "t_obs": SCAN_S,
        "ra": float(rng.uniform(0.0, 360.0)),
        "dec": float(np.degrees(np.arcsin(rng.uniform(-1.0, 0.3)))),
        "position_error": 0.1,
        "centre_frequency": 1e3 * CENTRE_GHZ,
        "bandwidth": BANDWIDTH_MHZ,
        "p_topo": period * (1.0 + rng.uniform(-1e-4, 1e-4)),
        "p_bary": period,
        "p_err": error,
        "dm": one.dm,
        "snr": one.snr,
        "width": one.period * one.width,
        "beams_seen": one.beams,
    }
    epoch = float(mjd_tai_from_jd_utc(np.array([mjd + 2_400_000.5]))[0])
    return Candidate(write(fields, one, earlier), kind, name or str(candidate_id), candidate_id, epoch)


def _epochs(rng: np.random.Generator, one: Folded, mjd: float) -> tuple[float, float, list[dict[str, Any]]]:
    """Barycentric period, its error, and earlier epochs of a pulsar; a third of the fast ones move on circular orbits."""
    earlier_ones = int(rng.integers(_MOST_EARLIER))
    times = np.append(np.sort(mjd - rng.uniform(0.05, 300.0, earlier_ones)), mjd)
    sigma = one.width / (2.355 * one.snr)
    error = math.sqrt(12.0) * sigma * one.period**2 / SCAN_S
    speed, days = 0.0, 1.0
    if one.period < 0.03 and rng.random() < 0.6:
        days = float(np.exp(rng.uniform(math.log(0.1), math.log(100.0))))
        speed = 3e-4 * days ** (-1 / 3) * float(rng.uniform(0.1, 1.0))
    phase = 2.0 * math.pi * (times / days + rng.random())
    period = one.period * (1.0 + speed * np.cos(phase)) + error * rng.normal(size=len(times))
    pull = -LIGHT * speed * 2.0 * math.pi / (days * SECONDS_PER_DAY) * np.sin(phase)
    pull_error = math.sqrt(720.0) * sigma * LIGHT * one.period / SCAN_S**2
    earlier = [
        {
            "mjd": time,
            "p_bary": p,
            "p_err": error,
            "accel": a + pull_error * rng.normal(),
            "accel_err": pull_error,
            "snr": one.snr,
            "dm": one.dm + 0.1 * rng.normal(),
        }
        for time, p, a in zip(times[:-1].tolist(), period[:-1].tolist(), pull[:-1].tolist(), strict=True)
    ]
    return float(period[-1]), error, earlier


class _Writer:
    """Datums of the schema: the named fields by name, the long arrays straight from their numbers."""

    def __init__(self, schema: WriterSchema) -> None:
        fields = schema.tree["fields"]
        place = {field["name"]: number for number, field in enumerate(fields)}
        parts = (slice(place["profile"]), slice(place["beams_seen"] - 1, None))
        self._before, self._after = (RecordWriter(WriterSchema.of({**schema.tree, "fields": fields[part]})) for part in parts)

    def __call__(self, fields: dict[str, Any], one: Folded, earlier: list[dict[str, Any]]) -> bytes:
        """One datum."""
        return b"".join(
            (
                self._before(fields),
                _array(one.profile, one.profile.size),
                *(PRESENT + write_long(len(rows)) + PRESENT + _array(rows, rows.size) for rows in (one.subints, one.subbands)),
                _array(np.stack([DM, one.curve], axis=1), TRIALS),
                self._after({"prv_epochs": earlier or None, "beams_seen": fields["beams_seen"]}),
            )
        )


def _array(values: Float64s, items: int) -> bytes:
    """An array of `items` items made of floats."""
    return write_long(items) + values.astype("<f4").tobytes() + b"\x00"
