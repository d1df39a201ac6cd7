"""What the packet itself says of a candidate: its period, dispersion measure, strength and width, and how near the mains are.

Interference from the electric mains repeats with 50 or 60 Hz, with harmonics, and with simple fractions of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s
from streamer.data.batch import AlertBatch
from streamer.features.feature import Family, Feature, as_features, stated
from streamer.features.kernel import kernel

MAINS_HZ = (50.0, 60.0)
MOST_CYCLES, MOST_TURNS = 16, 8
"""Fractions p / q of the mains with p and q up to these count."""
NEAREST = 1e-6
"""Nearer to the mains is not told apart: they wander more."""

_SCHEMA = "schemas/pulsar_candidate 1.0"

FEATURES = (
    Feature(
        "fold_log_period",
        "dex(s)",
        "log₁₀ of the barycentric period, or if there is none of the topocentric one.",
        "never",
        _SCHEMA,
    ),
    Feature("fold_log_dm", "dex(pc cm^-3)", "log₁₀(1 + dm).", "no dm, or a negative one", _SCHEMA),
    Feature("fold_snr", "1", "The S/N that the packet states.", "no snr", _SCHEMA),
    Feature("fold_duty", "turn", "The width that the packet states over the period.", "no width, or none above 0", _SCHEMA),
    Feature("fold_beams", "1", "In how many beams the same candidate was seen.", "no beams_seen", _SCHEMA),
    *(
        Feature(
            f"fold_mains_{hertz:.0f}",
            "dex",
            f"log₁₀ of the smallest |f q / (p · {hertz:.0f} Hz) − 1|, p ≤ {MOST_CYCLES}, q ≤ {MOST_TURNS}; at least −6.",
            "never",
            "streamer: interference of the mains, as any observatory knows it",
        )
        for hertz in MAINS_HZ
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - a candidate has no bands
    """The features of a candidate's own numbers."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 7]; NaN for alerts that say nothing of the kind."""
    n = len(alerts)
    period, topocentric, dm, width = (stated(alerts, name) for name in ("period", "p_topo", "dm", "width"))
    values = np.full((n, len(FEATURES)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        values[:, 0] = np.log10(np.where(period > 0, period, np.nan))
        values[:, 1] = np.log10(1.0 + np.where(dm >= 0, dm, np.nan))
        values[:, 2] = stated(alerts, "snr")
        values[:, 3] = np.where((width > 0) & (period > 0), width / period, np.nan)
        values[:, 4] = stated(alerts, "beams_seen")
        frequency = 1.0 / np.where(np.isfinite(topocentric), topocentric, period)
    for column, hertz in enumerate(MAINS_HZ, 5):
        values[:, column] = distance_to_mains(frequency, hertz)
    return as_features(values)


@kernel
def distance_to_mains(frequency: Float64s, mains: float) -> Float64s:
    """float64[n] dex, how near `frequency` (float64[n], Hz) is to a simple fraction of `mains` (Hz); NaN if it is not positive."""
    found = np.full(frequency.shape[0], np.nan)
    for i in range(frequency.shape[0]):
        ratio = frequency[i] / mains
        if not (ratio > 0.0 and np.isfinite(ratio)):
            continue
        nearest = np.inf
        for q in range(1, MOST_TURNS + 1):
            p = min(max(np.floor(ratio * q + 0.5), 1.0), MOST_CYCLES)
            nearest = min(nearest, abs(ratio * q / p - 1.0))
        found[i] = math.log10(max(nearest, NEAREST))
    return found


FAMILY = Family("fold", outputs, compute, reads="series")
