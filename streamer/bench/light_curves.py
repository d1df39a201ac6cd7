"""Features of one alert at a time, in the two usual ways, for the baselines.

Features have the names that streamer gives them where the definition is the same, so that a test can compare the values; what the
`light-curve` library defines in another way is called ``library_…``. Of what the shipped models read, both compute everything that
their alerts have.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import light_curve
import numpy as np
from scipy import stats

from streamer.bench.alerts import Alert, Features
from streamer.bench.colours import colours, mean
from streamer.bench.periods import astropy_powers, library_powers, periods
from streamer.bench.shapes import library_bazin, parabola, scipy_bazin, shape, supernovae
from streamer.bench.variability import variability
from streamer.data.arrays import Float64s
from streamer.data.photometry import AB_ZERO_POINT_NJY


def numpy_features(alert: Alert, budget: int | None) -> Features:
    """All that the shipped models read, in NumPy and SciPy; the period by astropy, with at most `budget` points × frequencies.

    Without a budget no period is searched.
    """
    found = _common(alert) | supernovae(alert.curves, alert.bands, scipy_bazin)
    for band, curve in alert.curves.items():
        found |= {f"{name}_{band}": value for name, value in numpy_statistics(*curve).items()}
    return found | (periods(alert.curves, astropy_powers, budget) if budget else {})


def library_features(alert: Alert, budget: int | None) -> Features:
    """As much as :func:`numpy_features`, by the compiled `light-curve` library what it has."""
    found = _common(alert) | supernovae(alert.curves, alert.bands, library_bazin, "library_bazin")
    extractor, names = _extractor()
    for band, (time, flux, error) in alert.curves.items():
        if len(time) >= 3:
            values = extractor(time, flux, error, sorted=True, check=False, fill_value=np.nan)
            found |= {f"{name}_{band}": value for name, value in zip(names, values.tolist(), strict=True)}
            found[f"stetson_j_{band}"] = _stetson_j((flux - mean(flux, error)) / error)
        if len(time) >= 2:
            further = shape(time, flux, error) | variability(time, flux, error)
            found |= {f"{name}_{band}": value for name, value in further.items()}
        if len(time):
            found |= {f"{name}_{band}": value for name, value in _significance(flux, error).items()}
    searched = periods(alert.curves, library_powers, budget) if budget else {}
    return found | {f"library_{name}": value for name, value in searched.items()}


def _common(alert: Alert) -> Features:
    """What needs all bands: counts, sampling, colours and the parabola that they share."""
    curves = alert.curves
    time = np.sort(np.concatenate([time for time, _, _ in curves.values()]))
    gaps = np.diff(time)
    nights = np.flatnonzero(gaps > 0.5)
    brightest = max((float(np.abs(flux).max()) for _, flux, _ in curves.values() if len(flux)), default=np.nan)
    found: Features = {f"n_detections_{band}": float(len(curve[0])) for band, curve in curves.items()}
    found |= {
        "trigger_magnitude": float(AB_ZERO_POINT_NJY - 2.5 * np.log10(abs(alert.flux))) if alert.flux else np.nan,
        "trigger_snr": alert.flux / alert.flux_err,
        "trigger_over_brightest": alert.flux / brightest,
        "n_detections": float(len(time)),
        "n_bands": float(sum(len(time) > 0 for time, _, _ in curves.values())),
        "n_nights": 1.0 + len(nights) if len(time) else np.nan,
        "span": float(time[-1] - time[0]) if len(time) else np.nan,
        "gap_max_fraction": float(gaps.max() / (time[-1] - time[0])) if len(gaps) and time[-1] > time[0] else np.nan,
    }
    if len(nights):
        found["gap_between_nights"] = float(time[-1] - time[0]) / len(nights)
        found["gap_last"] = float(-time[nights[-1]])
    return found | colours(curves, alert.bands) | parabola(curves)


def numpy_statistics(t: Float64s, f: Float64s, e: Float64s) -> Features:
    """Statistics, shape and time-scales of one band; what needs more points than there are is left out."""
    n = len(f)
    if not n:
        return {}
    average = mean(f, e)
    found = _significance(f, e)
    if n < 2:
        return found
    size = np.abs(f).max()
    found |= {
        "chi2_reduced": (((f - average) / e) ** 2).sum() / (n - 1),
        "amplitude_fraction": np.ptp(f) / size,
        "excess_scatter": np.sqrt(max(f.var(ddof=1) - (e**2).mean(), 0.0)) / size,
        **shape(t, f, e),
        **variability(t, f, e),
    }
    return found | (_distribution(f, (f - average) / e) if n >= 3 and np.ptp(f) > 0 else {})


def _stetson_j(delta: Float64s) -> float:
    """Of the neighbours' residuals in units of their errors."""
    pairs = delta[1:] * delta[:-1] * len(delta) / (len(delta) - 1)
    return float(np.mean(np.sign(pairs) * np.sqrt(np.abs(pairs))))


def _significance(f: Float64s, e: Float64s) -> Features:
    return {
        "snr_max": (f / e).max(),
        "snr_mean": (f / e**2).sum() / np.sqrt((1.0 / e**2).sum()),
        "fraction_positive": float(np.mean(f > 0)),
    }


def _distribution(f: Float64s, delta: Float64s) -> Features:
    n = len(f)
    std, median = f.std(ddof=1), np.median(f)
    walk = np.cumsum(f - f.mean())
    q25, q75 = np.percentile(f, (25, 75))
    return {
        "skew": float(stats.skew(f, bias=False)),
        "kurtosis": float(stats.kurtosis(f, bias=False)) if n >= 4 else np.nan,
        "eta": (np.diff(f) ** 2).sum() / ((n - 1) * std**2),
        "stetson_k": np.abs(delta).sum() / np.sqrt(n * (delta**2).sum()),
        "stetson_j": _stetson_j(delta),
        "beyond_1_std": float(np.mean(np.abs(f - f.mean()) > std)),
        "mad_over_std": float(np.median(np.abs(f - median))) / std,
        "median_position": (median - f.min()) / np.ptp(f),
        "iqr_fraction": (q75 - q25) / np.ptp(f) if n >= 4 else np.nan,
        "cusum": np.ptp(walk) / (n * std),
    }


@cache
def _extractor() -> tuple[Any, tuple[str, ...]]:
    """The extractor, and a name for each of its outputs: ours where the definition is the same."""
    same = {
        "chi2_reduced": light_curve.ReducedChi2(),
        "skew": light_curve.Skew(),
        "kurtosis": light_curve.Kurtosis(),
        "eta": light_curve.Eta(),
        "stetson_k": light_curve.StetsonK(),
        "beyond_1_std": light_curve.BeyondNStd(1.0),
        "cusum": light_curve.Cusum(),
    }
    further = [
        light_curve.Amplitude(),
        light_curve.Mean(),
        light_curve.WeightedMean(),
        light_curve.Median(),
        light_curve.MedianAbsoluteDeviation(),
        light_curve.StandardDeviation(),
        light_curve.ExcessVariance(),
        light_curve.MeanVariance(),
        light_curve.InterPercentileRange(0.25),
        light_curve.MagnitudePercentageRatio(),
        light_curve.PercentAmplitude(),
        light_curve.MaximumSlope(),
        light_curve.LinearFit(),
        light_curve.LinearTrend(),
        light_curve.EtaE(),
        light_curve.Duration(),
        light_curve.MaximumTimeInterval(),
        light_curve.MinimumTimeInterval(),
        light_curve.TimeMean(),
    ]
    extractor = light_curve.Extractor(*same.values(), *further)
    return extractor, (*same, *(f"library_{name}" for name in extractor.names[len(same) :]))
