"""What the surveys' kernels compute, by plain NumPy, one rule at a time: the oracle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from streamer.data.arrays import MISSING, Bools, Column, Float64s, Int8s, Int64s, Texts
from streamer.data.photometry import (
    AB_ZERO_POINT_NJY,
    BANDS,
    Kind,
    flux_error_from_magnitude_error,
    flux_from_magnitude,
    mjd_tai_from_jd_utc,
)
from streamer.surveys.survey import no_points

SENTINELS = (-99.0, -999.0, -9999.0, -99999.0)
Columns = Mapping[str, Column]


def points(*values: Column) -> dict[str, Column]:
    """Columns of a light curve in their types."""
    with np.errstate(over="ignore"):
        return {name: value.astype(room.dtype) for (name, room), value in zip(no_points(0).items(), values, strict=True)}


def clean(values: Float64s) -> Float64s:
    """NaN where nothing was measured."""
    return np.where(np.isin(values, SENTINELS) | ~np.isfinite(values), np.nan, values)


def ztf_detections(columns: Columns) -> dict[str, Column]:
    """Points of ``candidate`` or ``prv_candidates``."""
    magnitude, error, depth = (clean(columns[name]) for name in ("magpsf", "sigmapsf", "diffmaglim"))
    size = flux_from_magnitude(magnitude)
    flux = np.array(
        [{b"t": 1.0, b"1": 1.0, b"T": 1.0, b"f": -1.0, b"0": -1.0, b"F": -1.0}.get(s, np.nan) for s in columns["isdiffpos"]]
    )
    flux = flux * size
    is_limit = np.isnan(magnitude)
    flux_err = np.where(is_limit, flux_from_magnitude(depth) / 5.0, flux_error_from_magnitude_error(size, error))
    kind = np.where(is_limit, Kind.LIMIT, Kind.DETECTION)
    return points(mjd_tai_from_jd_utc(columns["jd"]), _fid(columns), flux, flux_err, _reference_flux(columns) + flux, kind)


def ztf_forced(columns: Columns) -> dict[str, Column]:
    """Points of ``fp_hists``."""
    counts, error, zero = (clean(columns[name]) for name in ("forcediffimflux", "forcediffimfluxunc", "magzpsci"))
    scale = np.power(10.0, -0.4 * (zero - AB_ZERO_POINT_NJY))
    flux = np.where([is_usable(status) for status in columns["procstatus"]], counts * scale, np.nan)
    kind = np.full(len(flux), Kind.FORCED)
    return points(mjd_tai_from_jd_utc(columns["jd"]), _fid(columns), flux, error * scale, _reference_flux(columns) + flux, kind)


def is_usable(status: bytes) -> bool:
    """Whether every code is one with a usable flux; absent counts as fine."""
    return status in {b"", b"null"} or all(code.strip() in {b"0", b"57"} for code in status.split(b","))


def _fid(columns: Columns) -> Int8s:
    return np.array([{1.0: BANDS.index("g"), 2.0: BANDS.index("r"), 3.0: BANDS.index("i")}.get(fid, -1) for fid in columns["fid"]])


def _reference_flux(columns: Columns) -> Float64s:
    magnitude, distance = clean(columns["magnr"]), columns["distnr"]
    is_reference = (distance >= 0.0) & (distance < 1.4) & (magnitude > 0)
    return np.where(is_reference, flux_from_magnitude(magnitude), np.nan)


def ztf_context(columns: Columns) -> dict[str, Column]:
    """Of what ``candidate`` says, what is no field as it is."""
    c = {name: clean(column) for name, column in columns.items()}
    g, r, i, z = (np.where(c[name] > 0, c[name], np.nan) for name in ("sgmag1", "srmag1", "simag1", "szmag1"))
    near = [np.where((c[f"sgscore{k}"] < 0.5) & (c[f"distpsnr{k}"] >= 0), c[f"distpsnr{k}"], np.nan) for k in (1, 2, 3)]
    found = {
        "real_bogus": np.where(np.isnan(c["drb"]), c["rb"], c["drb"]),
        "star_galaxy": c["sgscore1"],
        "n_history": c["ndethist"],
        "ps1_g_r": g - r,
        "ps1_r_i": r - i,
        "ps1_i_z": i - z,
        "nearest_source_magnitude": r,
        "galaxy_distance": np.fmin.reduce(near),
        "aperture_ratio": np.power(10.0, -0.4 * (c["magap"] - c["magpsf"])),
        "history_age": c["jd"] - c["jdstarthist"],
    }
    return {name: values.astype(np.float32) for name, values in found.items()}


def is_withdrawn(columns: Columns) -> Bools:
    """bool[m]."""
    return np.isfinite(columns["withdrawn"]) & (columns["withdrawn"] > 0)


def lsst_sources(columns: Columns, kind: Kind) -> dict[str, Column]:
    """Points of sources."""
    flux, flux_err, total = (np.where(is_withdrawn(columns), np.nan, columns[name]) for name in ("flux", "flux_err", "total"))
    band = np.array([BANDS.index(text.decode()) if text.decode() in BANDS else -1 for text in columns["band"]])
    return points(columns["epoch"], band, flux, flux_err, total, np.full(len(band), kind))


def lsst_identity(columns: Columns) -> tuple[Texts, Texts, Bools]:
    """Object id, key and whether it is a solar-system body."""
    dia = _either(columns["source_object"], columns["dia_object"])
    body = _either(columns["source_body"], np.where(columns["has_dia_object"], 0, columns["body"]))
    lone_body = columns["has_body"] & ~columns["has_dia_object"]
    is_moving = _is_id(body) | (lone_body & ~_is_id(dia))
    number = np.where(_is_id(body), body, np.where(_is_id(dia), dia, columns["alert_id"]))
    kind = np.where(_is_id(body), b"ss:", np.where(_is_id(dia), b"dia:", b"src:"))
    digits = number.astype("S21")
    return digits, np.char.add(np.char.add(np.full(len(kind), b"LSST:"), kind), digits), is_moving


def _either(first: Int64s, second: Int64s) -> Int64s:
    return np.where(_is_id(first), first, second)


def _is_id(number: Int64s) -> Bools:
    found: Bools = (number != MISSING) & (number != 0)
    return found
