"""Spectroscopically classified transients of the ZTF Bright Transient Survey, with their alert photometry.

The set holds detections only: no sign (bright transients are positive, which is assumed), no limits, no context.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from streamer.data.arrays import Bools
from streamer.data.photometry import (
    BANDS,
    MJD_OF_JD,
    Kind,
    flux_error_from_magnitude_error,
    flux_from_magnitude,
    mjd_tai_from_jd_utc,
)
from streamer.training.datasets import Dropped, LightCurves, Names, Origin
from streamer.training.labels import TNS_NO_LEAF, Provenance, leaf_of_tns
from streamer.training.sources.columns import codes, curves_of, groups_of, numbers, positions, read_table, require

ORIGIN = Origin(
    name="ztf_bts_alert_photometry",
    what="transients of the ZTF Bright Transient Survey with spectroscopic types: g and r alert photometry, detections only",
    source="github.com/HSE-LAMBDA/light_curve_approx, github.com/light-curve/test-data",
    licence="MIT (light_curve_approx), none stated (test-data)",
    states_licence=False,
    citation="Fremling et al. 2020, ApJ 895, 32; Perley et al. 2020, ApJ 904, 35; Demianenko et al. 2023, A&A 677, A16",
    nature="real",
    whole="all: each light curve begins with the discovery of the transient",
)
ZTF_BANDS = ("g", "r", "i")
_SEXAGESIMAL = re.compile(r"([+-]?)(\d+):(\d+):(\d+(?:\.\d*)?)")
_LICENSED = "HSE-LAMBDA/light_curve_approx"
"""The one of its two repositories, as the column ``src`` of its points has them, that states a licence."""


def read(data: Path) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / ORIGIN.name
    labels = read_table(folder / "labels.csv", ("objectId", "bts_type"), others=True)
    object_id = labels["objectId"].to_numpy(dtype=np.str_)
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("objectId", "mjd", "band", "mag", "magerr"), others=True)
    error = numbers(path, table, "magerr")
    require(path, "magerr", error > 0, "is not positive", error)
    flux = flux_from_magnitude(numbers(path, table, "mag"))
    curves, dropped = curves_of(
        ORIGIN.name,
        object_id,
        table["objectId"].to_numpy(dtype=np.str_),
        {
            "epoch": mjd_tai_from_jd_utc(numbers(path, table, "mjd") + MJD_OF_JD),
            "band": codes(path, "band", table["band"].to_numpy(dtype=np.str_), {band: BANDS.index(band) for band in ZTF_BANDS}),
            "flux": flux.astype(np.float32),
            "flux_err": flux_error_from_magnitude_error(flux, error).astype(np.float32),
            "total": np.full(len(flux), np.nan, dtype=np.float32),
            "complete": np.ones(len(flux), dtype=np.bool_),
            "kind": np.full(len(flux), Kind.DETECTION, dtype=np.int8),
        },
    )
    types = labels["bts_type"].astype(str).tolist()
    label = [leaf_of_tns(kind) for kind in types]
    unknown = sum(not leaf and kind not in TNS_NO_LEAF for leaf, kind in zip(label, types, strict=True))
    return LightCurves(
        survey="ztf",
        bands=ZTF_BANDS,
        object_id=object_id,
        label=np.array(label, dtype=np.str_),
        original=np.array(types, dtype=np.str_),
        part=np.zeros(len(object_id), dtype=np.str_),
        group=groups_of(data, ORIGIN.name, object_id),
        provenance=np.full(len(object_id), Provenance.SPECTROSCOPIC.value),
        source=np.full(len(object_id), ORIGIN.name),
        curves=curves,
        unlicensed=_unlicensed(table, object_id),
        position=positions(folder / "labels.csv", _in_degrees(labels)),
        origins=(ORIGIN,),
        dropped=(*dropped, Dropped(ORIGIN.name, "labels", "in no table", unknown)) if unknown else dropped,
    )


def _unlicensed(table: pd.DataFrame, object_id: Names) -> Bools:
    """bool[n], the objects with points that are not known to be from the place that states a licence."""
    if "src" not in table.columns:
        return np.ones(len(object_id), dtype=np.bool_)
    unlicensed: Bools = np.isin(object_id, table["objectId"].to_numpy(dtype=np.str_)[table["src"].to_numpy() != _LICENSED])
    return unlicensed


def _in_degrees(labels: pd.DataFrame) -> pd.DataFrame:
    """The columns ``ra`` and ``dec`` from hours and degrees as they are printed (21:59:18.60, +44:07:40.2), where they are."""
    printed = (("ra", "RA", 15.0), ("dec", "Dec", 1.0))
    return pd.DataFrame(
        {ours: [_degrees(text, unit) for text in labels[theirs]] for ours, theirs, unit in printed if theirs in labels.columns}
    )


def _degrees(text: object, unit: float) -> object:
    """The angle in degrees, −00:30:00 being −0.5; anything else as it is, to be told or to be empty."""
    if (found := _SEXAGESIMAL.fullmatch(str(text))) is None:
        return text
    sign, *parts = found.groups()
    size = unit * sum(float(part) / 60**power for power, part in enumerate(parts))
    return -size if sign == "-" else size
