"""What a candidate file says, and how that becomes a record of ``schemas/pulsar_candidate`` 1.0."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamer.data.arrays import Float64s
from streamer.errors import InvalidData

MAX_ROWS, MAX_BINS = 64, 128
"""Sub-integrations and sub-bands go into the packet with at most so many rows and bins; more are averaged."""
SECONDS_PER_DAY = 86_400.0
LARGEST = 3e38
"""Larger numbers are not known: the packet's do not go further."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One folded candidate; NaN where a file does not say.

    Parameters
    ----------
    telescope, scan : str
        As the file names them.
    epoch : float, MJD UTC
        Middle of the observation.
    t_obs : float, s
    ra, dec : float, deg
        J2000, taken for ICRS: they differ by milliarcseconds.
    centre_frequency, bandwidth : float, MHz
    p_topo, p_bary : float, s
    pdot : float, s/s
    accel : float, m/s²
    dm : float, pc cm^-3
    snr : float
    width : float, s
    profile : float64[bins]
    subints, subbands : float64[rows, bins]
        By time; from low to high frequency. No rows if there are none.
    dm_curve : float64[trials, 2]
        DM and S/N, the DM rising.
    """

    telescope: str
    scan: str
    epoch: float
    t_obs: float
    ra: float
    dec: float
    centre_frequency: float
    bandwidth: float
    p_topo: float
    p_bary: float
    pdot: float
    accel: float
    dm: float
    snr: float
    width: float
    profile: Float64s
    subints: Float64s
    subbands: Float64s
    dm_curve: Float64s

    def __post_init__(self) -> None:
        if not (0.0 <= self.ra <= 360.0 and abs(self.dec) <= 90.0):
            raise InvalidData("no position on the sky, which a candidate needs")
        if not math.isfinite(self.epoch):
            raise InvalidData("no epoch, which a candidate needs")
        if not (self.p_topo > 0.0 or self.p_bary > 0.0):
            raise InvalidData("no period above 0, which a candidate needs")


def record_of(candidate: Candidate, content: bytes) -> dict[str, Any]:
    """The record; its number is made from the file's `content`, so that the same file is the same candidate everywhere."""
    known = {name: _known(getattr(candidate, name)) for name in _NUMBERS}
    return {
        "candidate_id": int.from_bytes(hashlib.sha256(content).digest()[:8], "big") >> 1,
        "telescope": candidate.telescope,
        "scan": candidate.scan or None,
        "epoch": candidate.epoch,
        "ra": candidate.ra,
        "dec": candidate.dec,
        **known,
        "p_topo": known["p_topo"] if candidate.p_topo > 0.0 else None,
        "p_bary": known["p_bary"] if candidate.p_bary > 0.0 else None,
        "profile": _floats(candidate.profile),
        **_rows("subints", candidate.subints),
        **_rows("subbands", candidate.subbands),
        "dm_curve": [{"dm": dm, "snr": snr} for dm, snr in zip(*map(_floats, candidate.dm_curve.T), strict=True)],
    }


_NUMBERS = ("t_obs", "centre_frequency", "bandwidth", "p_topo", "p_bary", "pdot", "accel", "dm", "snr", "width")


def _known(value: float) -> float | None:
    return value if abs(value) < LARGEST else None


def _rows(name: str, rows: Float64s) -> dict[str, Any]:
    if not rows.size:
        return {name: None, f"n_{name}": None}
    small = averaged(averaged(rows, MAX_ROWS).T, MAX_BINS).T
    return {name: _floats(small.ravel()), f"n_{name}": len(small)}


@np.errstate(over="ignore")  # what is no float32 becomes infinite, which is: not measured
def _floats(values: Float64s) -> list[float]:
    numbers: list[float] = values.astype(np.float32).tolist()
    return numbers


def averaged(rows: Float64s, most: int) -> Float64s:
    """float64[≤ most, …]; more rows than `most` become that many, each the mean of the rows that it overlaps."""
    n = len(rows)
    if n <= most:
        return rows
    before = np.concatenate([np.zeros((1, *rows.shape[1:])), np.cumsum(rows, axis=0)])
    edges = np.linspace(0.0, n, most + 1)
    whole = np.minimum(edges.astype(np.int64), n - 1)
    at_edges = before[whole] + (edges - whole)[:, None] * rows[whole]
    means: Float64s = np.diff(at_edges, axis=0) * (most / n)
    return means
