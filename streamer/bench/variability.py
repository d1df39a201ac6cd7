"""Time-scales and memory of one band, for the baselines: NumPy and SciPy, one light curve at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from streamer.bench.alerts import Features
from streamer.data.arrays import Float64s
from streamer.features.points import stride
from streamer.features.timescales import LAGS, MOST_POINTS, SCALES

MIN_POINTS = 5
SHORTEST, LONGEST = np.log(0.05), np.log(500.0)
"""ln of damping times, d."""
SHORT = 64
"""Points up to which NumPy is quicker than LAPACK at the likelihood of twelve damping times."""


def variability(t: Float64s, f: Float64s, e: Float64s) -> Features:
    """Power on time-scales, structure function and damping time; none for fewer than five points or a constant flux."""
    if len(f) < MIN_POINTS or np.ptp(f) == 0:
        return {}
    some = slice(None, None, stride(len(f), MOST_POINTS))
    return timescales(t[some], f[some], e[some], float(np.abs(f).max())) | memory(t, f, e)


def timescales(t: Float64s, f: Float64s, e: Float64s, size: float) -> Features:
    """Arévalo's band-pass filters, and the structure function with its value at 10 d over `size`."""
    apart = t[None, :] - t[:, None]
    found: Features = {}
    for scale in SCALES:
        if t[-1] - t[0] >= scale:
            width = scale / (np.sqrt(2.0) * np.pi)
            wide = np.exp(-((apart / (2.0 * width)) ** 2))
            narrow = wide**4
            band_pass = narrow / narrow.sum(axis=1, keepdims=True) - wide / wide.sum(axis=1, keepdims=True)
            power = np.mean((band_pass @ f) ** 2 - band_pass**2 @ e**2)
            found[f"power_{scale:.0f}d"] = power / (np.exp(-0.5) - np.exp(-2.0)) ** 2 / f.var()
    for short, long in (("3d", "15d"), ("10d", "100d")):
        high, low = found.get(f"power_{short}", np.nan), found.get(f"power_{long}", np.nan)
        found[f"power_ratio_{short}_{long}"] = high / low if high > 0 and low > 0 else np.nan
    return found | _structure(apart, f, e, size)


def _structure(apart: Float64s, f: Float64s, e: Float64s, size: float) -> Features:
    first, second = np.triu_indices(len(f), 1)
    lag, square = apart[first, second], (f[second] - f[first]) ** 2 - e[first] ** 2 - e[second] ** 2
    x, y, n = [], [], []
    for low, high in pairwise(LAGS):
        inside = (lag >= low) & (lag < high)
        if inside.sum() >= 3 and square[inside].sum() > 0:
            x.append(np.log(lag[inside] / 10.0).mean())
            y.append(0.5 * np.log(square[inside].mean()))
            n.append(inside.sum())
    if len(x) < 2:
        return {}
    exponent, at_ten = np.polyfit(x, y, 1, w=np.sqrt(n))
    return {"structure_exponent": float(exponent), "structure_amplitude": float(np.exp(at_ten)) / size}


def memory(t: Float64s, f: Float64s, e: Float64s) -> Features:
    """The damped random walk that is most likely: a grid of damping times, then two finer ones about the best."""
    variance = f.var()
    x, noise, gap = (f - np.average(f, weights=e**-2.0)) / np.sqrt(variance), np.maximum(e**2 / variance, 1e-8), np.diff(t)
    share = max(1.0 - noise.mean(), 0.05)
    log_likelihood = _filtered if len(x) <= SHORT else _banded
    low, high, most, time = SHORTEST, LONGEST, -np.inf, SHORTEST
    for _ in range(3):
        grid = np.linspace(low, high, 12)
        found = log_likelihood(x, noise, gap, share, grid)
        best = int(found.argmax())
        if found[best] > most:
            most, time = found[best], grid[best]
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    independent = -0.5 * (np.log(share + noise) + x**2 / (share + noise)).sum()
    return {"iar_phi": float(np.exp(-np.exp(-time))), "iar_gain": float(most - independent) / len(f)}


def _filtered(x: Float64s, noise: Float64s, gap: Float64s, share: float, log_time: Float64s) -> Float64s:
    """Log likelihoods, but for a constant, for several times at once, by a Kalman filter over the points."""
    keep = np.exp(-gap[:, None] * np.exp(-log_time))
    kept = keep**2
    state, spread, total = np.zeros(len(log_time)), np.full(len(log_time), share), np.zeros(len(log_time))
    for i, (value, variance) in enumerate(zip(x.tolist(), noise.tolist(), strict=True)):
        if i:
            state = keep[i - 1] * state
            spread = share + kept[i - 1] * (spread - share)
        expected, surprise = spread + variance, value - state
        gain = spread / expected
        total += np.log(expected) + surprise**2 / expected
        state = state + gain * surprise
        spread = gain * variance
    return -0.5 * total


def _banded(x: Float64s, noise: Float64s, gap: Float64s, share: float, log_time: Float64s) -> Float64s:
    """The same by LAPACK, one time after the other: the inverse of the process's covariance has three diagonals."""
    found = np.empty(len(log_time))
    upper = np.zeros((2, len(x)))
    for place, pace in enumerate(np.exp(-log_time)):
        keep = np.exp(-gap * pace)
        new = np.maximum(1.0 - keep**2, 1e-12)
        upper[0, 1:] = -keep / new / share
        upper[1] = 1.0 / share + 1.0 / noise
        upper[1, 1:] += keep**2 / new / share
        upper[1, :-1] += keep**2 / new / share
        factor = cholesky_banded(upper, check_finite=False)
        weighted = x / noise
        rest = (x * weighted).sum() - (weighted * cho_solve_banded((factor, False), weighted, check_finite=False)).sum()
        found[place] = rest + 2.0 * np.log(factor[1]).sum() + np.log(share * noise).sum() + np.log(new).sum()
    return -0.5 * found
