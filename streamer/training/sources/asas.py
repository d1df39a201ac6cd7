"""Variable stars of the All Sky Automated Survey with the classes of Richards et al. 2012.

Magnitudes are Johnson V (Vega), of everything in the aperture; times are HJD − 2,450,000 (UTC).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.data.photometry import MJD_OF_JD
from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import ASAS, Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, leaves_of, numbers, read_table, tai, total_light
from streamer.training.sources.filters import ab_flux, codes_of

ORIGIN = Origin(
    name="asas_richards_training",
    what="variable stars of the All Sky Automated Survey in 26 classes, V band, several hundred points each",
    source="github.com/cesium-ml/cesium-data",
    licence="none stated",
    states_licence=False,
    citation="Richards et al. 2012, ApJS 203, 32; Pojmański 2002, AcA 52, 397",
    nature="real",
    whole="none: the survey sent no alerts",
)
BANDS = ("V",)
_HJD_ZERO = 2_450_000.0


def read(data: Path) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / ORIGIN.name
    labels = read_table(folder / "labels.csv", ("filename", "class"), texts=("filename",))
    object_id = labels["filename"].to_numpy(dtype=np.str_)
    original = labels["class"].to_numpy(dtype=np.str_)
    label, unknown = leaves_of(ORIGIN, original, ASAS)
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("object_id", "time", "mag", "magerr"))
    names = np.full(len(table), "V")
    flux = ab_flux(numbers(path, table, "mag"), names, {"V": "V"}, np.ones(len(table), dtype=np.bool_))
    epoch = tai(numbers(path, table, "time") + (_HJD_ZERO - MJD_OF_JD))
    objects = Objects(
        object_id, original, label, groups_of(data, ORIGIN.name, object_id), np.full(len(object_id), Provenance.CATALOGUE.value)
    )
    points = total_light(epoch, codes_of(names, {"V": "V"}, BANDS), flux, numbers(path, table, "magerr"))
    return assembled(ORIGIN, "asas", BANDS, objects, table["object_id"].to_numpy(dtype=np.str_), points, unknown)
