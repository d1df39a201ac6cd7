"""One alert as a picture: its light curve or, folded, its pulse, with the tag's answer beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from streamer.terminal.packet import Known, folded_at, moment, sexagesimal
from streamer.terminal.pictures import answer, candidate, light_curve
from streamer.terminal.pictures.looks import FAINT, STYLE

DPI = 150
HEAD_IN, LINE_IN, HEAD_WIDTH_IN, MARGIN_IN = 0.6, 0.15, 6.6, 0.12
"""Height of the head with one line of facts and of each further one, its least width, and how far it stands from the edge, in."""
NAME_PT, FACTS_PT = 12.0, 8.0
GAP = "    "
"""Between facts of one line."""


def write_picture(known: Known, path: Path) -> None:
    """A PNG of what is known of one alert; the same always gives the same file."""
    with mpl.rc_context(STYLE):
        figure_of(known).savefig(path, dpi=DPI, format="png", metadata={"Software": None})


def figure_of(known: Known) -> Figure:
    """The head lines, and below them the drawing and the answer side by side."""
    alerts, i = known.alerts, known.row
    sizes = []
    if alerts is not None:
        sizes.append(light_curve.SIZE_IN if alerts.bands else candidate.size_in(alerts, i))
    if known.tag is not None:
        sizes.append(answer.SIZE_IN)
    widths, below = [width for width, _ in sizes], sizes[0][1]
    width = max(sum(widths), HEAD_WIDTH_IN)
    name, facts = _head(known)
    lines = _lines(facts, width - 2 * MARGIN_IN)
    height = below + HEAD_IN + (len(lines) - 1) * LINE_IN
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(rect=(0.0, 0.0, 1.0, below / height)))
    _write_head(figure, name, lines, width, height)
    parts = iter(figure.subfigures(1, len(widths), width_ratios=widths, squeeze=False)[0])
    if alerts is not None:
        draw = light_curve.draw if alerts.bands else candidate.draw
        draw(next(parts), alerts, i)
    if known.tag is not None:
        answer.draw(next(parts), known.tag)
    return figure


def _write_head(figure: Figure, name: str, lines: Sequence[str], width: float, height: float) -> None:
    """The name, smaller if it is too long for the page, and the lines of facts."""
    written = figure.text(MARGIN_IN / width, 1.0 - 0.1 / height, name, fontsize=NAME_PT, fontweight="bold", va="top")
    written.set_fontsize(NAME_PT * min(1.0, (width - 2 * MARGIN_IN) * figure.dpi / written.get_window_extent().width))
    for number, line in enumerate(lines):
        y = 1.0 - (0.36 + number * LINE_IN) / height
        figure.text(MARGIN_IN / width, y, line, fontsize=FACTS_PT, color=FAINT, va="top")


def _lines(facts: Sequence[str], room: float) -> list[str]:
    """The facts in as few lines as `room`, in, allows; none is cut in two."""
    lines: list[str] = []
    for fact in facts:
        longer = f"{lines[-1]}{GAP}{fact}" if lines else fact
        if lines and _width(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(fact)
    return lines


def _width(line: str) -> float:
    """How wide a line of facts is, in."""
    page = Figure()
    return float(page.text(0, 0, line, fontsize=FACTS_PT).get_window_extent().width / page.dpi)


def _head(known: Known) -> tuple[str, tuple[str, ...]]:
    """Who it is; where, when, and how it was folded."""
    alerts, i, tag = known.alerts, known.row, known.tag
    if alerts is not None:
        name, survey, alert = alerts.object_id[i].decode(), alerts.survey, int(alerts.alert_id[i])
        ra, dec, epoch = float(alerts.ra[i]), float(alerts.dec[i]), float(alerts.epoch[i])
        folded = "" if alerts.bands else folded_at(alerts, i)
    else:
        tag = tag or {}
        name, survey, alert = str(tag["object_id"]), str(tag["survey"]), int(tag["alert_id"])
        ra, dec, epoch, folded = float(tag["ra"]), float(tag["dec"]), float(tag["epoch"]), ""
    facts = (sexagesimal(ra, dec), f"{moment(epoch)} UTC", f"MJD {epoch:.5f} TAI", folded or f"alert {alert}")
    return f"{name}   {survey.upper()}", facts
