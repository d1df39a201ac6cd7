"""Statistics of the detections in each band: how much they vary and how their fluxes are distributed.

All are free of the flux's scale: f and σ multiplied by one number give the same values. The fluxes are *differences* whose mean may
be zero, so amplitudes are measured against max|f|, and against the total flux where the reference is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import kernel
from streamer.features.points import points_by_band

_LIGHT_CURVE = "light-curve library (Malanchev et al. 2021)"

PER_BAND = (
    Feature("snr_max", "1", "Largest signal-to-noise ratio, max(f/σ).", "no detection in the band", "own"),
    Feature("snr_mean", "1", "Weighted mean flux over its error, Σ(f/σ²) / sqrt(Σ1/σ²).", "no detection in the band", "own"),
    Feature("fraction_positive", "1", "Share of detections with f > 0.", "no detection in the band", "own"),
    Feature(
        "chi2_reduced",
        "1",
        "Σ((f − f̄)/σ)² / (n − 1) about the weighted mean f̄.",
        "fewer than 2 detections in the band",
        f"{_LIGHT_CURVE}: ReducedChi2",
    ),
    Feature(
        "amplitude_fraction", "1", "(max f − min f) / max|f|.", "fewer than 2 detections in the band or f = 0 throughout", "own"
    ),
    Feature(
        "excess_scatter",
        "1",
        "Scatter beyond the errors: sqrt(max(s² − mean σ², 0)) / max|f|, s² the sample variance.",
        "fewer than 2 detections in the band or f = 0 throughout",
        "after Nandra et al. 1997 (excess variance)",
    ),
    Feature(
        "total_amplitude",
        "mag",
        "2.5 log10(max/min) of the total flux (difference plus reference).",
        "fewer than 2 detections with a positive total flux in the band",
        "own",
    ),
    Feature(
        "skew",
        "1",
        "Sample skewness G1 = n sqrt(n−1)/(n−2) Σ(f−m)³ / (Σ(f−m)²)^1.5.",
        "fewer than 3 detections in the band or a constant flux",
        f"{_LIGHT_CURVE}: Skew",
    ),
    Feature(
        "kurtosis",
        "1",
        "Sample excess kurtosis n(n+1)(n−1)/((n−2)(n−3)) Σ(f−m)⁴ / (Σ(f−m)²)² − 3(n−1)²/((n−2)(n−3)).",
        "fewer than 4 detections in the band or a constant flux",
        f"{_LIGHT_CURVE}: Kurtosis",
    ),
    Feature(
        "eta",
        "1",
        "Von Neumann's ratio Σ(f[i+1] − f[i])² / ((n−1) s²): small where neighbours in time are alike.",
        "fewer than 3 detections in the band or a constant flux",
        f"{_LIGHT_CURVE}: Eta",
    ),
    Feature(
        "stetson_k",
        "1",
        "Σ|δ| / sqrt(n Σδ²) with δ = (f − f̄)/σ: 0.80 for a Gaussian, 0.90 for a sine.",
        "fewer than 3 detections in the band or a constant flux",
        f"Stetson 1996; {_LIGHT_CURVE}: StetsonK",
    ),
    Feature(
        "stetson_j",
        "1",
        "Mean of sgn(P) sqrt|P| over neighbours in time, P = δ[i] δ[i+1] n/(n−1), δ = (f − f̄)/σ.",
        "fewer than 3 detections in the band",
        "Stetson 1996, neighbours taken as pairs",
    ),
    Feature(
        "beyond_1_std",
        "1",
        "Share of detections farther than one sample standard deviation from the mean.",
        "fewer than 3 detections in the band or a constant flux",
        f"{_LIGHT_CURVE}: BeyondNStd",
    ),
    Feature(
        "mad_over_std",
        "1",
        "Median absolute deviation from the median over the sample standard deviation.",
        "fewer than 3 detections in the band or a constant flux",
        f"{_LIGHT_CURVE}: MedianAbsoluteDeviation over StandardDeviation",
    ),
    Feature(
        "median_position",
        "1",
        "(median f − min f) / (max f − min f): near 0 for a flare, near 1 for an eclipse.",
        "fewer than 3 detections in the band or a constant flux",
        "own",
    ),
    Feature(
        "iqr_fraction",
        "1",
        "(q75 − q25) / (max f − min f), quantiles by linear interpolation.",
        "fewer than 4 detections in the band or a constant flux",
        "after Kim et al. 2014 (flux percentile ratios)",
    ),
    Feature(
        "cusum",
        "1",
        "Range of the cumulative sums Σ(f − m) / (n s).",
        "fewer than 3 detections in the band or a constant flux",
        f"Kim et al. 2014; {_LIGHT_CURVE}: Cusum",
    ),
)
_N_FEATURES = len(PER_BAND)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The statistics of each band."""
    return for_bands(PER_BAND, bands)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 17 × number of bands] statistics, all of one band before those of the next."""
    points = points_by_band(alerts, Kind.DETECTION)
    values = np.full((len(points.counts), _N_FEATURES), np.nan)
    _statistics(points.offsets, points.flux, points.error, points.total, np.empty(points.longest), values)
    return as_features(values.reshape(len(alerts), len(alerts.bands) * _N_FEATURES))


FAMILY = Family("statistics", outputs, compute)


@kernel
def _statistics(offsets: Int64s, flux: Float64s, error: Float64s, total: Float64s, work: Float64s, out: Float64s) -> None:
    for k in range(offsets.shape[0] - 1):
        start, end = offsets[k], offsets[k + 1]
        if end > start:
            f, e = flux[start:end], error[start:end]
            _significance(f, e, total[start:end], out[k])
            if end - start >= 3:
                _distribution(f, out[k])
                _stetson(f, e, out[k])
                _ranks(f, work[: end - start], out[k])


@kernel
def _significance(f: Float64s, e: Float64s, total: Float64s, out: Float64s) -> None:
    """Columns 0–6: signal to noise, sign, and variation against the errors, the brightest flux and the total flux."""
    n = f.shape[0]
    weight = weighted = positive = sum_error2 = sum_f = 0.0
    best = f[0] / e[0]
    low = high = f[0]
    total_low, total_high, n_total = np.inf, 0.0, 0
    for i in range(n):
        w = 1.0 / (e[i] * e[i])
        weight += w
        weighted += w * f[i]
        sum_f += f[i]
        sum_error2 += e[i] * e[i]
        positive += f[i] > 0
        best = max(best, f[i] / e[i])
        low, high = min(low, f[i]), max(high, f[i])
        if total[i] > 0:
            total_low, total_high, n_total = min(total_low, total[i]), max(total_high, total[i]), n_total + 1
    out[0] = best
    out[1] = weighted / np.sqrt(weight)
    out[2] = positive / n
    if n_total >= 2:
        out[6] = 2.5 * np.log10(total_high / total_low)
    if n < 2:
        return
    chi2 = variance = 0.0
    for i in range(n):
        chi2 += ((f[i] - weighted / weight) / e[i]) ** 2
        variance += (f[i] - sum_f / n) ** 2
    out[3] = chi2 / (n - 1)
    brightest = max(abs(low), abs(high))
    if brightest > 0:
        out[4] = (high - low) / brightest
        out[5] = np.sqrt(max(variance / (n - 1) - sum_error2 / n, 0.0)) / brightest


@kernel
def _distribution(f: Float64s, out: Float64s) -> None:
    """Columns 7–9, 12 and 16: moments, and order in time against them."""
    n = f.shape[0]
    mean = np.mean(f)
    m2 = m3 = m4 = steps = walk = walk_low = walk_high = 0.0
    for i in range(n):
        d = f[i] - mean
        m2 += d * d
        m3 += d**3
        m4 += d**4
        if i:
            steps += (f[i] - f[i - 1]) ** 2
        walk += d
        walk_low = walk if i == 0 else min(walk_low, walk)
        walk_high = walk if i == 0 else max(walk_high, walk)
    if is_constant(f):
        return
    std = np.sqrt(m2 / (n - 1))
    beyond = 0.0
    for i in range(n):
        beyond += abs(f[i] - mean) > std
    out[7] = n * np.sqrt(n - 1.0) / (n - 2.0) * m3 / m2**1.5
    if n >= 4:
        scale = (n - 1.0) / ((n - 2.0) * (n - 3.0))
        out[8] = scale * n * (n + 1.0) * m4 / (m2 * m2) - 3.0 * scale * (n - 1.0)
    out[9] = steps / m2
    out[12] = beyond / n
    out[16] = (walk_high - walk_low) / (n * std)


@kernel
def _stetson(f: Float64s, e: Float64s, out: Float64s) -> None:
    """Columns 10 and 11: Stetson's K and J."""
    n = f.shape[0]
    mean = np.sum(f / (e * e)) / np.sum(1.0 / (e * e))
    sum_abs = sum_squares = pairs = before = 0.0
    for i in range(n):
        d = (f[i] - mean) / e[i]
        sum_abs += abs(d)
        sum_squares += d * d
        if i:
            p = d * before * n / (n - 1.0)
            pairs += np.sign(p) * np.sqrt(abs(p))
        before = d
    if not is_constant(f):
        out[10] = sum_abs / np.sqrt(n * sum_squares)
    out[11] = pairs / (n - 1)


@kernel
def _ranks(f: Float64s, work: Float64s, out: Float64s) -> None:
    """Columns 13–15: what needs sorted fluxes; `work` has the length of `f`."""
    n = f.shape[0]
    if is_constant(f):
        return
    work[:] = f
    work.sort()
    low, high = work[0], work[n - 1]
    median = quantile(work, 0.5)
    out[14] = (median - low) / (high - low)
    if n >= 4:
        out[15] = (quantile(work, 0.75) - quantile(work, 0.25)) / (high - low)
    out[13] = _median_deviation(work, median) / np.std(f) * np.sqrt((n - 1.0) / n)


@kernel
def _median_deviation(ordered: Float64s, median: float) -> float:
    """Median of the distances of sorted values from their median: they are met in order on the way out from it."""
    n = ordered.shape[0]
    above = int(np.searchsorted(ordered, median))
    below, last, distance = above - 1, 0.0, 0.0
    for _ in range(n // 2 + 1):
        last = distance
        if above >= n or (below >= 0 and median - ordered[below] <= ordered[above] - median):
            distance = median - ordered[below]
            below -= 1
        else:
            distance = ordered[above] - median
            above += 1
    return float(distance if n % 2 else 0.5 * (last + distance))


@kernel
def quantile(ordered: Float64s, q: float) -> float:
    """The q-quantile of sorted values by linear interpolation."""
    place = q * (ordered.shape[0] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[0] - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


@kernel
def is_constant(f: Float64s) -> bool:
    """All values are equal."""
    return bool(np.all(f == f[0]))
