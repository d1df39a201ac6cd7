"""The whole periodogram in single precision, with a bound on its error: where the highest peak may be.

A block of frequencies lies around its centre. For one point, e^{i(u ± v)} = e^{iu} e^{±iv}, with u its phase at the centre and
v the way from there; the products of the parts of e^{iu} and e^{iv} serve the frequencies on both sides, and e^{iv} all blocks.
So the six sums of the periodogram cost six multiplications for each point and frequency, and are products of matrices: what
linear algebra libraries are best at.
"""

from __future__ import annotations

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.features.kernel import cosine_and_sine, kernel

_HALF = 32
"""Frequencies on each side of a centre."""
_TOGETHER = 512
"""Points in one product of matrices, at most: of larger ones OpenBLAS would ask for further threads."""
_ERROR = 3e-6
"""Bound on the error of a power, times the determinant of its normal equations: some five times the largest that was seen among
powers of light curves of 5 … 1,000 points in every kind of sampling (uniform, nightly, two nights, crowded at one end)."""
_TOO_DEGENERATE = 1e-6
"""With a smaller determinant nothing is known of the power.

The error of single precision is some 1e-7 in each of the four sums that make it."""


@kernel
def scan(
    bands: Int64s,
    time: Float64s,
    weight: Float64s,
    residual: Float64s,
    chi2: Float64s,
    first: float,
    step: float,
    power: Float32s,
    doubt: Float32s,
) -> None:
    """Write to `power` what :func:`streamer.features.spectrum.spectrum` would, in single precision, and how far off it may be.

    Parameters
    ----------
    bands, time, weight, residual, chi2, first, step
        As there.
    power, doubt : float32[number of frequencies]
        The exact power is within `doubt` of `power`.
    """
    n, total = time.shape[0], np.sum(chi2)
    single, double = np.empty((n, 2 * _HALF), dtype=np.float32), np.empty((n, 2 * _HALF), dtype=np.float32)
    for i in range(n):
        _fill_tables(step * time[i], single[i], double[i])
    # cos and sin of the centre of a block for each point, and of the way from centre to centre
    turns = np.empty((4, n))
    _fill_turns(time, first + (_HALF - 0.5) * step, 2.0 * _HALF * step, turns)
    room = np.empty(6 * n, dtype=np.float32)
    sums, part = np.empty((6, 2 * _HALF), dtype=np.float32), np.empty((4, 2 * _HALF), dtype=np.float32)
    outwards = np.empty((4, _HALF), dtype=np.float32)
    for start in range(0, power.shape[0], 2 * _HALF):
        outwards[:] = np.float32(0.0)
        for b in range(chi2.shape[0]):
            if chi2[b] <= 0:
                continue
            sums[:] = np.float32(0.0)
            for low in range(bands[b], bands[b + 1], _TOGETHER):
                some = slice(low, min(low + _TOGETHER, bands[b + 1]))
                _add_points(weight[some], residual[some], turns[:, some], single[some], double[some], room, part, sums)
            scale = np.float32(chi2[b] / total)
            _add_power(sums, np.float32(1.0), scale, outwards[0], outwards[1])
            _add_power(sums, np.float32(-1.0), scale, outwards[2], outwards[3])
        for j in range(min(_HALF, power.shape[0] - start)):
            power[start + j], doubt[start + j] = outwards[2, _HALF - 1 - j], outwards[3, _HALF - 1 - j]
        for j in range(min(_HALF, power.shape[0] - start - _HALF)):
            power[start + _HALF + j], doubt[start + _HALF + j] = outwards[0, j], outwards[1, j]
        _turn(turns)


@kernel
def _fill_tables(turns: float, single: Float32s, double: Float32s) -> None:
    """Write cos, then sin, of ½, 1½, 2½ … times so many turns, and of twice as many."""
    for j in range(_HALF):
        c, s = cosine_and_sine((j + 0.5) * turns)
        single[j], single[_HALF + j] = c, s
        double[j], double[_HALF + j] = c * c - s * s, 2.0 * c * s


@kernel
def _fill_turns(time: Float64s, centre: float, block: float, turns: Float64s) -> None:
    """Write cos and sin at the frequency `centre`, and of the way to one further by `block`, for each point."""
    for i in range(time.shape[0]):
        turns[0, i], turns[1, i] = cosine_and_sine(centre * time[i])
        turns[2, i], turns[3, i] = cosine_and_sine(block * time[i])


@kernel
def _turn(turns: Float64s) -> None:
    """Go on to the centre of the next block."""
    for i in range(turns.shape[1]):
        c = turns[0, i] * turns[2, i] - turns[1, i] * turns[3, i]
        turns[1, i] = turns[1, i] * turns[2, i] + turns[0, i] * turns[3, i]
        turns[0, i] = c


@kernel
def _add_points(
    weight: Float64s,
    residual: Float64s,
    turns: Float64s,
    single: Float32s,
    double: Float32s,
    room: Float32s,
    part: Float32s,
    sums: Float32s,
) -> None:
    """Add the products of the real and imaginary parts of r e^{iu}, w e^{iu} and w e^{2iu}, the rows of `sums`, with the tables."""
    n = weight.shape[0]
    factors, doubled = room[: 4 * n].reshape((4, n)), room[4 * n : 6 * n].reshape((2, n))
    _fill_factors(weight, residual, turns, factors, doubled)
    np.dot(factors, single, part)
    sums[:4] += part
    np.dot(doubled, double, part[:2])
    sums[4:] += part[:2]


@kernel
def _fill_factors(weight: Float64s, residual: Float64s, turns: Float64s, factors: Float32s, doubled: Float32s) -> None:
    for i in range(weight.shape[0]):
        c, s = turns[0, i], turns[1, i]
        factors[0, i], factors[1, i] = residual[i] * c, residual[i] * s
        factors[2, i], factors[3, i] = weight[i] * c, weight[i] * s
        doubled[0, i], doubled[1, i] = weight[i] * (c * c - s * s), weight[i] * 2.0 * c * s


@kernel
def _add_power(sums: Float32s, side: np.float32, scale: np.float32, power: Float32s, doubt: Float32s) -> None:
    """Add one band's share and its error on the side +1 or −1 of the centre, from there outwards."""
    half, one, error = np.float32(0.5), np.float32(1.0), np.float32(_ERROR) * scale
    for j in range(_HALF):
        k = _HALF + j
        rc, rs = sums[0, j] - side * sums[1, k], side * sums[0, k] + sums[1, j]
        wc, ws = sums[2, j] - side * sums[3, k], side * sums[2, k] + sums[3, j]
        vc, vs = sums[4, j] - side * sums[5, k], side * sums[4, k] + sums[5, j]
        cc = half * (one + vc) - wc * wc
        ss = half * (one - vc) - ws * ws
        cs = half * vs - wc * ws
        # where it is too small, the power is anything from 0 to the band's share
        inverse = one / max(cc * ss - cs * cs, np.float32(_TOO_DEGENERATE))
        power[j] += min(scale * (ss * rc * rc + cc * rs * rs - (cs + cs) * rc * rs) * inverse, scale)
        doubt[j] += min(error * inverse, scale)
