"""Whether a pulsar's period moves as in a binary: its barycentric periods and accelerations at several epochs.

An orbit shifts the period that is seen (Doppler effect), so that a pulsar in a binary has another period at each epoch, while an
isolated one keeps its own or slows down along a line. How fast it turns tells only how common binaries are among its like, so the
period itself is no feature, and all that is measured is relative to it.

Epochs belong together if they are the same rotation: each period is first brought to the candidate's own by a factor of 1/8, …,
1/2, 1, 2, …, 8, since a search may find a harmonic instead; an epoch whose period is then off by more than 0.5 % (orbits move it
by less: 1,500 km/s), or whose dispersion measure is off by more than 2 pc cm⁻³ and 5 %, is of something else and left out. The
candidate's own epoch is the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.features.feature import Family, Feature, as_features
from streamer.features.kernel import kernel

HARMONICS = 8
SAME_PERIOD = 0.005
"""Relative; what the periods of one pulsar may differ by."""
SAME_DM, SAME_DM_SHARE = 2.0, 0.05
"""pc cm^-3, and relative; the larger of the two is what the dispersion measures of one pulsar may differ by."""
LIGHT = 299_792_458.0
"""m/s."""
_LEAST = 1e-12
"""Smaller numbers are this one before their logarithm is taken."""
_SECONDS = 86_400.0

_FEW = "fewer than two epochs"
_NONE = "no epoch with an acceleration and its error"
FEATURES = (
    Feature("orbit_epochs", "1", "Epochs with a barycentric period and its error.", "not a candidate (0 if there is none)", "own"),
    Feature("orbit_span", "d", "Time from the first epoch to the last.", _FEW, "own"),
    Feature("orbit_error", "1", "log10 of the median σ_P / P.", "no epoch", "own"),
    Feature("orbit_accel_max", "1", "Largest |a| / σ_a.", _NONE, "own"),
    Feature("orbit_accel_chi2", "1", "Mean (a / σ_a)².", _NONE, "own"),
    Feature("orbit_chi2_constant", "1", "log10 of the reduced χ² of P(t) about its weighted mean.", _FEW, "own"),
    Feature("orbit_chi2_line", "1", "log10 of the reduced χ² of P(t) about a weighted line.", "fewer than three epochs", "own"),
    Feature("orbit_range", "1", "log10 of (largest − smallest P) / P.", _FEW, "own"),
    Feature(
        "orbit_drift",
        "m s^-2",
        "log10 of the median of c |ΔP| / (P Δt) over successive epochs: the acceleration that would change P so.",
        _FEW,
        "own",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - a candidate has no bands
    """The nine features of a candidate's epochs."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 9]; NaN for alerts without such series."""
    values = np.full((len(alerts), len(FEATURES)), np.nan)
    if "timing" in alerts.series:
        t = alerts.series["timing"]
        names = ("epoch", "p_bary", "p_err", "accel", "accel_err", "dm")
        time, period, error, accel, accel_error, dm = (np.asarray(t[name], dtype=np.float64) for name in names)
        epochs(t.offsets, time, period, error, accel, accel_error, dm, values)
    return as_features(values)


@kernel
def harmonic(period: float, reference: float) -> Any:
    """What to multiply `period` with to bring it nearest to `reference`: 1/8 … 1/2, 1, 2 … 8."""
    ratio = reference / period
    whole = min(max(np.floor(max(ratio, 1.0 / ratio) + 0.5), 1.0), HARMONICS)
    return whole if ratio >= 1.0 else 1.0 / whole


@kernel
def epochs(
    offsets: Int64s,
    epoch: Float64s,
    period: Float64s,
    error: Float64s,
    accel: Float64s,
    accel_error: Float64s,
    dm: Float64s,
    out: Float64s,
) -> None:
    """The features of each row, in the order of :data:`FEATURES`.

    Parameters
    ----------
    offsets : int64[n + 1]
    epoch, period, error, accel, accel_error, dm : float64[offsets[-1]], d, s, s, m/s², m/s², pc cm⁻³
        Rows in order of time; periods and errors positive, accelerations and dispersion measures NaN where not measured.
    out : float64[n, 9]
        Filled.
    """
    for row in range(offsets.shape[0] - 1):
        start, end = offsets[row], offsets[row + 1]
        out[row] = np.nan
        out[row, 0] = 0.0
        if end == start:
            continue
        own = period[end - 1]
        time, shift, sigma = np.empty(end - start), np.empty(end - start), np.empty(end - start)
        n, pulls, strongest, squares = 0, 0, 0.0, 0.0
        for i in range(start, end):
            factor = harmonic(period[i], own)
            moved = factor * period[i] / own - 1.0
            apart = abs(dm[i] - dm[end - 1])
            if abs(moved) > SAME_PERIOD or apart > max(SAME_DM, SAME_DM_SHARE * dm[end - 1]):
                continue
            time[n], shift[n], sigma[n] = epoch[i], moved, error[i] * factor / own
            n += 1
            if np.isfinite(accel[i]) and accel_error[i] > 0.0:
                pull = abs(accel[i]) / accel_error[i]
                strongest = max(strongest, pull)
                squares += pull * pull
                pulls += 1
        out[row, 0] = n
        out[row, 2] = _log(np.median(sigma[:n]))
        if pulls:
            out[row, 3] = strongest
            out[row, 4] = squares / pulls
        if n >= 2:
            out[row, 1] = time[n - 1] - time[0]
            _motion(time[:n], shift[:n], sigma[:n], out[row])


@kernel
def _motion(time: Float64s, shift: Float64s, sigma: Float64s, out: Float64s) -> None:
    n = time.shape[0]
    weight = 1.0 / (sigma * sigma)
    total = np.sum(weight)
    t = time - np.sum(weight * time) / total
    y = shift - np.sum(weight * shift) / total
    out[5] = _log(np.sum(weight * y * y) / (n - 1))
    spread = np.sum(weight * t * t)
    if n >= 3 and spread > 0.0:
        rest = y - np.sum(weight * t * y) / spread * t
        out[6] = _log(np.sum(weight * rest * rest) / (n - 2))
    out[7] = _log(np.max(shift) - np.min(shift))
    rates = np.empty(n - 1)
    for i in range(n - 1):
        rates[i] = LIGHT * abs(shift[i + 1] - shift[i]) / ((time[i + 1] - time[i]) * _SECONDS)
    out[8] = _log(np.median(rates))


@kernel
def _log(value: float) -> Any:
    return np.log10(max(value, _LEAST))


FAMILY = Family("orbit", outputs, compute, reads="series")
