"""Profiles in rows (sub-integrations, sub-bands): how much each is like the others, how strong it is, and how far it is turned.

Each row is compared with the sum of all other rows, each with its mean taken off and of unit length, so that no row is compared
with its own noise and none counts more for its gain. A row with a bin that is not finite, or with all bins equal, was not measured.
"""

from __future__ import annotations

import math

import numpy as np

from streamer.data.arrays import Float64s
from streamer.features.kernel import kernel

LEAST_BINS = 8
HARMONICS = 8
"""A row's turn is found from its lowest harmonics, at most so many."""
LAGS = 32
"""Turns that are tried before the best is refined by a parabola."""
PASSES = 3
"""How often rows are compared, each time turned back by the path found so far."""
SIGNAL = 2.0
"""A row has signal if its correlation is so many times what noise gives it, (bins − 1)^−½."""
TURNED_SIGNAL = 3.5
"""The same where the best of all turns was chosen."""
_ROUNDING = 1e-12


@kernel
def standardised(flat: Float64s, rows: int, z: Float64s, length: Float64s) -> int:
    """Take the mean off each row and bring it to unit length.

    Parameters
    ----------
    flat : float64[rows · bins]
        Row after row.
    z : float64[rows, bins]
        Filled; 0 in rows that were not measured.
    length : float64[rows]
        Filled with the lengths before; NaN for rows that were not measured.

    Returns
    -------
    int
        How many rows were measured.
    """
    bins = flat.shape[0] // rows
    measured = 0
    for r in range(rows):
        mean = largest = 0.0
        for j in range(bins):
            mean += flat[r * bins + j]
            largest = max(largest, abs(flat[r * bins + j]))
        mean /= bins
        square = 0.0
        for j in range(bins):
            z[r, j] = flat[r * bins + j] - mean
            square += z[r, j] * z[r, j]
        length[r] = math.sqrt(square)
        if np.isfinite(length[r]) and length[r] > _ROUNDING * largest * bins:
            measured += 1
            for j in range(bins):
                z[r, j] /= length[r]
        else:
            length[r] = np.nan
            z[r] = 0.0
    return measured


@kernel
def correlations(z: Float64s, length: Float64s) -> Float64s:
    """float64[rows], the correlation of each row of `z` with the sum of the others; NaN where not measured or nothing is left."""
    total = np.zeros(z.shape[1])
    for r in range(z.shape[0]):
        total += z[r]
    square = (total * total).sum()
    found = np.full(z.shape[0], np.nan)
    for r in range(z.shape[0]):
        along = (z[r] * total).sum()
        rest = square - 2.0 * along + 1.0
        if np.isfinite(length[r]) and rest > _ROUNDING:
            found[r] = (along - 1.0) / math.sqrt(rest)
    return found


@kernel
def turns(z: Float64s, length: Float64s) -> Float64s:
    """float64[rows] turns by which each row comes later than the others; NaN where it has no signal at any turn.

    The sum of rows that drift is broad, and a row fits it anywhere. So the rows are turned back by the parabola through the first
    answer, compared again, and so on, ``PASSES`` times. Whole turns mean nothing.
    """
    rows, bins = z.shape
    most = min(HARMONICS, (bins - 1) // 2)
    real, imaginary = _harmonics(z, most)
    cosines, sines = _waves(LAGS, most)
    path, found = np.zeros(rows), np.full(rows, np.nan)
    for _ in range(PASSES):
        left = _turns_left(real, imaginary, cosines, sines, length, bins)
        for r in range(rows):
            found[r] = path[r] + left[r]
        constant, slope, bend = parabola(found)[:3]
        if not np.isfinite(constant):
            break
        for r in range(rows):
            t = (2.0 * r + 1.0) / rows - 1.0
            at = constant + slope * t + bend * t * t
            _turn_back(real[r], imaginary[r], at - path[r])
            path[r] = at
    return found


@kernel
def _turns_left(real: Float64s, imaginary: Float64s, cosines: Float64s, sines: Float64s, length: Float64s, bins: int) -> Float64s:
    """float64[rows], as :func:`turns`, from the harmonics as they are now; −½ … ½."""
    rows, most = real.shape
    total_real, total_imaginary = np.zeros(most), np.zeros(most)
    for r in range(rows):
        total_real += real[r]
        total_imaginary += imaginary[r]
    found = np.full(rows, np.nan)
    match, cross_real, cross_imaginary = np.empty(LAGS), np.empty(most), np.empty(most)
    for r in range(rows):
        if not np.isfinite(length[r]):
            continue
        square = 0.0
        for k in range(most):
            other_real, other_imaginary = total_real[k] - real[r, k], total_imaginary[k] - imaginary[r, k]
            square += other_real * other_real + other_imaginary * other_imaginary
            cross_real[k] = real[r, k] * other_real + imaginary[r, k] * other_imaginary
            cross_imaginary[k] = imaginary[r, k] * other_real - real[r, k] * other_imaginary
        if not square > _ROUNDING:
            continue
        best = 0
        for lag in range(LAGS):
            along = 0.0
            for k in range(most):
                along += cross_real[k] * cosines[lag, k] - cross_imaginary[k] * sines[lag, k]
            match[lag] = along
            if along > match[best]:
                best = lag
        if math.sqrt(2.0 * (bins - 1) / bins / square) * match[best] > TURNED_SIGNAL:
            found[r] = wrapped((best + _vertex(match[best - 1], match[best], match[(best + 1) % LAGS])) / LAGS)
    return found


@kernel
def _turn_back(real: Float64s, imaginary: Float64s, turn: float) -> None:
    """Turn harmonics 1, 2 … of a row so that it comes earlier by `turn`."""
    c, s = math.cos(2.0 * math.pi * turn), math.sin(2.0 * math.pi * turn)
    at_c, at_s = c, s
    for k in range(real.shape[0]):
        real[k], imaginary[k] = real[k] * at_c - imaginary[k] * at_s, imaginary[k] * at_c + real[k] * at_s
        at_c, at_s = at_c * c - at_s * s, at_s * c + at_c * s


@kernel
def _harmonics(z: Float64s, most: int) -> tuple[Float64s, Float64s]:
    """float64[rows, most] real and imaginary parts of harmonics 1 … `most` of each row."""
    rows, bins = z.shape
    cosines, sines = _waves(bins, most)
    real, imaginary = np.zeros((rows, most)), np.zeros((rows, most))
    for r in range(rows):
        for j in range(bins):
            for k in range(most):
                real[r, k] += z[r, j] * cosines[j, k]
                imaginary[r, k] -= z[r, j] * sines[j, k]
    return real, imaginary


@kernel
def _waves(places: int, most: int) -> tuple[Float64s, Float64s]:
    """float64[places, most] cosines and sines of 1 … `most` cycles at so many places of a turn."""
    cosines, sines = np.empty((places, most)), np.empty((places, most))
    for j in range(places):
        c, s = math.cos(2.0 * math.pi * j / places), math.sin(2.0 * math.pi * j / places)
        at_c, at_s = c, s
        for k in range(most):
            cosines[j, k], sines[j, k] = at_c, at_s
            at_c, at_s = at_c * c - at_s * s, at_s * c + at_c * s
    return cosines, sines


@kernel
def _vertex(before: float, at: float, after: float) -> float:
    """Where the parabola through three points has its vertex, from the middle one; the middle is the highest."""
    bend = before - 2.0 * at + after
    return 0.5 * (before - after) / bend if bend < 0.0 else 0.0


@kernel
def wrapped(turn: float) -> float:
    """The same turn within −½ … ½."""
    return turn - math.floor(turn + 0.5)


@kernel
def parabola(turn: Float64s) -> tuple[float, float, float, float, float]:
    """How the turns of rows change from the first row to the last, rows at t = −1 … 1.

    Parameters
    ----------
    turn : float64[rows]
        NaN for rows without signal; each of the others is taken to be within half a turn of the one before.

    Returns
    -------
    constant, slope, bend : float, turns
        a, s and b of the parabola a + s t + b t² with the least squares; with fewer than five rows a straight line with b = 0, with
        fewer than three NaN.
    straight : float, turns
        The slope of the straight line.
    scatter : float, turns
        Root mean square about the parabola (ddof 3); NaN with fewer than five rows.
    """
    rows = turn.shape[0]
    t, y = np.empty(rows), np.empty(rows)
    n = 0
    for r in range(rows):
        if np.isfinite(turn[r]):
            t[n] = (2.0 * r + 1.0) / rows - 1.0
            y[n] = turn[r] if n == 0 else y[n - 1] + wrapped(turn[r] - y[n - 1])
            n += 1
    if n < 3:
        return np.nan, np.nan, np.nan, np.nan, np.nan
    t, y = t[:n], y[:n]
    middle, level = t.mean(), y.mean()
    x = t - middle
    xx = (x * x).sum()
    straight = (x * y).sum() / xx
    if n < 5:
        return level - straight * middle, straight, 0.0, straight, np.nan
    skew, spread = (x * x * x).sum() / xx, xx / n
    square = x * x - skew * x - spread  # what of x² is neither constant nor straight
    bend = (square * y).sum() / (square * square).sum()
    left = y - level - straight * x - bend * square
    slope = straight - bend * (skew + 2.0 * middle)
    constant = level - straight * middle + bend * (middle * middle + skew * middle - spread)
    return constant, slope, bend, straight, math.sqrt((left * left).sum() / (n - 3))


@kernel
def modulation(amplitude: Float64s) -> float:
    """σ / (|mean| + σ) of the finite amplitudes: 0 if all are equal, 1 if they cancel out; NaN with fewer than two, or all 0."""
    n, mean, square = 0, 0.0, 0.0
    for value in amplitude:
        if np.isfinite(value):
            n += 1
            mean += value
    if n < 2:
        return np.nan
    mean /= n
    for value in amplitude:
        if np.isfinite(value):
            square += (value - mean) ** 2
    sigma = math.sqrt(square / n)
    return sigma / (abs(mean) + sigma) if abs(mean) + sigma > 0.0 else np.nan


@kernel
def strongest(amplitude: Float64s) -> float:
    """The largest finite |amplitude| over the mean of all; NaN if there is none, or all are 0."""
    n, total, largest = 0, 0.0, 0.0
    for value in amplitude:
        if np.isfinite(value):
            n += 1
            total += abs(value)
            largest = max(largest, abs(value))
    return largest * n / total if total > 0.0 else np.nan


@kernel
def shape_of(size: int, rows: float) -> int:
    """The number of rows if `size` values are so many rows of equal length with enough bins; 0 if not."""
    if not (rows >= 2.0 and rows == math.floor(rows) and rows * LEAST_BINS <= size):
        return 0
    return int(rows) if size % int(rows) == 0 else 0
