"""The course of the flux with time: rise and fade, slopes, and a parabola in magnitudes that all bands share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import kernel
from streamer.features.points import points_by_alert, points_by_band

_SHORTEST = 0.01
"""d; slopes over less time than this are noise."""
_RECENT = 5
"""Detections that make the recent slope."""
_MAGNITUDE = 2.5 / np.log(10.0)

_NO_PEAK = "fewer than 2 detections in the band, or none positive"
_NO_LINE = "fewer than 2 detections in the band, or all within 0.01 d"
_NO_PARABOLA = "too few positive detections for the parabola, or too badly spread in time"

PER_BAND = (
    Feature("rise_time", "d", "From the first to the brightest detection.", _NO_PEAK, "own"),
    Feature("fade_time", "d", "From the brightest to the last detection.", _NO_PEAK, "own"),
    Feature("first_over_peak", "1", "f first / f brightest.", _NO_PEAK, "own"),
    Feature("last_over_peak", "1", "f last / f brightest.", _NO_PEAK, "own"),
    Feature("rise_slope", "1/d", "(1 − first_over_peak) / rise_time.", f"{_NO_PEAK}, or rise_time < 0.01 d", "own"),
    Feature("fade_slope", "1/d", "(1 − last_over_peak) / fade_time.", f"{_NO_PEAK}, or fade_time < 0.01 d", "own"),
    Feature(
        "width_half",
        "d",
        "Time around the brightest detection above half its flux, with straight lines between detections.",
        _NO_PEAK,
        "own",
    ),
    Feature(
        "maximum_slope",
        "1/d",
        "max|Δf/Δt| between neighbours at least 0.01 d apart, over max|f|.",
        _NO_LINE,
        "after light-curve library: MaximumSlope",
    ),
    Feature("slope", "1/d", "Slope of the weighted straight line f(t) over max|f|.", _NO_LINE, "light-curve library: LinearFit"),
    Feature("slope_snr", "1", "Slope of the weighted straight line over its error.", _NO_LINE, "light-curve library: LinearFit"),
    Feature(
        "line_chi2_reduced",
        "1",
        "Reduced χ² about the weighted straight line.",
        f"{_NO_LINE}, or fewer than 3 detections in the band",
        "light-curve library: LinearFit",
    ),
    Feature("recent_slope", "1/d", "Slope of the weighted line through the last 5 detections, over max|f|.", _NO_LINE, "own"),
)
ALL_BANDS = (
    Feature(
        "fade_rate",
        "mag/d",
        "b of the weighted fit m = a(band) + b t to the positive detections of all bands; positive when fading.",
        _NO_PARABOLA,
        "own",
    ),
    Feature(
        "parabola_fade_rate",
        "mag/d",
        "Slope at the alert's time of the weighted fit m = a(band) + b t + c t².",
        _NO_PARABOLA,
        "own",
    ),
    Feature("parabola_curvature", "mag/d²", "c of that parabola; positive for a peak.", _NO_PARABOLA, "own"),
    Feature("parabola_peak_age", "d", "Time from the vertex of that parabola to the alert, b/2c.", _NO_PARABOLA, "own"),
    Feature("parabola_chi2_reduced", "1", "Reduced χ² about that parabola.", f"{_NO_PARABOLA}, or no degree of freedom", "own"),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The shape in each band, then of all bands together."""
    return (*for_bands(PER_BAND, bands), *ALL_BANDS)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 12 × number of bands + 5] shape features."""
    by_band = points_by_band(alerts, Kind.DETECTION)
    per_band = np.full((len(by_band.counts), len(PER_BAND)), np.nan)
    _per_band(by_band.offsets, by_band.time, by_band.flux, by_band.error, per_band)
    points = points_by_alert(alerts, Kind.DETECTION)
    joint = np.full((len(alerts), len(ALL_BANDS)), np.nan)
    _parabolas(points.offsets, points.time, points.band, points.flux, points.error, len(alerts.bands), joint)
    return as_features(np.column_stack([per_band.reshape(len(alerts), len(alerts.bands) * len(PER_BAND)), joint]))


FAMILY = Family("shape", outputs, compute)


@kernel
def _per_band(offsets: Int64s, time: Float64s, flux: Float64s, error: Float64s, out: Float64s) -> None:
    for k in range(offsets.shape[0] - 1):
        start, end = offsets[k], offsets[k + 1]
        if end - start >= 2:
            t, f, e = time[start:end], flux[start:end], error[start:end]
            _rise_and_fade(t, f, out[k])
            _slopes(t, f, e, out[k])


@kernel
def _rise_and_fade(t: Float64s, f: Float64s, out: Float64s) -> None:
    """Columns 0–6."""
    peak = int(np.argmax(f))
    brightest = f[peak]
    if brightest <= 0:
        return
    out[0] = t[peak] - t[0]
    out[1] = t[-1] - t[peak]
    out[2] = f[0] / brightest
    out[3] = f[-1] / brightest
    if out[0] >= _SHORTEST:
        out[4] = (1.0 - out[2]) / out[0]
    if out[1] >= _SHORTEST:
        out[5] = (1.0 - out[3]) / out[1]
    out[6] = _half_crossing(t, f, peak, 1) - _half_crossing(t, f, peak, -1)


@kernel
def _half_crossing(t: Float64s, f: Float64s, peak: int, step: int) -> float:
    """Time where the flux first falls to half its peak, going forwards (1) or backwards (−1); else the end of the light curve."""
    half = 0.5 * f[peak]
    i = peak
    while 0 <= i + step < t.shape[0]:
        if f[i + step] < half:
            return float(t[i] + (f[i] - half) / (f[i] - f[i + step]) * (t[i + step] - t[i]))
        i += step
    return float(t[i])


@kernel
def _slopes(t: Float64s, f: Float64s, e: Float64s, out: Float64s) -> None:
    """Columns 7–11."""
    n = t.shape[0]
    brightest = np.max(np.abs(f))
    if brightest == 0:
        return
    steepest = np.nan
    for i in range(1, n):
        dt = t[i] - t[i - 1]
        if dt >= _SHORTEST and not steepest >= abs(f[i] - f[i - 1]) / dt:
            steepest = abs(f[i] - f[i - 1]) / dt
    out[7] = steepest / brightest
    slope, slope_error, chi2 = weighted_line(t, f, e)
    out[8] = slope / brightest
    out[9] = slope / slope_error
    if n >= 3:
        out[10] = chi2 / (n - 2)
    recent = max(n - _RECENT, 0)
    out[11] = weighted_line(t[recent:], f[recent:], e[recent:])[0] / brightest


@kernel
def weighted_line(t: Float64s, f: Float64s, e: Float64s) -> tuple[float, float, float]:
    """Slope, its error and χ² of the weighted straight line; NaN if all times are within 0.01 d."""
    if t[-1] - t[0] < _SHORTEST:
        return np.nan, np.nan, np.nan
    w = 1.0 / (e * e)
    mean_t = np.sum(w * t) / np.sum(w)
    mean_f = np.sum(w * f) / np.sum(w)
    spread = np.sum(w * (t - mean_t) ** 2)
    slope = np.sum(w * (t - mean_t) * (f - mean_f)) / spread
    chi2 = np.sum(w * (f - mean_f - slope * (t - mean_t)) ** 2)
    return slope, 1.0 / np.sqrt(spread), chi2


@kernel
def _parabolas(offsets: Int64s, time: Float64s, band: Int64s, flux: Float64s, error: Float64s, n_bands: int, out: Float64s) -> None:
    for k in range(offsets.shape[0] - 1):
        points = slice(offsets[k], offsets[k + 1])
        _parabola(time[points], band[points], flux[points], error[points], n_bands, out[k])


@kernel
def _parabola(t: Float64s, band: Int64s, flux: Float64s, error: Float64s, n_bands: int, out: Float64s) -> None:
    """Weighted least squares of m = a(band) + b t + c t²; the a(band) go out by taking weighted means off in each band."""
    mean = np.zeros((n_bands, 4))  # Σw, and the means of t, t² and m
    n, first, last = 0, np.nan, np.nan
    for i in range(t.shape[0]):
        if flux[i] <= 0:
            continue
        w = (flux[i] / error[i]) ** 2
        mean[band[i], 0] += w
        mean[band[i], 1] += w * t[i]
        mean[band[i], 2] += w * t[i] * t[i]
        mean[band[i], 3] -= w * _MAGNITUDE * np.log(flux[i])
        first = t[i] if n == 0 else first
        last, n = t[i], n + 1
    if n == 0 or last - first < _SHORTEST:
        return
    used = 0
    for b in range(n_bands):
        if mean[b, 0] > 0:
            mean[b, 1:] /= mean[b, 0]
            used += 1
    xx = xz = zz = xm = zm = mm = 0.0
    for i in range(t.shape[0]):
        if flux[i] <= 0:
            continue
        w = (flux[i] / error[i]) ** 2
        x = t[i] - mean[band[i], 1]
        z = t[i] * t[i] - mean[band[i], 2]
        m = -_MAGNITUDE * np.log(flux[i]) - mean[band[i], 3]
        xx, xz, zz = xx + w * x * x, xz + w * x * z, zz + w * z * z
        xm, zm, mm = xm + w * x * m, zm + w * z * m, mm + w * m * m
    if n < used + 1 or xx <= 0:
        return
    out[0] = xm / xx
    # what is left of t² when its straight-line part is taken off: nothing if there are but two times
    rest = zz - xz * xz / xx
    if n < used + 2 or rest <= 1e-9 * zz:
        return
    c = (zm - xz * xm / xx) / rest
    slope = (xm - c * xz) / xx
    out[1] = slope
    out[2] = c
    out[3] = slope / (2.0 * c)
    if n > used + 2:
        # magnitude errors are _MAGNITUDE σ/f, which the weights left out
        out[4] = (mm - slope * xm - c * zm) / (n - used - 2) / _MAGNITUDE**2
