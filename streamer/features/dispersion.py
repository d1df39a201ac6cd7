"""The curve of S/N against trial dispersion measure: where and how sharp its peak is, and whether theory would have it so.

A dispersed pulse loses its S/N at a wrong DM as √π/2 · erf(ζ)/ζ with ζ = 6.91e-3 · δDM · Δν / (W ν³) (δDM in pc cm^-3, bandwidth Δν
in MHz, width W in ms, centre frequency ν in GHz; Cordes & McLaughlin 2003, ApJ 596, 1142, equations 12 and 13). Interference is
strongest at DM 0, and noise has no peak. W is the width that the packet states, or else the profile's width at half its height.

Trials that were not measured are left out; those out of order are sorted. Everything is NaN with fewer than three trials or all at
one DM, and where the largest S/N is not positive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.features import pulse
from streamer.features.feature import Family, Feature, as_features, stated
from streamer.features.kernel import kernel

LEAST_TRIALS = 3
ZETA_PER_DM = 6.91e-3
"""ζ for 1 pc cm^-3, 1 MHz, 1 ms and 1 GHz."""
ZETA_OF_HALF = 1.748709
"""ζ at which half of the S/N is left."""
MAD_TO_SIGMA = 1.4826
_SMALLEST_ZETA = 1e-6
_ERF_IS_ONE = 6.0
_HALF_ROOT_PI = 0.5 * math.sqrt(math.pi)

_CURVE = "fewer than three measured trials, all at one DM, or no S/N above 0"
_THEORY = f"{_CURVE}; no centre_frequency, bandwidth or width"
_CORDES = "Cordes & McLaughlin 2003, ApJ 596, 1142"
_EATOUGH = "after Eatough et al. 2010, MNRAS 407, 2443"

FEATURES = (
    Feature("dm_best", "pc cm^-3", "Trial with the largest S/N.", _CURVE, _EATOUGH),
    Feature("dm_best_snr", "1", "The largest S/N.", _CURVE, _EATOUGH),
    Feature(
        "dm_zero_ratio",
        "1",
        "S/N at DM 0, between two trials on a straight line, over the largest.",
        f"{_CURVE}; DM 0 is outside the trials",
        _EATOUGH,
    ),
    Feature(
        "dm_contrast",
        "1",
        "(Largest S/N − median) / (1.4826 × median absolute deviation).",
        f"{_CURVE}; the deviation is 0",
        "streamer",
    ),
    Feature("dm_width", "pc cm^-3", "Width of the peak at half the largest S/N, at most to the last trial.", _CURVE, _CORDES),
    Feature("dm_width_ratio", "dex", "log₁₀ of dm_width over that of theory.", _THEORY, _CORDES),
    Feature(
        "dm_theory_share",
        "1",
        "1 − Σ(S/N − a · theory)² / Σ(S/N − mean)², theory centred at dm_best and a by least squares.",
        _THEORY,
        _CORDES,
    ),
    Feature("dm_offset", "1", "(dm_best − the stated dm) / dm_width.", f"{_CURVE}; no dm", "streamer"),
    Feature(
        "dm_asymmetry",
        "1",
        "(Above − below) / (above + below) of the area under |S/N| within dm_width of dm_best, as far as both sides go.",
        f"{_CURVE}; dm_best is the first or last trial",
        "streamer",
    ),
    Feature("dm_peaks", "1", "Separate runs of trials with at least half the largest S/N.", _CURVE, "streamer"),
    Feature("dm_share_half", "1", "Share of the trials with at least half the largest S/N.", _CURVE, "streamer"),
)
(
    _BEST, _BEST_SNR, _ZERO_RATIO, _CONTRAST, _WIDTH, _WIDTH_RATIO, _THEORY_SHARE, _OFFSET, _ASYMMETRY, _PEAKS, _SHARE_HALF,
) = range(len(FEATURES))  # fmt: skip


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - a candidate has no bands
    """The features of a DM curve."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 11]; NaN for alerts without a DM curve."""
    values = np.full((len(alerts), len(FEATURES)), np.nan)
    if "dm_curve" in alerts.series:
        table = alerts.series["dm_curve"]
        dm, snr = (np.asarray(table[name], dtype=np.float64) for name in ("dm", "snr"))
        curve_shapes(table.offsets, dm, snr, stated(alerts, "dm"), zeta_per_dm(alerts), values)
    return as_features(values)


def zeta_per_dm(alerts: AlertBatch) -> Float64s:
    """float64[n] cm³ pc^-1, ζ for each unit of DM; NaN where the packet does not say what it takes."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        width = stated(alerts, "width")
        if not (width > 0).all():
            width = np.where(width > 0, width, pulse.width_of_half(alerts) * stated(alerts, "period"))
        zeta = ZETA_PER_DM * np.abs(stated(alerts, "bandwidth")) / (1e3 * width * (1e-3 * stated(alerts, "centre_frequency")) ** 3)
        sound: Float64s = np.where((zeta > 0) & np.isfinite(zeta), zeta, np.nan)
    return sound


@kernel
def remaining(zeta: float) -> float:
    """The share of the S/N that is left at ζ."""
    zeta = max(abs(zeta), _SMALLEST_ZETA)
    return _HALF_ROOT_PI * (math.erf(zeta) if zeta < _ERF_IS_ONE else 1.0) / zeta


@kernel
def curve_shapes(offsets: Int64s, dm: Float64s, snr: Float64s, expected: Float64s, zeta: Float64s, out: Float64s) -> None:
    """Fill `out` (float64[n, 11], all NaN before).

    Parameters
    ----------
    offsets, dm, snr : int64[n + 1], float64[m] pc cm^-3, float64[m]
        The ragged curves.
    expected : float64[n], pc cm^-3
        The DM that the packet states.
    zeta : float64[n], cm³ pc^-1
        See :func:`zeta_per_dm`.
    """
    x, y = np.empty(dm.shape[0]), np.empty(dm.shape[0])
    for row in range(offsets.shape[0] - 1):
        m, rises = 0, True
        for i in range(offsets[row], offsets[row + 1]):
            if np.isfinite(dm[i]) and np.isfinite(snr[i]):
                x[m], y[m] = dm[i], snr[i]
                rises = rises and (m == 0 or x[m] >= x[m - 1])
                m += 1
        if m < LEAST_TRIALS:
            continue
        if rises:
            _curve(x[:m], y[:m], expected[row], zeta[row], out[row])
        else:
            order = np.argsort(x[:m], kind="mergesort")
            _curve(x[:m][order], y[:m][order], expected[row], zeta[row], out[row])


@kernel
def _curve(x: Float64s, y: Float64s, expected: float, zeta: float, out: Float64s) -> None:
    m = x.shape[0]
    best = int(np.argmax(y))
    top = y[best]
    if not (top > 0.0 and x[m - 1] > x[0]):
        return
    out[_BEST], out[_BEST_SNR] = x[best], top
    if x[0] <= 0.0 <= x[m - 1]:
        out[_ZERO_RATIO] = _between(x, y, 0.0) / top
    middle = np.median(y)
    spread = MAD_TO_SIGMA * np.median(np.abs(y - middle))
    if spread > 0.0:
        out[_CONTRAST] = (top - middle) / spread
    width = _half(x, y, best, 1) - _half(x, y, best, -1)
    out[_WIDTH] = width
    out[_OFFSET] = (x[best] - expected) / width
    runs, above = 0, 0
    for i in range(m):
        if y[i] >= 0.5 * top:
            above += 1
            if i == 0 or y[i - 1] < 0.5 * top:
                runs += 1
    out[_PEAKS], out[_SHARE_HALF] = runs, above / m
    reach = min(width, x[best] - x[0], x[m - 1] - x[best])
    if reach > 0.0:
        below, above_it = _area(x, y, x[best] - reach, x[best]), _area(x, y, x[best], x[best] + reach)
        out[_ASYMMETRY] = (above_it - below) / (above_it + below)
    if np.isfinite(zeta):
        out[_WIDTH_RATIO] = math.log10(width * zeta / (2.0 * ZETA_OF_HALF))
        out[_THEORY_SHARE] = _theory_share(x, y, x[best], zeta)


@kernel
def _half(x: Float64s, y: Float64s, best: int, step: int) -> float:
    """The DM at which the curve falls to half of its largest S/N, on one side; the last trial of that side if it does not."""
    level = 0.5 * y[best]
    i = best
    while 0 <= i + step < x.shape[0] and y[i + step] >= level:
        i += step
    at: float = x[i]
    if 0 <= i + step < x.shape[0]:
        at += (x[i + step] - x[i]) * (y[i] - level) / (y[i] - y[i + step])
    return at


@kernel
def _between(x: Float64s, y: Float64s, at: float) -> float:
    """The curve at `at`, which is within it."""
    i = min(max(int(np.searchsorted(x, at)), 1), x.shape[0] - 1)
    value: float = y[i]
    if x[i] > x[i - 1]:
        value = y[i - 1] + (y[i] - y[i - 1]) * (at - x[i - 1]) / (x[i] - x[i - 1])
    return value


@kernel
def _area(x: Float64s, y: Float64s, begin: float, end: float) -> float:
    """The area under the absolute curve from `begin` to `end`, which are within it."""
    area, last, value = 0.0, begin, abs(_between(x, y, begin))
    for i in range(x.shape[0]):
        if begin < x[i] < end:
            area += 0.5 * (x[i] - last) * (abs(y[i]) + value)
            last, value = x[i], abs(y[i])
    return area + 0.5 * (end - last) * (abs(_between(x, y, end)) + value)


@kernel
def _theory_share(x: Float64s, y: Float64s, centre: float, zeta: float) -> float:
    both = squares = 0.0
    theory = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        theory[i] = remaining((x[i] - centre) * zeta)
        both += theory[i] * y[i]
        squares += theory[i] * theory[i]
    height, mean = both / squares, y.mean()
    missed = total = 0.0
    for i in range(x.shape[0]):
        missed += (y[i] - height * theory[i]) ** 2
        total += (y[i] - mean) ** 2
    return 1.0 - missed / total


FAMILY = Family("dispersion", outputs, compute, reads="series")
