"""Light curves of ZTF's data releases: some hundreds of points over years, of everything at the star's place, not of alerts.

AB magnitudes, MJD UTC. Points with ``catflags`` of 32,768 or more are bad by the survey's own word (the others are cautions).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from streamer.data.photometry import flux_from_magnitude
from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import AMATEUR, Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, leaves_of, numbers, read_table, tai, total_light
from streamer.training.sources.filters import NAMES, codes_of
from streamer.training.sources.ztf_bts import ZTF_BANDS

VARIABLES = Origin(
    name="ztf_dr_amateur_variables",
    what="31 variable stars, mostly eclipsing, of which 19 have a type; photometry of ZTF's data releases over years",
    source="github.com/gvard/lcurvemaker",
    licence="none stated",
    states_licence=False,
    citation="Masci et al. 2019, PASP 131, 018003; types: VSX (Watson et al. 2006, SASS 25, 47)",
    nature="real",
    whole="none: data releases are not alerts",
)
FIELD = Origin(
    name="ztf_dr_field_zr400",
    what="600 field stars that nobody chose, 400 r-band points each of ZTF's data release: background, and donors of cadence",
    source="github.com/snad-space/zwad",
    licence="MIT",
    states_licence=True,
    citation="Malanchev et al. 2021, MNRAS 502, 5147; Masci et al. 2019, PASP 131, 018003",
    nature="real",
    whole="none: data releases are not alerts",
)
SURVEY = "ztf-dr"
_BAD = 32_768


def read_variables(data: Path) -> LightCurves:
    """The variable stars; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / VARIABLES.name
    labels = read_table(folder / "labels.csv", ("nickname", "type"), texts=("nickname",))
    object_id, original = labels["nickname"].to_numpy(dtype=np.str_), labels["type"].fillna("").to_numpy(dtype=np.str_)
    label, unknown = leaves_of(VARIABLES, original, AMATEUR)
    provenance = np.where(original != "", Provenance.CATALOGUE.value, "")
    objects = Objects(object_id, original, label, groups_of(data, VARIABLES.name, object_id), provenance)
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("nickname", "band", "mjd", "mag", "magerr", "catflags"))
    return assembled(
        VARIABLES, SURVEY, ZTF_BANDS, objects, _owner(table, "nickname"), _points(path, table), unknown, _flagged(table)
    )


def read_field(data: Path) -> LightCurves:
    """The field stars, without labels; each is a group of its own."""
    path = data / "lightcurves" / FIELD.name / "lightcurves.parquet"
    table = read_table(path, ("objectId", "band", "mjd", "mag", "magerr", "catflags"))
    owner = _owner(table, "objectId")
    object_id = np.unique(owner)
    none = np.zeros(len(object_id), dtype=np.str_)
    objects = Objects(object_id, none, none, group=object_id, provenance=none)
    return assembled(FIELD, SURVEY, ZTF_BANDS, objects, owner, _points(path, table), (), _flagged(table))


def _owner(table: pd.DataFrame, name: str) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    owner: np.ndarray[tuple[int], np.dtype[np.str_]] = table[name].to_numpy(dtype=np.str_)
    return owner


def _points(path: Path, table: pd.DataFrame) -> dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]]:
    band = codes_of(table["band"].to_numpy(dtype=np.str_), NAMES, ZTF_BANDS)
    return total_light(
        tai(numbers(path, table, "mjd")), band, flux_from_magnitude(numbers(path, table, "mag")), numbers(path, table, "magerr")
    )


def _flagged(table: pd.DataFrame) -> list[tuple[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]]:
    return [("flagged bad by the survey", table["catflags"].to_numpy() >= _BAD)]
