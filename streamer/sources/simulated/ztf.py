"""Packets in the style of ZTF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.codec.container import write_long
from streamer.data.arrays import Float64s
from streamer.data.photometry import AB_ZERO_POINT_NJY, MJD_OF_JD, magnitude_from_flux, mjd_utc_from_mjd_tai
from streamer.sources.simulated.cadence import G
from streamer.sources.simulated.packets import PRESENT, VERSION, Subject, array, block, near, part_writer, text

WINDOW = 30.0
"""Days of history in a packet."""
FAILED = -99_999.0
NONE_NEAR = -999.0
_FAILURES = 0.01
"""Share of forced photometry that fails."""
_FIRST_NIGHT_JD = 2_457_754.5
_YEARS_BEFORE = (600, 1800)
"""Exposures of a place since the survey began."""
_LETTERS = 7
_IMAGES = ("Science", "Template", "Difference")


class ZtfObject:
    """An object of ZTF with its visits encoded."""

    def __init__(self, subject: Subject) -> None:
        self.object_id = _object_id(subject)
        self.truth = subject.truth
        self._subject = subject
        self._epoch = subject.points.epoch.tolist()
        self._rows = _rows(subject)
        later = part_writer("ztf", "prv_candidates")
        forced = part_writer("ztf", "fp_hists")
        self._earlier = [later(row if row["magpsf"] is not None else {**row, **_NOTHING_FOUND}) for row in self._rows]
        self._forced = [forced(row) for row in self._rows] if not subject.moving else []
        self._found = np.concatenate([[0], np.cumsum(subject.points.found)]).tolist()
        self._context = _context(subject)
        self._writer = part_writer("ztf", "candidate")

    def alert_id(self, i: int) -> int:
        """``candid`` of point `i`."""
        return int(self._rows[i]["candid"])

    def body(self, i: int, stamps: Sequence[bytes]) -> bytes:
        """The datum of the alert that point `i` raises."""
        row = self._rows[i]
        start = int(np.searchsorted(self._epoch[:i], self._epoch[i] - WINDOW))
        candidate = self._writer({**row, **self._context, **self._counters(i)})
        images = (
            PRESENT + text(f"{row['candid']}_{image}.fits.gz") + block(data) for image, data in zip(_IMAGES, stamps, strict=True)
        )
        return b"".join(
            (
                text(VERSION),
                text("streamer simulator"),
                text(self.object_id),
                write_long(row["candid"]),
                candidate,
                array(self._earlier[start:i]),
                array(self._forced[start:i]),
                *images,
            )
        )

    def _counters(self, i: int) -> dict[str, Any]:
        context = self._context
        before = self._found[i]
        first = context["jdstarthist"]
        if first is None:
            first = self._rows[self._found.index(1) - 1]["jd"]
        return {
            "ndethist": context["ndethist"] + before + 1,
            "ncovhist": context["ncovhist"] + i + 1,
            "jdstarthist": first,
            "jdendhist": self._rows[i]["jd"],
        }


_NOTHING_FOUND = dict.fromkeys(
    ("candid", "isdiffpos", "ra", "dec", "distnr", "magnr", "sigmagnr", "rb", "ssdistnr", "ssmagnr", "ssnamenr")
)


def _object_id(subject: Subject) -> str:
    """``ZTF24`` and seven letters, as the survey names its objects."""
    letters = ""
    rest = subject.number
    for _ in range(_LETTERS):
        rest, letter = divmod(rest, 26)
        letters = chr(ord("a") + letter) + letters
    return f"ZTF24{letters}"


def _rows(subject: Subject) -> list[dict[str, Any]]:
    """What is known of each visit, by the schema's field names."""
    points, rng = subject.points, subject.rng
    n = len(points)
    jd = mjd_utc_from_mjd_tai(points.epoch) + MJD_OF_JD
    night = np.floor(jd - _FIRST_NIGHT_JD).astype(np.int64)
    pid = night * 10**9 + ((jd + 0.5) % 1.0 * 10**6).astype(np.int64) * 10**3
    candid = night * 10**15 + subject.number * 10**6 + np.arange(n)
    zero_point = rng.normal(26.2, 0.08, n)
    counts = 10 ** (0.4 * (zero_point - AB_ZERO_POINT_NJY))
    significance = np.abs(points.flux) / points.error
    found = points.found.tolist()
    failed = rng.random(n) < _FAILURES
    columns: dict[str, list[Any]] = {
        "jd": jd.tolist(),
        "fid": (points.band - G + 1).tolist(),
        "pid": pid.tolist(),
        "diffmaglim": magnitude_from_flux(points.five_sigma).tolist(),
        "candid": candid.tolist(),
        "isdiffpos": ["t" if flux > 0 else "f" for flux in points.flux.tolist()],
        "nid": night.tolist(),
        "ra": [],
        "dec": [],
        "magpsf": _where(found, magnitude_from_flux(np.abs(points.flux))),
        "sigmapsf": _where(found, 2.5 / np.log(10.0) / significance),
        "rb": _score(rng, significance, 0.25).tolist(),
        "drb": _score(rng, significance, 0.08).tolist(),
        "fwhm": rng.normal(2.2, 0.4, n).clip(1.2, 5.0).tolist(),
        "magzpsci": zero_point.tolist(),
        "forcediffimflux": np.where(failed, FAILED, points.flux * counts).tolist(),
        "forcediffimfluxunc": np.where(failed, FAILED, points.error * counts).tolist(),
        "procstatus": np.where(failed, "56", "0").tolist(),
        **_reference_columns(subject),
    }
    positions = near(rng, subject.place, n, 0.08)
    columns["ra"], columns["dec"] = [ra for ra, _ in positions], [dec for _, dec in positions]
    constant = {"programid": 1, "field": 200 + subject.number % 800, **_mover(subject)}
    names = tuple(columns)
    return [{**constant, **dict(zip(names, row, strict=True))} for row in zip(*columns.values(), strict=True)]


def _reference_columns(subject: Subject) -> dict[str, list[Any]]:
    """The nearest source of the reference image, in the filter of each visit; null where there is none."""
    points, truth = subject.points, subject.truth
    n = len(points)
    magnitude = magnitude_from_flux(truth.reference)[points.band]
    known = np.isfinite(magnitude) & (magnitude < 23.0)
    error = np.clip(0.01 + 0.05 * 10 ** (0.4 * (np.nan_to_num(magnitude) - 21.5)), 0.01, 0.3)
    distance = np.abs(truth.offset + subject.rng.normal(0.0, 0.06, n))
    flags = known.tolist()
    return {"distnr": _where(flags, distance), "magnr": _where(flags, magnitude), "sigmagnr": _where(flags, error)}


def _context(subject: Subject) -> dict[str, Any]:
    """Fields of the triggering measurement that do not depend on the visit."""
    rng, truth = subject.rng, subject.truth
    magnitudes = magnitude_from_flux(truth.reference)
    known = bool(np.isfinite(magnitudes[2]) and magnitudes[2] < 23.0)
    catalogue = [float(value) if known else NONE_NEAR for value in magnitudes + rng.normal(0.0, 0.03, 6)]
    stellar = known and truth.stellar
    score = float(rng.beta(12, 0.8) if stellar else rng.beta(0.7, 6.0))
    star = stellar and magnitudes[2] < 20.7
    past = int(rng.integers(*_YEARS_BEFORE))
    return {
        "sgscore1": score if known else NONE_NEAR,
        "distpsnr1": abs(truth.offset + float(rng.normal(0.0, 0.05))) if known else NONE_NEAR,
        **dict(zip(("sgmag1", "srmag1", "simag1", "szmag1"), catalogue[1:5], strict=True)),
        "neargaia": abs(truth.offset + float(rng.normal(0.0, 0.03))) if star else float(rng.exponential(25.0)),
        "maggaia": catalogue[2] if star else float(rng.uniform(15.0, 20.5)),
        "classtar": float(rng.beta(20, 1) if truth.stellar or subject.moving else rng.beta(4, 3)),
        "ndethist": int(rng.integers(3, past // 3)) if truth.old else 0,
        "ncovhist": past,
        "jdstarthist": _FIRST_NIGHT_JD + float(rng.uniform(450.0, 800.0)) if truth.old else None,
    }


def _mover(subject: Subject) -> dict[str, Any]:
    if not subject.moving:
        return {"ssdistnr": NONE_NEAR, "ssmagnr": NONE_NEAR, "ssnamenr": "null"}
    brightest = float(magnitude_from_flux(np.array([subject.points.flux.max()]))[0])
    return {
        "ssdistnr": float(subject.rng.rayleigh(0.4)),
        "ssmagnr": brightest + float(subject.rng.normal(0.1, 0.2)),
        "ssnamenr": str(10_000 + subject.number % 600_000),
    }


def _score(rng: np.random.Generator, significance: Float64s, spread: float) -> Float64s:
    """Real–bogus scores of real sources: near 1, with a tail that is longer for faint ones."""
    missing = rng.exponential(spread, len(significance)) * (0.25 + 4.0 / np.maximum(significance, 4.0))
    score: Float64s = np.clip(1.0 - missing, 0.02, 0.9999)
    return score


def _where(known: list[bool], values: Float64s) -> list[float | None]:
    return [value if flag else None for flag, value in zip(known, values.tolist(), strict=True)]
