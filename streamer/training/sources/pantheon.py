"""Type Ia supernovae of the Pantheon+ compilation whose bands are unambiguous: Pan-STARRS1, DES, Foundation and SNLS, griz.

Difference fluxes with zero point 27.5 in each survey's own AB-like system. The other sets of the compilation name their filters
with letters that only their own calibration files explain; they are left out. A point of five sigma or more is called a detection.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.data.arrays import Column
from streamer.data.photometry import AB_ZERO_POINT_NJY, Kind
from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, numbers, read_table, tai
from streamer.training.sources.filters import NAMES, codes_of

ORIGIN = Origin(
    name="pantheonplus_snia",
    what="type Ia supernovae of the Pantheon+ compilation seen by Pan-STARRS1, DES, Foundation and SNLS, griz",
    source="github.com/PantheonPlusSH0ES/DataRelease",
    licence="none stated",
    states_licence=False,
    citation="Scolnic et al. 2022, ApJ 938, 113; Brout et al. 2022, ApJ 938, 110",
    nature="real",
    whole="none: not from alerts",
)
BANDS = ("g", "r", "i", "z")
_SETS = ("Pantheon_PS1MD", "DES3YR_DES_COMBINED_TEXT", "Foundation_DJ17", "JLA2014_SNLS_DS17")
_ZERO_POINT = 27.5
_NJY = 10 ** (0.4 * (AB_ZERO_POINT_NJY - _ZERO_POINT))
_DETECTED = 5.0


def read(data: Path) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / ORIGIN.name
    labels = read_table(folder / "labels.csv", ("object_id", "label"), texts=("object_id",))
    object_id = labels["object_id"].to_numpy(dtype=np.str_)
    original = labels["label"].to_numpy(dtype=np.str_)
    objects = Objects(
        object_id,
        original,
        np.where(original == "SNIa", "SNIa", ""),
        groups_of(data, ORIGIN.name, object_id),
        np.full(len(object_id), Provenance.SPECTROSCOPIC.value),
    )
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("object_id", "set", "band", "mjd", "flux", "flux_err"))
    flux, error = numbers(path, table, "flux"), numbers(path, table, "flux_err")
    points: dict[str, Column] = {
        "epoch": tai(numbers(path, table, "mjd")),
        "band": codes_of(table["band"].to_numpy(dtype=np.str_), NAMES, BANDS),
        "flux": (flux * _NJY).astype(np.float32),
        "flux_err": (error * _NJY).astype(np.float32),
        "total": np.full(len(table), np.nan, dtype=np.float32),
        "kind": np.where(flux >= _DETECTED * error, Kind.DETECTION, Kind.FORCED).astype(np.int8),
        "complete": np.zeros(len(table), dtype=np.bool_),
    }
    unexplained = [("set whose filters are letters without explanation", ~table["set"].isin(_SETS).to_numpy())]
    return assembled(ORIGIN, "pantheon", BANDS, objects, table["object_id"].to_numpy(dtype=np.str_), points, (), unexplained)
