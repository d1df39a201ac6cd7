"""Colours of neighbouring bands and how they change, for the baselines: NumPy, one alert at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from streamer.bench.alerts import ERROR_OF_MAGNITUDE, Curve, Features
from streamer.data.arrays import Bools, Float64s, Int64s

SAME_NIGHT = 0.5
"""d"""


def colours(curves: Mapping[str, Curve], bands: Sequence[str]) -> Features:
    """Of all neighbours among `bands`."""
    found: Features = {}
    for blue, red in pairwise(bands):
        of_pair = _colours(curves[blue], curves[red]) | _evolution(curves[blue], curves[red])
        found |= {f"{name}_{blue}_{red}": value for name, value in of_pair.items()}
    return found


def _colours(blue: Curve, red: Curve) -> Features:
    (_, f1, e1), (_, f2, e2) = blue, red
    found: Features = {}
    if len(f1) and len(f2):
        ratio = mean(f1, e1) / mean(f2, e2)
        peaks = f1.max() / f2.max() if f1.max() > 0 and f2.max() != 0 else np.nan
        found["colour_mean"] = -2.5 * np.log10(ratio) if ratio > 0 else np.nan
        found["colour_peak"] = -2.5 * np.log10(peaks) if peaks > 0 else np.nan
    if min(len(f1), len(f2)) >= 3 and f2.std() > 0:
        found["amplitude_ratio"] = f1.std(ddof=1) / f2.std(ddof=1)
    return found


def mean(f: Float64s, e: Float64s) -> float:
    """The mean weighted by the errors."""
    return float((f / e**2).sum() / (1.0 / e**2).sum())


def _evolution(blue: Curve, red: Curve) -> Features:
    """What the nights with both bands say."""
    (t1, f1, e1), (t2, f2, e2) = blue, red
    one, other = _same_night(t1, t2)
    found: Features = {"n_colours": 0.0}
    if not len(one):
        return found
    if min(len(f1), len(f2)) >= 2:
        product = (f1[one] - mean(f1, e1)) / e1[one] * (f2[other] - mean(f2, e2)) / e2[other]
        bias = (len(f1) / (len(f1) - 1) * len(f2) / (len(f2) - 1)) ** 0.25
        found["stetson_j"] = float(np.mean(np.sign(product) * np.sqrt(np.abs(product)))) * bias
    alike: Bools = f1[one] * f2[other] > 0
    if not alike.any():
        return found
    one, other = one[alike], other[alike]
    time, colour = 0.5 * (t1[one] + t2[other]), -2.5 * np.log10(f1[one] / f2[other])
    weight = ERROR_OF_MAGNITUDE**2 / ((e1[one] / f1[one]) ** 2 + (e2[other] / f2[other]) ** 2)
    brightest = int((np.abs(f1[one]) + np.abs(f2[other])).argmax())
    found |= {
        "n_colours": float(len(one)),
        "colour_first": colour[0],
        "colour_last": colour[-1],
        "colour_brightest": colour[brightest],
    }
    if time[-1] - time[0] > SAME_NIGHT:
        found["colour_slope"] = (colour[-1] - colour[0]) / (time[-1] - time[0])
    return found | _trend(time, colour, weight)


def _same_night(t1: Float64s, t2: Float64s) -> tuple[Int64s, Int64s]:
    """Each bluer detection with the redder one nearest in time, of two equally near ones the later, if they are of one night."""
    if not len(t1) or not len(t2):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    after = np.minimum(np.searchsorted(t2, t1), len(t2) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(t2[after] - t1) <= np.abs(t2[before] - t1), after, before)
    one = np.flatnonzero(np.abs(t2[nearest] - t1) <= SAME_NIGHT)
    return one, nearest[one]


def _trend(t: Float64s, c: Float64s, w: Float64s) -> Features:
    found: Features = {}
    mean_t, mean_c = np.average(t, weights=w), np.average(c, weights=w)
    if len(t) >= 2:
        found["colour_chi2_reduced"] = (w * (c - mean_c) ** 2).sum() / (len(t) - 1)
    if t[-1] - t[0] <= SAME_NIGHT:
        return found
    spread = (w * (t - mean_t) ** 2).sum()
    slope = (w * (t - mean_t) * (c - mean_c)).sum() / spread
    late = t > 0.5 * (t[0] + t[-1])
    return found | {
        "colour_trend": slope,
        "colour_trend_error": 1.0 / np.sqrt(spread),
        "colour_trend_snr": slope * np.sqrt(spread),
        "colour_change": np.average(c[late], weights=w[late]) - np.average(c[~late], weights=w[~late]),
    }
