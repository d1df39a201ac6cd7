"""Rubin/LSST alert packets, schema versions 7.x to 11.x; 3.x to 6.x where the old names suffice.

Fluxes are in nJy already and epochs in MJD TAI. ``diaObject`` is null on alerts that are only of a solar-system body,
``ssSource`` otherwise; ``prvDiaSources`` is null at the first detection; NaN occurs inside histories. Reference: the survey's
alert_packet schemas.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from streamer.codec.columns import Decoded
from streamer.codec.projection import Field, Table, Type
from streamer.data.arrays import MISSING, Bools, Column, Float64s, Int64s, Texts
from streamer.data.batch import AlertBatch, Rejections
from streamer.data.photometry import Kind, magnitude_from_flux, mjd_utc_from_mjd_tai
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.surveys.survey import (
    Survey,
    bad_position,
    band_codes,
    has_fields,
    impossible,
    light_curves,
    night_names,
    points,
    prefixed,
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
    kept = np.flatnonzero(~failed)
    return _alerts(decoded.take(kept), row[kept]), rejections


def _alerts(decoded: Decoded, row: Int64s) -> AlertBatch:
    columns = decoded.columns
    epoch = columns["epoch"]
    trigger = _points(columns, Kind.DETECTION)
    history, forced = decoded.tables["history"], decoded.tables["forced"]
    gone = _is_withdrawn(columns).astype(np.int64) + sum(
        np.bincount(table.rows[_is_withdrawn(table.columns)], minlength=len(row)) for table in (history, forced)
    )
    tables = (
        Ragged(offsets_from_lengths(np.ones(len(row), dtype=np.int64)), trigger),
        Ragged(history.offsets, _points(history.columns, Kind.DETECTION)),
        Ragged(forced.offsets, _points(forced.columns, Kind.FORCED)),
    )
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
        band=trigger["band"],
        flux=trigger["flux"],
        flux_err=trigger["flux_err"],
        light_curves=light_curves(epoch, tables),
        context=_context(columns),
        solar_system=solar_system,
        public=np.ones(len(row), dtype=np.bool_),
        night=night_names(mjd_utc_from_mjd_tai(epoch) - CHILE_HALF_DAY),
        withdrawn=gone,
    )


def _points(columns: Mapping[str, Column], kind: Kind) -> dict[str, Column]:
    """Points of sources; a withdrawn one counts as not measured."""
    withdrawn = _is_withdrawn(columns)
    flux, flux_err, total = (np.where(withdrawn, np.nan, columns[name]) for name in ("flux", "flux_err", "total"))
    band = band_codes(columns["band"])
    return points(columns["epoch"], band, flux, flux_err, total, np.full(len(band), kind))


def _is_withdrawn(columns: Mapping[str, Column]) -> Bools:
    """bool[m]; early packets write 0 where later ones write null."""
    return np.isfinite(columns["withdrawn"]) & (columns["withdrawn"] > 0)


def _identity(columns: Mapping[str, Column]) -> tuple[Texts, Texts, Bools]:
    """Object id, key with name space, and whether the alert is a solar-system body.

    The survey writes 0 as well as null for "no such object". An alert that belongs to neither kind of object (a lone source) is
    known by its own id.
    """
    dia = _either(columns["source_object"], columns["dia_object"])
    body = _either(columns["source_body"], np.where(columns["has_dia_object"], 0, columns["body"]))
    lone_body = columns["has_body"] & ~columns["has_dia_object"]
    solar_system = _is_id(body) | (lone_body & ~_is_id(dia))
    number = np.where(solar_system & _is_id(body), body, np.where(_is_id(dia), dia, columns["alert_id"]))
    kind = np.where(solar_system & _is_id(body), b"ss:", np.where(_is_id(dia), b"dia:", b"src:"))
    digits = number.astype("S21")
    return digits, np.char.add(prefixed(b"LSST:", kind), digits), solar_system


def _either(first: Int64s, second: Int64s) -> Int64s:
    return np.where(_is_id(first), first, second)


def _is_id(number: Int64s) -> Bools:
    found: Bools = (number != MISSING) & (number != 0)
    return found


def _context(columns: Mapping[str, Column]) -> dict[str, Column]:
    context: dict[str, Float64s] = {name: without_sentinels(columns[name]) for name in _CONTEXT}
    context["aperture_ratio"] = columns["aperture_flux"] / np.where(columns["flux"] == 0, np.nan, columns["flux"])
    context["template_magnitude"] = magnitude_from_flux(columns["template_flux"])
    context["history_age"] = without_sentinels(columns["epoch"] - columns["first_epoch"])
    return {name: values.astype(np.float32) for name, values in context.items()}


SURVEY = Survey("lsst", ("u", "g", "r", "i", "z", "y"), PROJECTION, has_fields("diaSource", "prvDiaSources"), to_alerts)
