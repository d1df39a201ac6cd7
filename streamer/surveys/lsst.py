"""Rubin/LSST alert packets, schema versions 7.x to 11.x; 3.x to 6.x where the old names suffice.

Fluxes are in nJy already and epochs in MJD TAI. ``diaObject`` is null on alerts that are only of a solar-system body,
``ssSource`` otherwise; ``prvDiaSources`` is null at the first detection; NaN occurs inside histories. Reference: the survey's
alert_packet schemas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from streamer.codec.columns import Decoded
from streamer.codec.projection import Field, Table, Type
from streamer.data.arrays import MISSING, Bools, Column, Float64s, Int64s, Texts
from streamer.data.batch import AlertBatch, Rejections
from streamer.data.photometry import Kind, magnitude_from_flux, mjd_utc_from_mjd_tai
from streamer.surveys.lsst_kernel import ID_BYTES, KEY_BYTES, identities, sources
from streamer.surveys.survey import (
    Survey,
    bad_position,
    begins_of,
    has_fields,
    impossible,
    letters,
    light_curves,
    night_names,
    no_points,
    without_sentinels,
)

CHILE_HALF_DAY = 0.5
"""d; the night is named after the UTC date twelve hours earlier."""

_PHOTOMETRY = (
    ("epoch", ("midpointMjdTai", "midPointTai")),
    ("flux", ("psfFlux", "psFlux")),
    ("flux_err", ("psfFluxErr", "psFluxErr")),
    ("total", ("scienceFlux", "totFlux")),
    ("withdrawn", ("timeWithdrawnMjdTai",)),
)
"""Columns of every kind of source, with the names they have had."""

_NUMBERS = ("epoch", "flux_err", "flux", "total", "withdrawn")
_KINDS = (Kind.DETECTION, Kind.DETECTION, Kind.FORCED)
"""Of the triggering source, the history and the forced photometry."""
_IDENTITY = ("alert_id", "source_object", "dia_object", "source_body", "body", "has_dia_object", "has_body")

_BAND = Field("band", ("band", "filterName"), Type.TEXT, 2)

_CONTEXT = {
    "real_bogus": ("diaSource.reliability",),
    "snr": ("diaSource.snr",),
    "extendedness": ("diaSource.extendedness",),
    "n_history": ("diaObject.nDiaSources",),
}
"""Context columns straight from one field, with the names it has had."""


def _in(record: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{record}.{name}" for name in names)


PROJECTION = (
    Table(
        "alert",
        (),
        (
            Field("alert_id", ("diaSource.diaSourceId", "diaSourceId", "alertId"), Type.INTEGER, needed=True),
            Field("source_object", ("diaSource.diaObjectId",), Type.INTEGER),
            Field("dia_object", ("diaObject.diaObjectId",), Type.INTEGER),
            Field("source_body", ("diaSource.ssObjectId",), Type.INTEGER),
            Field("body", ("ssSource.ssObjectId", "ssObject.ssObjectId"), Type.INTEGER),
            Field("has_dia_object", ("diaObject",), Type.PRESENT),
            Field("has_body", ("ssSource", "ssObject"), Type.PRESENT),
            Field("ra", ("diaSource.ra",), needed=True),
            Field("dec", ("diaSource.dec", "diaSource.decl"), needed=True),
            Field("first_epoch", ("diaObject.firstDiaSourceMjdTai",)),
            Field("band", _in("diaSource", _BAND.paths), Type.TEXT, 2, needed=True),
            *(Field(name, _in("diaSource", paths), needed=name in {"epoch", "flux", "flux_err"}) for name, paths in _PHOTOMETRY),
            Field("aperture_flux", ("diaSource.apFlux",)),
            Field("template_flux", ("diaSource.templateFlux",)),
            *(Field(name, paths) for name, paths in _CONTEXT.items()),
        ),
    ),
    Table("history", ("prvDiaSources",), (_BAND, *(Field(name, paths) for name, paths in _PHOTOMETRY))),
    Table("forced", ("prvDiaForcedSources",), (_BAND, *(Field(name, paths) for name, paths in _PHOTOMETRY))),
)


@np.errstate(over="ignore", invalid="ignore")  # absurd values become infinite or NaN, and those are dropped
def to_alerts(decoded: Decoded, row: Int64s) -> tuple[AlertBatch, Rejections]:
    """The alerts in `decoded`; see :class:`streamer.surveys.survey.Survey`."""
    columns = decoded.columns
    failed, rejections = impossible(
        row,
        (
            ("diaSourceId is null", columns["alert_id"] == MISSING),
            ("midpointMjdTai is not finite", ~np.isfinite(columns["epoch"])),
            ("ra or dec is not on the sky", bad_position(columns["ra"], columns["dec"])),
        ),
    )
    if failed.any():
        kept = np.flatnonzero(~failed)
        decoded, row = decoded.take(kept), row[kept]
    return _alerts(decoded, row), rejections


def _alerts(decoded: Decoded, row: Int64s) -> AlertBatch:
    columns, n = decoded.columns, len(row)
    epoch = columns["epoch"]
    tables = (columns, decoded.tables["history"].columns, decoded.tables["forced"].columns)
    offsets = (np.arange(n + 1), decoded.tables["history"].offsets, decoded.tables["forced"].offsets)
    points, gone = _points(tables, offsets)
    object_id, key, solar_system = _identity(columns)
    return AlertBatch(
        survey="lsst",
        bands=SURVEY.bands,
        row=row,
        alert_id=columns["alert_id"],
        object_id=object_id,
        key=key,
        epoch=epoch,
        ra=columns["ra"],
        dec=columns["dec"],
        band=points["band"][:n],
        flux=points["flux"][:n],
        flux_err=points["flux_err"][:n],
        light_curves=light_curves(epoch, offsets, points),
        context=_context(columns),
        solar_system=solar_system,
        public=np.ones(n, dtype=np.bool_),
        night=night_names(mjd_utc_from_mjd_tai(epoch) - CHILE_HALF_DAY),
        withdrawn=gone,
    )


def _points(tables: Sequence[Mapping[str, Column]], offsets: Sequence[Int64s]) -> tuple[dict[str, Column], Int64s]:
    """Points of the triggering sources, the history and the forced photometry behind each other; int64[n] withdrawn ones."""
    begins = begins_of(offsets).tolist()
    points = no_points(begins[-1])
    gone = np.zeros(len(offsets[0]) - 1, dtype=np.int64)
    for table, rows, kind, span in zip(tables, offsets, _KINDS, pairwise(begins), strict=True):
        room = (column[slice(*span)] for column in points.values())
        sources(rows, *(table[name] for name in _NUMBERS), letters(table["band"]), int(kind), gone, *room)
    return points, gone


def _identity(columns: Mapping[str, Column]) -> tuple[Texts, Texts, Bools]:
    """Object id, key with name space, and whether the alert is a solar-system body."""
    n = len(columns["alert_id"])
    object_id, key = (np.zeros((n, width), dtype=np.uint8) for width in (ID_BYTES, KEY_BYTES))
    is_moving = np.empty(n, dtype=np.bool_)
    identities(*(columns[name] for name in _IDENTITY), object_id, key, is_moving)
    return object_id.view(f"S{ID_BYTES}")[:, 0], key.view(f"S{KEY_BYTES}")[:, 0], is_moving


def _context(columns: Mapping[str, Column]) -> dict[str, Column]:
    context: dict[str, Float64s] = {name: without_sentinels(columns[name]) for name in _CONTEXT}
    context["aperture_ratio"] = columns["aperture_flux"] / np.where(columns["flux"] == 0, np.nan, columns["flux"])
    context["template_magnitude"] = magnitude_from_flux(columns["template_flux"])
    context["history_age"] = without_sentinels(columns["epoch"] - columns["first_epoch"])
    return {name: values.astype(np.float32) for name, values in context.items()}


SURVEY = Survey("lsst", ("u", "g", "r", "i", "z", "y"), PROJECTION, has_fields("diaSource", "prvDiaSources"), to_alerts)
