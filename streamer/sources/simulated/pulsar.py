"""Pulsar candidates, made up: pulsars, interference and noise, valid under our schema ``pulsar_candidate`` 1.0.

The shapes are those of textbooks, and their mixture is nobody's sky: good for trying things out and for measuring speed. How far
they are from real candidates has not been measured, so nothing is trained or judged with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamer.codec.container import write_long
from streamer.codec.encode import RecordWriter
from streamer.data.arrays import Float64s
from streamer.data.photometry import SECONDS_PER_DAY, mjd_tai_from_jd_utc
from streamer.data.schema import WriterSchema
from streamer.stores.bundled import bundled_schema

SCHEMA_NAME = "pulsar_candidate"
BINS = 128
TRIALS = 1196
DM_STEP = 0.8
"""pc cm^-3 between trials."""
CENTRE_GHZ, BANDWIDTH_MHZ = 1.352, 340.0
FIRST_MJD = 61_000.0
SCAN_S = 540.0
PER_SCAN = 200
"""Candidates of one observation."""
KINDS: Mapping[str, float] = {"pulsar": 0.2, "rfi": 0.35, "noise": 0.45}
"""What candidates are, and their shares: not nature's, but enough of each to look at."""
IDS = 10**7
"""Candidates of one seed whose numbers are all different."""
_PHASE = (np.arange(BINS) + 0.5) / BINS
_DM: Float64s = DM_STEP * np.arange(TRIALS, dtype=np.float64)
_MOST_EARLIER = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate's datum, and what it really is (``pulsar``, ``rfi``, ``noise``); `epoch` is MJD TAI."""

    body: bytes
    truth: str
    object_id: str
    candidate_id: int
    epoch: float


def candidates(seed: int) -> Iterator[Candidate]:
    """Candidates without end, in order of time; the same seed gives the same ones."""
    write = _Writer(bundled_schema(SCHEMA_NAME, "1.0"))
    number = 0
    while True:
        yield _candidate(np.random.default_rng((seed, 3, number)), seed, number, write)
        number += 1


def _candidate(rng: np.random.Generator, seed: int, number: int, write: _Writer) -> Candidate:
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    period = float(np.exp(rng.uniform(math.log(0.0015), math.log(8.0))))
    if kind == "pulsar":
        dm, duty = float(rng.uniform(10.0, 700.0)), float(np.exp(rng.uniform(math.log(0.01), math.log(0.15))))
        profile, curve = _pulse(rng, duty), dispersed(_DM - dm, 1e3 * period * duty)
    elif kind == "rfi":
        dm, duty = 0.0, 0.3
        profile, curve = _interference(rng), dispersed(_DM, 1e3 * period * duty)
    else:
        dm, duty = float(rng.uniform(0.0, _DM[-1])), float(rng.uniform(0.01, 0.5))
        profile, curve = np.zeros(BINS), np.zeros(TRIALS)
    snr = float(8.0 + rng.exponential(12.0)) if kind != "noise" else float(rng.uniform(5.0, 8.0))
    scan = number // PER_SCAN
    mjd = FIRST_MJD + (scan + 0.5) * SCAN_S / SECONDS_PER_DAY
    ra, dec = float(rng.uniform(0.0, 360.0)), float(np.degrees(np.arcsin(rng.uniform(-1.0, 0.3))))
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
        "ra": ra,
        "dec": dec,
        "position_error": 0.1,
        "centre_frequency": 1e3 * CENTRE_GHZ,
        "bandwidth": BANDWIDTH_MHZ,
        "p_topo": period * (1.0 + rng.uniform(-1e-4, 1e-4)),
        "p_bary": period,
        "p_err": 1e-6 * period,
        "dm": dm,
        "snr": snr,
        "width": period * duty,
        "beams_seen": int(rng.integers(4, 14)) if kind == "rfi" else 1,
    }
    earlier = [_earlier(rng, mjd, period, dm) for _ in range(rng.integers(_MOST_EARLIER) if kind == "pulsar" else 0)]
    noisy = snr * profile / max(math.sqrt(float(profile @ profile)), 1.0) + rng.normal(size=BINS)
    trials = snr * curve * (1.0 + 0.05 * rng.normal(size=TRIALS)) + _chance(rng)
    epoch = float(mjd_tai_from_jd_utc(np.array([mjd + 2_400_000.5]))[0])
    return Candidate(write(fields, noisy, trials, earlier), kind, name or str(candidate_id), candidate_id, epoch)


def dispersed(offset: Float64s, width_ms: float) -> Float64s:
    """Share of the S/N that is left at a DM wrong by `offset` (pc cm^-3) for a pulse of `width_ms`: √π/2 · erf(ζ)/ζ.

    Cordes & McLaughlin 2003, ApJ 596, 1142, equations 12 and 13.
    """
    zeta = 6.91e-3 * np.abs(offset) * BANDWIDTH_MHZ / (max(width_ms, 0.1) * CENTRE_GHZ**3)
    zeta = np.maximum(zeta, 1e-6)
    return 0.5 * math.sqrt(math.pi) * np.array([math.erf(value) for value in zeta.tolist()]) / zeta


def _pulse(rng: np.random.Generator, duty: float) -> Float64s:
    """One component or two, narrow, some with the exponential tail of scattering."""
    concentration = 1.0 / (2.0 * math.pi * duty / 2.355) ** 2
    phases = [float(rng.random())]
    if rng.random() < 0.3:
        phases.append(phases[0] + float(rng.choice((0.5, 2.0 * duty))))
    heights = [1.0, float(rng.uniform(0.2, 0.9))]
    shape = np.sum(
        [h * np.exp(concentration * (np.cos(2 * np.pi * (_PHASE - p)) - 1.0)) for h, p in zip(heights, phases, strict=False)],
        axis=0,
    )
    if rng.random() < 0.3:
        tail = np.exp(-np.arange(BINS) / (BINS * duty * rng.uniform(0.5, 3.0)))
        shape = np.fft.irfft(np.fft.rfft(shape) * np.fft.rfft(tail / tail.sum()), BINS)
    return np.asarray(shape - shape.mean())


def _interference(rng: np.random.Generator) -> Float64s:
    """What switches and motors leave: a sine, a square wave, or several pulses in a turn."""
    cycles, start = int(rng.integers(1, 9)), float(rng.random())
    wave = np.sin(2.0 * np.pi * (cycles * _PHASE + start))
    return np.sign(wave) if rng.random() < 0.4 else wave**3 if rng.random() < 0.3 else wave


def _chance(rng: np.random.Generator) -> Float64s:
    """S/N that noise reaches at each trial: small nearly everywhere, with a few spikes."""
    return np.exp(1.2 * rng.normal(size=TRIALS)) / 4.0


def _earlier(rng: np.random.Generator, mjd: float, period: float, dm: float) -> dict[str, Any]:
    error = 1e-6 * period
    measured = {"p_bary": period + error * rng.normal(), "p_err": error, "dm": dm + 0.1 * rng.normal()}
    return {"mjd": mjd - float(rng.uniform(1.0, 300.0)), **measured}


class _Writer:
    """Datums of the schema: the named fields by name, the long arrays straight from their numbers."""

    def __init__(self, schema: WriterSchema) -> None:
        fields = schema.tree["fields"]
        place = {field["name"]: number for number, field in enumerate(fields)}
        parts = (slice(place["profile"]), slice(place["profile"] + 1, place["dm_curve"]), slice(place["dm_curve"] + 1, None))
        self._before, self._between, self._after = (
            RecordWriter(WriterSchema.of({**schema.tree, "fields": fields[part]})) for part in parts
        )

    def __call__(self, fields: dict[str, Any], profile: Float64s, snr: Float64s, earlier: list[dict[str, Any]]) -> bytes:
        """One datum."""
        trials = _array(np.stack([_DM, snr], axis=1), TRIALS)
        after = {"prv_epochs": earlier or None, "beams_seen": fields["beams_seen"]}
        return self._before(fields) + _array(profile, BINS) + self._between({}) + trials + self._after(after)


def _array(values: Float64s, items: int) -> bytes:
    """An array of `items` items made of floats."""
    return write_long(items) + values.astype("<f4").tobytes() + b"\x00"
