"""ZTF alert packets, schema versions 1.8 to 4.02 and copies of them by other brokers.

Reference: Masci et al. 2019, PASP 131, 018003; the survey's published schemas. ``magpsf`` is the magnitude of the *difference*; its
sign is ``isdiffpos``. For a variable star the flux includes that of the reference source, if one lies within 1.4 arcsec.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from streamer.codec.columns import Decoded
from streamer.codec.projection import Field, Table, Type
from streamer.data.arrays import MISSING, Bools, Column, Float32s, Float64s, Int8s, Int64s, Texts
from streamer.data.batch import AlertBatch, Rejections
from streamer.data.photometry import (
    AB_ZERO_POINT_NJY,
    BANDS,
    Kind,
    flux_error_from_magnitude_error,
    flux_from_magnitude,
    mjd_tai_from_jd_utc,
    mjd_utc_from_mjd_tai,
)
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.surveys.survey import (
    MAX_ID_BYTES,
    Survey,
    bad_position,
    has_fields,
    impossible,
    light_curves,
    night_names,
    points,
    prefixed,
    without_sentinels,
)

SENTINELS = (-99.0, -999.0, -9999.0, -99999.0)
"""What ZTF writes for "not measured" besides null."""

REFERENCE_RADIUS = 1.4
"""arcsec; a reference source nearer than this is the object itself (about one seeing disc)."""

SOLAR_SYSTEM_RADIUS = 5.0
"""arcsec; an alert nearer than this to the predicted position of a known body is that body (``ssdistnr``)."""

LIMIT_SIGMA = 5.0
"""``diffmaglim`` is a five-sigma depth."""

GOOD_PROCSTATUS = (b"0", b"57")
"""Forced-photometry status codes whose difference flux stands: 0, and 57 (no reference source nearby); Masci et al. 2023."""

_CODE_OF_FID = np.array([-1, BANDS.index("g"), BANDS.index("r"), BANDS.index("i")], dtype=np.int8)

_SIGN_OF_BYTE = np.full(256, np.nan)
_SIGN_OF_BYTE[list(b"t1T")] = 1.0
_SIGN_OF_BYTE[list(b"f0F")] = -1.0

_PHOTOMETRY = ("jd", "fid", "magpsf", "sigmapsf", "diffmaglim", "distnr", "magnr")

_CONTEXT = {
    "real_bogus": ("drb", "rb"),
    "star_galaxy": ("sgscore1",),
    "nearest_source_distance": ("distpsnr1",),
    "reference_distance": ("distnr",),
    "reference_magnitude": ("magnr",),
    "n_history": ("ndethist",),
    "n_covered": ("ncovhist",),
    "class_star": ("classtar",),
    "gaia_distance": ("neargaia",),
    "reference_chi": ("chinr",),
    "reference_sharpness": ("sharpnr",),
    "fwhm": ("fwhm",),
}
"""Context columns straight from a field of ``candidate``; of several fields the first with a value."""

_PS1_MAGNITUDES = ("sgmag1", "srmag1", "simag1", "szmag1")
_NEIGHBOURS = tuple((f"sgscore{k}", f"distpsnr{k}") for k in (1, 2, 3))
"""Star–galaxy score and distance of the three nearest catalogue sources."""
_GALAXY_SCORE = 0.5
"""A star–galaxy score below this is a galaxy's; just this is no answer (Tachibana & Miller 2018)."""

_CANDIDATE = (
    *_PHOTOMETRY, "programid", "ra", "dec", "ssdistnr", "jdstarthist", "drb", "rb", "ndethist", "ncovhist", "classtar",
    "neargaia", "fwhm", "chinr", "sharpnr", "magap", *_PS1_MAGNITUDES, *(name for pair in _NEIGHBOURS for name in pair),
)  # fmt: skip
_NEEDED = {"jd", "fid", "ra", "dec", "magpsf", "sigmapsf"}

PROJECTION = (
    Table(
        "alert",
        (),
        (
            Field("object_id", ("objectId",), Type.TEXT, MAX_ID_BYTES + 1, needed=True),
            Field("alert_id", ("candid", "candidate.candid"), Type.INTEGER, needed=True),
            Field("isdiffpos", ("candidate.isdiffpos",), Type.TEXT, 1, needed=True),
            *(Field(name, (f"candidate.{name}",), needed=name in _NEEDED) for name in _CANDIDATE),
        ),
    ),
    Table(
        "history",
        ("prv_candidates",),
        (Field("isdiffpos", ("isdiffpos",), Type.TEXT, 1), *(Field(name, (name,)) for name in _PHOTOMETRY)),
    ),
    Table(
        "forced",
        ("fp_hists",),
        (
            Field("procstatus", ("procstatus",), Type.TEXT, 16),
            *(
                Field(name, (name,))
                for name in ("jd", "fid", "forcediffimflux", "forcediffimfluxunc", "magzpsci", "distnr", "magnr")
            ),
        ),
    ),
)


@np.errstate(over="ignore", invalid="ignore")  # absurd values become infinite or NaN, and those are dropped
def to_alerts(decoded: Decoded, row: Int64s) -> tuple[AlertBatch, Rejections]:
    """The alerts in `decoded`; see :class:`streamer.surveys.survey.Survey`."""
    columns = decoded.columns
    epoch = mjd_tai_from_jd_utc(columns["jd"])
    failed, rejections = impossible(
        row,
        (
            ("objectId is empty or too long", _bad_text(columns["object_id"])),
            ("candid is null", columns["alert_id"] == MISSING),
            ("jd is not finite", ~np.isfinite(epoch)),
            ("ra or dec is not on the sky", bad_position(columns["ra"], columns["dec"])),
        ),
    )
    kept = np.flatnonzero(~failed)
    return _alerts(decoded.take(kept), row[kept], epoch[kept]), rejections


def is_public(decoded: Decoded) -> Bools:
    """bool[n], packets of ``programid`` 1; 2 is the partnership's and 3 Caltech's, and what does not say is neither."""
    public: Bools = decoded.columns["programid"] == 1
    return public


def _alerts(decoded: Decoded, row: Int64s, epoch: Float64s) -> AlertBatch:
    columns = decoded.columns
    trigger = _detections(columns)
    trigger["epoch"] = epoch
    object_id = columns["object_id"].astype(f"S{MAX_ID_BYTES}")
    tables = (
        Ragged(offsets_from_lengths(np.ones(len(row), dtype=np.int64)), trigger),
        Ragged(decoded.tables["history"].offsets, _detections(decoded.tables["history"].columns)),
        Ragged(decoded.tables["forced"].offsets, _forced(decoded.tables["forced"].columns)),
    )
    return AlertBatch(
        survey="ztf",
        bands=SURVEY.bands,
        row=row,
        alert_id=columns["alert_id"],
        object_id=object_id,
        key=prefixed(b"ZTF:", object_id),
        epoch=epoch,
        ra=columns["ra"],
        dec=columns["dec"],
        band=trigger["band"],
        flux=trigger["flux"],
        flux_err=trigger["flux_err"],
        light_curves=light_curves(epoch, tables),
        context=_context(columns),
        solar_system=_near(columns["ssdistnr"], SOLAR_SYSTEM_RADIUS),
        public=is_public(decoded),
        night=night_names(mjd_utc_from_mjd_tai(epoch)),
        withdrawn=np.zeros(len(row), dtype=np.int64),
    )


def _detections(columns: Mapping[str, Column]) -> dict[str, Column]:
    """Points of ``candidate`` or ``prv_candidates``: a detection has ``magpsf``, a limit has only ``diffmaglim``."""
    magnitude, error, depth = (without_sentinels(columns[name], *SENTINELS) for name in ("magpsf", "sigmapsf", "diffmaglim"))
    size = flux_from_magnitude(magnitude)
    sign = _sign(columns["isdiffpos"])
    is_limit = np.isnan(magnitude)
    flux = sign * size
    flux_err = np.where(is_limit, flux_from_magnitude(depth) / LIMIT_SIGMA, flux_error_from_magnitude_error(size, error))
    return points(
        mjd_tai_from_jd_utc(columns["jd"]),
        _band(columns["fid"]),
        flux,
        flux_err,
        _reference_flux(columns) + flux,
        np.where(is_limit, Kind.LIMIT, Kind.DETECTION),
    )


def _forced(columns: Mapping[str, Column]) -> dict[str, Column]:
    """Points of ``fp_hists``: counts, brought to nJy with the exposure's zero point; masked where the status is bad."""
    counts, error, zero_point = (
        without_sentinels(columns[name], *SENTINELS) for name in ("forcediffimflux", "forcediffimfluxunc", "magzpsci")
    )
    scale = np.power(10.0, -0.4 * (zero_point - AB_ZERO_POINT_NJY))
    flux = np.where(_usable(columns["procstatus"]), counts * scale, np.nan)
    return points(
        mjd_tai_from_jd_utc(columns["jd"]),
        _band(columns["fid"]),
        flux,
        error * scale,
        _reference_flux(columns) + flux,
        np.full(len(flux), Kind.FORCED),
    )


def _context(columns: Mapping[str, Column]) -> dict[str, Float32s]:
    table = without_sentinels(np.concatenate([columns[name] for name in _CANDIDATE]), *SENTINELS)
    clean = dict(zip(_CANDIDATE, table.reshape(len(_CANDIDATE), len(columns["jd"])), strict=True))
    context = {name: _first(*(clean[field] for field in fields)) for name, fields in _CONTEXT.items()}
    g, r, i, z = (np.where(clean[name] > 0, clean[name], np.nan) for name in _PS1_MAGNITUDES)
    context |= {"ps1_g_r": g - r, "ps1_r_i": r - i, "ps1_i_z": i - z}
    context["nearest_source_magnitude"] = r
    context["galaxy_distance"] = _nearest_galaxy(clean)
    context["aperture_ratio"] = np.power(10.0, -0.4 * (clean["magap"] - clean["magpsf"]))
    context["history_age"] = clean["jd"] - clean["jdstarthist"]
    return {name: values.astype(np.float32) for name, values in context.items()}


def _nearest_galaxy(clean: Mapping[str, Float64s]) -> Float64s:
    """float64[n] arcsec to the nearest of the catalogue sources that are galaxies; NaN if none is."""
    distances = [
        np.where((clean[score] < _GALAXY_SCORE) & (clean[distance] >= 0), clean[distance], np.nan)
        for score, distance in _NEIGHBOURS
    ]
    nearest: Float64s = np.fmin.reduce(distances)
    return nearest


def _first(*columns: Float64s) -> Float64s:
    result = columns[0]
    for column in columns[1:]:
        result = np.where(np.isnan(result), column, result)
    return result


def _sign(isdiffpos: Texts) -> Float64s:
    """float64[n] +1, −1, or NaN where ``isdiffpos`` says neither."""
    return _SIGN_OF_BYTE[np.ascontiguousarray(isdiffpos).view(np.uint8)]


def _band(fid: Float64s) -> Int8s:
    known = (fid == 1.0) | (fid == 2.0) | (fid == 3.0)
    return _CODE_OF_FID[np.where(known, fid, 0.0).astype(np.int64)]


def _reference_flux(columns: Mapping[str, Column]) -> Float64s:
    """float64[m] nJy of the reference source that is the object; NaN where there is none."""
    magnitude = without_sentinels(columns["magnr"], *SENTINELS)
    is_reference = _near(columns["distnr"], REFERENCE_RADIUS) & (magnitude > 0)
    return np.where(is_reference, flux_from_magnitude(magnitude), np.nan)


def _near(distance: Float64s, radius: float) -> Bools:
    return (distance >= 0.0) & (distance < radius)


def _usable(procstatus: Texts) -> Bools:
    """bool[m], whether every code in a comma-separated status is one with a usable flux; absent counts as fine."""
    return np.fromiter(map(_is_usable, procstatus.tolist()), dtype=np.bool_, count=len(procstatus))


@lru_cache(maxsize=1024)  # a night has a few dozen
def _is_usable(status: bytes) -> bool:
    return status in {b"", b"null"} or all(code.strip() in GOOD_PROCSTATUS for code in status.split(b","))


def _bad_text(texts: Texts) -> Bools:
    lengths = np.char.str_len(texts)
    bad: Bools = (lengths == 0) | (lengths > MAX_ID_BYTES)
    return bad


SURVEY = Survey("ztf", ("g", "r", "i"), PROJECTION, has_fields("objectId", "candid", "candidate"), to_alerts, is_public)
