"""A supernova's rise and decline, fitted in each band where a light curve may be one.

The function is that of Bazin et al. (2009), f(t) = A exp(−(t − t0)/τ_fall) / (1 + exp(−(t − t0)/τ_rise)) + B, written by its peak:
the peak flux F over the baseline, the time of the peak, τ_rise, q = ln(τ_fall/τ_rise − 1), and B. In these terms

    f = F exp(−z s − softplus(−z − q) + softplus(−q)) + B,    z = (t − t_peak)/τ_rise,    s = 1/(1 + exp(q)),

which has its peak where it says so, τ_fall > τ_rise always, and parameters that a few points tell apart.

A packet's window seldom shows both the rise and the decline, so weak penalties (:data:`PENALTIES`) stand for what is not seen;
where the data speak, they weigh nothing. χ² plus penalties is minimised by at most :data:`STEPS` steps of Levenberg and Marquardt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import AB_ZERO_POINT_NJY, Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import fading, kernel
from streamer.features.points import points_by_band, stride

MIN_POINTS = 5
MIN_SPAN = 1.0
"""d; a band observed for less time shows neither rise nor decline."""
MIN_POSITIVE = 0.8
MIN_SNR = 5.0
SECOND_HUMP = 0.3
"""Share of the peak by which the flux may rise again on its way from the peak before it is no single hump …"""
SECOND_HUMP_SIGMAS = 5.0
"""… if it is so many times its error."""
MOST_POINTS = 128
"""Of more detections in a band every second, third … is used: the fit's cost is bounded."""
STEPS = 30
SMALLEST_ERROR = 1e-3
"""Of the brightest flux: no photometry is better than a millimagnitude."""

PENALTIES = np.array([[0.0, 15.0], [np.log(3.0), 1.5], [np.log(25.0), 1.5], [0.0, 0.2]])
"""Centre and width for the time of the peak (d, from the brightest detection), ln τ_rise, ln τ_fall and the baseline (of the
brightest flux): a supernova of usual pace on nothing; 1.5 is a factor of 4.5."""

_UNFITTED = (
    "the light curve in the band cannot be one supernova: fewer than 5 detections, less than 1 d, fewer than 80 % positive, "
    "the brightest not above 5σ, or a second hump"
)
_BAZIN = "Bazin et al. 2009, A&A 499, 653; fitted with weak penalties"

PER_BAND = (
    Feature("bazin_rise_time", "d", "τ_rise of Bazin's function.", _UNFITTED, _BAZIN),
    Feature("bazin_fall_time", "d", "τ_fall of Bazin's function.", _UNFITTED, _BAZIN),
    Feature("bazin_peak_age", "d", "From the peak of Bazin's function to the alert; negative while it rises.", _UNFITTED, _BAZIN),
    Feature("bazin_peak_magnitude", "mag", "AB magnitude of Bazin's function at its peak, over the baseline.", _UNFITTED, _BAZIN),
    Feature("bazin_baseline", "1", "Baseline of Bazin's function over its peak.", _UNFITTED, _BAZIN),
    Feature("bazin_chi2_reduced", "1", "(χ² + penalties) / (n − 1) about Bazin's function.", _UNFITTED, _BAZIN),
    Feature("bazin_converged", "1", "1 if the fit came to rest within 30 steps, else 0.", _UNFITTED, _BAZIN),
)
PER_PAIR = (
    Feature(
        "bazin_colour_peak",
        "mag",
        "Difference of bazin_peak_magnitude.",
        "one of the two bands has no fit",
        _BAZIN,
    ),
    Feature(
        "bazin_peak_delay",
        "d",
        "From the fitted peak in the bluer to that in the redder band.",
        "one of the two bands has no fit",
        _BAZIN,
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The fit in each band, then what the fits of neighbouring bands say of each other."""
    between = (
        replace(feature, name=f"{feature.name}_{blue}_{red}", meaning=f"{feature.meaning} Bands {blue} and {red}.")
        for blue, red in pairwise(bands)
        for feature in PER_PAIR
    )
    return (*for_bands(PER_BAND, bands), *between)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 7 × number of bands + 2 × number of neighbours] supernova shapes."""
    bands = len(alerts.bands)
    return compute_some(alerts, np.ones(bands * len(PER_BAND) + max(bands - 1, 0) * len(PER_PAIR), dtype=np.bool_))


def compute_some(alerts: AlertBatch, wanted: Bools) -> Float32s:
    """The same; bands of which no column is marked, their own or one with a neighbour, are not fitted: NaN."""
    points = points_by_band(alerts, Kind.DETECTION)
    values = np.full((len(points.counts), len(PER_BAND)), np.nan)
    own = len(alerts.bands) * len(PER_BAND)
    bands: Bools = np.logical_or.reduce(wanted[:own].reshape(len(alerts.bands), len(PER_BAND)), axis=1)
    pairs: Bools = np.logical_or.reduce(wanted[own:].reshape(-1, len(PER_PAIR)), axis=1)
    bands[:-1] |= pairs
    bands[1:] |= pairs
    _shapes(points.offsets, points.time, points.flux, points.error, bands, PENALTIES, values)
    by_alert = values.reshape(len(alerts), len(alerts.bands), len(PER_BAND))
    colour = by_alert[:, :-1, 3] - by_alert[:, 1:, 3]
    delay = by_alert[:, :-1, 2] - by_alert[:, 1:, 2]
    by_pair = np.stack([colour, delay], axis=2)
    return as_features(
        np.concatenate([part.reshape(len(alerts), part.shape[1] * part.shape[2]) for part in (by_alert, by_pair)], axis=1)
    )


FAMILY = Family("supernova", outputs, compute, some=compute_some)


@kernel
def _shapes(
    offsets: Int64s, time: Float64s, flux: Float64s, error: Float64s, wanted: Bools, penalties: Float64s, out: Float64s
) -> None:
    """Write the fits of each alert's `wanted` bands to the rows of `out`."""
    t, f, w = np.empty(MOST_POINTS), np.empty(MOST_POINTS), np.empty(MOST_POINTS)
    p = np.empty(5)
    for k in range(offsets.shape[0] - 1):
        inside = slice(offsets[k], offsets[k + 1])
        if not wanted[k % wanted.shape[0]] or not is_plausible(time[inside], flux[inside], error[inside]):
            continue
        step = stride(offsets[k + 1] - offsets[k], MOST_POINTS)
        brightest = np.max(flux[inside])
        t_brightest = time[inside][np.argmax(flux[inside])]
        n = 0
        for i in range(offsets[k], offsets[k + 1], step):
            t[n] = time[i] - t_brightest
            f[n] = flux[i] / brightest
            w[n] = 1.0 / max(error[i] / brightest, SMALLEST_ERROR)
            n += 1
        cost, converged = fit(t[:n], f[:n], w[:n], penalties, p)
        rise = np.exp(p[2])
        out[k, 0] = rise
        out[k, 1] = rise * (1.0 + np.exp(p[3]))
        out[k, 2] = -(p[1] + t_brightest)
        out[k, 3] = AB_ZERO_POINT_NJY - 2.5 * (p[0] / np.log(10.0) + np.log10(brightest))
        out[k, 4] = p[4] * np.exp(-p[0])
        out[k, 5] = cost / (n - 1.0)
        out[k, 6] = converged


@kernel
def is_plausible(t: Float64s, f: Float64s, e: Float64s) -> bool:
    """The light curve may be one supernova: enough points and time, mostly positive, significant, and a single hump."""
    n = t.shape[0]
    if n < MIN_POINTS or t[n - 1] - t[0] < MIN_SPAN:
        return False
    positive, peak = 0, 0
    for i in range(n):
        positive += f[i] > 0
        if f[i] > f[peak]:
            peak = i
    if positive < MIN_POSITIVE * n or not f[peak] > MIN_SNR * e[peak]:
        return False
    return not (_rises_again(f, e, peak, 1) or _rises_again(f, e, peak, -1))


@kernel
def _rises_again(f: Float64s, e: Float64s, peak: int, step: int) -> bool:
    """Going from the peak in one direction, the flux comes back up from its lowest by much and significantly."""
    lowest = peak
    i = peak + step
    while 0 <= i < f.shape[0]:
        up = f[i] - f[lowest]
        if up > SECOND_HUMP * f[peak] and up > SECOND_HUMP_SIGMAS * np.sqrt(e[i] ** 2 + e[lowest] ** 2):
            return True
        if up < 0:
            lowest = i
        i += step
    return False


@kernel
def fit(t: Float64s, f: Float64s, w: Float64s, penalties: Float64s, p: Float64s) -> tuple[float, float]:
    """χ² + penalties at the minimum, and 1.0 if it was reached, else 0.0; the parameters are written to `p`.

    Parameters
    ----------
    t : float64[n], d
        From the brightest detection.
    f, w : float64[n]
        Flux over the brightest, and one over its error.
    penalties : float64[4, 2]
        As :data:`PENALTIES`.
    p : float64[5], out
        ln F, time of the peak, ln τ_rise, q, baseline.
    """
    p[0], p[1], p[2], p[4] = 0.0, penalties[0, 0], penalties[1, 0], 0.0
    p[3] = np.log(np.exp(penalties[2, 0] - penalties[1, 0]) - 1.0)
    normal, gradient, work = np.empty((5, 5)), np.empty(5), np.empty((6, t.shape[0]))
    factor, trial = np.empty((5, 5)), np.empty(5)
    cost = _equations(t, f, w, penalties, p, work, normal, gradient)
    damping = 1e-2
    for _ in range(STEPS):
        if _damped_step(normal, gradient, damping, factor, trial):
            for j in range(5):
                trial[j] += p[j]
            new = _cost(t, f, w, penalties, trial, work[5])
        else:
            new = np.inf
        if new < cost:
            gain = cost - new
            p[:] = trial
            cost = _equations(t, f, w, penalties, p, work, normal, gradient)
            if gain < 1e-4 + 1e-6 * cost:
                return cost, 1.0
            damping = max(0.2 * damping, 1e-9)
        else:
            damping *= 5.0
            if damping > 1e8:  # nothing better to be found in any direction
                return cost, 1.0
    return cost, 0.0


@kernel
def _softplus(x: float) -> float:
    """ln(1 + exp(x)), without overflow."""
    return float(max(x, 0.0) + np.log1p(np.exp(-abs(x))))


@kernel
def _sigmoid(x: float) -> float:
    """1 / (1 + exp(−x)), without overflow."""
    y = np.exp(-abs(x))
    return float(1.0 / (1.0 + y) if x >= 0 else y / (1.0 + y))


@kernel
def bazin(t: float, p: Float64s) -> float:
    """Bazin's function of the parameters of :func:`fit`."""
    z = (t - p[1]) * np.exp(-p[2])
    return float(np.exp(p[0] - z * _sigmoid(-p[3]) - _softplus(-z - p[3]) + _softplus(-p[3])) + p[4])


@kernel
def _cost(t: Float64s, f: Float64s, w: Float64s, penalties: Float64s, p: Float64s, residual: Float64s) -> float:
    """χ² + penalties at `p`; `residual` is float64[n] to work in."""
    _residuals(t, f, w, p, np.exp(-p[2]), _sigmoid(-p[3]), _softplus(-p[3]), np.exp(p[0]), residual)
    cost = 0.0
    for i in range(residual.shape[0]):
        cost += residual[i] * residual[i]
    for k in range(4):
        cost += ((_penalised(p, k) - penalties[k, 0]) / penalties[k, 1]) ** 2
    return float(cost if np.isfinite(cost) else np.inf)


@kernel
def _height(z: float, s: float, q: float, at_peak: float, peak: float) -> float:
    """Bazin's function without its baseline as a vector's lanes compute it: the exponent is 0 at the peak and nowhere above.

    exp(−z s − softplus(x) + at_peak) with x = −z − q is exp(−z s − max(x, 0) + at_peak) / (1 + exp(−|x|)).
    """
    x = -z - q
    return float(peak * fading(z * s + max(x, 0.0) - at_peak) / (1.0 + fading(abs(x))))


@kernel
def _residuals(
    t: Float64s, f: Float64s, w: Float64s, p: Float64s, pace: float, s: float, at_peak: float, peak: float, residual: Float64s
) -> None:
    """Write the residuals about Bazin's function of the parameters `p`, of which the four numbers are made, over the errors."""
    epoch, q, base = p[1], p[3], p[4]
    for i in range(t.shape[0]):
        residual[i] = (f[i] - base - _height((t[i] - epoch) * pace, s, q, at_peak, peak)) * w[i]


@kernel
def _penalised(p: Float64s, k: int) -> float:
    """What the k-th penalty is on."""
    if k == 2:
        return float(p[2] + _softplus(p[3]))
    return float(p[k + 1])


@kernel
def _equations(
    t: Float64s, f: Float64s, w: Float64s, penalties: Float64s, p: Float64s, work: Float64s, normal: Float64s, gradient: Float64s
) -> float:
    """χ² + penalties at `p`; JᵀJ (its lower half) and Jᵀr of all residuals, r = (data − model)/σ. `work` is float64[6, n]."""
    pace, s = np.exp(-p[2]), _sigmoid(-p[3])
    _rows(t, f, w, p, pace, s, _softplus(-p[3]), np.exp(p[0]), work[0], work[1], work[2], work[3], work[4], work[5])
    cost = _squares(work, normal, gradient)
    row = np.empty(5)
    for k in range(4):
        row[:] = 0.0
        if k == 2:
            row[2], row[3] = 1.0, 1.0 - s
        else:
            row[k + 1] = 1.0
        row /= penalties[k, 1]
        residual = (penalties[k, 0] - _penalised(p, k)) / penalties[k, 1]
        cost += residual * residual
        _add(row, residual, normal, gradient)
    return float(cost)


@kernel
def _rows(
    t: Float64s,
    f: Float64s,
    w: Float64s,
    p: Float64s,
    pace: float,
    s: float,
    at_peak: float,
    peak: float,
    by_flux: Float64s,
    by_time: Float64s,
    by_rise: Float64s,
    by_ratio: Float64s,
    by_base: Float64s,
    residual: Float64s,
) -> None:
    """Write the derivative of each point's model by each parameter, and the residuals, all over the errors."""
    epoch, q, base = p[1], p[3], p[4]
    for i in range(t.shape[0]):
        z = (t[i] - epoch) * pace
        x = -z - q
        low = fading(abs(x))
        before = (low if x < 0 else 1.0) / (1.0 + low)
        height = _height(z, s, q, at_peak, peak)
        by_z = height * (before - s)
        by_flux[i] = height * w[i]
        by_time[i] = -by_z * pace * w[i]
        by_rise[i] = -by_z * z * w[i]
        by_ratio[i] = height * (z * s * (1.0 - s) + before - s) * w[i]
        by_base[i] = w[i]
        residual[i] = (f[i] - height - base) * w[i]


@kernel
def _squares(work: Float64s, normal: Float64s, gradient: Float64s) -> float:
    """Write JᵀJ (its lower half) and Jᵀr, return rᵀr; the rows of `work` are the columns of J, and r.

    Twenty-one sums grow side by side, each in the order of the points, so that none waits for another.
    """
    flux, time, rise, ratio, base, residual = work[0], work[1], work[2], work[3], work[4], work[5]
    ff = tf = tt = rf = rt = rr = qf = qt = qr = qq = bf = bt = br = bq = bb = 0.0
    fy = ty = ry = qy = by = yy = 0.0
    for i in range(residual.shape[0]):
        f, t, r, q, b, y = flux[i], time[i], rise[i], ratio[i], base[i], residual[i]
        ff, tf, rf, qf, bf, fy = ff + f * f, tf + t * f, rf + r * f, qf + q * f, bf + b * f, fy + f * y
        tt, rt, qt, bt, ty = tt + t * t, rt + r * t, qt + q * t, bt + b * t, ty + t * y
        rr, qr, br, ry = rr + r * r, qr + q * r, br + b * r, ry + r * y
        qq, bq, qy = qq + q * q, bq + b * q, qy + q * y
        bb, by, yy = bb + b * b, by + b * y, yy + y * y
    normal[0, 0] = ff
    normal[1, 0], normal[1, 1] = tf, tt
    normal[2, 0], normal[2, 1], normal[2, 2] = rf, rt, rr
    normal[3, 0], normal[3, 1], normal[3, 2], normal[3, 3] = qf, qt, qr, qq
    normal[4, 0], normal[4, 1], normal[4, 2], normal[4, 3], normal[4, 4] = bf, bt, br, bq, bb
    gradient[0], gradient[1], gradient[2], gradient[3], gradient[4] = fy, ty, ry, qy, by
    return yy


@kernel
def _add(row: Float64s, residual: float, normal: Float64s, gradient: Float64s) -> None:
    for a in range(5):
        gradient[a] += row[a] * residual
        for b in range(a + 1):
            normal[a, b] += row[a] * row[b]


@kernel
def _damped_step(normal: Float64s, gradient: Float64s, damping: float, factor: Float64s, step: Float64s) -> bool:
    """Solve (JᵀJ + damping · its diagonal) step = Jᵀr by Cholesky's factors; False if they do not exist."""
    for a in range(5):
        for b in range(a + 1):
            total = normal[a, b] * (1.0 + damping if a == b else 1.0)
            for c in range(b):
                total -= factor[a, c] * factor[b, c]
            if a > b:
                factor[a, b] = total / factor[b, b]
            elif total > 0:
                factor[a, a] = np.sqrt(total)
            else:
                return False
    for a in range(5):
        total = gradient[a]
        for c in range(a):
            total -= factor[a, c] * step[c]
        step[a] = total / factor[a, a]
    for a in range(4, -1, -1):
        total = step[a]
        for c in range(a + 1, 5):
            total -= factor[c, a] * step[c]
        step[a] = total / factor[a, a]
    return True
