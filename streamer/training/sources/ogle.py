"""Microlensing events of OGLE-II.

Cousins I magnitudes (Vega) of everything at the star's place. The printed times are taken for HJD − 2,450,000 (UTC), as they
fit the years of the survey.
"""

from __future__ import annotations

from pathlib import Path

from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import OGLE
from streamer.training.sources.filters import NAMES
from streamer.training.sources.vega import read_vega

ORIGIN = Origin(
    name="ogle2_microlensing",
    what="microlensing events of OGLE-II, I band",
    source="github.com/Professor-G/MicroLIA",
    licence="GPL-3.0",
    states_licence=True,
    citation="Udalski et al. 2000, AcA 50, 1; Godines et al. 2019, Astronomy and Computing 28, 100298",
    nature="real",
    whole="none: the survey's alerts held no light curves",
)
BANDS = ("I",)


def read(data: Path) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be."""
    return read_vega(data, ORIGIN, "ogle", BANDS, OGLE, NAMES)
