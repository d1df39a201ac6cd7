"""Microlensing events of OGLE-II.

Cousins I magnitudes (Vega) of everything at the star's place. The printed times are taken for HJD − 2,450,000 (UTC), as they
fit the years of the survey.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import OGLE, Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, leaves_of, numbers, read_table, tai, total_light
from streamer.training.sources.filters import NAMES, ab_flux, codes_of

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
    folder = data / "lightcurves" / ORIGIN.name
    labels = read_table(folder / "labels.csv", ("object_id", "label"), texts=("object_id",))
    object_id = labels["object_id"].to_numpy(dtype=np.str_)
    original = labels["label"].to_numpy(dtype=np.str_)
    label, unknown = leaves_of(ORIGIN, original, OGLE)
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("object_id", "band", "mjd", "mag", "mag_err"))
    band = table["band"].to_numpy(dtype=np.str_)
    flux = ab_flux(numbers(path, table, "mag"), band, NAMES, np.ones(len(table), dtype=np.bool_))
    objects = Objects(
        object_id, original, label, groups_of(data, ORIGIN.name, object_id), np.full(len(object_id), Provenance.CATALOGUE.value)
    )
    points = total_light(tai(numbers(path, table, "mjd")), codes_of(band, NAMES, BANDS), flux, numbers(path, table, "mag_err"))
    return assembled(ORIGIN, "ogle", BANDS, objects, table["object_id"].to_numpy(dtype=np.str_), points, unknown)
