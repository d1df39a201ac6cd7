"""How much a light curve varies on which time-scale: band-pass filters made of Gaussians, and the structure function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import fading, kernel
from streamer.features.points import points_by_band, stride

MIN_POINTS = 5
MOST_POINTS = 64
"""Of more detections in a band every second, third … is used: the cost grows with their square."""
SCALES = (3.0, 15.0, 10.0, 100.0)
"""d; two that a packet's 30 days show, and the two of Sánchez-Sáez et al. 2021 for long histories."""
_PASSED = (np.exp(-0.5) - np.exp(-2.0)) ** 2
"""What the filter leaves of the variance of a sine whose period is its time-scale."""

_REACH = 8.0
"""Widths beyond which a weight, below 2e-7, is none."""

ROUNDING = 1e-12
"""Where each point is alone within the filter, its variance is nothing but what rounding leaves, of either sign."""

LAGS = np.array([0.02, 0.5, 2.0, 8.0, 32.0, 128.0, 512.0])
"""d; edges of the bins of the structure function: within a night, then factors of four."""
_MIN_PAIRS = 3
_REFERENCE_LAG = 10.0

_UNFILTERED = "fewer than 5 detections in the band, a shorter span than the time-scale, or a constant flux"
_NO_RATIO = "one of the two is undefined, or not above 1e-12"
_NO_STRUCTURE = (
    "fewer than 5 detections in the band, or fewer than two bins of time lags (0.02, 0.5, 2, 8, 32, 128, 512 d) with 3 pairs of "
    "detections that differ by more than their errors"
)
_AREVALO = "Arévalo et al. 2012; Sánchez-Sáez et al. 2021 (MHPS)"


def _power(scale: float) -> Feature:
    return Feature(
        f"power_{scale:.0f}d",
        "1",
        f"Variance on a time-scale of {scale:.0f} d, less that of the errors, over the variance of the flux; "
        f"1 for a well-sampled sine of that period.",
        _UNFILTERED,
        _AREVALO,
    )


PER_BAND = (
    *(_power(scale) for scale in SCALES),
    Feature("power_ratio_3d_15d", "1", "power_3d / power_15d.", _NO_RATIO, _AREVALO),
    Feature("power_ratio_10d_100d", "1", "power_10d / power_100d.", _NO_RATIO, _AREVALO),
    Feature(
        "structure_exponent",
        "1",
        "γ of the structure function sqrt(<(Δf)² − σ² − σ'²>) ∝ lag^γ: 0 for noise, 0.5 for a random walk, 1 for a straight line.",
        _NO_STRUCTURE,
        "after Schmidt et al. 2010",
    ),
    Feature(
        "structure_amplitude",
        "1",
        "The structure function at a lag of 10 d over max|f|.",
        _NO_STRUCTURE,
        "after Schmidt et al. 2010",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The time-scales of each band."""
    return for_bands(PER_BAND, bands)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 8 × number of bands], all of one band before those of the next."""
    return compute_some(alerts, np.ones(len(alerts.bands) * len(PER_BAND), dtype=np.bool_))


def compute_some(alerts: AlertBatch, wanted: Bools) -> Float32s:
    """The same; of the columns that are not marked some are NaN."""
    points = points_by_band(alerts, Kind.DETECTION)
    values = np.full((len(points.counts), len(PER_BAND)), np.nan)
    needed = wanted.reshape(len(alerts.bands), len(PER_BAND)).copy()
    for ratio, power in ((4, 0), (5, 2)):
        needed[:, power : power + 2] |= needed[:, ratio : ratio + 1]
    _timescales(points.offsets, points.time, points.flux, points.error, needed, np.array(SCALES), LAGS, values)
    return as_features(values.reshape(len(alerts), len(alerts.bands) * len(PER_BAND)))


FAMILY = Family("timescales", outputs, compute, some=compute_some)


@kernel
def _timescales(
    offsets: Int64s,
    time: Float64s,
    flux: Float64s,
    error: Float64s,
    needed: Bools,
    scales: Float64s,
    lags: Float64s,
    out: Float64s,
) -> None:
    """Write the columns that are `needed` (bool[number of bands, 8]) of each alert's bands to the rows of `out`."""
    t, f, e = np.empty(MOST_POINTS), np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    for k in range(offsets.shape[0] - 1):
        wanted = needed[k % needed.shape[0]]
        if offsets[k + 1] - offsets[k] < MIN_POINTS or not np.any(wanted):
            continue
        brightest = np.max(np.abs(flux[offsets[k] : offsets[k + 1]]))
        if brightest == 0.0:
            continue
        n = 0
        for i in range(offsets[k], offsets[k + 1], stride(offsets[k + 1] - offsets[k], MOST_POINTS)):
            t[n], f[n], e[n] = time[i], flux[i] / brightest, error[i] / brightest
            n += 1
        variance = np.var(f[:n])
        if variance == 0.0:
            continue
        for j in range(scales.shape[0]):
            if wanted[j] and t[n - 1] - t[0] >= scales[j]:
                out[k, j] = filtered_variance(t[:n], f[:n], e[:n], scales[j]) / variance
        for j in range(2):
            low, high = out[k, 2 * j + 1], out[k, 2 * j]
            if low > ROUNDING and high > ROUNDING:
                out[k, 4 + j] = high / low
        if wanted[6] or wanted[7]:
            out[k, 6], out[k, 7] = structure(t[:n], f[:n], e[:n], lags)


@kernel
def filtered_variance(t: Float64s, f: Float64s, e: Float64s, scale: float) -> float:
    """Variance of the difference of two Gaussian-weighted means, less what the errors give, over what the filter leaves of a sine.

    The widths are σ/√2 and σ√2 with σ = scale / (√2 π), at which a Mexican hat is most sensitive to that period; dividing by the
    sum of the weights makes gaps harmless. Each point adds its part to the means around all points near it, which lie together.
    """
    width = scale / (np.sqrt(2.0) * np.pi)
    n = t.shape[0]
    near, ends, weights = np.empty((n, 2), dtype=np.int64), np.zeros(n + 1, dtype=np.int64), np.empty(n * n)
    first = last = 0
    for j in range(n):
        while t[j] - t[first] > _REACH * width:
            first += 1
        while last < n and t[last] - t[j] <= _REACH * width:
            last += 1
        near[j, 0], near[j, 1], ends[j + 1] = first, last, ends[j] + last - first
        _put_exponents(t[first:last], t[j], 0.5 / width, weights[ends[j] : ends[j + 1]])
    _fade(weights[: ends[n]])
    wide, narrow, mean, noise = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for j in range(n):
        there = slice(near[j, 0], near[j, 1])
        _add_weights(weights[ends[j] : ends[j + 1]], wide[there], narrow[there])
    wide[:] = 1.0 / wide
    narrow[:] = 1.0 / narrow
    for j in range(n):
        there = slice(near[j, 0], near[j, 1])
        _add_point(weights[ends[j] : ends[j + 1]], wide[there], narrow[there], f[j], e[j] * e[j], mean[there], noise[there])
    power = 0.0
    for i in range(n):
        power += mean[i] * mean[i] - noise[i]
    return float(power / n / _PASSED)


@kernel
def _put_exponents(t: Float64s, time: float, scale: float, exponents: Float64s) -> None:
    for i in range(t.shape[0]):
        u = (t[i] - time) * scale
        exponents[i] = u * u


@kernel
def _fade(exponents: Float64s) -> None:
    """Put the weights e^{−x} in the place of x."""
    for i in range(exponents.shape[0]):
        exponents[i] = fading(exponents[i])


@kernel
def _add_weights(weights: Float64s, wide: Float64s, narrow: Float64s) -> None:
    """One exponential serves both weights: the narrow one is the wide one to the fourth power."""
    for i in range(weights.shape[0]):
        square = weights[i] * weights[i]
        wide[i] += weights[i]
        narrow[i] += square * square


@kernel
def _add_point(
    weights: Float64s, wide: Float64s, narrow: Float64s, flux: float, variance: float, mean: Float64s, noise: Float64s
) -> None:
    """Add one point's part to the difference of the means around others and to its variance; `wide`, `narrow` are one over sums."""
    for i in range(weights.shape[0]):
        square = weights[i] * weights[i]
        share = square * square * narrow[i] - weights[i] * wide[i]
        mean[i] += share * flux
        noise[i] += share * share * variance


@kernel
def structure(t: Float64s, f: Float64s, e: Float64s, lags: Float64s) -> tuple[float, float]:
    """Exponent of the structure function and its value at 10 d: a straight line through its logarithm, weighted by pairs."""
    variance = e * e
    w = x = y = xx = xy = 0.0
    used = 0
    for b in range(lags.shape[0] - 1):
        pairs, lag, square = _pairs_between(t, f, variance, lags[b], lags[b + 1])
        if pairs >= _MIN_PAIRS and square > 0:
            at, height = lag / pairs, 0.5 * np.log(square / pairs)
            used += 1
            w += pairs
            x += pairs * at
            y += pairs * height
            xx += pairs * at * at
            xy += pairs * at * height
    if used < 2:
        return np.nan, np.nan
    exponent = (xy - x * y / w) / (xx - x * x / w)
    return float(exponent), float(np.exp((y - exponent * x) / w))


@kernel
def _pairs_between(t: Float64s, f: Float64s, variance: Float64s, low: float, high: float) -> tuple[int, float, float]:
    """Pairs of points with low ≤ lag < high, Σ ln(lag / 10 d) and Σ (Δf)² − σ² − σ'²."""
    middle = np.sqrt(low * high)
    pairs, lag, product, square = 0, 0.0, 1.0, 0.0
    first = last = 0
    for i in range(t.shape[0]):
        while first < t.shape[0] and t[first] - t[i] < low:
            first += 1
        while last < t.shape[0] and t[last] - t[i] < high:
            last += 1
        for j in range(first, last):
            step = f[j] - f[i]
            product *= (t[j] - t[i]) * (1.0 / middle)
            square += step * step - (variance[j] + variance[i])
        pairs += last - first
        if not 1e-100 < product < 1e100:  # one logarithm for many pairs
            lag += np.log(product)
            product = 1.0
    return pairs, float(lag + np.log(product) + pairs * np.log(middle / _REFERENCE_LAG)), square
