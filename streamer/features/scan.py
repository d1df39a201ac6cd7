"""The whole periodogram in single precision, with a bound on its error: where the highest peak may be.

A block of frequencies lies around its centre. For one point, e^{i(u ± v)} = e^{iu} e^{±iv}, with u its phase at the centre and
v the way from there; the products of the parts of e^{iu} and e^{iv} serve the frequencies on both sides, and e^{iv} all blocks.
So the six sums of the periodogram cost six multiplications for each point and frequency, as many frequencies at a time as the
machine's vectors hold.
"""

from __future__ import annotations

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.features.kernel import kernel

_HALF = 32
"""Frequencies on each side of a centre: the tables of 30 points then fit the nearest cache."""
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
    tables = np.empty((n, 4 * _HALF), dtype=np.float32)
    # cos and sin of the centre of a block for each point, and of the way from centre to centre
    at_cos, at_sin, by_cos, by_sin = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    cosines, sines = np.empty(_HALF), np.empty(_HALF)
    for i in range(n):
        x, centre = 2.0 * np.pi * step * time[i], 2.0 * np.pi * (first + (_HALF - 0.5) * step) * time[i]
        _fill_tables(x, cosines, sines, tables[i])
        at_cos[i], at_sin[i] = np.cos(centre), np.sin(centre)
        by_cos[i], by_sin[i] = np.cos(2.0 * _HALF * x), np.sin(2.0 * _HALF * x)
    sums = np.empty(12 * _HALF, dtype=np.float32)
    outwards = np.empty((4, _HALF), dtype=np.float32)
    for start in range(0, power.shape[0], 2 * _HALF):
        outwards[:] = np.float32(0.0)
        for b in range(chi2.shape[0]):
            if chi2[b] <= 0:
                continue
            sums[:] = np.float32(0.0)
            for i in range(bands[b], bands[b + 1]):
                _add_point(weight[i], residual[i], at_cos[i], at_sin[i], tables[i], sums)
            scale = np.float32(chi2[b] / total)
            _add_power(sums, np.float32(1.0), scale, outwards[0], outwards[1])
            _add_power(sums, np.float32(-1.0), scale, outwards[2], outwards[3])
        for j in range(min(_HALF, power.shape[0] - start)):
            power[start + j], doubt[start + j] = outwards[2, _HALF - 1 - j], outwards[3, _HALF - 1 - j]
        for j in range(min(_HALF, power.shape[0] - start - _HALF)):
            power[start + _HALF + j], doubt[start + _HALF + j] = outwards[0, j], outwards[1, j]
        for i in range(n):
            c = at_cos[i] * by_cos[i] - at_sin[i] * by_sin[i]
            at_sin[i] = at_sin[i] * by_cos[i] + at_cos[i] * by_sin[i]
            at_cos[i] = c


@kernel
def _fill_tables(angle: float, cosines: Float64s, sines: Float64s, tables: Float32s) -> None:
    """Write cos, sin, cos of twice and sin of twice ½, 1½, 2½ … times `angle`, by doubling the filled part."""
    cosines[0], sines[0] = np.cos(0.5 * angle), np.sin(0.5 * angle)
    filled, c, s = 1, np.cos(angle), np.sin(angle)
    while filled < _HALF:
        for j in range(filled):
            cosines[filled + j] = cosines[j] * c - sines[j] * s
            sines[filled + j] = sines[j] * c + cosines[j] * s
        c, s = c * c - s * s, 2.0 * c * s
        filled *= 2
    for j in range(_HALF):
        tables[j], tables[_HALF + j] = cosines[j], sines[j]
        tables[2 * _HALF + j] = cosines[j] * cosines[j] - sines[j] * sines[j]
        tables[3 * _HALF + j] = 2.0 * cosines[j] * sines[j]


@kernel
def _add_point(weight: float, residual: float, at_cos: float, at_sin: float, tables: Float32s, sums: Float32s) -> None:
    """Add the four products of each of r e^{iu}, w e^{iu} and w e^{2iu} with the point's tables."""
    r_cos, r_sin = np.float32(residual * at_cos), np.float32(residual * at_sin)
    w_cos, w_sin = np.float32(weight * at_cos), np.float32(weight * at_sin)
    v_cos, v_sin = np.float32(weight * (at_cos * at_cos - at_sin * at_sin)), np.float32(weight * 2.0 * at_cos * at_sin)
    for j in range(_HALF):
        sums[j] += r_cos * tables[j]
        sums[_HALF + j] += r_sin * tables[_HALF + j]
        sums[2 * _HALF + j] += r_cos * tables[_HALF + j]
        sums[3 * _HALF + j] += r_sin * tables[j]
        sums[4 * _HALF + j] += w_cos * tables[j]
        sums[5 * _HALF + j] += w_sin * tables[_HALF + j]
        sums[6 * _HALF + j] += w_cos * tables[_HALF + j]
        sums[7 * _HALF + j] += w_sin * tables[j]
        sums[8 * _HALF + j] += v_cos * tables[2 * _HALF + j]
        sums[9 * _HALF + j] += v_sin * tables[3 * _HALF + j]
        sums[10 * _HALF + j] += v_cos * tables[3 * _HALF + j]
        sums[11 * _HALF + j] += v_sin * tables[2 * _HALF + j]


@kernel
def _add_power(sums: Float32s, side: np.float32, scale: np.float32, power: Float32s, doubt: Float32s) -> None:
    """Add one band's share and its error on the side +1 or −1 of the centre, from there outwards."""
    half, one, error = np.float32(0.5), np.float32(1.0), np.float32(_ERROR) * scale
    for j in range(_HALF):
        rc, rs = sums[j] - side * sums[_HALF + j], side * sums[2 * _HALF + j] + sums[3 * _HALF + j]
        wc, ws = sums[4 * _HALF + j] - side * sums[5 * _HALF + j], side * sums[6 * _HALF + j] + sums[7 * _HALF + j]
        vc, vs = sums[8 * _HALF + j] - side * sums[9 * _HALF + j], side * sums[10 * _HALF + j] + sums[11 * _HALF + j]
        cc = half * (one + vc) - wc * wc
        ss = half * (one - vc) - ws * ws
        cs = half * vs - wc * ws
        # where it is too small, the power is anything from 0 to the band's share
        inverse = one / max(cc * ss - cs * cs, np.float32(_TOO_DEGENERATE))
        power[j] += min(scale * (ss * rc * rc + cc * rs * rs - (cs + cs) * rc * rs) * inverse, scale)
        doubt[j] += min(error * inverse, scale)
