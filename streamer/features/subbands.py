"""Profiles of successive parts of the band: a pulsar shines in most of them, narrow-band interference in few.

How rows are compared stands in :mod:`streamer.features.rows`. Amplitudes are in the unit of the packet's numbers: where the
producer brought each sub-band to one scale, their slope and scatter say little.
Everything is NaN where ``subbands`` does not hold ``n_subbands`` ≥ 2 rows of equal length ≥ 8, or fewer than two were measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.features import rows as of_rows
from streamer.features.feature import Family, Feature, as_features, stated
from streamer.features.kernel import kernel

_ROWS = "no such rows: fewer than two measured, or bins that do not divide"
_SOURCE = "after Eatough et al. 2010, MNRAS 407, 2443"

FEATURES = (
    Feature(
        "subband_fraction",
        "1",
        "Share of the measured rows whose correlation with the others is above 2 (bins − 1)^−½.",
        _ROWS,
        _SOURCE,
    ),
    Feature("subband_correlation", "1", "Mean correlation of the rows with the others.", _ROWS, _SOURCE),
    Feature("subband_correlation_min", "1", "Smallest of these correlations.", _ROWS, _SOURCE),
    Feature(
        "subband_measured", "1", "Share of the rows that were measured: not constant, no bin missing.", "no such rows", "streamer"
    ),
    Feature("subband_modulation", "1", "σ / (|mean| + σ) of the rows' amplitudes.", _ROWS, "streamer"),
    Feature("subband_strongest", "1", "Largest |amplitude| over their mean.", _ROWS, "streamer"),
    Feature(
        "subband_slope",
        "1",
        "d(amplitude / mean |amplitude|) / d ln ν: about the spectral index of a weak slope.",
        f"{_ROWS}; no centre_frequency or bandwidth",
        "Lorimer & Kramer 2005, Handbook of Pulsar Astronomy, chapter 1",
    ),
    Feature(
        "subband_drift",
        "turn",
        "Change of phase from the lowest to the highest sub-band by a straight line.",
        f"{_ROWS}; fewer than three with signal",
        "streamer",
    ),
)
_FRACTION, _CORRELATION, _CORRELATION_MIN, _MEASURED, _MODULATION, _STRONGEST, _SLOPE, _DRIFT = range(len(FEATURES))


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - a candidate has no bands
    """The features of sub-bands."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 8]; NaN for alerts without sub-bands."""
    values = np.full((len(alerts), len(FEATURES)), np.nan)
    if "subbands" in alerts.series:
        table = alerts.series["subbands"]
        with np.errstate(all="ignore"):  # an absurd band has no slope
            relative = np.abs(stated(alerts, "bandwidth")) / stated(alerts, "centre_frequency")
        spectra(table.offsets, np.asarray(table["value"], dtype=np.float64), stated(alerts, "n_subbands"), relative, values)
    return as_features(values)


@kernel
def spectra(offsets: Int64s, flat: Float64s, count: Float64s, relative: Float64s, out: Float64s) -> None:
    """Fill `out` (float64[n, 8], all NaN before).

    Parameters
    ----------
    offsets, flat : int64[n + 1], float64[m]
        The ragged rows, end to end, from low to high frequency.
    count : float64[n]
        Rows of each alert; NaN if not known.
    relative : float64[n]
        Bandwidth over centre frequency; NaN if not known.
    """
    for i in range(offsets.shape[0] - 1):
        values = flat[offsets[i] : offsets[i + 1]]
        rows = of_rows.shape_of(values.shape[0], count[i])
        if rows == 0:
            continue
        z, length = np.empty((rows, values.shape[0] // rows)), np.empty(rows)
        measured = of_rows.standardised(values, rows, z, length)
        out[i, _MEASURED] = measured / rows
        if measured < 2:
            continue
        correlation = of_rows.correlations(z, length)
        _through_band(correlation, correlation * length, z.shape[1], out[i])
        if 0.0 < relative[i] < 2.0:
            out[i, _SLOPE] = _slope(correlation * length, relative[i])
        out[i, _DRIFT] = 2.0 * of_rows.parabola(of_rows.turns(z, length))[3]


@kernel
def _through_band(correlation: Float64s, amplitude: Float64s, bins: int, out: Float64s) -> None:
    measured = signal = 0
    total, least = 0.0, np.inf
    for value in correlation:
        if np.isfinite(value):
            measured += 1
            total += value
            least = min(least, value)
            signal += value * np.sqrt(bins - 1) > of_rows.SIGNAL
    if measured == 0:
        return
    out[_FRACTION], out[_CORRELATION], out[_CORRELATION_MIN] = signal / measured, total / measured, least
    out[_MODULATION] = of_rows.modulation(amplitude)
    out[_STRONGEST] = of_rows.strongest(amplitude)


@kernel
def _slope(amplitude: Float64s, relative: float) -> float:
    """Slope of amplitude / mean |amplitude| against ln ν of the rows' centres; NaN with fewer than two amplitudes, or all 0."""
    rows = amplitude.shape[0]
    x = np.empty(rows)
    n, mean_x, mean_y, size = 0, 0.0, 0.0, 0.0
    for r in range(rows):
        x[r] = np.log(1.0 + relative * ((r + 0.5) / rows - 0.5))
        if np.isfinite(amplitude[r]):
            n += 1
            mean_x += x[r]
            mean_y += amplitude[r]
            size += abs(amplitude[r])
    if n < 2 or not size > 0.0:
        return np.nan
    mean_x, mean_y, size = mean_x / n, mean_y / n, size / n
    both = square = 0.0
    for r in range(rows):
        if np.isfinite(amplitude[r]):
            both += (x[r] - mean_x) * (amplitude[r] - mean_y)
            square += (x[r] - mean_x) ** 2
    return both / square / size


FAMILY = Family("subbands", outputs, compute, reads="series", series=("subbands",))
