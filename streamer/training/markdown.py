"""Tables and figures with intervals, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Tree = Mapping[str, Any]  # JSON: what `train` writes as evaluation.json


def interval(figure: Tree) -> str:
    """A figure with its interval; a dash where it is undefined."""
    value, low, high = figure["value"], figure["low"], figure["high"]
    if value is None:
        return "–"
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f}–{high:.3f})"


def difference(figure: Tree) -> str:
    """A difference with its interval, signed."""
    return f"{figure['value']:+.3f} ({figure['low']:+.3f} to {figure['high']:+.3f})"


def ece(figure: Tree) -> str:
    """A calibration error with its noise floor."""
    return "–" if figure["value"] is None else f"{figure['value']:.3f} ({figure['noise_floor']:.3f})"


def bullets(lines: Iterable[str]) -> str:
    """A list of `lines`."""
    return "\n".join(f"- {line}" for line in lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
