"""Periods: the best peak of the multi-band periodogram, how far to trust it, and the shape of the folded light curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features
from streamer.features.kernel import cosine_and_sine, kernel
from streamer.features.points import points_by_band
from streamer.features.scan import scan
from streamer.features.spectrum import (
    MIN_POINTS,
    MIN_POINTS_IN_BAND,
    PERIOD_BUDGET,
    frequency_grid,
    power_at,
    prepare_band,
    spectrum,
)

_HARMONICS = 3
_FEW = 16
"""The exact power at single frequencies costs so many times that of a frequency in a whole exact periodogram."""
_MIN_FOR_THIRD = 15
_NO_PERIOD = "fewer than 8 detections in bands with at least 5, or a span below 0.1 d, or no variation"
_NO_SHAPE = f"{_NO_PERIOD}, or fewer than 8 detections in the band with the most"

FEATURES = (
    Feature("period_log", "log10 d", "log10 of the period at the highest peak.", _NO_PERIOD, "Zechmeister & Kürster 2009"),
    Feature(
        "period_power",
        "1",
        "Share of Σχ² that a sine of that period in each band takes away.",
        _NO_PERIOD,
        "VanderPlas & Ivezić 2015",
    ),
    Feature(
        "period_log_false_alarm",
        "1",
        "log10 of the probability that noise gives such a peak (≤ 0): Beta tail × span × highest frequency × sqrt(z).",
        _NO_PERIOD,
        "after Baluev 2008 and VanderPlas 2018",
    ),
    Feature("period_cycles", "1", "Span over period.", _NO_PERIOD, "own"),
    Feature("period_power_half", "1", "Power at half the period.", _NO_PERIOD, "own"),
    Feature("period_power_double", "1", "Power at twice the period.", _NO_PERIOD, "own"),
    Feature("period_power_triple", "1", "Power at three times the period.", _NO_PERIOD, "own"),
    Feature(
        "period_r21",
        "1",
        "A2/A1 of the weighted Fourier series with two harmonics in the band with the most detections.",
        _NO_SHAPE,
        "Simon & Lee 1981",
    ),
    Feature("period_phi21", "rad", "φ2 − 2φ1 of that series (cosine phases), in 0 … 2π.", _NO_SHAPE, "Simon & Lee 1981"),
    Feature(
        "period_r31",
        "1",
        "A3/A1 of the series with three harmonics in the band with the most detections.",
        f"{_NO_PERIOD}, or fewer than 15 detections in the band with the most",
        "Simon & Lee 1981",
    ),
    Feature(
        "period_phi31",
        "rad",
        "φ3 − 3φ1 of that series (cosine phases), in 0 … 2π.",
        f"{_NO_PERIOD}, or fewer than 15 detections in the band with the most",
        "Simon & Lee 1981",
    ),
    Feature(
        "period_folded_eta",
        "1",
        "Von Neumann's ratio Σ(f[i+1] − f[i])² / ((n−1) s²) in order of phase, in the band with the most detections.",
        _NO_SHAPE,
        "Kim et al. 2014 (Ψη)",
    ),
)


PER_PAIR = (
    Feature(
        "period_amplitude_ratio",
        "1",
        "Ratio of the amplitudes of the sines at the period, each band's by weighted least squares.",
        f"{_NO_PERIOD}; or fewer than 5 detections or no variation in one of the two bands",
        "VanderPlas & Ivezić 2015; after Percy et al. 2008",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The features of the period, which all bands share, and those of each pair of neighbouring bands, bluer over redder."""
    pairs = (
        replace(feature, name=f"{feature.name}_{blue}_{red}", meaning=f"{feature.meaning} Bands {blue} and {red}.")
        for blue, red in pairwise(bands)
        for feature in PER_PAIR
    )
    return (*FEATURES, *pairs)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 12 + number of bands − 1] features of the period."""
    return compute_within(alerts, PERIOD_BUDGET)


def compute_within(alerts: AlertBatch, budget: int) -> Float32s:
    """The same with at most `budget` points × frequencies in each search."""
    points = points_by_band(alerts, Kind.DETECTION)
    values = np.full((len(alerts), len(FEATURES) + max(len(alerts.bands) - 1, 0)), np.nan)
    _periods(points.offsets, points.time, points.flux, points.error, len(alerts.bands), budget, values)
    return as_features(values)


FAMILY = Family("periodicity", outputs, compute, within=compute_within)


@kernel
def _periods(offsets: Int64s, time: Float64s, flux: Float64s, error: Float64s, n_bands: int, budget: int, out: Float64s) -> None:
    for k in range(out.shape[0]):
        start, end = offsets[k * n_bands], offsets[(k + 1) * n_bands]
        if end - start >= MIN_POINTS:
            bands = offsets[k * n_bands : (k + 1) * n_bands + 1] - start
            inside = slice(start, end)
            _period(bands, time[inside], flux[inside], error[inside], budget, out[k])


@kernel
def _period(bands: Int64s, time: Float64s, flux: Float64s, error: Float64s, budget: int, out: Float64s) -> None:
    """All features of one light curve, whose bands follow each other."""
    n_bands = bands.shape[0] - 1
    weight, residual, chi2 = np.zeros(time.shape[0]), np.zeros(time.shape[0]), np.zeros(n_bands)
    n, used, best_band, first_time, last_time = 0, 0, 0, np.inf, -np.inf
    for b in range(n_bands):
        size = bands[b + 1] - bands[b]
        if size < MIN_POINTS_IN_BAND or np.all(flux[bands[b] : bands[b + 1]] == flux[bands[b]]):
            continue
        inside = slice(bands[b], bands[b + 1])
        chi2[b] = prepare_band(flux[inside], error[inside], weight[inside], residual[inside])
        first_time, last_time = min(first_time, time[bands[b]]), max(last_time, time[bands[b + 1] - 1])
        n, used = n + size, used + 1
        if size > bands[best_band + 1] - bands[best_band]:
            best_band = b
    if n < MIN_POINTS or not np.sum(chi2) > 0:
        return
    span = last_time - first_time
    first, step, n_frequencies = frequency_grid(span, n, budget)
    if n_frequencies == 0:
        return
    frequency, peak = highest_peak(bands, time, weight, residual, chi2, first, step, n_frequencies)
    highest = first + step * (n_frequencies - 1)
    out[0] = -np.log10(frequency)
    out[1] = peak
    out[2] = log_false_alarm(peak, n, used, span * highest)
    out[3] = span * frequency
    amplitude = np.zeros(n_bands)
    for column, factor in ((4, 2.0), (5, 0.5), (6, 1.0 / 3.0)):
        out[column] = min(power_at(bands, time, weight, residual, chi2, factor * frequency, amplitude), 1.0)
    inside = slice(bands[best_band], bands[best_band + 1])
    if chi2[best_band] > 0 and bands[best_band + 1] - bands[best_band] >= MIN_POINTS:
        _folded(time[inside] * frequency, flux[inside], error[inside], out)
    amplitude[:] = 0.0
    power_at(bands, time, weight, residual, chi2, frequency, amplitude)
    for b in range(n_bands):
        amplitude[b] *= np.sqrt(chi2[b] / np.sum(1.0 / error[bands[b] : bands[b + 1]] ** 2)) if chi2[b] > 0 else 0.0
    for pair in range(n_bands - 1):
        if amplitude[pair] > 0 and amplitude[pair + 1] > 0:
            out[12 + pair] = amplitude[pair] / amplitude[pair + 1]


@kernel
def highest_peak(
    bands: Int64s,
    time: Float64s,
    weight: Float64s,
    residual: Float64s,
    chi2: Float64s,
    first: float,
    step: float,
    n_frequencies: int,
) -> tuple[float, float]:
    """Frequency and power of the highest peak of a grid, by the parabola through it and its neighbours.

    The exact power decides; where the scan leaves no doubt that another frequency has more, it is not asked for. Arguments as those
    of :func:`streamer.features.spectrum.spectrum`.
    """
    rough, doubt = np.empty(n_frequencies, dtype=np.float32), np.empty(n_frequencies, dtype=np.float32)
    scan(bands, time, weight, residual, chi2, first, step, rough, doubt)
    possible = np.flatnonzero(rough + doubt >= np.max(rough - doubt))
    best, at, ignored = 0, -1.0, np.empty(chi2.shape[0])
    if possible.shape[0] * _FEW > n_frequencies:
        power = np.empty(n_frequencies)
        cosines, sines = np.empty((time.shape[0], 64)), np.empty((time.shape[0], 64))
        spectrum(bands, time, weight, residual, chi2, first, step, cosines, sines, power)
        best = int(np.argmax(power))
        at = power[best]
    else:
        for j in possible:
            power_here = power_at(bands, time, weight, residual, chi2, first + step * j, ignored)
            if power_here > at:
                best, at = int(j), power_here
    if best in (0, n_frequencies - 1):
        return first + step * best, min(at, 1.0)
    before = power_at(bands, time, weight, residual, chi2, first + step * (best - 1), ignored)
    after = power_at(bands, time, weight, residual, chi2, first + step * (best + 1), ignored)
    bend = before - 2.0 * at + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return first + step * (best + shift), min(at - 0.25 * (before - after) * shift, 1.0)


@kernel
def log_false_alarm(power: float, n: int, n_bands: int, trials: float) -> float:
    """log10 of trials × sqrt(z) × P(Beta(n_bands, (n − 3 n_bands)/2) > power), at most 0.

    In noise, the power of a sine in each of `n_bands` bands follows that law; its tail is a finite sum. The factor sqrt(z) with
    z = (n − 3 n_bands)/2 · power/(1 − power), is that of Baluev's bound for one band: so much oftener does a peak rise
    between the independent frequencies.
    """
    half = 0.5 * (n - 3 * n_bands)
    power = min(power, 1.0 - 1e-12)
    trials *= np.sqrt(max(half * power / (1.0 - power), 1.0))
    term = tail = 1.0
    for k in range(1, n_bands):
        term *= (half + k - 1.0) * power / k
        tail += term
    return float(min(half * np.log10(1.0 - power) + np.log10(tail) + np.log10(max(trials, 1.0)), 0.0))


@kernel
def _folded(phase: Float64s, flux: Float64s, error: Float64s, out: Float64s) -> None:
    """Columns 7–11 of `out`, from one band; `phase` is in cycles and may be any number."""
    n = phase.shape[0]
    weights, fluxes = np.empty((2 * _HARMONICS + 1, 2)), np.empty((_HARMONICS + 1, 2))
    _fourier_sums(phase, flux, error, np.max(np.abs(flux)), weights, fluxes)
    out[7], out[8] = _fourier_ratio(weights, fluxes, 2)
    if n >= _MIN_FOR_THIRD:
        out[9], out[10] = _fourier_ratio(weights, fluxes, _HARMONICS)
    order = np.argsort(phase - np.floor(phase), kind="mergesort")
    steps = 0.0
    for i in range(1, n):
        steps += (flux[order[i]] - flux[order[i - 1]]) ** 2
    out[11] = steps / (n * np.var(flux))


@kernel
def _fourier_sums(phase: Float64s, flux: Float64s, error: Float64s, scale: float, weights: Float64s, fluxes: Float64s) -> None:
    """Write Σw cos kx and Σw sin kx to row k of `weights`, the same of the fluxes to `fluxes`, both in units of `scale`."""
    weight, weighted = (scale / error) ** 2, (scale / error) ** 2 * (flux / scale)
    cosines, sines = np.empty(phase.shape[0]), np.empty(phase.shape[0])
    for k in range(weights.shape[0]):
        for i in range(phase.shape[0]):
            cosines[i], sines[i] = cosine_and_sine(k * phase[i])
        wc = ws = fc = fs = 0.0
        for i in range(phase.shape[0]):
            wc, ws = wc + weight[i] * cosines[i], ws + weight[i] * sines[i]
            fc, fs = fc + weighted[i] * cosines[i], fs + weighted[i] * sines[i]
        weights[k, 0], weights[k, 1] = wc, ws
        if k < fluxes.shape[0]:
            fluxes[k, 0], fluxes[k, 1] = fc, fs


@kernel
def _fourier_ratio(weights: Float64s, fluxes: Float64s, harmonics: int) -> tuple[float, float]:
    """Amplitude ratio and phase difference of the highest harmonic to the first; NaN where the fit is not determined.

    A product of two harmonics is half the sum of those of the difference and of the sum of their numbers, so that the normal
    equations of weighted least squares are made of the sums of :func:`_fourier_sums`.
    """
    size = 2 * harmonics + 1
    normal, right = np.zeros((size, size)), np.zeros(size)
    normal[0, 0], right[0] = weights[0, 0], fluxes[0, 0]
    for a in range(1, harmonics + 1):
        right[2 * a - 1], right[2 * a] = fluxes[a]
        normal[2 * a - 1, 0], normal[2 * a, 0] = weights[a]
        for b in range(1, a + 1):
            apart, both = weights[a - b], weights[a + b]
            normal[2 * a - 1, 2 * b - 1] = 0.5 * (apart[0] + both[0])
            normal[2 * a, 2 * b] = 0.5 * (apart[0] - both[0])
            normal[2 * a, 2 * b - 1] = 0.5 * (both[1] + apart[1])
            normal[2 * a - 1, 2 * b] = 0.5 * (both[1] - apart[1])
    if not _solve(normal, right):
        return np.nan, np.nan
    first = np.hypot(right[1], right[2])
    if not first > 0:
        return np.nan, np.nan
    high = np.hypot(right[size - 2], right[size - 1])
    # a cos(x) + b sin(x) = A cos(x + φ) with φ = atan2(−b, a)
    difference = np.arctan2(-right[size - 1], right[size - 2]) - harmonics * np.arctan2(-right[2], right[1])
    return high / first, difference % (2.0 * np.pi)


@kernel
def _solve(matrix: Float64s, right: Float64s) -> bool:
    """Cholesky solution, in place, of matrix (its lower half) · x = right; False if the matrix is singular."""
    n = right.shape[0]
    for a in range(n):
        diagonal = matrix[a, a]
        for b in range(a + 1):
            for c in range(b):
                matrix[a, b] -= matrix[a, c] * matrix[b, c]
            if b < a:
                matrix[a, b] /= matrix[b, b]
        if not matrix[a, a] > 1e-10 * diagonal:
            return False
        matrix[a, a] = np.sqrt(matrix[a, a])
    for a in range(n):
        for b in range(a):
            right[a] -= matrix[a, b] * right[b]
        right[a] /= matrix[a, a]
    for a in range(n - 1, -1, -1):
        for b in range(a + 1, n):
            right[a] -= matrix[b, a] * right[b]
        right[a] /= matrix[a, a]
    return True
