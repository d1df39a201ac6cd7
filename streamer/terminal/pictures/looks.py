"""How points of light curves look on paper: fixed colours and markers of bands, and how far an axis reaches."""

from __future__ import annotations

from typing import Any

from streamer.data.arrays import Float64s
from streamer.data.photometry import Kind

INK, FAINT, GRID = "#222222", "#777777", "#dddddd"
BLUE, PALE, RED = "#1f5fa8", "#b9cde5", "#b3431e"
COLOURS = {"u": "#6b3fc2", "g": "#1a8f3c", "r": "#cc2127", "i": "#e08214", "z": "#1f78b4", "y": "#c0398f"}
"""The terminal's hues, dark enough for white paper."""
MARKERS = {"u": "D", "g": "o", "r": "s", "i": "^", "z": "p", "y": "*"}
STYLE: Any = {  # Any: matplotlib types the keys as a closed list
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a name with dollar signs is no formula
    "svg.hashsalt": "streamer",  # else the ids inside the SVG change from run to run
    "svg.fonttype": "none",
}


def look(band: str, kind: int) -> dict[str, Any]:
    """How points of a band and kind look: detections filled, forced photometry hollow, limits hollow triangles."""
    colour = COLOURS.get(band, FAINT)
    match kind:
        case Kind.LIMIT:
            return {"marker": "v", "mfc": "none", "mec": colour, "ecolor": colour, "alpha": 0.45, "mew": 0.7}
        case Kind.FORCED:
            return {"marker": "o", "mfc": "none", "mec": colour, "ecolor": colour, "alpha": 0.75, "mew": 0.7}
        case _:
            return {"marker": MARKERS.get(band, "o"), "mfc": colour, "mec": INK, "ecolor": colour, "mew": 0.3}


def reach(inner: Float64s, others: Float64s, air: float) -> tuple[float, float]:
    """The ends of an axis: those of the `inner` values, and of the others that lie no farther from them than they are apart."""
    low, high = float(inner.min()), float(inner.max())
    apart = high - low
    low, high = max(float(others.min(initial=low)), low - apart), min(float(others.max(initial=high)), high + apart)
    return low - air * (high - low), high + air * (high - low)
