"""The shape of a light curve: what lies between its points, as far as it can be known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streamer import features
from streamer.data.arrays import Bools, Float64s
from streamer.training.datasets import LightCurves
from streamer.training.windows import age_picks, alerts_of

PERIOD_BUDGET = 2**27
"""Most points × frequencies of a template's period search: 500 points over ten years are searched up to 10/d."""
MAX_HARMONICS = 6
MIN_POINTS = 20
"""With fewer detections nothing is folded."""
MIN_SMOOTHED = 8
"""With fewer detections in a band nothing is smoothed."""
MIN_EXPLAINED = 0.5
"""Share of the variance that a folded series must take away; below, the period is taken for wrong."""
_POINTS_PER_HARMONIC = 10
_OUTLIER = 4.0  # robust sigmas from the first fit
_FAINTEST = 0.02  # of the mean: an overshooting series never turns the light negative
_REACH = 2.0  # kernel widths from the nearest point, beyond which nothing is known
_FLOOR = 0.01  # of the flux: no survey's errors are believed below a percent


class Shape(Protocol):
    """A light curve that can be asked at any time."""

    def at(self, epoch: Float64s) -> Float64s:
        """float64[n] flux at epochs (MJD, days); NaN where it cannot be known."""
        ...


@dataclass(frozen=True, slots=True)
class FourierSeries:
    """1 + Σ a_k cos(2πkt/P) + b_k sin(2πkt/P): a periodic light curve over its mean.

    Parameters
    ----------
    period : float, d
    cosines, sines : tuple of float
        a_k and b_k, k from 1.
    """

    period: float
    cosines: tuple[float, ...]
    sines: tuple[float, ...]

    def at(self, epoch: Float64s) -> Float64s:
        """float64[n] flux over its mean at epochs (MJD, days)."""
        waves = _waves(epoch, self.period, len(self.cosines))
        value: Float64s = 1.0 + waves @ np.array([*self.cosines, *self.sines])
        return np.maximum(value, _FAINTEST)


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A weighted local mean (Nadaraya 1964; Watson 1964) with a Gaussian kernel.

    Parameters
    ----------
    epoch : float64[n], MJD, d
        Ascending; at least one.
    flux, error : float64[n]
        In one unit of any kind.
    width : float, d
        Of the kernel; farther than two widths from the nearest point nothing is known.
    """

    epoch: Float64s
    flux: Float64s
    error: Float64s
    width: float

    def at(self, epoch: Float64s) -> Float64s:
        """float64[n] flux at epochs (MJD, days)."""
        away = np.abs(np.asarray(epoch)[:, None] - self.epoch[None, :]) / self.width
        nearest = away.min(axis=1)
        # of all kernels only their ratios matter, and the nearest point's never vanishes
        weight = np.exp(0.5 * (nearest[:, None] ** 2 - away**2)) / self.error**2
        return np.where(nearest <= _REACH, weight @ self.flux / weight.sum(axis=1), np.nan)


def periods(table: LightCurves) -> Float64s:
    """float64[n], d: the highest peak of each whole light curve's periodogram (our own search); NaN without one."""
    found = np.full(len(table), np.nan)
    picks = age_picks(table, np.inf)
    values = features.compute(alerts_of(table, picks, "history"), ("period_log",), PERIOD_BUDGET)
    found[picks.row] = 10.0 ** values[:, 0].astype(np.float64)
    return found


def folded(epoch: Float64s, flux: Float64s, error: Float64s, period: float) -> FourierSeries | None:
    """The Fourier series of a light curve folded at its period, over its mean.

    Parameters
    ----------
    epoch : float64[n], MJD, d
    flux, error : float64[n]
        Total flux and its error, in one unit; positive.
    period : float, d

    Returns
    -------
    FourierSeries or None
        With as many harmonics as Schwarz's criterion allows, fitted without outliers; None with fewer than 20 points, without a
        period, or where the series takes less than half of the variance away.
    """
    if len(epoch) < MIN_POINTS or not np.isfinite(period):
        return None
    kept = np.abs(flux - np.median(flux)) < 4 * _OUTLIER * _scatter(flux)
    for _ in range(2):
        if kept.sum() < MIN_POINTS:
            return None
        waves, found = _fitted(epoch, flux, error, period, kept)
        rest = flux - waves @ found
        kept = np.abs(rest) < _OUTLIER * _scatter(rest[kept])
    if not found[0] > 0 or np.var(rest[kept]) > (1 - MIN_EXPLAINED) * np.var(flux[kept]):
        return None
    n = (len(found) - 1) // 2
    return FourierSeries(period, tuple((found[1 : n + 1] / found[0]).tolist()), tuple((found[n + 1 :] / found[0]).tolist()))


def smoothed(epoch: Float64s, flux: Float64s, error: Float64s, width: float) -> Smoothed | None:
    """The local mean of a light curve without points that lie far off it; None with fewer than 8 points."""
    if len(epoch) < MIN_SMOOTHED:
        return None
    order = np.argsort(epoch, kind="stable")
    every = Smoothed(epoch[order], flux[order], np.hypot(error, _FLOOR * np.abs(flux))[order], width)
    rest = every.flux - every.at(every.epoch)
    kept = np.abs(rest) <= _OUTLIER * np.maximum(_scatter(rest), every.error)
    return Smoothed(every.epoch[kept], every.flux[kept], every.error[kept], width) if kept.sum() >= MIN_SMOOTHED else None


def _fitted(epoch: Float64s, flux: Float64s, error: Float64s, period: float, kept: Bools) -> tuple[Float64s, Float64s]:
    """Waves and coefficients, the constant first, of the series with the lowest Bayesian information criterion."""
    n = int(kept.sum())
    sigma = np.hypot(error, _FLOOR * np.abs(flux))
    candidates: Sequence[int] = range(1, max(1, min(MAX_HARMONICS, n // _POINTS_PER_HARMONIC)) + 1)
    best = np.inf
    chosen: tuple[Float64s, Float64s]
    for harmonics in candidates:
        waves: Float64s = np.column_stack([np.ones(len(epoch)), _waves(epoch, period, harmonics)])
        found = np.asarray(
            np.linalg.lstsq(waves[kept] / sigma[kept, None], flux[kept] / sigma[kept], rcond=None)[0], dtype=np.float64
        )
        chi2 = float((((flux - waves @ found) / sigma)[kept] ** 2).sum())
        # errors are known up to a factor, hence the logarithm
        criterion = n * np.log(max(chi2, np.finfo(np.float64).tiny) / n) + 2 * harmonics * np.log(n)
        if criterion < best:
            best, chosen = criterion, (waves, found)
    return chosen


def _waves(epoch: Float64s, period: float, harmonics: int) -> Float64s:
    """float64[n, 2 × harmonics] cosines, then sines."""
    angle = (2 * np.pi * (np.asarray(epoch) / period % 1.0))[:, None] * np.arange(1, harmonics + 1)
    return np.hstack([np.cos(angle), np.sin(angle)])


def _scatter(values: Float64s) -> float:
    """1.4826 times the median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
