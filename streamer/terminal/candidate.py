"""A pulsar candidate drawn with characters: profile, DM curve, sub-integrations and sub-bands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from streamer.data.arrays import Column, Float64s
from streamer.terminal.axes import LEVELS, label

Series = Mapping[str, Mapping[str, Column]]
"""The columns of each series of one candidate."""

SHADES = " ░▒▓█"
TURNS = 1.5
"""A profile and its rows are drawn over so many turns, so that a pulse at the edge is seen whole."""
ABSURD = 1e30
SMALLEST, LARGEST = 24, 72
"""Columns of one drawing."""


@dataclass(frozen=True, slots=True)
class CandidatePlot:
    """Four drawings, two beside each other; what the packet does not have is left out.

    Parameters
    ----------
    series : mapping of name to mapping of column to array
        A row of each of ``AlertBatch.series``: ``profile``, ``dm_curve``, ``subints``, ``subbands``.
    context : mapping of name to float
        The candidate's own numbers; ``n_subints`` and ``n_subbands`` give the rows.
    height : int
        Lines of a curve, and at most of a map.
    """

    series: Series
    context: Mapping[str, float]
    height: int = 10

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as wide as there is room."""
        width = max(SMALLEST, min(LARGEST, options.max_width // 2 - 4))
        drawings = [*self._drawings(width)]
        if not drawings:
            yield Text("nothing to draw", style="dim")
            return
        table = Table.grid(padding=(0, 4, 1, 0))
        for first in range(0, len(drawings), 2):
            table.add_row(*drawings[first : first + 2])
        yield table

    def _drawings(self, width: int) -> Iterator[Group]:
        profile = values_of(self.series, "profile", "value")
        if np.isfinite(profile).sum() > 1:
            lines = _columns(_resampled(_more_turns(profile), width), self.height)
            yield _drawing("profile", lines, "0", "turns", f"{TURNS:g}", width)
        dm, snr = values_of(self.series, "dm_curve", "dm"), values_of(self.series, "dm_curve", "snr")
        measured = np.isfinite(dm) & np.isfinite(snr)
        if measured.sum() > 1:
            dm, snr = dm[measured], snr[measured]
            lines = _columns(_highest(dm, snr, width), self.height)
            best = f"S/N by DM, best {label(float(dm[np.argmax(snr)]), 0.1)} at S/N {label(float(snr.max()), 0.1)}"
            yield _drawing(best, lines, f"{dm.min():.6g}", "DM", f"{dm.max():.6g}", width)
        for name, rows, order in (("sub-integrations", "subints", 1), ("sub-bands", "subbands", -1)):
            if (table := rows_of(self.series, rows, self.context)) is not None:
                first, last = ("first", "last") if order == 1 else ("highest", "lowest")
                lines = _map(table[::order], self.height, width)
                yield _drawing(f"{name}: {first} above, {last} below", lines, "0", "turns", f"{TURNS:g}", width)


def values_of(series: Series, name: str, column: str) -> Float64s:
    """The column of a series; NaN for what no axis can show."""
    values = np.asarray(series.get(name, {}).get(column, ()), dtype=np.float64)
    return np.where(np.abs(values) < ABSURD, values, np.nan)


def rows_of(series: Series, name: str, context: Mapping[str, float]) -> Float64s | None:
    """float64[rows, bins] of ``subints`` or ``subbands``; None if there are no such rows."""
    flat = values_of(series, name, "value")
    count = float(context.get(f"n_{name}", math.nan))
    if not (1.0 <= count <= flat.size and count == int(count) and flat.size % int(count) == 0):
        return None
    return flat.reshape(int(count), -1)


def _drawing(title: str, lines: list[Text], left: str, middle: str, right: str, width: int) -> Group:
    gap = max(0, width - len(left) - len(middle) - len(right))
    axis = f"{left}{' ' * (gap // 2)}{middle}{' ' * (gap - gap // 2)}{right}"
    rule = Text("─" * width, style="grey50", no_wrap=True)
    return Group(Text(title, style="dim italic"), *lines, rule, Text(axis, style="dim", no_wrap=True))


def _more_turns(values: Float64s) -> Float64s:
    """The last axis over ``TURNS`` turns."""
    bins = values.shape[-1]
    return np.asarray(values[..., np.arange(round(TURNS * bins)) % bins])


def _resampled(values: Float64s, size: int) -> Float64s:
    """float64[size], each the highest of its share, so that a narrow pulse is seen; NaN where nothing of it is finite."""
    starts = (np.arange(size) * len(values) / size).astype(np.int64)
    return np.asarray(np.fmax.reduceat(values, starts))


def _highest(x: Float64s, y: Float64s, size: int) -> Float64s:
    """float64[size], the highest of each share of the axis; between trials that are farther apart, the line between them."""
    edges = np.linspace(x.min(), x.max(), size + 1)
    order = np.argsort(x, kind="stable")
    at = np.interp(0.5 * (edges[1:] + edges[:-1]), x[order], y[order])
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, size - 1)
    np.maximum.at(at, place, y)
    return at


def _scaled(values: Float64s) -> Float64s:
    """Finite values from 0 to 1; NaN stays."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    spread = high - low
    return (values - low) / spread if 0.0 < spread < math.inf else np.where(np.isfinite(values), 0.0, np.nan)


def _columns(values: Float64s, height: int) -> list[Text]:
    """Bars in eighths of a line, from the lowest value to the highest; nothing where a value is not finite."""
    eighths = np.nan_to_num(np.rint(_scaled(values) * (8 * height - 1)) + 1.0).astype(np.int64)
    lines = []
    for line in range(height - 1, -1, -1):
        filled = np.clip(eighths - 8 * line, 0, 8)
        lines.append(Text("".join(LEVELS[n - 1] if n else " " for n in filled.tolist()), style="deep_sky_blue1", no_wrap=True))
    return lines


def _map(rows: Float64s, height: int, width: int) -> list[Text]:
    """Shades, each line scaled by itself: neighbouring rows are added up where there are more than lines."""
    groups = np.array_split(rows, min(height, len(rows)))
    sums = np.stack([group.sum(axis=0) for group in groups])
    lines = []
    for row in _more_turns(sums):
        shade = np.nan_to_num(np.rint(_scaled(_resampled(row, width)) * (len(SHADES) - 1))).astype(np.int64)
        lines.append(Text("".join(SHADES[n] for n in shade.tolist()), style="deep_sky_blue1", no_wrap=True))
    return lines
