"""Variable stars of the Large Magellanic Cloud seen by EROS-2.

EROS had two wide bands of its own, B (420–720 nm) and R (620–920 nm). Its R is Cousins I to a few hundredths of a magnitude and its
B lies between V and R (Tisserand et al. 2007, A&A 469, 387), so those systems' zero points are used. Times are HJD − 2,450,000 as
float32, good to 5 s. Points fainter than 22.5 mag, beyond the survey's depth, are its marks for stars that were not found.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.data.photometry import MJD_OF_JD
from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import EROS, Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, leaves_of, numbers, read_table, tai, total_light
from streamer.training.sources.filters import ab_flux, codes_of

ORIGIN = Origin(
    name="eros_ramp_variable_stars",
    what="variable stars of the Large Magellanic Cloud (RR Lyrae, Cepheids, eclipsing binaries, Miras), EROS-2, two bands",
    source="github.com/ramp-kits/variable_stars",
    licence="none stated",
    states_licence=False,
    citation="Tisserand et al. 2007, A&A 469, 387; Kim et al. 2014, A&A 566, A43",
    nature="real",
    whole="none: the survey sent no alerts",
)
BANDS = ("V", "I")
_SPELLED = {"b": "V", "r": "I"}
_HJD_ZERO = 2_450_000.0
_FAINTEST = 22.5


def read(data: Path) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / ORIGIN.name
    labels = read_table(folder / "labels.csv", ("object_id", "class"), texts=("object_id",))
    object_id = labels["object_id"].to_numpy(dtype=np.str_)
    original = labels["class"].to_numpy(dtype=np.str_)
    label, unknown = leaves_of(ORIGIN, original, EROS)
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("object_id", "band", "time", "light", "err"))
    band, magnitude = table["band"].to_numpy(dtype=np.str_), numbers(path, table, "light")
    flux = ab_flux(magnitude, band, _SPELLED, np.ones(len(table), dtype=np.bool_))
    epoch = tai(numbers(path, table, "time") + (_HJD_ZERO - MJD_OF_JD))
    objects = Objects(
        object_id, original, label, groups_of(data, ORIGIN.name, object_id), np.full(len(object_id), Provenance.CATALOGUE.value)
    )
    points = total_light(epoch, codes_of(band, _SPELLED, BANDS), flux, numbers(path, table, "err"))
    owner = table["object_id"].to_numpy(dtype=np.str_)
    return assembled(
        ORIGIN, "eros", BANDS, objects, owner, points, unknown, [("fainter than the survey reaches", magnitude > _FAINTEST)]
    )
