"""A light curve drawn with characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from streamer.data.arrays import Bools, Column, Float64s
from streamer.data.photometry import BANDS, Kind, magnitude_from_flux
from streamer.terminal.axes import label, ticks

STYLES = {"u": "medium_purple1", "g": "green3", "r": "red1", "i": "orange1", "z": "deep_sky_blue1", "y": "hot_pink"}
SYMBOLS = {"u": "◆", "g": "●", "r": "■", "i": "▲", "z": "⬟", "y": "✦"}
UNKNOWN_STYLE, UNKNOWN_SYMBOL = "grey70", "•"
FORCED, LIMIT = "∘", "▽"
LIMIT_SIGMA = 5.0
"""A limit is drawn at this many times its one-sigma depth, as the surveys state theirs."""
FORCED_SIGMA = 3.0
"""Forced points weaker than this have no place on a magnitude axis."""
MARGIN = 9
"""Cells for the labels of the vertical axis."""


class Axis(StrEnum):
    """What the vertical axis shows."""

    TOTAL = "magnitude, AB"
    """Of the object, reference included: variable stars."""
    DIFFERENCE = "magnitude of the difference, AB"
    """Of what was added since the reference image: transients."""
    FLUX = "difference flux, nJy"
    """Signed; when the object also faded below its reference."""


@dataclass(frozen=True, slots=True)
class LightCurvePlot:
    """One light curve; bands differ by symbol and colour, forced photometry is small, limits are open triangles.

    Parameters
    ----------
    curve : mapping of name to array[m]
        A row of ``AlertBatch.light_curves``: epoch (MJD TAI), band, flux, flux_err, total (nJy), kind.
    epoch : float, MJD TAI
        Day 0 of the horizontal axis: the alert's own.
    height : int
        Rows for the points.
    """

    curve: Mapping[str, Column]
    epoch: float
    height: int = 14

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as wide as there is room."""
        axis = best_axis(self.curve)
        values = vertical(self.curve, axis)
        drawn = np.isfinite(values) & np.isfinite(self.curve["epoch"])
        if not drawn.any():
            yield Text("no points to draw", style="dim")
            return
        points = {name: column[drawn] for name, column in self.curve.items()}
        days = points["epoch"] - self.epoch
        yield from self._lines(points, days, values[drawn], axis, max(20, options.max_width - MARGIN - 2))

    def _lines(self, points: Mapping[str, Column], days: Float64s, values: Float64s, axis: Axis, width: int) -> Iterator[Text]:
        low, high = _padded(values, 0.05 if axis is Axis.FLUX else 0.1)
        start, end = _padded(np.append(days, 0.0), 0.5, at_most=1.0)
        cells = _Grid(width, self.height)
        bottom, top = (low, high) if axis is Axis.FLUX else (high, low)
        row = np.rint((values - top) / (bottom - top) * (self.height - 1)).astype(np.int64)
        column = np.rint((days - start) / (end - start) * (width - 1)).astype(np.int64)
        if axis is Axis.FLUX and low < 0 < high:
            cells.rule(round((0 - top) / (bottom - top) * (self.height - 1)))
        # the strongest statement is drawn last and stays on top
        for order in np.argsort(-points["kind"].astype(np.int64), kind="stable"):
            cells.put(int(row[order]), int(column[order]), *_mark(int(points["band"][order]), int(points["kind"][order])))
        yield Text(" " * (MARGIN + 1) + axis.value, style="dim italic")
        yield from cells.lines(_labelled(low, high, top, bottom, self.height))
        yield from _day_axis(start, end, width)
        yield _legend(points)


def best_axis(curve: Mapping[str, Column]) -> Axis:
    """The axis on which all detections can be drawn."""
    detections = curve["kind"] == Kind.DETECTION
    if detections.any() and (curve["total"][detections] > 0).all():
        return Axis.TOTAL
    return Axis.DIFFERENCE if detections.any() and (curve["flux"][detections] > 0).all() else Axis.FLUX


def vertical(curve: Mapping[str, Column], axis: Axis) -> Float64s:
    """float64[m] where each point stands on `axis`; NaN for points that have no place on it."""
    flux, error, limit = curve["flux"].astype(np.float64), curve["flux_err"].astype(np.float64), curve["kind"] == Kind.LIMIT
    if axis is Axis.FLUX:
        return flux
    weak: Bools = (curve["kind"] == Kind.FORCED) & ~(np.abs(flux) > FORCED_SIGMA * error)
    if axis is Axis.TOTAL:
        return magnitude_from_flux(np.where(limit, np.nan, curve["total"].astype(np.float64)))
    return magnitude_from_flux(np.where(weak, np.nan, np.where(limit, LIMIT_SIGMA * error, flux)))


def _mark(band: int, kind: int) -> tuple[str, str]:
    name = BANDS[band] if 0 <= band < len(BANDS) else ""
    style = STYLES.get(name, UNKNOWN_STYLE)
    match kind:
        case Kind.LIMIT:
            return LIMIT, f"dim {style}"
        case Kind.FORCED:
            return FORCED, style
        case _:
            return SYMBOLS.get(name, UNKNOWN_SYMBOL), f"bold {style}"


def _padded(values: Float64s, least: float, at_most: float = np.inf) -> tuple[float, float]:
    """Smallest and largest value with a little air; never equal."""
    low, high = float(np.min(values)), float(np.max(values))
    air = min(max(0.04 * (high - low), least if high - low < 2 * least else 0.0), at_most)
    return low - air, high + air if high + air > low - air else low + least


class _Grid:
    """Cells of a drawing, each with its style."""

    def __init__(self, width: int, height: int) -> None:
        self._cells = [[(" ", "")] * width for _ in range(height)]

    def put(self, row: int, column: int, symbol: str, style: str) -> None:
        self._cells[row][column] = (symbol, style)

    def rule(self, row: int) -> None:
        self._cells[row] = [("┈", "grey42")] * len(self._cells[row])

    def lines(self, labels: Mapping[int, str]) -> Iterator[Text]:
        for number, cells in enumerate(self._cells):
            text = labels.get(number, "")
            line = Text(no_wrap=True).append(f"{text:>{MARGIN}}", style="dim").append(" ┤" if text else " │", style="grey50")
            for symbol, style in cells:
                line.append(symbol, style=style)
            yield line


def _labelled(low: float, high: float, top: float, bottom: float, height: int) -> dict[int, str]:
    marks = ticks(low, high, max(2, height // 2))
    step = marks[1] - marks[0] if len(marks) > 1 else 0.1
    return {round((mark - top) / (bottom - top) * (height - 1)): label(mark, step) for mark in marks}


def _day_axis(start: float, end: float, width: int) -> Iterator[Text]:
    marks = ticks(start, end, max(2, width // 10))
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    rule, words = ["─"] * width, [" "] * (width + 8)
    for mark in marks:
        place = round((mark - start) / (end - start) * (width - 1))
        rule[place] = "┬"
        text = label(mark, step)
        begin = max(0, place - len(text) // 2)
        if all(cell == " " for cell in words[max(0, begin - 1) : begin + len(text) + 1]):
            words[begin : begin + len(text)] = text
    yield Text(" " * MARGIN + " └" + "".join(rule), style="grey50", no_wrap=True)
    yield Text(" " * (MARGIN + 2) + "".join(words).rstrip(), style="dim", no_wrap=True)


def _legend(points: Mapping[str, Column]) -> Text:
    legend = Text().append(" " * (MARGIN + 2) + "days from the alert", style="dim")
    detected = points["band"][points["kind"] == Kind.DETECTION]
    for band in np.unique(detected).tolist():
        symbol, style = _mark(band, Kind.DETECTION)
        name = BANDS[band] if 0 <= band < len(BANDS) else "?"
        legend.append(f"   {symbol} {name}", style=style).append(f" {np.count_nonzero(detected == band)}", style="dim")
    for kind, symbol, name in ((Kind.FORCED, FORCED, "forced"), (Kind.LIMIT, LIMIT, "limit 5σ")):
        if count := np.count_nonzero(points["kind"] == kind):
            legend.append(f"   {symbol} {name} {count}", style="dim")
    return legend
