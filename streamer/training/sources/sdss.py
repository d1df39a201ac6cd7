"""Two sets that rest on SDSS imaging: RR Lyrae stars of Stripe 82, and quasars with Pan-STARRS1 points beside those of SDSS.

AB magnitudes of everything at the object's place, MJD TAI (SDSS keeps TAI; that Pan-STARRS1 keeps UTC is a difference of half
a minute). Magnitudes of 100 and errors of 99 mean that nothing was measured; an error of a magnitude or more is no measurement
either.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.data.photometry import flux_from_magnitude
from streamer.training.datasets import Dropped, LightCurves, Origin
from streamer.training.labels import STRIPE_82, Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, leaves_of, numbers, read_table, total_light
from streamer.training.sources.filters import NAMES, codes_of

RRLYRAE = Origin(
    name="rrlyrae_sdss_s82",
    what="RR Lyrae stars of SDSS Stripe 82, ugriz",
    source="github.com/light-curve/test-data",
    licence="none stated",
    states_licence=False,
    citation="Sesar et al. 2010, ApJ 708, 717",
    nature="real",
    whole="none: the survey sent no alerts",
)
QUASARS = Origin(
    name="qso_tdss_rqs_sdss_ps1",
    what="spectroscopic quasars with a few points each from SDSS and Pan-STARRS1 mixed, g and r",
    source="github.com/broulston/TDSS-RQS-ViP",
    licence="MIT",
    states_licence=True,
    citation="MacLeod et al. 2018, AJ 155, 6; Morganson et al. 2015, ApJ 806, 244",
    nature="real",
    whole="none: the surveys sent no alerts",
)
_MAX_ERROR = 1.0


def read_rrlyrae(data: Path) -> LightCurves:
    """The RR Lyrae stars; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / RRLYRAE.name
    labels = read_table(folder / "periods.csv", ("Num", "Type"), texts=("Num",))
    object_id, original = labels["Num"].to_numpy(dtype=np.str_), labels["Type"].to_numpy(dtype=np.str_)
    label, unknown = leaves_of(RRLYRAE, original, STRIPE_82)
    objects = Objects(
        object_id, original, label, groups_of(data, RRLYRAE.name, object_id), np.full(len(object_id), Provenance.CATALOGUE.value)
    )
    return _assembled(folder / "lightcurves.parquet", RRLYRAE, "sdss", "ugriz", "objectId", objects, unknown)


def read_quasars(data: Path) -> LightCurves:
    """The quasars; InvalidData if a file is not as it should be."""
    path = data / "lightcurves" / QUASARS.name / "lightcurves.parquet"
    object_id = np.unique(read_table(path, ("name",))["name"].to_numpy(dtype=np.str_))
    objects = Objects(
        object_id,
        original=np.full(len(object_id), "QSO"),
        label=np.full(len(object_id), "AGN"),
        group=groups_of(data, QUASARS.name, object_id),
        provenance=np.full(len(object_id), Provenance.SPECTROSCOPIC.value),
    )
    return _assembled(path, QUASARS, "sdss-ps1", "gr", "name", objects)


def _assembled(
    path: Path, origin: Origin, survey: str, letters: str, owner: str, objects: Objects, unknown: tuple[Dropped, ...] = ()
) -> LightCurves:
    table = read_table(path, (owner, "band", "mjd", "mag", "magerr"))
    bands = tuple(letters)
    error = numbers(path, table, "magerr")
    points = total_light(
        numbers(path, table, "mjd"),
        codes_of(table["band"].to_numpy(dtype=np.str_), NAMES, bands),
        flux_from_magnitude(numbers(path, table, "mag")),
        error,
    )
    return assembled(
        origin,
        survey,
        bands,
        objects,
        table[owner].to_numpy(dtype=np.str_),
        points,
        unknown,
        [("error of a magnitude or more", error >= _MAX_ERROR)],
    )
