"""Colours between neighbouring bands, from difference fluxes (of what varies) and from total fluxes (of the whole object)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features
from streamer.features.kernel import kernel
from streamer.features.points import points_by_band

SAME_NIGHT = 0.5
"""d; two detections closer than this give a colour."""

_UNPAIRED = "no night with detections of equal sign in both bands"

PER_PAIR = (
    Feature(
        "colour_mean", "mag", "−2.5 log10 of the ratio of the weighted mean fluxes.", "the means are not both of one sign", "own"
    ),
    Feature("colour_peak", "mag", "−2.5 log10 of the ratio of the largest fluxes.", "a band has no positive detection", "own"),
    Feature("colour_last", "mag", "−2.5 log10 of the flux ratio in the last night with both bands.", _UNPAIRED, "own"),
    Feature(
        "colour_slope",
        "mag/d",
        "(last − first same-night colour) / time between them.",
        "fewer than two such nights",
        "own",
    ),
    Feature(
        "amplitude_ratio",
        "1",
        "Ratio of the sample standard deviations of the flux.",
        "fewer than 3 detections in a band, or a constant flux in the redder one",
        "own",
    ),
    Feature(
        "total_colour",
        "mag",
        "−2.5 log10 of the ratio of the mean total fluxes (difference plus reference).",
        "the total flux is not known in both bands",
        "own",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The colours of each pair of neighbouring bands, bluer minus redder."""
    return tuple(
        replace(feature, name=f"{feature.name}_{blue}_{red}", meaning=f"{feature.meaning} Bands {blue} and {red}.")
        for blue, red in pairwise(bands)
        for feature in PER_PAIR
    )


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 6 × (number of bands − 1)] colours, all of one pair before those of the next."""
    points = points_by_band(alerts, Kind.DETECTION)
    n_bands = len(alerts.bands)
    n_pairs = max(n_bands - 1, 0)
    values = np.full((len(alerts), n_pairs, len(PER_PAIR)), np.nan)
    summary = np.full((len(points.counts), 4), np.nan)
    _summaries(points.offsets, points.flux, points.error, points.total, summary)
    _colours(points.offsets, points.time, points.flux, summary, n_bands, values)
    return as_features(values.reshape(len(alerts), n_pairs * len(PER_PAIR)))


FAMILY = Family("colour", outputs, compute)


@kernel
def _summaries(offsets: Int64s, flux: Float64s, error: Float64s, total: Float64s, out: Float64s) -> None:
    """Weighted mean, largest flux, standard deviation and mean total flux of each group."""
    for k in range(offsets.shape[0] - 1):
        start, end = offsets[k], offsets[k + 1]
        if end == start:
            continue
        f, e = flux[start:end], error[start:end]
        out[k, 0] = np.sum(f / (e * e)) / np.sum(1.0 / (e * e))
        out[k, 1] = np.max(f)
        if end - start >= 3:
            out[k, 2] = np.std(f) * np.sqrt((end - start) / (end - start - 1.0))
        out[k, 3] = np.nanmean(total[start:end])


@kernel
def _colours(offsets: Int64s, time: Float64s, flux: Float64s, summary: Float64s, n_bands: int, out: Float64s) -> None:
    for i in range(out.shape[0]):
        for pair in range(out.shape[1]):
            blue = i * n_bands + pair
            red = blue + 1
            row = out[i, pair]
            row[0] = colour(summary[blue, 0], summary[red, 0])
            if summary[blue, 1] > 0:
                row[1] = colour(summary[blue, 1], summary[red, 1])
            if summary[red, 2] > 0:
                row[4] = summary[blue, 2] / summary[red, 2]
            if summary[blue, 3] > 0:
                row[5] = colour(summary[blue, 3], summary[red, 3])
            in_blue = slice(offsets[blue], offsets[blue + 1])
            in_red = slice(offsets[red], offsets[red + 1])
            _same_night(time[in_blue], flux[in_blue], time[in_red], flux[in_red], row)


@kernel
def _same_night(t1: Float64s, f1: Float64s, t2: Float64s, f2: Float64s, out: Float64s) -> None:
    """Columns 2 and 3: each bluer detection with the redder one nearest in time, if they are of one night."""
    if t2.shape[0] == 0:
        return
    first = first_time = last = last_time = np.nan
    nearest = 0
    for i in range(t1.shape[0]):
        while nearest + 1 < t2.shape[0] and abs(t2[nearest + 1] - t1[i]) <= abs(t2[nearest] - t1[i]):
            nearest += 1
        value = colour(f1[i], f2[nearest])
        if abs(t2[nearest] - t1[i]) > SAME_NIGHT or np.isnan(value):
            continue
        last, last_time = value, 0.5 * (t1[i] + t2[nearest])
        if np.isnan(first):
            first, first_time = last, last_time
    out[2] = last
    if last_time - first_time > SAME_NIGHT:
        out[3] = (last - first) / (last_time - first_time)


@kernel
def colour(blue: float, red: float) -> float:
    """−2.5 log10(blue / red); NaN unless both have the same sign."""
    return float(-2.5 * np.log10(blue / red) if blue * red > 0 else np.nan)
