"""A pulsar candidate on paper: profile, DM curve, sub-integrations and sub-bands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import SubFigure

from streamer.data.arrays import Float64s
from streamer.data.batch import AlertBatch
from streamer.terminal.candidate import Series, rows_of, values_of
from streamer.terminal.pictures.looks import BLUE, GRID, RED

Axes = Any
"""Matplotlib's, which has no types."""

SIZE_IN = (4.0, 2.8)
"""Width and height of one drawing, in."""
COLUMNS = 2
TURNS = 2
"""A pulse is drawn over so many turns, as is the custom."""


def size_in(alerts: AlertBatch, row: int) -> tuple[float, float]:
    """Width and height of all drawings of a candidate, in."""
    lines = -(-len(_drawings(alerts, row)) // COLUMNS)
    return COLUMNS * SIZE_IN[0], max(lines, 1) * SIZE_IN[1]


def draw(figure: SubFigure, alerts: AlertBatch, row: int) -> None:
    """The drawings of which the packet has the data, two beside each other."""
    drawings = _drawings(alerts, row)
    for number, drawing in enumerate(drawings, 1):
        drawing(figure.add_subplot(-(-len(drawings) // COLUMNS), min(COLUMNS, len(drawings)), number))


def _drawings(alerts: AlertBatch, row: int) -> list[Callable[[Axes], None]]:
    series = {name: table.row(row) for name, table in alerts.series.items()}
    return [*_found(series, {name: float(column[row]) for name, column in alerts.context.items()})]


def _found(series: Series, context: Mapping[str, float]) -> Iterator[Callable[[Axes], None]]:
    profile = values_of(series, "profile", "value")
    if np.isfinite(profile).sum() > 1:
        yield partial(_profile, profile=profile)
    dm, snr = values_of(series, "dm_curve", "dm"), values_of(series, "dm_curve", "snr")
    measured = np.isfinite(dm) & np.isfinite(snr)
    if measured.sum() > 1:
        yield partial(_dm_curve, dm=dm[measured], snr=snr[measured])
    if (subints := rows_of(series, "subints", context)) is not None:
        lasted = _number(context, "t_obs") / 60.0
        yield partial(_map, rows=subints, title="sub-integrations", axis="time, min", ends=(0.0, lasted))
    if (subbands := rows_of(series, "subbands", context)) is not None:
        centre, half = _number(context, "centre_frequency"), 0.5 * _number(context, "bandwidth")
        yield partial(_map, rows=subbands, title="sub-bands", axis="frequency, MHz", ends=(centre - half, centre + half))


def _number(context: Mapping[str, float], name: str) -> float:
    return context.get(name, math.nan)


def _profile(axes: Axes, profile: Float64s) -> None:
    turned = np.tile(profile, TURNS)
    axes.step(np.arange(len(turned)) / len(profile), turned, where="mid", color=BLUE, lw=1.0)
    axes.set_title("profile", loc="left", fontsize=9)
    axes.set(xlabel="phase, turns", ylabel="intensity", xlim=(0, TURNS))
    axes.grid(color=GRID, lw=0.6)


def _dm_curve(axes: Axes, dm: Float64s, snr: Float64s) -> None:
    best = int(np.argmax(snr))
    axes.plot(dm, snr, color=BLUE, lw=1.0)
    axes.plot(dm[best], snr[best], "o", ms=5, color=RED)
    axes.annotate(
        f"DM {dm[best]:.1f}, S/N {snr[best]:.1f}", (dm[best], snr[best]), (6, -2), textcoords="offset points", fontsize=8, color=RED
    )
    axes.set_title("DM curve", loc="left", fontsize=9)
    axes.margins(x=0)
    axes.set(xlabel="dispersion measure, pc cm⁻³", ylabel="S/N")
    axes.grid(color=GRID, lw=0.6)


def _map(axes: Axes, rows: Float64s, title: str, axis: str, ends: tuple[float, float]) -> None:
    """Rows from below, each less its median and by its own spread, as gains differ; numbered where `ends` are not known."""
    known = 0.0 < ends[1] - ends[0] < math.inf  # NaN is not
    extent = (0, TURNS, *(ends if known else (0.5, len(rows) + 0.5)))
    axes.imshow(
        _evened(np.tile(rows, (1, TURNS))), cmap="magma", aspect="auto", origin="lower", interpolation="nearest", extent=extent
    )
    axes.set_title(title, loc="left", fontsize=9)
    axes.set(xlabel="phase, turns", ylabel=axis if known else "row")


def _evened(rows: Float64s) -> Float64s:
    """Rows in units of their spread about their median; of one without any value all is NaN, which is left blank."""
    evened = np.full_like(rows, np.nan)
    some = np.isfinite(rows).any(axis=1)
    level, spread = (each(rows[some], axis=1, keepdims=True) for each in (np.nanmedian, np.nanstd))
    evened[some] = (rows[some] - level) / np.where(spread > 0, spread, 1.0)
    return evened
