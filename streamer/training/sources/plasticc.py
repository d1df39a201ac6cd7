"""Simulated LSST light curves of the PLAsTiCC challenge: what the LSST model rests on until real labelled alerts exist in number.

Fluxes are difference fluxes with zero point 27.5. A point above the detection threshold becomes a detection, any other one a forced
measurement. PLAsTiCC's MJD carries no time scale; it is taken for TAI. A few objects are the same light curve twice: they are
put in one group (:mod:`streamer.training.kin`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamer.data.photometry import AB_ZERO_POINT_NJY, BANDS, Kind
from streamer.training.datasets import Dropped, LightCurves, Origin
from streamer.training.kin import with_kin_in_one_group
from streamer.training.labels import PLASTICC, Provenance
from streamer.training.sources.columns import codes, curves_of, groups_of, numbers, positions, read_table, require

ORIGIN = Origin(
    name="plasticc_train",
    what="SIMULATED LSST light curves of the PLAsTiCC challenge, a part of its training set",
    source="Python package snmachine; full set: zenodo.org/records/2539456",
    licence="BSD-3-Clause (stated by snmachine)",
    states_licence=True,
    citation="The PLAsTiCC team 2018, arXiv:1810.00001; Kessler et al. 2019, PASP 131, 094501",
    nature="simulated",
    whole="all: each light curve holds every visit since the first night of the simulated survey",
)
_ZERO_POINT = 27.5
NJY_PER_COUNT = 10 ** (0.4 * (AB_ZERO_POINT_NJY - _ZERO_POINT))


def read(data: Path) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / ORIGIN.name
    labels = read_table(folder / "metadata.csv.gz", ("object_id", "target"), others=True)
    object_id = labels["object_id"].to_numpy(dtype=np.int64).astype(np.str_)
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("object_id", "mjd", "passband", "flux", "flux_err", "detected_bool"))
    error = numbers(path, table, "flux_err")
    require(path, "flux_err", error > 0, "is not positive", error)
    detected = table["detected_bool"].to_numpy() == 1
    curves, dropped = curves_of(
        ORIGIN.name,
        object_id,
        table["object_id"].to_numpy(dtype=np.int64).astype(np.str_),
        {
            "epoch": numbers(path, table, "mjd"),
            "band": codes(path, "passband", table["passband"].to_numpy(), {code: code for code in range(len(BANDS))}),
            "flux": (numbers(path, table, "flux") * NJY_PER_COUNT).astype(np.float32),
            "flux_err": (error * NJY_PER_COUNT).astype(np.float32),
            "total": np.full(len(table), np.nan, dtype=np.float32),
            "complete": np.ones(len(table), dtype=np.bool_),
            "kind": np.where(detected, Kind.DETECTION, Kind.FORCED).astype(np.int8),
        },
    )
    target = labels["target"].to_numpy(dtype=np.int64).tolist()
    unknown = sum(code not in PLASTICC for code in target)
    found = LightCurves(
        survey="lsst",
        bands=BANDS,
        object_id=object_id,
        label=np.array([PLASTICC.get(code, "") for code in target], dtype=np.str_),
        original=np.array(target).astype(np.str_),
        part=np.zeros(len(object_id), dtype=np.str_),
        group=groups_of(data, ORIGIN.name, object_id),
        provenance=np.full(len(object_id), Provenance.SIMULATED.value),
        source=np.full(len(object_id), ORIGIN.name),
        curves=curves,
        position=positions(folder / "metadata.csv.gz", labels.rename(columns={"decl": "dec"})),
        origins=(ORIGIN,),
        dropped=(*dropped, Dropped(ORIGIN.name, "labels", "in no table", unknown)) if unknown else dropped,
    )
    return with_kin_in_one_group(found)
