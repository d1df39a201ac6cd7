"""Light curves that real ZTF packets carry, with labels by name or by position.

Detections carry their sign. Where several packets of one object were collected, the 30 days before each are joined, so that a light
curve may have gaps that the sky did not have. A few objects come from a broker's table of all their alerts instead. What packets
say besides is kept as context (neighbours and counts where the packets lie beside the set; the nearest source of the reference for
all) and as total flux; a recipe that reads detections alone does not see it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from streamer.data.arrays import Bools, Column, Float64s
from streamer.data.photometry import BANDS, Kind, flux_error_from_magnitude_error, flux_from_magnitude, mjd_tai_from_jd_utc
from streamer.surveys.survey import without_sentinels
from streamer.surveys.ztf_kernel import REFERENCE_RADIUS, SENTINELS
from streamer.training.datasets import Dropped, LightCurves, Names, Origin
from streamer.training.labels import COARSE, COARSE_PROVENANCE
from streamer.training.sources.columns import codes, curves_of, groups_of, numbers, positions, read_table, require
from streamer.training.sources.packet_context import Known, joined, of_packets
from streamer.training.sources.ztf_bts import ZTF_BANDS
from streamer.training.windows import WINDOW_DAYS

ORIGIN = Origin(
    name="ztf_alert_packet_lightcurves",
    what="objects of real ZTF alert packets and broker tables, some with a label: a spectrum, or a catalogue match by position",
    source=(
        "github.com: skyportal/kowalski, boom-astro/boom, astrolabsoftware/fink-alert-simulator, astrolabsoftware/fink-broker, "
        "mwvgroup/Pitt-Google-Broker, AmpelAstro/Ampel-ZTF, ZwickyTransientFacility/ztf-avro-alert, alercebroker"
    ),
    licence="MIT, Apache-2.0, BSD-3-Clause; none stated for Pitt-Google-Broker, ztf-avro-alert and alercebroker",
    states_licence=False,
    citation=(
        "Masci et al. 2019, PASP 131, 018003; labels: VSX (Watson et al. 2006), GCVS 5.1 (Samus et al. 2017), "
        "SIMBAD (Wenger et al. 2000), 4LAC (Ajello et al. 2020), 3HSP (Chang et al. 2019), SPICY (Kuhn et al. 2021)"
    ),
    nature="real",
    whole=(
        "the triggers of collected packets, and other detections of theirs whose 30 days other collected packets cover wholly; "
        "in a broker's table of all alerts of an object, those at least 30 days after its first entry"
    ),
)
_COLUMNS = (
    "objectId",
    "jd",
    "fid",
    "magpsf",
    "sigmapsf",
    "isdiffpos",
    "diffmaglim",
    "magnr",
    "distnr",
    "rb",
    "drb",
    "src",
    "isdet",
)
_BAND_OF_FID = {1: BANDS.index("g"), 2: BANDS.index("r"), 3: BANDS.index("i")}
_SIGN = {"t": 1, "1": 1, "f": -1, "0": -1}
_TRIGGER, _HISTORY = "packet", "packet_prv"  # in src: the alert of a packet, the points before it; else a broker's table
_SIGMAS_OF_LIMIT = 5.0  # ZTF's diffmaglim is the five-sigma limit


def read(data: Path) -> LightCurves:
    """The set's light curves; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / ORIGIN.name
    objects = read_table(folder / "objects.csv", ("objectId", "coarse", "coarse_src"), others=True)
    object_id = objects["objectId"].to_numpy(dtype=np.str_)
    path = folder / "lightcurves.parquet"
    table = read_table(path, _COLUMNS)
    usable = table["isdet"].to_numpy(dtype=np.bool_) | (table["diffmaglim"].to_numpy() > 0)
    table = table[usable].sort_values("src", key=lambda src: src.map(_rank), kind="stable").reset_index(drop=True)
    curves, dropped = curves_of(ORIGIN.name, object_id, table["objectId"].to_numpy(dtype=np.str_), _points(path, table))
    coarse, origin = objects["coarse"].fillna("").astype(str), objects["coarse_src"].fillna("").astype(str)
    unknown = sum(kind not in COARSE for kind in coarse if kind)
    lost = (
        Dropped(ORIGIN.name, "points", "limit without depth", int((~usable).sum())),
        Dropped(ORIGIN.name, "labels", "in no table", unknown),
    )
    provenance = [COARSE_PROVENANCE[name].value if name in COARSE_PROVENANCE else "" for name in origin]
    return LightCurves(
        survey="ztf",
        bands=ZTF_BANDS,
        object_id=object_id,
        label=np.array([COARSE.get(kind, "") for kind in coarse], dtype=np.str_),
        original=coarse.to_numpy(dtype=np.str_),
        part=np.zeros(len(object_id), dtype=np.str_),
        group=groups_of(data, ORIGIN.name, object_id),
        provenance=np.array(provenance, dtype=np.str_),
        source=np.full(len(object_id), ORIGIN.name),
        curves=curves,
        context=joined([*of_packets(data, object_id), _known(table, object_id)], len(object_id)),
        position=positions(folder / "objects.csv", objects),
        origins=(ORIGIN,),
        dropped=(*dropped, *(entry for entry in lost if entry.count)),
    )


def _rank(source: str) -> int:
    """Which of two equal points stays: a packet's own before another packet's history before a broker's table."""
    return {_TRIGGER: 0, _HISTORY: 1}.get(source, 2)


def _points(path: Path, table: pd.DataFrame) -> dict[str, Column]:
    detected: Bools = table["isdet"].to_numpy(dtype=np.bool_)
    flux, error = _fluxes(path, table, detected)
    epoch = mjd_tai_from_jd_utc(numbers(path, table, "jd"))
    return {
        "epoch": epoch,
        "band": codes(path, "fid", table["fid"].to_numpy(), _BAND_OF_FID),
        "flux": flux.astype(np.float32),
        "flux_err": error.astype(np.float32),
        "total": (flux + _reference(table)).astype(np.float32),
        "kind": np.where(detected, Kind.DETECTION, Kind.LIMIT).astype(np.int8),
        "complete": complete_windows(table["objectId"].to_numpy(dtype=np.str_), table["src"].to_numpy(dtype=np.str_), epoch),
    }


def _reference(table: pd.DataFrame) -> Float64s:
    """float64[n] nJy of the reference source that is the object, as the survey file has it; NaN where there is none."""
    magnitude, distance = (table[name].to_numpy(dtype=np.float64) for name in ("magnr", "distnr"))
    is_reference = (distance >= 0) & (distance < REFERENCE_RADIUS) & (magnitude > 0)
    return np.where(is_reference, flux_from_magnitude(magnitude), np.nan)


def _known(table: pd.DataFrame, object_id: Names) -> Known:
    """What the set itself says of each detection besides its flux; the real–bogus score only of triggers, with a packet."""
    seen = table[table["isdet"]]
    place = {name: row for row, name in enumerate(object_id.tolist())}
    distance, magnitude, newer, older = (
        without_sentinels(seen[name].to_numpy(dtype=np.float64), *SENTINELS) for name in ("distnr", "magnr", "drb", "rb")
    )
    score = np.where(seen["src"].to_numpy() == _TRIGGER, np.where(np.isfinite(newer), newer, older), np.nan)
    return Known(
        np.array([place.get(name, -1) for name in seen["objectId"].tolist()], dtype=np.int64),
        mjd_tai_from_jd_utc(seen["jd"].to_numpy(dtype=np.float64)),
        {
            "reference_distance": distance.astype(np.float32),
            "reference_magnitude": magnitude.astype(np.float32),
            "real_bogus": score.astype(np.float32),
        },
    )


def complete_windows(owner: Names, source: Names, epoch: Float64s) -> Bools:
    """bool[n] whether a point's whole window was collected.

    A packet covers the window before its trigger, a broker's table the time from its first entry to its last.

    Parameters
    ----------
    owner, source : str[n]
        Object and ``src`` of each point.
    epoch : float64[n]
        MJD, days.
    """
    complete = np.zeros(len(epoch), dtype=np.bool_)
    order = np.argsort(owner, kind="stable")
    for rows in np.split(order, np.flatnonzero(owner[order][1:] != owner[order][:-1]) + 1):
        start, end = _covered(source[rows], epoch[rows])
        place = np.searchsorted(start, epoch[rows] - WINDOW_DAYS["ztf"], side="right") - 1
        complete[rows] = (place >= 0) & (end[place] >= epoch[rows])
    return complete


def _covered(source: Names, epoch: Float64s) -> tuple[Float64s, Float64s]:
    """Beginnings and ends of the times over which all detections of one object are known: apart, in order, at least one."""
    triggers = epoch[source == _TRIGGER]
    spans = [(trigger - WINDOW_DAYS["ztf"], trigger) for trigger in triggers.tolist()]
    table = epoch[(source != _TRIGGER) & (source != _HISTORY)]
    spans += [(float(table.min()), float(table.max()))] if len(table) else []
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    edges = np.array(joined or [(np.inf, np.inf)])
    return edges[:, 0], edges[:, 1]


def _fluxes(path: Path, table: pd.DataFrame, detected: Bools) -> tuple[Float64s, Float64s]:
    """Signed difference flux and error of detections; NaN and the one-sigma depth of limits; nJy."""
    magnitude = table["magpsf"].to_numpy(dtype=np.float64)
    sigma = table["sigmapsf"].to_numpy(dtype=np.float64)
    require(path, "magpsf", ~detected | np.isfinite(magnitude), "is not a finite number", magnitude)
    require(path, "sigmapsf", ~detected | (sigma > 0), "is not positive", sigma)
    signs = table["isdiffpos"].fillna("").to_numpy(dtype=np.str_)
    sign = codes(path, "isdiffpos", np.where(detected, signs, "t"), _SIGN)
    flux = np.where(detected, sign * flux_from_magnitude(magnitude), np.nan)
    depth = flux_from_magnitude(table["diffmaglim"].to_numpy(dtype=np.float64)) / _SIGMAS_OF_LIMIT
    return flux, np.where(detected, flux_error_from_magnitude_error(flux, sigma), depth)
