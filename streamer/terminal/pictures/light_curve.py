"""A light curve on paper: bands by colour and marker, detections filled, forced photometry and limits hollow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from streamer.data.arrays import Bools, Column, Float64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import BANDS, ERROR_PER_MAGNITUDE, Kind
from streamer.terminal.candidate import ABSURD
from streamer.terminal.pictures.looks import FAINT, GRID, look, reach
from streamer.terminal.plot import LIMIT_SIGMA, Axis, best_axis, vertical

Axes = Any
"""Matplotlib's, which has no types."""

SIZE_IN = (8.0, 4.2)
"""Width and height, in."""
MANY = 150
"""Points beyond which they are drawn smaller."""
FLATTEST = (0.1, 10.0)
"""mag, nJy; what an axis spans at least."""
FIRST_ORDER = 0.5
"""mag; the largest error that is drawn: beyond, a magnitude has no symmetric one."""
_SIZES = {Kind.DETECTION: 5.0, Kind.FORCED: 3.2, Kind.LIMIT: 4.5}
_NAMES = {Kind.FORCED: "forced", Kind.LIMIT: f"limit {LIMIT_SIGMA:g}σ"}


@dataclass(frozen=True, slots=True)
class _Points:
    """The points that have a place on the axis.

    Parameters
    ----------
    days : float64[m], d from the alert
    value, spread : float64[m], in the axis's unit
        Spread 0 is not drawn.
    band, kind : int8[m]
    """

    days: Float64s
    value: Float64s
    spread: Float64s
    band: Column
    kind: Column

    def where(self, some: Bools) -> _Points:
        """Some of them."""
        return _Points(self.days[some], self.value[some], self.spread[some], self.band[some], self.kind[some])


def draw(figure: SubFigure, alerts: AlertBatch, row: int) -> None:
    """Magnitudes upwards to the brighter, or fluxes, by days from the alert."""
    axes = figure.add_subplot()
    curve = alerts.light_curves.row(row)
    axis = best_axis(curve)
    points = _points(curve, axis, float(alerts.epoch[row]))
    size = 0.6 if len(points.days) > MANY else 1.0
    for band, kind in _looks(points):
        some = points.where((points.band == band) & (points.kind == kind))
        axes.errorbar(
            some.days,
            some.value,
            None if kind == Kind.LIMIT else some.spread,
            **look(_name(band), kind) | {"ls": "", "elinewidth": 0.8, "ms": size * _SIZES[kind], "zorder": 5 - kind},
        )
    axes.axvline(0.0, color=FAINT, lw=0.8, ls=":", zorder=0)
    axes.set(xlabel="days from the alert", ylabel=axis.value)
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    if axis is Axis.FLUX:
        axes.axhline(0.0, color=FAINT, lw=0.8, zorder=0)
        axes.yaxis.set_major_formatter("{x:,.0f}")
    _set_reach(axes, points, axis)
    axes.legend(handles=_legend(points), loc="upper left", bbox_to_anchor=(-0.01, -0.1), ncols=6, fontsize=8, frameon=False)


def _points(curve: Mapping[str, Column], axis: Axis, epoch: float) -> _Points:
    value, days, spread = vertical(curve, axis), curve["epoch"] - epoch, _spread(curve, axis)
    every = _Points(days, value, np.where(spread < ABSURD, spread, 0.0), curve["band"], curve["kind"])
    return every.where((np.abs(value) < ABSURD) & np.isfinite(days))


def _spread(curve: Mapping[str, Column], axis: Axis) -> Float64s:
    """float64[m] one-sigma errors in the unit of the axis; of magnitudes to first order, and NaN where that means nothing."""
    error = np.abs(curve["flux_err"].astype(np.float64))
    if axis is Axis.FLUX:
        return error
    flux = curve["total" if axis is Axis.TOTAL else "flux"].astype(np.float64)
    magnitudes = error / np.where(flux > 0, flux, np.nan) / ERROR_PER_MAGNITUDE
    return np.asarray(np.where(magnitudes <= FIRST_ORDER, magnitudes, np.nan))


def _set_reach(axes: Axes, points: _Points, axis: Axis) -> None:
    """What the axes show is set by the detections, so that a few poor points far away do not flatten them."""
    found = points.where(points.kind == Kind.DETECTION)
    if len(found.days):
        axes.set_xlim(reach(np.append(found.days, (-1.0, 0.0)), points.days, 0.04))
        low, high = reach(np.concatenate([found.value - found.spread, found.value + found.spread]), points.value, 0.07)
        least = max(FLATTEST[axis is Axis.FLUX], 1e-6 * abs(low))
        more = 0.5 * max(least - (high - low), 0.0)
        axes.set_ylim(low - more, high + more)
    if axis is not Axis.FLUX:
        axes.invert_yaxis()


def _looks(points: _Points) -> list[tuple[int, Kind]]:
    """Each pair of band and kind that there is, detections of a band first."""
    return [(band, Kind(kind)) for band, kind in sorted({*zip(points.band.tolist(), points.kind.tolist(), strict=True)})]


def _name(band: int) -> str:
    return BANDS[band] if 0 <= band < len(BANDS) else "other"


def _legend(points: _Points) -> list[Line2D]:
    """An entry for each band, then one for forced photometry and one for limits, with the numbers of points."""
    found = points.band[points.kind == Kind.DETECTION]
    entries = [(_name(band), look(_name(band), Kind.DETECTION), int(np.sum(found == band))) for band in np.unique(found).tolist()]
    entries += [(name, look("", kind), int(np.sum(points.kind == kind))) for kind, name in _NAMES.items()]
    kept = ("marker", "mfc", "mec", "mew")
    return [
        Line2D([], [], ls="", label=f"{name}  {count}", **{key: drawn[key] for key in kept})
        for name, drawn, count in entries
        if count
    ]
