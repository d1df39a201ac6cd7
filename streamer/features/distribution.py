"""How the fluxes of each band are distributed, where there are enough of them: percentiles, outliers, distance from a Gaussian.

All are free of the flux's scale. The coarser measures, which two or three detections give, are among the statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import kernel
from streamer.features.points import points_by_band
from streamer.features.statistics import is_constant, quantile

MIN_POINTS = 5

_UNDEFINED = "fewer than 5 detections in the band or a constant flux"
_RICHARDS = "Richards et al. 2011 (flux percentile ratios)"

PER_BAND = (
    Feature("percentile_ratio_20", "1", "(q60 − q40) / (q95 − q5), quantiles by linear interpolation.", _UNDEFINED, _RICHARDS),
    Feature("percentile_ratio_50", "1", "(q75 − q25) / (q95 − q5), quantiles by linear interpolation.", _UNDEFINED, _RICHARDS),
    Feature("percentile_ratio_80", "1", "(q90 − q10) / (q95 − q5), quantiles by linear interpolation.", _UNDEFINED, _RICHARDS),
    Feature(
        "beyond_2_std", "1", "Share of detections farther than two sample standard deviations from the mean.", _UNDEFINED, "own"
    ),
    Feature("beyond_3_sigma", "1", "Share of detections farther than 3σ from the weighted mean.", _UNDEFINED, "own"),
    Feature(
        "anderson_darling",
        "1",
        "(1 + 4/n − 25/n²) A² of Anderson and Darling's test for a Gaussian with the sample's mean and standard deviation.",
        _UNDEFINED,
        "light-curve library (Malanchev et al. 2021): AndersonDarlingNormal",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The distribution in each band."""
    return for_bands(PER_BAND, bands)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 6 × number of bands], all of one band before those of the next."""
    points = points_by_band(alerts, Kind.DETECTION)
    values = np.full((len(points.counts), len(PER_BAND)), np.nan)
    _distributions(points.offsets, points.flux, points.error, np.empty(points.longest), values)
    return as_features(values.reshape(len(alerts), len(alerts.bands) * len(PER_BAND)))


FAMILY = Family("distribution", outputs, compute)


@kernel
def _distributions(offsets: Int64s, flux: Float64s, error: Float64s, work: Float64s, out: Float64s) -> None:
    for k in range(offsets.shape[0] - 1):
        f, e = flux[offsets[k] : offsets[k + 1]], error[offsets[k] : offsets[k + 1]]
        n = f.shape[0]
        if n < MIN_POINTS or is_constant(f):
            continue
        ordered = work[:n]
        ordered[:] = f
        ordered.sort()
        whole = quantile(ordered, 0.95) - quantile(ordered, 0.05)
        for column, tail in ((0, 0.4), (1, 0.25), (2, 0.1)):
            out[k, column] = (quantile(ordered, 1.0 - tail) - quantile(ordered, tail)) / whole
        weighted = np.sum(f / (e * e)) / np.sum(1.0 / (e * e))
        mean, std = float(np.mean(f)), float(np.std(f) * np.sqrt(n / (n - 1.0)))
        far = significant = 0.0
        for i in range(n):
            far += abs(f[i] - mean) > 2.0 * std
            significant += abs(f[i] - weighted) > 3.0 * e[i]
        out[k, 3], out[k, 4] = far / n, significant / n
        out[k, 5] = anderson_darling(ordered, mean, std)


@kernel
def anderson_darling(ordered: Float64s, mean: float, std: float) -> float:
    """Anderson and Darling's A² of sorted values, corrected for their number and for the estimated mean and standard deviation."""
    n = ordered.shape[0]
    total = 0.0
    for i in range(n):
        below = 0.5 * erfc(-(ordered[i] - mean) / (std * np.sqrt(2.0)))
        above = 0.5 * erfc((ordered[n - 1 - i] - mean) / (std * np.sqrt(2.0)))
        total += (2.0 * i + 1.0) * (np.log(below) + np.log(above))
    return float((1.0 + 4.0 / n - 25.0 / n**2) * (-n - total / n))
