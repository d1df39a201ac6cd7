"""Round numbers for axes and bars made of blocks."""

from __future__ import annotations

import math

from rich.text import Text

EIGHTHS = " ▏▎▍▌▋▊▉█"
LEVELS = "▁▂▃▄▅▆▇█"


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` + 1 multiples of 1, 2 or 5 · 10^k within [low, high]; one value if both are equal."""
    if not high > low:
        return [low]
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def label(value: float, step: float) -> str:
    """`value` with the digits that `step` makes meaningful."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return f"{value:,.{digits}f}".replace("-", "−")


def bar(share: float, width: int, style: str) -> Text:
    """A bar of `width` cells, filled to `share` (0 to 1) in eighths of a cell; NaN is an empty bar."""
    filled = round(max(0.0, min(share, 1.0)) * width * 8) if math.isfinite(share) else 0
    whole, rest = divmod(filled, 8)
    blocks = "█" * whole + (EIGHTHS[rest] if rest else "")
    return Text(blocks, style=style).append("░" * (width - len(blocks)), style="grey30")


def sparkline(values: list[float], width: int, style: str) -> Text:
    """The last `width` values as columns, from 0 to the largest."""
    shown = values[-width:]
    top = max(shown, default=0.0)
    levels = [LEVELS[min(7, int(value / top * 8))] if top > 0 else LEVELS[0] for value in shown]
    return Text("".join(levels), style=style)
