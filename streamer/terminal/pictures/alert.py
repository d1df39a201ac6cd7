"""One alert as a picture: its light curve or, folded, its pulse, with the tag's answer beside it."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from streamer.terminal.packet import Known, folded_at, moment, sexagesimal
from streamer.terminal.pictures import answer, candidate, light_curve
from streamer.terminal.pictures.looks import FAINT, STYLE

DPI = 150
HEAD_IN, HEAD_WIDTH_IN, MARGIN_IN = 0.6, 6.6, 0.12
"""Height and width of the head lines, and how far they stand from the edge, in."""


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
    width, height = max(sum(widths), HEAD_WIDTH_IN), below + HEAD_IN
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(rect=(0.0, 0.0, 1.0, below / height)))
    _write_head(figure, known, width, height)
    parts = iter(figure.subfigures(1, len(widths), width_ratios=widths, squeeze=False)[0])
    if alerts is not None:
        draw = light_curve.draw if alerts.bands else candidate.draw
        draw(next(parts), alerts, i)
    if known.tag is not None:
        answer.draw(next(parts), known.tag)
    return figure


def _write_head(figure: Figure, known: Known, width: float, height: float) -> None:
    head, facts = _head(known)
    figure.text(MARGIN_IN / width, 1.0 - 0.1 / height, head, fontsize=12, fontweight="bold", va="top")
    figure.text(MARGIN_IN / width, 1.0 - 0.36 / height, facts, fontsize=8, color=FAINT, va="top")


def _head(known: Known) -> tuple[str, str]:
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
    return f"{name}   {survey.upper()}", "    ".join(facts)
