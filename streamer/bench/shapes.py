"""The course of the flux with time, for the baselines: NumPy for slopes and parabolas, a library's optimiser for supernovae."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import light_curve
import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

from streamer.bench.alerts import Curve, Features
from streamer.data.arrays import Float64s
from streamer.data.photometry import AB_ZERO_POINT_NJY
from streamer.features.points import stride
from streamer.features.supernova import MOST_POINTS, PENALTIES, SMALLEST_ERROR, is_plausible

SHORTEST = 0.01
"""d; slopes over less time than this are noise."""

Fit = Callable[[Float64s, Float64s, Float64s], Features]
"""A supernova's shape from times since the brightest detection, fluxes over the brightest, and their errors."""


def shape(t: Float64s, f: Float64s, e: Float64s) -> Features:
    """Rise and fade about the brightest detection, and straight lines; two detections at least."""
    return _rise_and_fade(t, f) | _slopes(t, f, e, float(np.abs(f).max()))


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
        "width_half": _until_half(t[peak:], f[peak:]) + _until_half(-t[peak::-1], f[peak::-1]),
    }
    found["rise_slope"] = (1 - f[0] / f[peak]) / rise if rise >= SHORTEST else np.nan
    found["fade_slope"] = (1 - f[-1] / f[peak]) / fade if fade >= SHORTEST else np.nan
    return found


def _until_half(t: Float64s, f: Float64s) -> float:
    """Time from the first point, the peak, until the flux falls to its half or the light curve ends."""
    below = f < 0.5 * f[0]
    i = int(below.argmax())
    if not below[i]:
        return float(t[-1] - t[0])
    return float(t[i - 1] + (f[i - 1] - 0.5 * f[0]) / (f[i - 1] - f[i]) * (t[i] - t[i - 1]) - t[0])


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


def parabola(curves: Mapping[str, Curve]) -> Features:
    """Weighted fits m = a(band) + b t, and with c t², to the positive detections of all bands."""
    positive = [(t[f > 0], f[f > 0], e[f > 0]) for t, f, e in curves.values()]
    positive = [curve for curve in positive if len(curve[0])]
    if not positive:
        return {}
    t, f, e = (np.concatenate(parts) for parts in zip(*positive, strict=True))
    band = np.repeat(np.arange(len(positive)), [len(curve[0]) for curve in positive])
    n, used = len(t), len(positive)
    if np.ptp(t) < SHORTEST or n < used + 1:
        return {}
    weight, magnitude = f / e, -2.5 * np.log10(f)
    design = np.column_stack([np.eye(used)[band], t, t**2]) * weight[:, None]
    line = np.linalg.lstsq(design[:, :-1], magnitude * weight, rcond=None)
    if line[2] <= used:
        return {}
    found: Features = {"fade_rate": line[0][-1]}
    bent = np.linalg.lstsq(design, magnitude * weight, rcond=None)
    if n < used + 2 or bent[2] < used + 2:
        return found
    b, c = bent[0][-2:]
    found |= {"parabola_fade_rate": b, "parabola_curvature": c, "parabola_peak_age": b / (2.0 * c)}
    if n > used + 2:
        found["parabola_chi2_reduced"] = (
            ((magnitude * weight - design @ bent[0]) ** 2).sum() / (n - used - 2) / (2.5 / np.log(10.0)) ** 2
        )
    return found


def supernovae(curves: Mapping[str, Curve], bands: Sequence[str], fit: Fit, prefix: str = "bazin") -> Features:
    """Bazin's function in each band whose light curve may be a supernova's, and what neighbouring bands say of each other."""
    found: Features = {}
    fitted: dict[str, Features] = {}
    for band, (t, f, e) in curves.items():
        if not is_plausible(t, f, e):
            continue
        some = slice(None, None, stride(len(t), MOST_POINTS))
        brightest, at = f.max(), t[f.argmax()]
        shape = fit(t[some] - at, f[some] / brightest, np.maximum(e[some] / brightest, SMALLEST_ERROR))
        shape["peak_age"] = -(shape.pop("peak_time") + at)
        shape["peak_magnitude"] = AB_ZERO_POINT_NJY - 2.5 * np.log10(max(shape.pop("peak_flux"), 1e-300) * brightest)
        fitted[band] = shape
        found |= {f"{prefix}_{name}_{band}": value for name, value in shape.items()}
    for blue, red in pairwise(bands):
        if blue in fitted and red in fitted:
            found[f"{prefix}_colour_peak_{blue}_{red}"] = fitted[blue]["peak_magnitude"] - fitted[red]["peak_magnitude"]
            found[f"{prefix}_peak_delay_{blue}_{red}"] = fitted[blue]["peak_age"] - fitted[red]["peak_age"]
    return found


def scipy_bazin(t: Float64s, f: Float64s, e: Float64s) -> Features:
    """By SciPy's Levenberg–Marquardt (MINPACK), with the weak penalties that streamer's fit has."""

    def residuals(p: Float64s) -> Float64s:
        z = (t - p[1]) * np.exp(-p[2])
        model = np.exp(p[0] - z * expit(-p[3]) - np.logaddexp(0.0, -z - p[3]) + np.logaddexp(0.0, -p[3])) + p[4]
        penalised = np.array([p[1], p[2], p[2] + np.logaddexp(0.0, p[3]), p[4]])
        return np.concatenate([(f - model) / e, (penalised - PENALTIES[:, 0]) / PENALTIES[:, 1]])

    rise, fall = PENALTIES[1, 0], PENALTIES[2, 0]
    with np.errstate(over="ignore"):
        found = least_squares(
            residuals, np.array([0.0, 0.0, rise, np.log(np.expm1(fall - rise)), 0.0]), method="lm", xtol=1e-4, ftol=1e-6
        )
    p = found.x
    return {
        "rise_time": float(np.exp(p[2])),
        "fall_time": float(np.exp(p[2]) * (1.0 + np.exp(p[3]))),
        "peak_time": p[1],
        "peak_flux": float(np.exp(p[0])),
        "baseline": p[4] * np.exp(-p[0]),
        "chi2_reduced": 2.0 * found.cost / (len(t) - 1),
        "converged": float(found.success),
    }


def library_bazin(t: Float64s, f: Float64s, e: Float64s) -> Features:
    """By the `light-curve` library's Levenberg–Marquardt, without penalties: not the same function of the data."""
    found = _bazin()(t, f, e, sorted=True, check=False, fill_value=np.nan)
    amplitude, baseline, reference, rise, fall, chi2 = found.tolist()
    ratio = max(fall / rise - 1.0, 1e-9)
    peak = reference + rise * np.log(ratio)
    height = amplitude * np.exp(-(peak - reference) / fall) / (1.0 + 1.0 / ratio)
    return {
        "rise_time": rise,
        "fall_time": fall,
        "peak_time": peak,
        "peak_flux": height,
        "baseline": baseline / height if height else np.nan,
        "chi2_reduced": chi2,
        "converged": 1.0,
    }


@cache
def _bazin() -> Any:
    return light_curve.BazinFit("lmsder")
