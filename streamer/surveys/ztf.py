"""ZTF alert packets, schema versions 1.8 to 4.02 and copies of them by other brokers.

Reference: Masci et al. 2019, PASP 131, 018003; the survey's published schemas. ``magpsf`` is the magnitude of the *difference*; its
sign is ``isdiffpos``. For a variable star the flux includes that of the reference source, if one lies within 1.4 arcsec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from streamer.codec.columns import Decoded
from streamer.codec.projection import Field, Table, Type
from streamer.data.arrays import MISSING, Bools, Column, Float32s, Float64s, Int64s, Texts
from streamer.data.batch import AlertBatch, Rejections
from streamer.data.photometry import mjd_tai_from_jd_utc, mjd_utc_from_mjd_tai
from streamer.surveys.survey import (
    MAX_ID_BYTES,
    Survey,
    bad_position,
    begins_of,
    has_fields,
    impossible,
    letters,
    light_curves,
    night_names,
    no_points,
    prefixed,
    without_sentinels,
)
from streamer.surveys.ztf_kernel import SENTINELS, context, detections, exponents_of_detections, exponents_of_forced
from streamer.surveys.ztf_kernel import forced as forced_points

SOLAR_SYSTEM_RADIUS = 5.0
"""arcsec; an alert nearer than this to the predicted position of a known body is that body (``ssdistnr``)."""

_PHOTOMETRY = ("jd", "fid", "magpsf", "sigmapsf", "diffmaglim", "distnr", "magnr")
_COUNTS = ("jd", "fid", "forcediffimflux", "forcediffimfluxunc", "magzpsci", "distnr", "magnr")
_POWERS_OF_DETECTIONS = ("magpsf", "diffmaglim", "distnr", "magnr")
_POWERS_OF_FORCED = ("magzpsci", "distnr", "magnr")
"""Fields of detections and forced photometry, in the order in which the kernels take them."""

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

_CANDIDATE = (
    *_PHOTOMETRY, "programid", "ra", "dec", "ssdistnr", "jdstarthist", "drb", "rb", "ndethist", "ncovhist", "classtar",
    "neargaia", "fwhm", "chinr", "sharpnr", "magap", *_PS1_MAGNITUDES, *(name for pair in _NEIGHBOURS for name in pair),
)  # fmt: skip
_PLACE = {name: place for place, name in enumerate(_CANDIDATE)}
_CONTEXT_NAMES = (
    *_CONTEXT, "ps1_g_r", "ps1_r_i", "ps1_i_z", "nearest_source_magnitude", "galaxy_distance", "aperture_ratio", "history_age",
)  # fmt: skip
_PLACES_OF_CONTEXT = (
    np.array([(_PLACE[fields[0]], _PLACE[fields[-1]]) for fields in _CONTEXT.values()]),
    np.array([_PLACE[name] for name in _PS1_MAGNITUDES]),
    np.array([[_PLACE[name] for name in pair] for pair in _NEIGHBOURS]),
    np.array([_PLACE["jd"], _PLACE["jdstarthist"]]),
)
"""Where the kernel finds in ``candidate`` what the context is made of."""

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
            *(Field(name, (name,)) for name in _COUNTS),
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
    if failed.any():
        kept = np.flatnonzero(~failed)
        decoded, row, epoch = decoded.take(kept), row[kept], epoch[kept]
    return _alerts(decoded, row, epoch), rejections


def is_public(decoded: Decoded) -> Bools:
    """bool[n], packets of ``programid`` 1; 2 is the partnership's and 3 Caltech's, and what does not say is neither."""
    public: Bools = decoded.columns["programid"] == 1
    return public


def _alerts(decoded: Decoded, row: Int64s, epoch: Float64s) -> AlertBatch:
    columns, n = decoded.columns, len(row)
    offsets = (np.arange(n + 1), decoded.tables["history"].offsets, decoded.tables["forced"].offsets)
    points = _points(columns, decoded.tables["history"].columns, decoded.tables["forced"].columns, begins_of(offsets).tolist())
    object_id = columns["object_id"].astype(f"S{MAX_ID_BYTES}")
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
        band=points["band"][:n],
        flux=points["flux"][:n],
        flux_err=points["flux_err"][:n],
        light_curves=light_curves(epoch, offsets, points),
        context=_context(columns),
        solar_system=(columns["ssdistnr"] >= 0.0) & (columns["ssdistnr"] < SOLAR_SYSTEM_RADIUS),
        public=is_public(decoded),
        night=night_names(mjd_utc_from_mjd_tai(epoch)),
        withdrawn=np.zeros(n, dtype=np.int64),
    )


def _points(
    trigger: Mapping[str, Column], history: Mapping[str, Column], forced: Mapping[str, Column], begins: Sequence[int]
) -> dict[str, Column]:
    """Points of ``candidate``, ``prv_candidates`` and ``fp_hists``, behind each other; `begins` says where each begins."""
    exponents = np.empty((2, begins[-1]))
    spans = [slice(begin, end) for begin, end in pairwise(begins)]
    for table, span in zip((trigger, history), spans, strict=False):
        exponents_of_detections(*(table[name] for name in _POWERS_OF_DETECTIONS), exponents[:, span])
    exponents_of_forced(*(forced[name] for name in _POWERS_OF_FORCED), exponents[:, spans[2]])
    powers = np.power(10.0, exponents)
    points = no_points(begins[-1])
    rooms = [[column[span] for column in points.values()] for span in spans]
    for table, span, room in zip((trigger, history), spans, rooms, strict=False):
        numbers = [table[name] for name in _PHOTOMETRY]
        detections(*numbers[:5], letters(table["isdiffpos"])[:, 0], *numbers[5:], powers[:, span], *room)
    counts = [forced[name] for name in _COUNTS]
    forced_points(*counts[:5], letters(forced["procstatus"]), *counts[5:], powers[:, spans[2]], *rooms[2])
    return points


def _context(columns: Mapping[str, Column]) -> dict[str, Float32s]:
    clean = without_sentinels(np.concatenate([columns[name] for name in _CANDIDATE]), *SENTINELS).reshape(len(_CANDIDATE), -1)
    aperture = np.power(10.0, -0.4 * (clean[_PLACE["magap"]] - clean[_PLACE["magpsf"]]))
    found = np.empty((len(_CONTEXT_NAMES), clean.shape[1]), dtype=np.float32)
    context(clean, *_PLACES_OF_CONTEXT, aperture, found)
    return dict(zip(_CONTEXT_NAMES, found, strict=True))


def _bad_text(texts: Texts) -> Bools:
    """bool[n], no text, or one that fills the whole width: it was longer than an identifier may be."""
    bad: Bools = (texts == b"") | (letters(texts)[:, -1] != 0)
    return bad


SURVEY = Survey("ztf", ("g", "r", "i"), PROJECTION, has_fields("objectId", "candid", "candidate"), to_alerts, is_public)
