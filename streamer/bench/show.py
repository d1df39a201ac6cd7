"""The figures for people: tables in the terminal, curves as PNG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from streamer.bench.result import NOT_ASKED, Cell, Measured, Table, Value
from streamer.bench.targets import OTHER_KEYS, TARGETS


def renderables(found: Measured) -> Iterator[RenderableType]:
    """Each table, and at the end the figures beside their targets, without those that nobody asked for."""
    for table in found.tables.values():
        yield _rich(table)
        yield Text(f"{table.note}\n", style="dim")
    against = _against_targets(found)
    if against.row_count:
        yield against


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", box=box.SIMPLE, header_style="dim")
    numeric = {place for row in table.rows for place, cell in enumerate(row) if isinstance(cell, (int, float))}
    for place, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if place in numeric else "left")
    for row in table.rows:
        shown.add_row(*(_cell(cell) for cell in row))
    return shown


def _against_targets(found: Measured) -> RichTable:
    shown = RichTable(title="figures and targets", title_justify="left", box=box.SIMPLE, header_style="dim")
    for name in ("key", "what", "measured", "target", ""):
        shown.add_column(name, justify="right" if name in {"measured", "target"} else "left")
    for target in TARGETS:
        if found.missing.get(target.key) == NOT_ASKED:
            continue
        value = found.values.get(target.key)
        bound = f"{'≥' if target.is_least else '≤'} {target.bound:,g}"
        if value is None:
            shown.add_row(target.key, target.meaning, "–", bound, Text(found.missing.get(target.key, ""), style="dim"))
        else:
            verdict = Text("met", style="green") if target.is_met(float(value)) else Text("missed", style="yellow")
            shown.add_row(target.key, target.meaning, _cell(value), bound, verdict)
    for key in OTHER_KEYS:
        if found.missing.get(key) == NOT_ASKED:
            continue
        shown.add_row(key, "", _cell(found.values.get(key)), "", found.missing.get(key, ""))
    return shown


def _cell(value: Cell | Value) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
        case int():
            return f"{value:,}"
        case _:
            return value


def write_plots(found: Measured, folder: Path) -> None:
    """``history.png`` and ``batch.png``: total cost against history length and batch size, for what was measured."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # slow to import, and only needed here
    from matplotlib.figure import Figure  # noqa: PLC0415

    for name in ("history", "batch"):
        if name not in found.tables:
            continue
        table = found.tables[name]
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.subplots()
        for series in dict.fromkeys(row[0] for row in table.rows):
            points = [(row[1], row[-1]) for row in table.rows if row[0] == series]
            axes.loglog(*zip(*points, strict=True), marker="o", label=str(series))
        axes.set(xlabel=table.columns[1], ylabel="µs of CPU per alert", title=table.title)
        axes.grid(which="both", alpha=0.3)
        axes.legend()
        FigureCanvasAgg(figure)
        figure.savefig(folder / f"{name}.png")
