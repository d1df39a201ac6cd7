"""Packets in the style of LSST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.codec.container import write_long
from streamer.data.photometry import BANDS, magnitude_from_flux
from streamer.sources.simulated.packets import NULL, PRESENT, Subject, array, block, near, part_writer, text

WINDOW = 365.0
"""Days of history in a packet."""
PRECOVERY = 30.0
"""Forced photometry reaches back this many days before the first source."""
_FIRST_ID = 170_000_000_000_000_000
_FORCED_IDS = 500_000
_PROCESSING = 0.0015
_WITHDRAWN = 0.003
"""Share of sources that are withdrawn later on."""


class LsstObject:
    """An object of LSST with its visits encoded."""

    def __init__(self, subject: Subject) -> None:
        self._first_id = _FIRST_ID + subject.number * 10**6
        self.object_id = str(self._first_id)
        self.truth = subject.truth
        self._subject = subject
        self._epoch = subject.points.epoch.tolist()
        self._rows = _rows(subject, self._first_id)
        source, forced = part_writer("lsst", "diaSource"), part_writer("lsst", "prvDiaForcedSources")
        found = subject.points.found.tolist()
        self._now = {i: source(row) for i, row in enumerate(self._rows) if found[i]}
        self._withdrawn = {
            i: source({**self._rows[i], "timeWithdrawnMjdTai": self._rows[i]["withdrawn"]})
            for i in self._now
            if self._rows[i]["withdrawn"] is not None
        }
        first = self._epoch[min(self._now)] if self._now else 0.0
        forced_from = np.inf if subject.moving else first - PRECOVERY
        self._forced = [forced(row) if row["midpointMjdTai"] > forced_from else b"" for row in self._rows]
        self._moving = {i: _mover(subject, self._first_id, self._rows[i]) for i in self._now} if subject.moving else {}

    def alert_id(self, i: int) -> int:
        """``diaSourceId`` of point `i`."""
        return int(self._rows[i]["diaSourceId"])

    def body(self, i: int, stamps: Sequence[bytes]) -> bytes:
        """The datum of the alert that point `i` raises."""
        science, template, difference = (PRESENT + block(stamp) for stamp in stamps)
        return b"".join(
            (
                write_long(self.alert_id(i)),
                PRESENT + text("science"),
                PRESENT + text("simulated survey"),
                self._now[i],
                *self._history(i),
                difference,
                science,
                template,
            )
        )

    def _history(self, i: int) -> tuple[bytes, bytes, bytes, bytes]:
        if self._subject.moving:
            return NULL, NULL, NULL, PRESENT + part_writer("lsst", "ssSource")(self._moving[i])
        start = int(np.searchsorted(self._epoch[:i], self._epoch[i] - WINDOW))
        sources = [self._source(j, self._epoch[i]) for j in range(start, i) if j in self._now]
        forced = [row for row in self._forced[start:i] if row]
        return array(sources), array(forced), PRESENT + part_writer("lsst", "diaObject")(self._object(i)), NULL

    def _source(self, j: int, epoch: float) -> bytes:
        """Point `j` as it is known at `epoch`."""
        withdrawn = self._rows[j]["withdrawn"]
        return self._now[j] if withdrawn is None or withdrawn > epoch else self._withdrawn[j]

    def _object(self, i: int) -> dict[str, Any]:
        epochs = [self._epoch[j] for j in self._now if j <= i]
        return {
            "diaObjectId": self._first_id,
            "validityStartMjdTai": self._epoch[i] + _PROCESSING,
            "ra": self._subject.place.ra,
            "raErr": 1e-5,
            "dec": self._subject.place.dec,
            "decErr": 1e-5,
            "firstDiaSourceMjdTai": epochs[0],
            "lastDiaSourceMjdTai": epochs[-1],
            "nDiaSources": len(epochs),
        }


def _mover(subject: Subject, first_id: int, row: dict[str, Any]) -> dict[str, Any]:
    """The moving object at one of its points."""
    rng = subject.rng
    helio = float(rng.uniform(1.8, 3.5))
    magnitude = float(magnitude_from_flux(np.array([abs(row["psfFlux"])]))[0])
    return {
        "diaSourceId": row["diaSourceId"],
        "ssObjectId": first_id,
        "designation": f"2024 AB{subject.number}",
        "eclLambda": subject.place.ra,
        "eclBeta": float(rng.normal(0.0, 10.0)),
        "phaseAngle": float(rng.uniform(2.0, 25.0)),
        "topoRange": helio - float(rng.uniform(0.6, 0.98)),
        "helioRange": helio,
        "ephVmag": magnitude + float(rng.normal(0.2, 0.2)),
        "ephRate": float(rng.uniform(0.05, 0.4)),
        "ephOffset": float(rng.rayleigh(0.2)),
    }


def _rows(subject: Subject, first_id: int) -> list[dict[str, Any]]:
    """What is known of each visit, by the schema's field names."""
    points, rng = subject.points, subject.rng
    n = len(points)
    number = np.arange(n)
    night = np.floor(points.epoch - 0.5).astype(np.int64)
    reference = np.nan_to_num(subject.truth.reference)[points.band]
    significance = points.flux / points.error
    withdrawn = np.where(rng.random(n) < _WITHDRAWN, points.epoch + 1.0, np.nan)
    positions = near(rng, subject.place, n, 0.05)
    columns: dict[str, list[Any]] = {
        "diaSourceId": (first_id + number + 1).tolist(),
        "diaForcedSourceId": (first_id + _FORCED_IDS + number + 1).tolist(),
        "visit": (night * 10**5 + ((points.epoch - 0.5) % 1.0 * 86_400.0).astype(np.int64)).tolist(),
        "detector": rng.integers(0, 189, n).tolist(),
        "midpointMjdTai": points.epoch.tolist(),
        "ra": [ra for ra, _ in positions],
        "dec": [dec for _, dec in positions],
        "isNegative": (points.flux < 0.0).tolist(),
        "snr": np.abs(significance).tolist(),
        "psfFlux": points.flux.tolist(),
        "psfFluxErr": points.error.tolist(),
        "scienceFlux": points.total.tolist(),
        "scienceFluxErr": points.error.tolist(),
        "templateFlux": reference.tolist(),
        "templateFluxErr": (0.2 * points.error).tolist(),
        "extendedness": _extendedness(subject).tolist(),
        "reliability": np.clip(1.0 - rng.exponential(0.5, n) / np.abs(significance).clip(3.0), 0.02, 0.999).tolist(),
        "band": [BANDS[code] for code in points.band.tolist()],
        "timeProcessedMjdTai": (points.epoch + _PROCESSING).tolist(),
        "withdrawn": [None if np.isnan(epoch) else epoch for epoch in withdrawn.tolist()],
    }
    constant = {
        "diaObjectId": None if subject.moving else first_id,
        "ssObjectId": first_id if subject.moving else None,
        "raErr": 1.4e-5,
        "decErr": 1.4e-5,
        "timeWithdrawnMjdTai": None,
    }
    names = tuple(columns)
    return [{**constant, **dict(zip(names, row, strict=True))} for row in zip(*columns.values(), strict=True)]


def _extendedness(subject: Subject) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of the source in the science image: a supernova is seen with its galaxy."""
    n = len(subject.points)
    extended = not subject.truth.stellar and not subject.moving
    return subject.rng.beta(3.0, 2.0, n) if extended else subject.rng.beta(0.6, 12.0, n)
