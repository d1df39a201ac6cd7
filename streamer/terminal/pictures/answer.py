"""What a tag says, on paper: the answer, and the probabilities of the classes as bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import SubFigure
from matplotlib.ticker import PercentFormatter

from streamer.terminal.pictures.looks import BLUE, FAINT, INK, PALE

Record = Mapping[str, Any]

SIZE_IN = (3.4, 4.2)
"""Width and height, in."""
MOST = 12
"""Classes that are shown, the most probable."""
ROOM = 8
"""Bars for which there is room at least, so that three do not fill the page."""


def draw(figure: SubFigure, tag: Record) -> None:
    """Bars of the probabilities; classes of the conformal set are dark, and the title is the answer."""
    axes = figure.add_subplot()
    possible = {int(number) for number in tag.get("conformal_set") or ()}
    ranked = sorted(tag["classifications"], key=lambda one: -float(one["probability"]))[:MOST]
    share = [float(one["probability"]) for one in ranked]
    places = np.arange(len(ranked))
    colours = [BLUE if tag.get("conformal_level") is None or int(one["class_id"]) in possible else PALE for one in ranked]
    axes.barh(places, share, color=colours, height=0.72)
    for place, value in enumerate(share):
        axes.text(value + 0.012, place, f"{value:.1%}", va="center", fontsize=8, color=INK)
    axes.set_yticks(places, [str(one["class_name"]) for one in ranked])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(ranked), ROOM) - 0.4, -0.6)
    most = 1.25 * max(share, default=0.8) or 1.0
    axes.set_xlim(0.0, most)
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= min(most, 1.0)])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.spines["left"].set_visible(False)
    answered = tag["state"] != "NOT_CLASSIFIED"
    axes.set_title(str(tag["class_name"]) if answered else "not classified", loc="left", fontsize=11, fontweight="bold", pad=18)
    state = str(tag["state"]) + ("" if tag["reason"] in (None, "NONE") else f", {tag['reason']}")
    axes.text(0.0, 1.02, state, transform=axes.transAxes, fontsize=8, color=FAINT)
    axes.set_xlabel("\n".join(["probability", *_notes(tag)]), fontsize=8, loc="left", multialignment="left")


def _notes(tag: Record) -> Iterator[str]:
    if tag.get("conformal_level") is not None:
        yield f"{'dark: ' if tag['conformal_set'] else 'empty: '}the conformal set at {tag['conformal_level']:.0%}"
    for score in tag.get("scores") or ():
        yield f"{score['name']} {score['value']:.3f}"
    if (novelty := tag.get("novelty")) is not None:
        yield f"novelty {novelty:.3f}"
    if model := tag.get("model"):
        yield f"{model['name']} {model['version']}"
