"""How the colour changes: nights with detections in two neighbouring bands, with their errors.

A pair is a detection in the bluer band and the one nearest in time in the redder band, if they are of one night and of equal sign.
The colour is −2.5 log10(f blue / f red), its error from both fluxes to first order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.colour import SAME_NIGHT, colour
from streamer.features.feature import Family, Feature, as_features
from streamer.features.kernel import kernel
from streamer.features.points import points_by_band

_MAGNITUDE = 2.5 / np.log(10.0)

_NO_PAIR = "no night with detections of equal sign in both bands"
_NO_TREND = "fewer than 2 such nights, or all pairs within 0.5 d"
_NO_STETSON = "a band has fewer than 2 detections, or no night has both"

PER_PAIR = (
    Feature("n_colours", "1", "Pairs of detections of one night and equal sign.", "never (0 if there is none)", "own"),
    Feature("colour_first", "mag", "Colour of the first pair.", _NO_PAIR, "own"),
    Feature("colour_brightest", "mag", "Colour of the pair with the largest |f blue| + |f red|.", _NO_PAIR, "own"),
    Feature(
        "colour_trend",
        "mag/d",
        "Slope of the weighted straight line through the colours; positive when reddening.",
        _NO_TREND,
        "own",
    ),
    Feature("colour_trend_error", "mag/d", "Error of that slope.", _NO_TREND, "own"),
    Feature("colour_trend_snr", "1", "That slope over its error.", _NO_TREND, "own"),
    Feature(
        "colour_change",
        "mag",
        "Weighted mean colour of the later half of the time less that of the earlier half.",
        _NO_TREND,
        "own",
    ),
    Feature("colour_chi2_reduced", "1", "Reduced χ² of the colours about their weighted mean.", "fewer than 2 pairs", "own"),
    Feature(
        "stetson_j",
        "1",
        "Mean of sgn(P) sqrt|P| over pairs of either sign, P the product of the two bands' δ = sqrt(n/(n − 1)) (f − f̄)/σ.",
        _NO_STETSON,
        "Stetson 1996; Welch & Stetson 1993",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The evolution of the colour of each pair of neighbouring bands, bluer minus redder."""
    return tuple(
        replace(feature, name=f"{feature.name}_{blue}_{red}", meaning=f"{feature.meaning} Bands {blue} and {red}.")
        for blue, red in pairwise(bands)
        for feature in PER_PAIR
    )


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 9 × (number of bands − 1)], all of one pair of bands before those of the next."""
    points = points_by_band(alerts, Kind.DETECTION)
    n_pairs = max(len(alerts.bands) - 1, 0)
    values = np.full((len(alerts), n_pairs, len(PER_PAIR)), np.nan)
    work = np.empty((3, points.longest))
    _evolutions(points.offsets, points.time, points.flux, points.error, len(alerts.bands), work, values)
    return as_features(values.reshape(len(alerts), n_pairs * len(PER_PAIR)))


FAMILY = Family("evolution", outputs, compute)


@kernel
def _evolutions(
    offsets: Int64s, time: Float64s, flux: Float64s, error: Float64s, n_bands: int, work: Float64s, out: Float64s
) -> None:
    for i in range(out.shape[0]):
        for pair in range(out.shape[1]):
            blue = i * n_bands + pair
            one, other = slice(offsets[blue], offsets[blue + 1]), slice(offsets[blue + 1], offsets[blue + 2])
            n = _pairs(time[one], flux[one], error[one], time[other], flux[other], error[other], work, out[i, pair])
            out[i, pair, 0] = n
            if n:
                _line(work[0, :n], work[1, :n], work[2, :n], out[i, pair])


@kernel
def _pairs(
    t1: Float64s, f1: Float64s, e1: Float64s, t2: Float64s, f2: Float64s, e2: Float64s, work: Float64s, out: Float64s
) -> int:
    """Time, colour and weight of each pair to the rows of `work`, columns 1, 2 and 8; the number of pairs."""
    n = nights = nearest = 0
    brightest, products = -1.0, 0.0
    blue, red = _mean(f1, e1), _mean(f2, e2)
    for i in range(t1.shape[0]):
        while nearest + 1 < t2.shape[0] and abs(t2[nearest + 1] - t1[i]) <= abs(t2[nearest] - t1[i]):
            nearest += 1
        if t2.shape[0] == 0 or abs(t2[nearest] - t1[i]) > SAME_NIGHT:
            continue
        product = (f1[i] - blue) / e1[i] * ((f2[nearest] - red) / e2[nearest])
        products += np.sign(product) * np.sqrt(abs(product))
        nights += 1
        if not f1[i] * f2[nearest] > 0:
            continue
        work[0, n] = 0.5 * (t1[i] + t2[nearest])
        work[1, n] = colour(f1[i], f2[nearest])
        work[2, n] = 1.0 / (_MAGNITUDE**2 * ((e1[i] / f1[i]) ** 2 + (e2[nearest] / f2[nearest]) ** 2))
        if abs(f1[i]) + abs(f2[nearest]) > brightest:
            brightest = abs(f1[i]) + abs(f2[nearest])
            out[2] = work[1, n]
        n += 1
    if n:
        out[1] = work[1, 0]
    n1, n2 = float(t1.shape[0]), float(t2.shape[0])
    if nights and n1 >= 2 and n2 >= 2:
        out[8] = products / nights * (n1 / (n1 - 1.0) * n2 / (n2 - 1.0)) ** 0.25
    return n


@kernel
def _mean(f: Float64s, e: Float64s) -> float:
    return float(np.sum(f / (e * e)) / np.sum(1.0 / (e * e)))


@kernel
def _line(t: Float64s, c: Float64s, w: Float64s, out: Float64s) -> None:
    """Columns 3–7."""
    n = t.shape[0]
    total = np.sum(w)
    mean_t, mean_c = np.sum(w * t) / total, np.sum(w * c) / total
    if n >= 2:
        out[7] = np.sum(w * (c - mean_c) ** 2) / (n - 1)
    if t[n - 1] - t[0] <= SAME_NIGHT:
        return
    spread = np.sum(w * (t - mean_t) ** 2)
    out[3] = np.sum(w * (t - mean_t) * (c - mean_c)) / spread
    out[4] = 1.0 / np.sqrt(spread)
    out[5] = out[3] * np.sqrt(spread)
    middle = 0.5 * (t[0] + t[n - 1])
    early = late = early_c = late_c = 0.0
    for i in range(n):
        if t[i] > middle:
            late += w[i]
            late_c += w[i] * c[i]
        else:
            early += w[i]
            early_c += w[i] * c[i]
    out[6] = late_c / late - early_c / early
