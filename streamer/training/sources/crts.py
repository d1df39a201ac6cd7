"""Periodic variable stars of the Catalina Real-Time Transient Survey with the classes of Drake et al. 2014.

Unfiltered CCD magnitudes, calibrated to Johnson V (Vega), of everything in the aperture; MJD UTC. A few epochs are garbage
(MJD −2,409,998.5) and are left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import CRTS, Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, leaves_of, numbers, read_table, tai, total_light
from streamer.training.sources.filters import ab_flux, codes_of

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
    folder = data / "lightcurves" / ORIGIN.name
    labels = read_table(folder / "labels.csv", ("object_id", "label"), texts=("object_id",))
    object_id = labels["object_id"].to_numpy(dtype=np.str_)
    original = labels["label"].to_numpy(dtype=np.str_)
    label, unknown = leaves_of(ORIGIN, original, CRTS)
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("object_id", "band", "mjd", "mag", "mag_err"))
    band = table["band"].to_numpy(dtype=np.str_)
    flux = ab_flux(numbers(path, table, "mag"), band, _SPELLED, np.ones(len(table), dtype=np.bool_))
    objects = Objects(
        object_id, original, label, groups_of(data, ORIGIN.name, object_id), np.full(len(object_id), Provenance.CATALOGUE.value)
    )
    points = total_light(tai(numbers(path, table, "mjd")), codes_of(band, _SPELLED, BANDS), flux, numbers(path, table, "mag_err"))
    return assembled(ORIGIN, "crts", BANDS, objects, table["object_id"].to_numpy(dtype=np.str_), points, unknown)
