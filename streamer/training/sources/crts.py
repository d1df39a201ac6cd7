"""Periodic variable stars of the Catalina Real-Time Transient Survey with the classes of Drake et al. 2014.

Unfiltered CCD magnitudes, calibrated to Johnson V (Vega), of everything in the aperture; MJD UTC. A few epochs are garbage
(MJD −2,409,998.5) and are left out.
"""

from __future__ import annotations

from pathlib import Path

from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import CRTS
from streamer.training.sources.vega import read_vega

ORIGIN = Origin(
    name="crts_drake2014_periodic",
    what="periodic variable stars of the Catalina survey in 16 classes, unfiltered light calibrated to V, about 300 points each",
    source="github.com/kvmu/lightcurve-classification",
    licence="MIT",
    states_licence=True,
    citation="Drake et al. 2014, ApJS 213, 9; Drake et al. 2009, ApJ 696, 870",
    nature="real",
    whole="none: the survey's alerts held no light curves",
)
BANDS = ("V",)
_SPELLED = {"CSS_V": "V"}


def read(data: Path) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be."""
    return read_vega(data, ORIGIN, "crts", BANDS, CRTS, _SPELLED)
