"""How much a light curve varies on which time-scale: band-pass filters made of Gaussians, and the structure function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import fading, kernel, summing_kernel
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
    points = points_by_band(alerts, Kind.DETECTION)
    values = np.full((len(points.counts), len(PER_BAND)), np.nan)
    _timescales(points.offsets, points.time, points.flux, points.error, np.array(SCALES), LAGS, values)
    return as_features(values.reshape(len(alerts), len(alerts.bands) * len(PER_BAND)))


FAMILY = Family("timescales", outputs, compute)


@kernel
def _timescales(
    offsets: Int64s, time: Float64s, flux: Float64s, error: Float64s, scales: Float64s, lags: Float64s, out: Float64s
) -> None:
    t, f, e = np.empty(MOST_POINTS), np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    for k in range(offsets.shape[0] - 1):
        if offsets[k + 1] - offsets[k] < MIN_POINTS:
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
            if t[n - 1] - t[0] >= scales[j]:
                out[k, j] = filtered_variance(t[:n], f[:n], e[:n], scales[j]) / variance
        for j in range(2):
            low, high = out[k, 2 * j + 1], out[k, 2 * j]
            if low > ROUNDING and high > ROUNDING:
                out[k, 4 + j] = high / low
        out[k, 6], out[k, 7] = structure(t[:n], f[:n], e[:n], lags)


@kernel
def filtered_variance(t: Float64s, f: Float64s, e: Float64s, scale: float) -> float:
    """Variance of the difference of two Gaussian-weighted means, less what the errors give, over what the filter leaves of a sine.

    The widths are σ/√2 and σ√2 with σ = scale / (√2 π), at which a Mexican hat is most sensitive to that period; dividing by the
    sum of the weights makes gaps harmless.
    """
    width = scale / (np.sqrt(2.0) * np.pi)
    n = t.shape[0]
    power = 0.0
    first = last = 0
    for i in range(n):
        while t[i] - t[first] > _REACH * width:
            first += 1
        while last < n and t[last] - t[i] <= _REACH * width:
            last += 1
        power += _filtered_square(t[first:last], f[first:last], e[first:last], t[i], 0.5 / width)
    return float(power / n / _PASSED)


@summing_kernel
def _filtered_square(t: Float64s, f: Float64s, e: Float64s, time: float, scale: float) -> float:
    """Square of the difference of the two means around one point, less what the errors give.

    One exponential serves both weights: the narrow one is the wide one to the fourth power.
    """
    wide = narrow = wide_f = narrow_f = wide_e = narrow_e = cross_e = 0.0
    for j in range(t.shape[0]):
        u = (t[j] - time) * scale
        y = fading(u * u)
        yy = y * y
        x = yy * yy
        noise = e[j] * e[j]
        wide += y
        narrow += x
        wide_f += y * f[j]
        narrow_f += x * f[j]
        wide_e += yy * noise
        narrow_e += x * x * noise
        cross_e += x * y * noise
    noise = narrow_e / (narrow * narrow) + wide_e / (wide * wide) - 2.0 * cross_e / (narrow * wide)
    return float((narrow_f / narrow - wide_f / wide) ** 2 - noise)


@kernel
def structure(t: Float64s, f: Float64s, e: Float64s, lags: Float64s) -> tuple[float, float]:
    """Exponent of the structure function and its value at 10 d: a straight line through its logarithm, weighted by pairs."""
    n_bins = lags.shape[0] - 1
    pairs, lag, square, product = np.zeros(n_bins), np.zeros(n_bins), np.zeros(n_bins), np.ones(n_bins)
    # the first point that is at least so far from point i
    edge = np.zeros(n_bins + 1, dtype=np.int64)
    for i in range(t.shape[0]):
        for b in range(n_bins + 1):
            while edge[b] < t.shape[0] and t[edge[b]] - t[i] < lags[b]:
                edge[b] += 1
        for b in range(n_bins):
            there = slice(edge[b], edge[b + 1])
            if edge[b + 1] > edge[b]:
                middle = np.sqrt(lags[b] * lags[b + 1])
                among, squares = _pairs_with(t[there], f[there], e[there], t[i], f[i], e[i], middle)
                pairs[b] += edge[b + 1] - edge[b]
                square[b] += squares
                product[b] *= among
                if not 1e-100 < product[b] < 1e100:  # one logarithm for many pairs
                    lag[b] += np.log(product[b])
                    product[b] = 1.0
    for b in range(n_bins):
        lag[b] += np.log(product[b]) + pairs[b] * np.log(np.sqrt(lags[b] * lags[b + 1]) / _REFERENCE_LAG)
    w = x = y = xx = xy = 0.0
    used = 0
    for b in range(n_bins):
        if pairs[b] >= _MIN_PAIRS and square[b] > 0:
            at, height = lag[b] / pairs[b], 0.5 * np.log(square[b] / pairs[b])
            used += 1
            w += pairs[b]
            x += pairs[b] * at
            y += pairs[b] * height
            xx += pairs[b] * at * at
            xy += pairs[b] * at * height
    if used < 2:
        return np.nan, np.nan
    exponent = (xy - x * y / w) / (xx - x * x / w)
    return float(exponent), float(np.exp((y - exponent * x) / w))


@summing_kernel
def _pairs_with(
    t: Float64s, f: Float64s, e: Float64s, time: float, flux: float, error: float, middle: float
) -> tuple[float, float]:
    """Product of the time lags to one point, in units of `middle`, and Σ (Δf)² − σ² − σ'²."""
    product, square, noise = 1.0, 0.0, error * error
    for j in range(t.shape[0]):
        step = f[j] - flux
        product *= (t[j] - time) / middle
        square += step * step - e[j] * e[j] - noise
    return product, square
