"""The eight statistics of a folded pulsar candidate that HTRU2 made common: four of its profile, four of its DM curve.

Lyon et al. 2016, MNRAS 459, 1104. A series is brought to a grid of fixed length (128 bins, 1,196 trials), scaled so that its
smallest value is 0 and its largest 255, and rounded to integers, halves upwards: ⌊255 (x − min) / (max − min) + ½⌋. Then: the
population's mean, its standard deviation (ddof 0), its skewness m₃ / m₂^1.5 and its excess kurtosis m₄ / m₂² − 3. The published
table names columns 3, 4 and columns 7, 8 the other way round; its numbers are in this order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.features.feature import Family, Feature, as_features
from streamer.features.kernel import kernel

PROFILE_BINS = 128
DM_TRIALS = 1196
LEVELS = 255.0
"""The largest scaled value."""

_SOURCE = "Lyon et al. 2016, MNRAS 459, 1104"
_STATISTICS = (
    ("mean", "Mean"),
    ("std", "Standard deviation (population)"),
    ("skew", "Skewness m3 / m2^1.5"),
    ("excess_kurtosis", "Excess kurtosis m4 / m2² − 3"),
)


def _four(name: str, of: str, undefined: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(f"{name}_{statistic}", "1", f"{what} of {of}, integers from 0 to 255.", undefined, _SOURCE)
        for statistic, what in _STATISTICS
    )


FEATURES = (
    *_four("profile", "the folded profile in 128 bins", "fewer than two measured bins, or all of them equal"),
    *_four("dm_curve", "the curve of S/N against DM in 1,196 trials", "fewer than two measured trials, or all of them equal"),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - a candidate has no bands
    """The eight features of a candidate."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 8]; NaN for alerts without such series."""
    values = np.full((len(alerts), len(FEATURES)), np.nan)
    for place, (name, column, size) in enumerate((("profile", "value", PROFILE_BINS), ("dm_curve", "snr", DM_TRIALS))):
        if name in alerts.series:
            table = alerts.series[name]
            scaled_moments(table.offsets, np.asarray(table[column], dtype=np.float64), size, values[:, 4 * place : 4 * place + 4])
    return as_features(values)


@kernel
def scaled_moments(offsets: Int64s, flat: Float64s, size: int, out: Float64s) -> None:
    """Mean, standard deviation, skewness and excess kurtosis of each row on the grid of `size` levels from 0 to 255.

    Parameters
    ----------
    offsets, flat : int64[n + 1], float64[m]
        The ragged rows. What is not finite is left out, as if the series were so much shorter.
    size : int
        Length of the grid; a row of another length is rebinned, each new bin the mean of what it overlaps.
    out : float64[n, 4]
        Filled; NaN where a row has no two values that differ, or none that do once it is rebinned.
    """
    measured = np.empty(flat.shape[0])
    grid = np.empty(size)
    for row in range(offsets.shape[0] - 1):
        m = 0
        for i in range(offsets[row], offsets[row + 1]):
            if np.isfinite(flat[i]):
                measured[m] = flat[i]
                m += 1
        out[row] = np.nan
        if m < 2:
            continue
        spread = measured[:m].max() - measured[:m].min()
        if not (spread > 0.0 and np.isfinite(spread)):
            continue
        _rebin(measured[:m], grid)
        low = grid.min()
        range_ = grid.max() - low
        if range_ <= 1e-9 * spread:  # only rounding is left
            continue
        for j in range(size):
            grid[j] = np.floor(LEVELS * (grid[j] - low) / range_ + 0.5)
        _moments(grid, out[row])


@kernel
def _rebin(values: Float64s, grid: Float64s) -> None:
    """Each entry of `grid` the mean of the part of `values` that it overlaps; counted in whole units, so that nothing is lost."""
    m, size = values.shape[0], grid.shape[0]
    i = 0
    for j in range(size):
        begin, end = j * m, (j + 1) * m  # value i covers i·size … (i + 1)·size of the same units
        if end <= (i + 1) * size:
            grid[j] = values[i]
        else:
            total = 0.0
            while begin < end:
                until = min(end, (i + 1) * size)
                total += (until - begin) * values[i]
                begin = until
                if until == (i + 1) * size and begin < end:
                    i += 1
            grid[j] = total / m
        if end == (i + 1) * size:
            i += 1


@kernel
def _moments(values: Float64s, out: Float64s) -> None:
    n = values.shape[0]
    mean = values.sum() / n
    m2 = m3 = m4 = 0.0
    for value in values:
        d = value - mean
        m2 += d * d
        m3 += d * d * d
        m4 += d * d * d * d
    m2, m3, m4 = m2 / n, m3 / n, m4 / n
    out[0] = mean
    out[1] = np.sqrt(m2)
    out[2] = m3 / m2**1.5
    out[3] = m4 / (m2 * m2) - 3.0


FAMILY = Family("profile", outputs, compute, reads="series")
