"""Pulsar candidates of radio surveys, in our own packets (``schemas/pulsar_candidate``).

A candidate has no light curve and no bands; its profile, its curve of signal-to-noise ratio against dispersion measure and its
earlier epochs are the batch's ``series``. What would make it no candidate (no finite epoch, no place on the sky, a period that is
not a positive number) is rejected. What only makes it a poor one is kept, and the features that need it are undefined: a profile
or curve that is empty, constant or not measured. Earlier epochs come in any order; those that are repeated, not finite or not
earlier than the candidate are left out. Sub-integrations and sub-bands are most of a packet, and are in the batch only where
somebody reads them: n rows end to end, n being the context's ``n_subints`` and ``n_subbands``.

``timing`` are the object's barycentric periods: those of the earlier epochs and the candidate's own, where period and error are
known. A candidate with a topocentric period alone adds none: the Earth's motion changes it by 1e-4 in half a year, as a binary's
orbit would, and the correction needs an ephemeris, which is not read here (``streamer candidates convert`` does that).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from streamer.codec.columns import Decoded
from streamer.codec.projection import ITSELF, Field, Table, Type
from streamer.data.arrays import MISSING, Bools, Column, Float32s, Float64s, Int64s, Texts
from streamer.data.batch import AlertBatch, Rejections
from streamer.data.photometry import SECONDS_PER_DAY, tai_minus_utc
from streamer.data.ragged import Ragged, joined_entries
from streamer.surveys.survey import (
    MAX_ID_BYTES,
    Survey,
    bad_position,
    has_fields,
    impossible,
    night_names,
    no_points,
    prefixed,
)

NO_BAND = -1

_EPOCH = ("mjd", "p_bary", "p_err", "accel", "accel_err", "snr", "dm")
"""Columns of an earlier epoch."""
_TIMING = ("p_bary", "p_err", "accel", "accel_err", "dm")
"""What of them tells whether the pulsar is in a binary."""

_NUMBERS = (
    "t_obs", "position_error", "centre_frequency", "bandwidth", "p_err", "pdot", "accel", "accel_err", "dm", "snr", "width",
    "n_subints", "n_subbands", "beams_seen",
)  # fmt: skip
"""Numbers of the candidate as a whole, beside its periods; they are context as they are, in the packet's units."""

PROJECTION = (
    Table(
        "alert",
        (),
        (
            Field("alert_id", ("candidate_id",), Type.INTEGER, needed=True),
            Field("object_id", ("object_id",), Type.TEXT, MAX_ID_BYTES + 1),
            *(Field(name, (name,), needed=True) for name in ("epoch", "ra", "dec")),
            *(Field(name, (name,)) for name in ("p_topo", "p_bary")),
            *(Field(f"has_{name}", (name,), Type.PRESENT) for name in ("p_topo", "p_bary")),
            *(Field(name, (name,)) for name in _NUMBERS),
        ),
    ),
    Table("profile", ("profile",), (Field("value", (ITSELF,)),)),
    Table("dm_curve", ("dm_curve",), (Field("dm", ("dm",)), Field("snr", ("snr",)))),
    Table("subints", ("subints",), (Field("value", (ITSELF,)),), on_demand=True),
    Table("subbands", ("subbands",), (Field("value", (ITSELF,)),), on_demand=True),
    Table("epochs", ("prv_epochs",), tuple(Field(name, (name,)) for name in _EPOCH)),
)


@np.errstate(over="ignore", invalid="ignore")  # absurd values become infinite or NaN, and are undefined in every feature
def to_alerts(decoded: Decoded, row: Int64s) -> tuple[AlertBatch, Rejections]:
    """The alerts in `decoded`; see :class:`streamer.surveys.survey.Survey`."""
    columns = decoded.columns
    failed, rejections = impossible(
        row,
        (
            ("candidate_id is null", columns["alert_id"] == MISSING),
            ("object_id is too long", np.char.str_len(columns["object_id"]) > MAX_ID_BYTES),
            ("epoch is not finite", ~np.isfinite(columns["epoch"])),
            ("ra or dec is not on the sky", bad_position(columns["ra"], columns["dec"])),
            ("neither p_topo nor p_bary is given", ~(columns["has_p_topo"] | columns["has_p_bary"])),
            ("p_topo is not a positive number", columns["has_p_topo"] & ~_is_period(columns["p_topo"])),
            ("p_bary is not a positive number", columns["has_p_bary"] & ~_is_period(columns["p_bary"])),
        ),
    )
    kept = np.flatnonzero(~failed)
    return _alerts(decoded.take(kept), row[kept]), rejections


def _alerts(decoded: Decoded, row: Int64s) -> AlertBatch:
    columns = decoded.columns
    n = len(row)
    object_id, key = _identity(columns["object_id"], columns["alert_id"])
    nothing = np.full(n, np.nan, dtype=np.float32)
    past = _past(decoded.tables["epochs"], columns["epoch"])
    return AlertBatch(
        survey="pulsar",
        bands=SURVEY.bands,
        row=row,
        alert_id=columns["alert_id"],
        object_id=object_id,
        key=key,
        epoch=_mjd_tai(columns["epoch"]),
        ra=columns["ra"],
        dec=columns["dec"],
        band=np.full(n, NO_BAND, dtype=np.int8),
        flux=nothing,
        flux_err=nothing,
        light_curves=Ragged(np.zeros(n + 1, dtype=np.int64), no_points(0)),
        context=_context(columns),
        solar_system=np.zeros(n, dtype=np.bool_),
        public=np.ones(n, dtype=np.bool_),
        night=night_names(columns["epoch"]),
        withdrawn=np.zeros(n, dtype=np.int64),
        series={
            "profile": decoded.tables["profile"],
            "dm_curve": decoded.tables["dm_curve"],
            **{name: decoded.tables[name] for name in ("subints", "subbands") if name in decoded.tables},
            "epochs": past,
            "timing": _timing(past, columns),
        },
    )


def _context(columns: Mapping[str, Column]) -> dict[str, Float32s]:
    """The candidate's own numbers; ``period`` is the barycentric one where that is known."""
    period = np.where(columns["has_p_bary"], columns["p_bary"], columns["p_topo"])
    numbers = {"period": period, "p_topo": columns["p_topo"]} | {name: columns[name] for name in _NUMBERS}
    return {name: np.asarray(column, dtype=np.float32) for name, column in numbers.items()}


def _timing(past: Ragged, columns: Mapping[str, Column]) -> Ragged:
    """Barycentric periods with errors: those of the earlier epochs, then the candidate's own."""
    n = len(past)
    own = {"epoch": _mjd_tai(columns["epoch"])} | {name: np.asarray(columns[name]) for name in _TIMING}
    known = {name: past[name] for name in own}
    every = joined_entries([Ragged(past.offsets, known), Ragged(np.arange(n + 1), own)])
    return every.where(_is_period(every["p_bary"]) & _is_period(every["p_err"]))


def _is_period(seconds: Float64s) -> Bools:
    found: Bools = np.isfinite(seconds) & (seconds > 0)
    return found


def _mjd_tai(mjd_utc: Float64s) -> Float64s:
    return mjd_utc + tai_minus_utc(mjd_utc) / SECONDS_PER_DAY


def _identity(named: Texts, alert_id: Int64s) -> tuple[Texts, Texts]:
    """Object id and key; a candidate that was not associated with an object is known by its own id."""
    lone = named == b""
    object_id = np.where(lone, alert_id.astype("S21"), named).astype(f"S{MAX_ID_BYTES}")
    return object_id, np.char.add(np.where(lone, prefixed(b"PSR:", np.full(len(lone), b"cand:")), b"PSR:"), object_id)


def _past(epochs: Ragged, now: Float64s) -> Ragged:
    """The epochs before each candidate (`now`, float64[n], MJD UTC), in order and each once."""
    epochs = epochs.where(np.isfinite(epochs["mjd"]) & (epochs["mjd"] < now[epochs.rows]))
    epochs = epochs.ordered(epochs["mjd"])
    repeated = np.zeros(len(epochs["mjd"]), dtype=np.bool_)
    repeated[1:] = (np.diff(epochs.rows) == 0) & (np.diff(epochs["mjd"]) == 0)
    epochs = epochs.where(~repeated)
    rest = {name: column for name, column in epochs.columns.items() if name != "mjd"}
    return Ragged(epochs.offsets, {"epoch": _mjd_tai(epochs["mjd"]), **rest})


SURVEY = Survey("pulsar", (), PROJECTION, has_fields("candidate_id", "profile", "dm_curve"), to_alerts)
