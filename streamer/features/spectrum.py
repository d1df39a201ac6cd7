"""The multi-band periodogram: generalised Lomb–Scargle in each band with its own mean, amplitude and phase, χ² reductions summed.

Zechmeister & Kürster 2009 for one band, VanderPlas & Ivezić 2015 for several. With one band the power is that of
``astropy.timeseries.LombScargle(t, f, σ)`` in its standard normalisation.
"""

from __future__ import annotations

import numpy as np

from streamer.data.arrays import Float64s, Int64s
from streamer.features.kernel import cosine_and_sine, kernel

MIN_POINTS_IN_BAND = 5
"""A sine with its mean takes three parameters; bands with fewer points than this say nothing about a period."""
MIN_POINTS = 8
"""Fewer points in all usable bands give no period."""
OVERSAMPLING = 5.0
"""Frequencies per 1/span, so that no peak falls between them."""
MAX_FREQUENCY = 10.0
"""1/d; periods from 2.4 h."""
PERIOD_BUDGET = 2**20
"""Most points × frequencies of one search, where a bundle states no other: 57 detections over a year are searched up to
`MAX_FREQUENCY`, a thousand over 85 days up to 2.4/d. Part of what the features mean, so it never changes."""

_BLOCK = 64
"""Frequencies computed side by side; the tables of 30 points then fit the nearest cache."""
_DEGENERATE = 1e-9
"""Sampling that cannot tell a sine from a constant at some frequency gives no power there."""


@kernel
def frequency_grid(span: float, n: int, budget: int = PERIOD_BUDGET) -> tuple[float, float, int]:
    """First frequency, step and number of frequencies for `n` points that span `span` days; none below 0.1 d.

    Beyond `budget` points × frequencies the highest frequencies are left out, never the resolution.
    """
    if not span * MAX_FREQUENCY >= 1.0:
        return 0.0, 0.0, 0
    step = 1.0 / (OVERSAMPLING * span)
    first = 1.0 / span
    # bounded before it becomes a whole number: an absurd epoch makes a span whose number of frequencies is none
    return first, step, min(int(min((MAX_FREQUENCY - first) / step, budget)) + 1, budget // max(n, 1))


@kernel
def prepare_band(flux: Float64s, error: Float64s, weight: Float64s, residual: Float64s) -> float:
    """Write normalised weights w, and w (f − f̄) over the weighted standard deviation; return χ² about the weighted mean f̄."""
    weight[:] = 1.0 / (error * error)
    total = np.sum(weight)
    weight[:] /= total
    residual[:] = flux - np.sum(weight * flux)
    variance = np.sum(weight * residual * residual)
    residual[:] *= weight / np.sqrt(variance)
    return float(total * variance)


@kernel
def power_at(
    bands: Int64s, time: Float64s, weight: Float64s, residual: Float64s, chi2: Float64s, frequency: float, amplitude: Float64s
) -> float:
    """The summed χ² reduction at one frequency, as a share of Σ `chi2`; arguments as those of :func:`spectrum`.

    Writes to `amplitude` that of each band's sine in units of the band's weighted standard deviation; what it held stays for bands
    that are left out or tell nothing at this frequency.
    """
    power = 0.0
    for b in range(chi2.shape[0]):
        if chi2[b] <= 0:
            continue
        inside = slice(bands[b], bands[b + 1])
        rc, rs, wc, ws, wcc, wcs = _sums_at(time[inside], weight[inside], residual[inside], frequency)
        cc, ss, cs = wcc - wc * wc, 1.0 - wcc - ws * ws, wcs - wc * ws
        determinant = cc * ss - cs * cs
        if determinant > _DEGENERATE:
            power += chi2[b] * (ss * rc * rc + cc * rs * rs - 2.0 * cs * rc * rs) / determinant
            amplitude[b] = np.hypot(ss * rc - cs * rs, cc * rs - cs * rc) / determinant
    return power / np.sum(chi2)


@kernel
def _sums_at(
    time: Float64s, weight: Float64s, residual: Float64s, frequency: float
) -> tuple[float, float, float, float, float, float]:
    """Σr cos, Σr sin, Σw cos, Σw sin, Σw cos² and Σw cos sin of one band."""
    cosines, sines = np.empty(time.shape[0]), np.empty(time.shape[0])
    for i in range(time.shape[0]):
        cosines[i], sines[i] = cosine_and_sine(frequency * time[i])
    rc = rs = wc = ws = wcc = wcs = 0.0
    for i in range(time.shape[0]):
        c, s = cosines[i], sines[i]
        rc, rs = rc + residual[i] * c, rs + residual[i] * s
        wc, ws = wc + weight[i] * c, ws + weight[i] * s
        wcc, wcs = wcc + weight[i] * c * c, wcs + weight[i] * c * s
    return rc, rs, wc, ws, wcc, wcs


@kernel
def spectrum(
    bands: Int64s,
    time: Float64s,
    weight: Float64s,
    residual: Float64s,
    chi2: Float64s,
    first: float,
    step: float,
    cosines: Float64s,
    sines: Float64s,
    power: Float64s,
) -> None:
    """Write to `power` the summed χ² reduction at each frequency of the grid, as a share of Σ `chi2`.

    Parameters
    ----------
    bands : int64[number of bands + 1]
        Points of band b are ``bands[b]:bands[b + 1]``.
    time, weight, residual : float64[points]
        Time in d, and what :func:`prepare_band` writes.
    chi2 : float64[number of bands]
        χ² about the mean of each band; a band with 0 is left out.
    first, step : float, 1/d
        The grid; its length is that of `power`.
    cosines, sines : float64[points, 64]
        Work arrays.
    power : float64[number of frequencies]
    """
    n = time.shape[0]
    # cos and sin of the first frequency of a block for each point, and of the way from block to block
    at_cos, at_sin, by_cos, by_sin = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        by_cos[i], by_sin[i] = _fill_table(2.0 * np.pi * step * time[i], cosines[i], sines[i])
        at_cos[i], at_sin[i] = np.cos(2.0 * np.pi * first * time[i]), np.sin(2.0 * np.pi * first * time[i])
    sums = np.empty((6, _BLOCK))
    total = np.sum(chi2)
    power[:] = 0.0
    for start in range(0, power.shape[0], _BLOCK):
        width = min(_BLOCK, power.shape[0] - start)
        for b in range(chi2.shape[0]):
            if chi2[b] <= 0:
                continue
            sums[:] = 0.0
            for i in range(bands[b], bands[b + 1]):
                _add_point(at_cos[i], at_sin[i], weight[i], residual[i], cosines[i], sines[i], sums)
            _add_power(sums, chi2[b] / total, power[start : start + width])
        for i in range(n):
            c = at_cos[i] * by_cos[i] - at_sin[i] * by_sin[i]
            at_sin[i] = at_sin[i] * by_cos[i] + at_cos[i] * by_sin[i]
            at_cos[i] = c


@kernel
def _fill_table(angle: float, cosines: Float64s, sines: Float64s) -> tuple[float, float]:
    """Write cos and sin of 0, 1, 2 … 63 times `angle` by doubling the filled part; return those of 64 times."""
    cosines[0], sines[0] = 1.0, 0.0
    filled, c, s = 1, np.cos(angle), np.sin(angle)
    while filled < _BLOCK:
        for j in range(filled):
            cosines[filled + j] = cosines[j] * c - sines[j] * s
            sines[filled + j] = sines[j] * c + cosines[j] * s
        c, s = c * c - s * s, 2.0 * c * s
        filled *= 2
    return c, s


@kernel
def _add_point(
    at_cos: float, at_sin: float, weight: float, residual: float, cosines: Float64s, sines: Float64s, sums: Float64s
) -> None:
    """Add a point to Σr cos, Σr sin, Σw cos, Σw sin, Σw cos², Σw cos sin, for a block of frequencies side by side."""
    rc, rs, wc, ws, wcc, wcs = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    for j in range(_BLOCK):
        c = at_cos * cosines[j] - at_sin * sines[j]
        s = at_sin * cosines[j] + at_cos * sines[j]
        rc[j] += residual * c
        rs[j] += residual * s
        wc[j] += weight * c
        ws[j] += weight * s
        wcc[j] += weight * c * c
        wcs[j] += weight * c * s


@kernel
def _add_power(sums: Float64s, scale: float, power: Float64s) -> None:
    """Add one band's share: equation 5 of Zechmeister & Kürster 2009."""
    for j in range(power.shape[0]):
        rc, rs, wc, ws = sums[0, j], sums[1, j], sums[2, j], sums[3, j]
        cc = sums[4, j] - wc * wc
        ss = 1.0 - sums[4, j] - ws * ws
        cs = sums[5, j] - wc * ws
        determinant = cc * ss - cs * cs
        if determinant > _DEGENERATE:
            power[j] += scale * (ss * rc * rc + cc * rs * rs - 2.0 * cs * rc * rs) / determinant
