"""Profiles of successive parts of the observation: a pulsar is there all the time, and turns evenly.

Interference comes and goes; an orbit bends the pulse's way through the observation: a·t²/(2 c P) turns for an acceleration a along
the line of sight, on top of what the fold took out. How rows are compared stands in :mod:`streamer.features.rows`.
Everything is NaN where ``subints`` does not hold ``n_subints`` ≥ 2 rows of equal length ≥ 8, or fewer than two were measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.features import rows as of_rows
from streamer.features.feature import Family, Feature, as_features, stated
from streamer.features.kernel import kernel

SPEED_OF_LIGHT = 299_792_458.0
"""m/s."""

_ROWS = "no such rows: fewer than two measured, or bins that do not divide"
_TURNS = f"{_ROWS}; fewer than five with signal"
_PERSISTENCE = "after Morello et al. 2014, MNRAS 443, 1651"
_HANDBOOK = "Lorimer & Kramer 2005, Handbook of Pulsar Astronomy, chapter 6"

FEATURES = (
    Feature(
        "subint_fraction",
        "1",
        "Share of the measured rows whose correlation with the others is above 2 (bins − 1)^−½.",
        _ROWS,
        _PERSISTENCE,
    ),
    Feature("subint_correlation", "1", "Mean correlation of the rows with the others.", _ROWS, _PERSISTENCE),
    Feature("subint_correlation_std", "1", "Standard deviation (population) of these correlations.", _ROWS, _PERSISTENCE),
    Feature("subint_modulation", "1", "σ / (|mean| + σ) of the rows' amplitudes.", _ROWS, "streamer"),
    Feature("subint_strongest", "1", "Largest |amplitude| over their mean.", _ROWS, "streamer"),
    Feature("subint_trend", "1", "(Second half − first half) / Σ|amplitude|.", _ROWS, "streamer"),
    Feature("subint_gap", "1", "Longest run of measured rows without signal, over all measured rows.", _ROWS, "streamer"),
    Feature(
        "subint_drift",
        "turn",
        "Change of phase over the observation by a straight line.",
        f"{_ROWS}; fewer than three with signal",
        _HANDBOOK,
    ),
    Feature("subint_bend", "turn", "b of a parabola a + s t + b t² through the phases, t from −1 to 1.", _TURNS, _HANDBOOK),
    Feature("subint_jitter", "turn", "Root mean square of the phases about that parabola (ddof 3).", _TURNS, _HANDBOOK),
    Feature(
        "subint_acceleration", "m s^-2", "8 c P b / t_obs²: acceleration that the fold left over.", f"{_TURNS}; no t_obs", _HANDBOOK
    ),
)
(
    _FRACTION, _CORRELATION, _CORRELATION_STD, _MODULATION, _STRONGEST, _TREND, _GAP, _DRIFT, _BEND, _JITTER, _ACCELERATION,
) = range(len(FEATURES))  # fmt: skip


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - a candidate has no bands
    """The features of sub-integrations."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 11]; NaN for alerts without sub-integrations."""
    values = np.full((len(alerts), len(FEATURES)), np.nan)
    if "subints" in alerts.series:
        table = alerts.series["subints"]
        persistence(table.offsets, np.asarray(table["value"], dtype=np.float64), stated(alerts, "n_subints"), values)
        period, length = stated(alerts, "period"), stated(alerts, "t_obs")
        with np.errstate(all="ignore"):  # absurd lengths give infinite accelerations, which are undefined
            values[:, _ACCELERATION] = 8.0 * SPEED_OF_LIGHT * period * values[:, _BEND] / np.where(length > 0, length, np.nan) ** 2
    return as_features(values)


@kernel
def persistence(offsets: Int64s, flat: Float64s, count: Float64s, out: Float64s) -> None:
    """Fill `out` (float64[n, 11], all NaN before) but for the acceleration.

    Parameters
    ----------
    offsets, flat : int64[n + 1], float64[m]
        The ragged rows, end to end.
    count : float64[n]
        Rows of each alert; NaN if not known.
    """
    for i in range(offsets.shape[0] - 1):
        values = flat[offsets[i] : offsets[i + 1]]
        rows = of_rows.shape_of(values.shape[0], count[i])
        if rows == 0:
            continue
        z, length = np.empty((rows, values.shape[0] // rows)), np.empty(rows)
        if of_rows.standardised(values, rows, z, length) < 2:
            continue
        correlation = of_rows.correlations(z, length)
        _through_time(correlation, correlation * length, z.shape[1], out[i])
        _, _, bend, straight, scatter = of_rows.parabola(of_rows.turns(z, length))
        out[i, _DRIFT], out[i, _JITTER] = 2.0 * straight, scatter
        if np.isfinite(scatter):
            out[i, _BEND] = bend


@kernel
def _through_time(correlation: Float64s, amplitude: Float64s, bins: int, out: Float64s) -> None:
    rows = correlation.shape[0]
    measured = signal = gap = longest = 0
    total = square = early = late = 0.0
    for r in range(rows):
        if not np.isfinite(correlation[r]):
            continue
        measured += 1
        total += correlation[r]
        square += correlation[r] ** 2
        if correlation[r] * np.sqrt(bins - 1) > of_rows.SIGNAL:
            signal += 1
            gap = 0
        else:
            gap += 1
            longest = max(longest, gap)
        if 2 * r < rows - 1:
            early += amplitude[r]
        elif 2 * r > rows - 1:
            late += amplitude[r]
    if measured == 0:
        return
    mean = total / measured
    out[_FRACTION], out[_GAP] = signal / measured, longest / measured
    out[_CORRELATION], out[_CORRELATION_STD] = mean, np.sqrt(max(square / measured - mean * mean, 0.0))
    out[_MODULATION] = of_rows.modulation(amplitude)
    out[_STRONGEST] = of_rows.strongest(amplitude)
    size = np.nansum(np.abs(amplitude))
    if size > 0.0:
        out[_TREND] = (late - early) / size


FAMILY = Family("subints", outputs, compute, reads="series", series=("subints",))
