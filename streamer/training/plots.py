"""The report's figures, each as PNG and as SVG; the same numbers always give the same files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from streamer.data.photometry import BANDS, Kind
from streamer.terminal.pictures.looks import GRID, INK, STYLE, look, reach
from streamer.terminal.plot import Axis, best_axis, vertical

Tree = Mapping[str, Any]  # JSON, as in report

_OF = {"right": "#1b7a3d", "only a parent": "#1f5fa8", "wrong": "#b3431e", "no answer": "#777777"}
_MANY = 150
"""Points beyond which they are drawn smaller, and as one picture within the SVG."""
_NJY_PER_MICROJANSKY = 1e3
_UPRIGHT = 5
"""Labels that find room beside each other below a small panel."""


def confusion(leaves: Sequence[str], rows: Sequence[Sequence[int]], path: Path) -> None:
    """Shares of the answers for each true class, with the numbers of objects."""
    table = np.array(rows, dtype=np.float64)
    total = table.sum(axis=1, keepdims=True)
    share = table / np.where(total > 0, total, 1.0)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(0.62 * len(leaves) + 2.4, 0.52 * len(leaves) + 1.6), layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
        for (i, j), count in np.ndenumerate(table):
            if count:
                axes.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=8, color="white" if share[i, j] > 0.55 else INK)
        axes.set_xticks(range(len(leaves)), leaves, rotation=45, ha="right")
        axes.set_yticks(range(len(leaves)), [f"{leaf} ({n:.0f})" for leaf, n in zip(leaves, total[:, 0], strict=True)])
        axes.set_xlabel("answer")
        axes.set_ylabel("true class (objects)")
        axes.spines[:].set_visible(False)
        figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
        _save(figure, path)


def reliability(by_detections: Mapping[str, Tree], path: Path) -> None:
    """Accuracy against confidence, one panel for each bin of detections."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.3 * len(by_detections) + 0.6, 2.9), layout="constrained")
        panels = figure.subplots(1, len(by_detections), sharey=True, squeeze=False)[0]
        for axes, (name, bin_) in zip(panels, by_detections.items(), strict=True):
            axes.plot([0, 1], [0, 1], color="#999999", lw=1, ls="--")
            points = bin_["reliability"]
            axes.plot([p["confidence"] for p in points], [p["accuracy"] for p in points], "o-", ms=4, color="#1f5fa8")
            ece = bin_["ece"]["value"]
            title = f"{name} detection{'' if name == '1' else 's'}"
            axes.set_title(title if ece is None else f"{title}\nECE {ece:.3f}", fontsize=9)
            axes.set_xlim(-0.03, 1.03)
            axes.set_ylim(-0.03, 1.03)
            axes.set_xlabel("mean confidence")
            axes.grid(color=GRID, lw=0.6)
        panels[0].set_ylabel("share that is right")
        _save(figure, path)


def f1_by_detections(
    by_detections: Mapping[str, Tree],
    leaves: Sequence[str],
    judged_from: int,
    path: Path,
    axis: str = "detections",
) -> None:
    """F1 of each class and of all classes together, with intervals, against the detections in the window, or what `axis` says.

    Points of a class with fewer than `judged_from` objects are hollow.
    """
    names = list(by_detections)
    columns = 4
    with mpl.rc_context(STYLE):
        panels = ["all classes (macro)", *leaves]
        rows = -(-len(panels) // columns)
        figure = Figure(figsize=(2.5 * columns, 1.75 * rows + 0.4), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            macro = panel == panels[0]
            figures = [bin_["macro_f1"] if macro else bin_["classes"][panel]["f1"] for bin_ in by_detections.values()]
            enough = [macro or bin_["classes"][panel]["objects"] >= judged_from for bin_ in by_detections.values()]
            _curve(axes, figures, enough, "#b3431e" if macro else "#1f5fa8")
            axes.set_title(panel, fontsize=9)
            axes.set_xticks(range(len(names)), names, rotation=45 if len(names) > _UPRIGHT else 0)
            axes.set_ylim(-0.03, 1.03)
            axes.tick_params(labelbottom=True)
            axes.grid(color=GRID, lw=0.6)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        figure.supxlabel(axis, fontsize=9)
        figure.supylabel("F1", fontsize=9)
        _save(figure, path)


def coverage(classes: Mapping[str, Tree], path: Path) -> None:
    """For each class the share of its objects whose conformal set holds it, with exact intervals, and the mean size of the sets."""
    shown = {leaf: found for leaf, found in classes.items() if found["objects"]}
    places = np.arange(len(shown))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 0.3 * len(shown) + 1.2), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        value, low, high = (np.array([found["coverage"][name] for found in shown.values()]) for name in ("value", "low", "high"))
        left.axvline(0.9, color="#999999", lw=1, ls="--")
        left.errorbar(value, places, xerr=[value - low, high - value], fmt="o", ms=4, color="#1f5fa8", capsize=2)
        left.set_yticks(places, [f"{leaf} ({found['objects']})" for leaf, found in shown.items()])
        left.invert_yaxis()
        left.set_xlabel("coverage")
        right.barh(places, [found["size"] for found in shown.values()], color="#8fb3d9")
        right.set_xlabel("mean size of the set")
        for axes in (left, right):
            axes.grid(color=GRID, lw=0.6)
            axes.set_axisbelow(True)
        _save(figure, path)


def precision_recall(curve: Tree, path: Path) -> None:
    """Precision against recall as the threshold falls."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(curve["recall"], curve["precision"], color="#1f5fa8", lw=1.5)
        axes.set_xlim(0.0, 1.02)
        axes.set_ylim(0.0, 1.02)
        axes.set_xlabel("recall of the pulsars")
        axes.set_ylabel("precision")
        axes.grid(color=GRID, lw=0.6)
        _save(figure, path)


def probabilities(bins: Sequence[Tree], path: Path) -> None:
    """Share of pulsars against P(pulsar), with the number of rows behind each point."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="#999999", lw=1, ls="--")
        axes.plot([b["probability"] for b in bins], [b["share"] for b in bins], "o-", ms=4, color="#1f5fa8")
        for b in bins:
            axes.annotate(str(b["rows"]), (b["probability"], b["share"]), (5, -9), textcoords="offset points", fontsize=7)
        axes.set_xlabel("mean P(pulsar)")
        axes.set_ylabel("share that are pulsars")
        axes.grid(color=GRID, lw=0.6)
        _save(figure, path)


def objects(rows: Sequence[Tree], path: Path) -> None:
    """The light curve of each looked-at object, as its alert showed it, with its name, its class and the answer."""
    columns = 4
    lines = max(1, -(-len(rows) // columns))
    width, height = 3.1 * columns, 2.3 * lines + 0.7
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height))  # no layout to be solved: all panels are alike
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        figure.subplots_adjust(0.65 / width, 0.85 / height, 1 - 0.1 / width, 1 - 0.4 / height, wspace=0.28, hspace=0.42)
        for number, (axes, row) in enumerate(zip(grid, rows, strict=False), 1):
            unit = _light_curve(axes, row["points"])
            made = "" if row["nature"] == "real" else f" ({row['nature']})"
            axes.set_title(f"{number}  {row['object']}{made}", fontsize=8, loc="left", pad=14)
            share = "" if row["probability"] is None else f" {row['probability']:.2f}"
            said = f"{row['named']}{share}" if row["state"] != "NOT_CLASSIFIED" else "no answer"
            axes.text(0, 1.02, row["class"], fontsize=8, transform=axes.transAxes, va="bottom")
            axes.text(
                1, 1.02, f"→ {said}", fontsize=8, transform=axes.transAxes, va="bottom", ha="right", color=_OF[row["outcome"]]
            )
            axes.set_ylabel(unit, fontsize=7)
            if number > len(rows) - columns:
                axes.set_xlabel("days from the alert", fontsize=7)
            axes.tick_params(labelsize=7)
            axes.grid(color=GRID, lw=0.5)
            axes.set_axisbelow(True)
        for axes in grid[len(rows) :]:
            axes.set_visible(False)
        figure.legend(handles=_marks(rows), loc="lower center", ncols=12, fontsize=8, frameon=False)
        _save(figure, path)


def _light_curve(axes: Any, columns: Mapping[str, str]) -> str:  # Any: matplotlib has no types
    """Draw the points, as magnitudes of the difference if all detections have one, else as difference flux; the unit."""
    days, flux, error = (np.array(columns[name].split(), dtype=np.float64) for name in ("days", "flux", "flux_err"))
    kind, band = np.array(columns["kind"].split(), dtype=np.int64), np.array(columns["band"].split(), dtype=np.str_)
    curve = {"flux": flux, "flux_err": error, "total": np.full(len(flux), np.nan), "kind": kind}
    axis = best_axis(curve)
    value = vertical(curve, axis)
    if axis is Axis.FLUX:
        unit, value, spread = "µJy", value / _NJY_PER_MICROJANSKY, error / _NJY_PER_MICROJANSKY
        axes.axhline(0.0, color="#999999", lw=0.8, zorder=0)
    else:
        unit, spread = "mag", 2.5 / np.log(10.0) * error / np.where(flux > 0, flux, np.nan)
    many = len(flux) > _MANY
    for name in dict.fromkeys(band.tolist()):
        for one in Kind:
            some = (band == name) & (kind == one) & np.isfinite(value)
            bars = None if one == Kind.LIMIT else spread[some]
            drawn = look(name, one) | {"ms": 2.2 if many else 4.0, "zorder": 3 - one, "rasterized": many}
            axes.errorbar(days[some], value[some], bars, ls="", elinewidth=0.6, **drawn)
    detected = (kind == Kind.DETECTION) & np.isfinite(value)
    if detected.any():
        axes.set_xlim(reach(np.append(days[detected], (-1.0, 0.0)), days, 0.04))
        bars = np.concatenate([value[detected] - spread[detected], value[detected] + spread[detected]])
        low, high = reach(bars, value[np.isfinite(value)], 0.06)
        axes.set_ylim((high, low) if unit == "mag" else (low, high))
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
        axes.locator_params(nbins=5)
    return unit


def _marks(rows: Sequence[Tree]) -> list[Line2D]:
    """Entries of the legend: the bands and kinds that are drawn."""
    bands = {band for row in rows for band in row["points"]["band"].split()}
    kinds = {int(kind) for row in rows for kind in row["points"]["kind"].split()}
    shown = [
        (band, Kind.DETECTION, band) for band in sorted(bands, key=lambda one: BANDS.index(one) if one in BANDS else len(BANDS))
    ]
    shown += [("", kind, name) for kind, name in ((Kind.FORCED, "forced"), (Kind.LIMIT, "limit")) if kind in kinds]
    looks = [(look(band, kind), name) for band, kind, name in shown]
    return [
        Line2D([], [], ls="", marker=drawn["marker"], mfc=drawn["mfc"], mec=drawn["mec"], mew=drawn["mew"], label=name)
        for drawn, name in looks
    ]


def _curve(axes: Any, figures: Sequence[Tree], enough: Sequence[bool], colour: str) -> None:  # Any: matplotlib has no types
    value, low, high = (
        np.array([np.nan if figure[name] is None else figure[name] for figure in figures]) for name in ("value", "low", "high")
    )
    places = np.arange(len(figures))
    axes.fill_between(places, low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(places, value, "-", color=colour)
    axes.scatter(places, value, s=20, zorder=3, edgecolors=colour, facecolors=[colour if full else "white" for full in enough])


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path.with_suffix(".png"), dpi=130, metadata={"Software": None})
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
