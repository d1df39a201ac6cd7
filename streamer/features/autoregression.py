"""How long a light curve remembers: the irregular autoregressive process of order one, which is the damped random walk.

x(t + Δ) = φ^Δ x(t) + sqrt(1 − φ^(2Δ)) ε with Δ in days: φ is the correlation of the flux with itself a day later, and −1/ln φ the
damping time. The flux is taken about its weighted mean and in units of its standard deviation; the variance of the process is what
the errors leave of that, so that one parameter remains and a fixed number of passes of a Kalman filter finds it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import kernel
from streamer.features.points import points_by_band, stride

MIN_POINTS = 5
MOST_POINTS = 64
"""Of more detections in a band every second, third … pair of neighbours is used, since each costs two dozen steps of the filter: of
neighbours, so that short memories still show."""
_LOG_TIMES = (np.log(0.05), np.log(500.0))
"""ln of the shortest and the longest damping time, d."""
_COARSE = 10
_FINE = 12
"""Evaluations of the likelihood on a grid, and between its best neighbours."""
_LEAST_SHARE = 0.05
"""Of the variance, what the process has at least: where the errors explain everything, all φ would be equally likely."""
_LEAST_NOISE = 1e-8
"""Of the variance, that of an error at least: keeps the filter away from 0/0 where points are close and errors vanish."""

_UNDEFINED = "fewer than 5 detections in the band, or a constant flux"
_EYHERAMENDY = "Eyheramendy et al. 2018, MNRAS 481, 4311 (IAR); Kelly et al. 2009 (damped random walk)"

PER_BAND = (
    Feature(
        "iar_phi", "1", "Correlation of the flux with itself a day later, most likely φ of 2e-9 … 0.998.", _UNDEFINED, _EYHERAMENDY
    ),
    Feature(
        "iar_gain",
        "1",
        "Log likelihood of that φ less that of independent points, over their number.",
        _UNDEFINED,
        _EYHERAMENDY,
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The memory of each band."""
    return for_bands(PER_BAND, bands)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 2 × number of bands], both of one band before those of the next."""
    return compute_some(alerts, np.ones(len(alerts.bands) * len(PER_BAND), dtype=np.bool_))


def compute_some(alerts: AlertBatch, wanted: Bools) -> Float32s:
    """The same; bands of which no column is marked are NaN."""
    points = points_by_band(alerts, Kind.DETECTION)
    values = np.full((len(points.counts), len(PER_BAND)), np.nan)
    work = np.empty((6, MOST_POINTS))
    bands: Bools = np.logical_or.reduce(wanted.reshape(len(alerts.bands), len(PER_BAND)), axis=1)
    _memories(points.offsets, points.time, points.flux, points.error, bands, work, values)
    return as_features(values.reshape(len(alerts), len(alerts.bands) * len(PER_BAND)))


FAMILY = Family("autoregression", outputs, compute, some=compute_some)


@kernel
def _memories(
    offsets: Int64s, time: Float64s, flux: Float64s, error: Float64s, wanted: Bools, work: Float64s, out: Float64s
) -> None:
    """Write both columns of each alert's `wanted` bands to the rows of `out`."""
    t, f, e, x, noise, gap = work[0], work[1], work[2], work[3], work[4], work[5]
    for k in range(offsets.shape[0] - 1):
        if offsets[k + 1] - offsets[k] < MIN_POINTS or not wanted[k % wanted.shape[0]]:
            continue
        step = stride(offsets[k + 1] - offsets[k], MOST_POINTS)
        n = 0
        for i in range(offsets[k + 1] - offsets[k]):
            if (i // 2) % step == 0:
                t[n], f[n], e[n] = time[offsets[k] + i], flux[offsets[k] + i], error[offsets[k] + i]
                n += 1
        _memory(t[:n], f[:n], e[:n], x[:n], noise[:n], gap[:n], out[k])


@kernel
def _memory(t: Float64s, f: Float64s, e: Float64s, x: Float64s, noise: Float64s, gap: Float64s, out: Float64s) -> None:
    """Both columns from one band; `x`, `noise` and `gap` are room for its length."""
    n = t.shape[0]
    if np.all(f == f[0]):
        return
    mean = np.sum(f / (e * e)) / np.sum(1.0 / (e * e))
    variance = np.var(f)
    share = 1.0
    for i in range(n):
        x[i] = (f[i] - mean) / np.sqrt(variance)
        noise[i] = max(e[i] * e[i] / variance, _LEAST_NOISE)
        gap[i] = t[i] - t[max(i - 1, 0)]
        share -= noise[i] / n
    share = max(share, _LEAST_SHARE)
    log_time, likelihood = _most_likely(x, noise, gap, share)
    out[0] = np.exp(-np.exp(-log_time))
    out[1] = (likelihood - log_likelihood(x, noise, gap, share, -np.inf)) / n


@kernel
def _most_likely(x: Float64s, noise: Float64s, gap: Float64s, share: float) -> tuple[float, float]:
    """Logarithm of the most likely damping time, and its log likelihood: a grid, then golden sections about its best."""
    low, high = _LOG_TIMES
    step = (high - low) / (_COARSE - 1)
    best, highest = low, -np.inf
    for i in range(_COARSE):
        value = log_likelihood(x, noise, gap, share, low + step * i)
        if value > highest:
            best, highest = low + step * i, value
    left, right = max(best - step, low), min(best + step, high)
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    a, b = right - golden * (right - left), left + golden * (right - left)
    at_a, at_b = log_likelihood(x, noise, gap, share, a), log_likelihood(x, noise, gap, share, b)
    for _ in range(_FINE - 2):
        if at_a > at_b:
            right, b, at_b = b, a, at_a
            a = right - golden * (right - left)
            at_a = log_likelihood(x, noise, gap, share, a)
        else:
            left, a, at_a = a, b, at_b
            b = left + golden * (right - left)
            at_b = log_likelihood(x, noise, gap, share, b)
    if at_a > highest:
        best, highest = a, at_a
    if at_b > highest:
        best, highest = b, at_b
    return best, highest


@kernel
def log_likelihood(x: Float64s, noise: Float64s, gap: Float64s, share: float, log_time: float) -> float:
    """Log likelihood, but for a constant, of the process with errors, by a Kalman filter.

    Parameters
    ----------
    x : float64[n]
        Values with mean 0.
    noise : float64[n]
        Variance of each value's error.
    gap : float64[n], d
        Time since the value before; the first is not used.
    share : float
        Variance of the process.
    log_time : float
        ln of the damping time in d; −∞ for independent values.
    """
    pace = np.exp(-log_time)
    state, spread, total, product = 0.0, share, 0.0, 1.0
    for i in range(x.shape[0]):
        if i:
            keep = np.exp(-gap[i] * pace) if gap[i] > 0 else 1.0
            state *= keep
            spread = keep * keep * spread + share * (1.0 - keep * keep)
        expected = spread + noise[i]
        surprise = x[i] - state
        gain = 1.0 / expected
        total += surprise * surprise * gain
        product *= expected
        if not 1e-100 < product < 1e100:  # one logarithm for many values
            total += np.log(product)
            product = 1.0
        gain *= spread
        state += gain * surprise
        spread *= 1.0 - gain
    return float(-0.5 * (total + np.log(product)))
