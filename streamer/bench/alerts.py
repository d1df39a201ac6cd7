"""Alerts out of decoded packets, one at a time, as the baselines take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamer.data.arrays import Float64s
from streamer.data.photometry import AB_ZERO_POINT_NJY

ERROR_OF_MAGNITUDE = 0.4 * np.log(10.0)

Curve = tuple[Float64s, Float64s, Float64s]
"""Times (d), fluxes and errors (nJy) of the detections in one band, in order of time."""
Record = Mapping[str, Any]
Features = dict[str, float]


@dataclass(frozen=True, slots=True)
class Alert:
    """What a baseline takes from a decoded packet."""

    survey: str
    alert_id: int
    object_id: str
    epoch: float
    ra: float
    dec: float
    band: str
    flux: float
    flux_err: float
    bands: tuple[str, ...]
    curves: Mapping[str, Curve]

    @property
    def n_detections(self) -> int:
        """Detections in all bands."""
        return sum(len(time) for time, _, _ in self.curves.values())


def alert_of(record: Record) -> Alert:
    """The alert in a decoded ZTF or LSST packet."""
    return _ztf(record) if "candidate" in record else _lsst(record)


def _ztf(record: Record) -> Alert:
    trigger = record["candidate"]
    points = [point for point in (trigger, *(record["prv_candidates"] or ())) if point["magpsf"] is not None]
    table = [(point["jd"] - trigger["jd"], "gri"[point["fid"] - 1], *_flux(point)) for point in points]
    flux, error = _flux(trigger)
    place = (trigger["jd"] - 2_400_000.5, trigger["ra"], trigger["dec"], "gri"[trigger["fid"] - 1], flux, error)
    return Alert("ztf", record["candid"], record["objectId"], *place, ("g", "r", "i"), _curves(table, ("g", "r", "i")))


def _flux(point: Record) -> tuple[float, float]:
    size = 10.0 ** (-0.4 * (point["magpsf"] - AB_ZERO_POINT_NJY))
    return (size if point["isdiffpos"] in {"t", "1", "T"} else -size), size * ERROR_OF_MAGNITUDE * point["sigmapsf"]


def _lsst(record: Record) -> Alert:
    trigger = record["diaSource"]
    points = [
        point
        for point in (trigger, *(record["prvDiaSources"] or ()))
        if point["psfFlux"] is not None and not point.get("timeWithdrawnMjdTai")
    ]
    now = trigger["midpointMjdTai"]
    table = [(point["midpointMjdTai"] - now, point["band"], point["psfFlux"], point["psfFluxErr"]) for point in points]
    flux, error = (np.nan if trigger[name] is None else trigger[name] for name in ("psfFlux", "psfFluxErr"))
    bands = ("u", "g", "r", "i", "z", "y")
    place = (now, trigger["ra"], trigger["dec"], trigger["band"], flux, error)
    return Alert("lsst", trigger["diaSourceId"], str(trigger["diaObjectId"]), *place, bands, _curves(table, bands))


def _curves(points: Sequence[tuple[float, str, float, float]], bands: Sequence[str]) -> dict[str, Curve]:
    """The first of several points of one time and band counts: packets repeat the triggering measurement."""
    different = {(t, name): (t, f, e) for t, name, f, e in reversed(points) if e is not None and e > 0}
    found: dict[str, Curve] = {}
    for band in bands:
        table = np.array(sorted(point for (_, name), point in different.items() if name == band), dtype=np.float64)
        time, flux, error = table.reshape(len(table), 3).T
        found[band] = time, flux, error
    return found
