"""Light curves out of decoded packets, and their features one alert at a time: the two usual ways, for the baselines.

Features have the names that streamer gives them where the definition is the same, so that a test can compare the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import light_curve
import numpy as np
from astropy.timeseries import LombScargle
from scipy import stats

from streamer.data.arrays import Float64s
from streamer.data.photometry import AB_ZERO_POINT_NJY
from streamer.features.spectrum import MIN_POINTS, frequency_grid

ERROR_OF_MAGNITUDE = 0.4 * np.log(10.0)
SHORTEST = 0.01
"""d; slopes over less time than this are noise."""

Curve = tuple[Float64s, Float64s, Float64s]
"""Times (d), fluxes and errors (nJy) of the detections in one band, in order of time."""
Record = Mapping[str, Any]
Features = dict[str, float]
Period = Callable[[Curve], Features]


@dataclass(frozen=True, slots=True)
class Alert:
    """What a baseline takes from a decoded packet."""

    survey: str
    alert_id: int
    object_id: str
    epoch: float
    ra: float
    dec: float
    band: str
    flux: float
    flux_err: float
    bands: tuple[str, ...]
    curves: Mapping[str, Curve]

    @property
    def n_detections(self) -> int:
        """Detections in all bands."""
        return sum(len(time) for time, _, _ in self.curves.values())


def alert_of(record: Record) -> Alert:
    """The alert in a decoded ZTF or LSST packet."""
    return _ztf(record) if "candidate" in record else _lsst(record)


def _ztf(record: Record) -> Alert:
    trigger = record["candidate"]
    points = [point for point in (trigger, *(record["prv_candidates"] or ())) if point["magpsf"] is not None]
    table = [(point["jd"] - trigger["jd"], "gri"[point["fid"] - 1], *_flux(point)) for point in points]
    flux, error = _flux(trigger)
    place = (trigger["jd"] - 2_400_000.5, trigger["ra"], trigger["dec"], "gri"[trigger["fid"] - 1], flux, error)
    return Alert("ztf", record["candid"], record["objectId"], *place, ("g", "r", "i"), _curves(table, ("g", "r", "i")))


def _flux(point: Record) -> tuple[float, float]:
    size = 10.0 ** (-0.4 * (point["magpsf"] - AB_ZERO_POINT_NJY))
    return (size if point["isdiffpos"] in {"t", "1", "T"} else -size), size * ERROR_OF_MAGNITUDE * point["sigmapsf"]


def _lsst(record: Record) -> Alert:
    trigger = record["diaSource"]
    points = [
        point
        for point in (trigger, *(record["prvDiaSources"] or ()))
        if point["psfFlux"] is not None and not point.get("timeWithdrawnMjdTai")
    ]
    now = trigger["midpointMjdTai"]
    table = [(point["midpointMjdTai"] - now, point["band"], point["psfFlux"], point["psfFluxErr"]) for point in points]
    flux, error = (np.nan if trigger[name] is None else trigger[name] for name in ("psfFlux", "psfFluxErr"))
    bands = ("u", "g", "r", "i", "z", "y")
    place = (now, trigger["ra"], trigger["dec"], trigger["band"], flux, error)
    return Alert("lsst", trigger["diaSourceId"], str(trigger["diaObjectId"]), *place, bands, _curves(table, bands))


def _curves(points: Sequence[tuple[float, str, float, float]], bands: Sequence[str]) -> dict[str, Curve]:
    points = sorted(points)
    found: dict[str, Curve] = {}
    for band in bands:
        table = np.array([(t, f, e) for t, name, f, e in points if name == band and e is not None and e > 0], dtype=np.float64)
        time, flux, error = table.reshape(len(table), 3).T
        found[band] = time, flux, error
    return found


def numpy_features(alert: Alert, with_period: bool) -> Features:
    """About ninety features of a ZTF alert, 170 of an LSST one, in NumPy and SciPy; the period by astropy."""
    found = _common(alert)
    for band, curve in alert.curves.items():
        found |= {f"{name}_{band}": value for name, value in numpy_statistics(*curve).items()}
    return found | (astropy_period(_longest(alert)) if with_period else {})


def library_features(alert: Alert, with_period: bool) -> Features:
    """About as many as :func:`numpy_features` by the compiled `light-curve` library, which also searches the period."""
    found = _common(alert)
    extractor, names = _extractor()
    for band, (time, flux, error) in alert.curves.items():
        if len(time) >= 3:
            values = extractor(time, flux, error, sorted=True, check=False, fill_value=np.nan)
            found |= {f"{name}_{band}": value for name, value in zip(names, values.tolist(), strict=True)}
    return found | (library_period(_longest(alert)) if with_period else {})


def _longest(alert: Alert) -> Curve:
    return max(alert.curves.values(), key=lambda curve: len(curve[0]))


def _common(alert: Alert) -> Features:
    """What needs all bands: counts, sampling and colours."""
    curves = alert.curves
    time = np.sort(np.concatenate([time for time, _, _ in curves.values()]))
    gaps = np.diff(time)
    brightest = max((float(np.abs(flux).max()) for _, flux, _ in curves.values() if len(flux)), default=np.nan)
    found: Features = {f"n_detections_{band}": float(len(curve[0])) for band, curve in curves.items()}
    found |= {
        "trigger_magnitude": float(AB_ZERO_POINT_NJY - 2.5 * np.log10(abs(alert.flux))) if alert.flux else np.nan,
        "trigger_snr": alert.flux / alert.flux_err,
        "trigger_over_brightest": alert.flux / brightest,
        "n_detections": float(len(time)),
        "n_bands": float(sum(len(time) > 0 for time, _, _ in curves.values())),
        "n_nights": 1.0 + np.count_nonzero(gaps > 0.5),
        "span": float(time[-1] - time[0]) if len(time) else np.nan,
        "gap_max_fraction": float(gaps.max() / (time[-1] - time[0])) if len(gaps) and time[-1] > time[0] else np.nan,
    }
    for blue, red in pairwise(alert.bands):
        (_, f1, e1), (_, f2, e2) = curves[blue], curves[red]
        if len(f1) and len(f2):
            ratio = (f1 / e1**2).sum() / (1 / e1**2).sum() / ((f2 / e2**2).sum() / (1 / e2**2).sum())
            peaks = f1.max() / f2.max() if f1.max() > 0 and f2.max() != 0 else np.nan
            found[f"colour_mean_{blue}_{red}"] = -2.5 * np.log10(ratio) if ratio > 0 else np.nan
            found[f"colour_peak_{blue}_{red}"] = -2.5 * np.log10(peaks) if peaks > 0 else np.nan
        if min(len(f1), len(f2)) >= 3 and f2.std() > 0:
            found[f"amplitude_ratio_{blue}_{red}"] = f1.std(ddof=1) / f2.std(ddof=1)
    return found


def numpy_statistics(t: Float64s, f: Float64s, e: Float64s) -> Features:
    """Statistics and shape of one band; what needs more points than there are is left out."""
    n = len(f)
    if not n:
        return {}
    w = 1.0 / e**2
    mean = (w * f).sum() / w.sum()
    found: Features = {
        "snr_max": (f / e).max(),
        "snr_mean": (w * f).sum() / np.sqrt(w.sum()),
        "fraction_positive": float(np.mean(f > 0)),
    }
    if n < 2:
        return found
    size = np.abs(f).max()
    found |= {
        "chi2_reduced": (((f - mean) / e) ** 2).sum() / (n - 1),
        "amplitude_fraction": np.ptp(f) / size,
        "excess_scatter": np.sqrt(max(f.var(ddof=1) - (e**2).mean(), 0.0)) / size,
        **_rise_and_fade(t, f),
        **_slopes(t, f, e, size),
    }
    return found | (_distribution(f, (f - mean) / e) if n >= 3 and np.ptp(f) > 0 else {})


def _rise_and_fade(t: Float64s, f: Float64s) -> Features:
    peak = int(f.argmax())
    if f[peak] <= 0:
        return {}
    rise, fade = t[peak] - t[0], t[-1] - t[peak]
    found: Features = {
        "rise_time": rise,
        "fade_time": fade,
        "first_over_peak": f[0] / f[peak],
        "last_over_peak": f[-1] / f[peak],
    }
    found["rise_slope"] = (1 - f[0] / f[peak]) / rise if rise >= SHORTEST else np.nan
    found["fade_slope"] = (1 - f[-1] / f[peak]) / fade if fade >= SHORTEST else np.nan
    return found


def _slopes(t: Float64s, f: Float64s, e: Float64s, size: float) -> Features:
    if t[-1] - t[0] < SHORTEST:
        return {}
    n, dt = len(t), np.diff(t)
    steps = np.abs(np.diff(f))[dt >= SHORTEST] / dt[dt >= SHORTEST]
    slope, slope_error, chi2 = _line(t, f, e)
    found: Features = {"slope": slope / size, "slope_snr": slope / slope_error}
    found["maximum_slope"] = steps.max() / size if len(steps) else np.nan
    found["line_chi2_reduced"] = chi2 / (n - 2) if n >= 3 else np.nan
    found["recent_slope"] = _line(t[-5:], f[-5:], e[-5:])[0] / size if t[-1] - t[-5:][0] >= SHORTEST else np.nan
    return found


def _line(t: Float64s, f: Float64s, e: Float64s) -> tuple[float, float, float]:
    w = 1.0 / e**2
    mean_t, mean_f = np.average(t, weights=w), np.average(f, weights=w)
    spread = (w * (t - mean_t) ** 2).sum()
    slope = (w * (t - mean_t) * (f - mean_f)).sum() / spread
    return slope, 1.0 / np.sqrt(spread), (w * (f - mean_f - slope * (t - mean_t)) ** 2).sum()


def _distribution(f: Float64s, delta: Float64s) -> Features:
    n = len(f)
    std, median = f.std(ddof=1), np.median(f)
    pairs = delta[1:] * delta[:-1] * n / (n - 1)
    walk = np.cumsum(f - f.mean())
    q25, q75 = np.percentile(f, (25, 75))
    return {
        "skew": float(stats.skew(f, bias=False)),
        "kurtosis": float(stats.kurtosis(f, bias=False)) if n >= 4 else np.nan,
        "eta": (np.diff(f) ** 2).sum() / ((n - 1) * std**2),
        "stetson_k": np.abs(delta).sum() / np.sqrt(n * (delta**2).sum()),
        "stetson_j": float(np.mean(np.sign(pairs) * np.sqrt(np.abs(pairs)))),
        "beyond_1_std": float(np.mean(np.abs(f - f.mean()) > std)),
        "mad_over_std": float(np.median(np.abs(f - median))) / std,
        "median_position": (median - f.min()) / np.ptp(f),
        "iqr_fraction": (q75 - q25) / np.ptp(f) if n >= 4 else np.nan,
        "cusum": np.ptp(walk) / (n * std),
    }


def astropy_period(curve: Curve) -> Features:
    """Best peak of astropy's Lomb–Scargle periodogram (its fast method) in one band, on the grid that streamer uses."""
    time, flux, error = curve
    first, step, n = frequency_grid(float(np.ptp(time)), len(time)) if len(time) >= MIN_POINTS else (0.0, 0.0, 0)
    if n == 0 or np.ptp(flux) == 0:
        return {}
    frequency = first + step * np.arange(n)
    power = LombScargle(time, flux, error).power(frequency, assume_regular_frequency=True)
    best = int(power.argmax())
    return {"period_log": float(-np.log10(frequency[best])), "period_power": float(power[best])}


def library_period(curve: Curve) -> Features:
    """Best peak of the `light-curve` library's periodogram in one band."""
    time, flux, error = curve
    if len(time) < MIN_POINTS:
        return {}
    period, strength = _periodogram()(time, flux, error, sorted=True, check=False, fill_value=np.nan)
    return {"period_log": float(np.log10(period)) if period > 0 else np.nan, "period_power": float(strength)}


@cache
def _periodogram() -> Any:
    return light_curve.Periodogram(peaks=1, resolution=5, max_freq_factor=1.0, nyquist="average", fast=True)


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
