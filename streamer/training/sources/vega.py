"""Sets of one shape: Vega magnitudes of all the light at a star's place, in MJD UTC, beside a table of labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, leaves_of, numbers, read_table, tai, total_light
from streamer.training.sources.filters import ab_flux, codes_of


def read_vega(
    data: Path, origin: Origin, survey: str, bands: tuple[str, ...], labels: Mapping[str, str], spelled: Mapping[str, str]
) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be.

    Parameters
    ----------
    data : Path
    origin : Origin
    survey : str
    bands : tuple of str
    labels : mapping of str to str
        The leaf of each of the set's labels, as in :mod:`streamer.training.labels`.
    spelled : mapping of str to str
        Name of each filter as the set writes it.
    """
    folder = data / "lightcurves" / origin.name
    table = read_table(folder / "labels.csv", ("object_id", "label"), texts=("object_id",))
    object_id = table["object_id"].to_numpy(dtype=np.str_)
    original = table["label"].to_numpy(dtype=np.str_)
    label, unknown = leaves_of(origin, original, labels)
    path = folder / "lightcurves.parquet"
    points = read_table(path, ("object_id", "band", "mjd", "mag", "mag_err"))
    band = points["band"].to_numpy(dtype=np.str_)
    flux = ab_flux(numbers(path, points, "mag"), band, spelled, np.ones(len(points), dtype=np.bool_))
    objects = Objects(
        object_id, original, label, groups_of(data, origin.name, object_id), np.full(len(object_id), Provenance.CATALOGUE.value)
    )
    light = total_light(tai(numbers(path, points, "mjd")), codes_of(band, spelled, bands), flux, numbers(path, points, "mag_err"))
    return assembled(origin, survey, bands, objects, points["object_id"].to_numpy(dtype=np.str_), light, unknown)
