"""Photometry collected from papers: superluminous supernovae, tidal disruption events, supernovae of 2010–2014.

Many telescopes, filters and systems. What is known of the system is used; the rest is said here:

* Magnitudes are of the transient alone as far as the papers subtracted its host. A limit's depth is taken for three sigma where it
  is not said (papers mostly print those).
* ``slsn_i_catalog``: ``Raw`` is the printed magnitude, ``Mag`` the same without the dust of our Galaxy; ``Mag`` is taken where
  ``Raw`` is missing. Points that the catalogue ignores, or whose error is −1, are no measurements.
* ``tde_otter``: fluxes in Jy and mJy are kept with their sign and called forced photometry where the catalogue calls them limits
  but gives an error. The points of 2017bcc are of its whole galaxy and are left out. Dates are MJD, JD or decimal years.
* ``osc_sne_2010_2014``: the system is not said. SDSS-like filters, and R of the Palomar 48-inch, are taken for AB; all others for
  Vega.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from streamer.data.arrays import Bools, Column, Float64s
from streamer.data.photometry import MJD_OF_JD, Kind, flux_error_from_magnitude_error
from streamer.training.datasets import LightCurves, Names, Origin
from streamer.training.labels import OSC, Provenance
from streamer.training.sources.columns import Objects, assembled, groups_of, leaves_of, numbers, read_table, tai
from streamer.training.sources.filters import ALL, NAMES, ab_flux, codes_of

SLSN = Origin(
    name="slsn_i_catalog",
    what="hydrogen-poor superluminous supernovae, photometry of many telescopes",
    source="Python package slsne; github.com/gmzsebastian/SLSNe",
    licence="MIT",
    states_licence=True,
    citation="Gomez et al. 2024, MNRAS 535, 471",
    nature="real",
    whole="none: not from alerts",
)
TDE = Origin(
    name="tde_otter",
    what="tidal disruption events, photometry of many telescopes",
    source="github.com/astro-otter/otterdb",
    licence="MIT",
    states_licence=True,
    citation="Franz et al. 2025, arXiv:2509.05405 (OTTER), and the papers that its records name",
    nature="real",
    whole="none: not from alerts",
)
OPEN_CATALOGUE = Origin(
    name="osc_sne_2010_2014",
    what="supernovae of 2010 to 2014 with the types that were claimed for them, photometry of many telescopes",
    source="github.com/astrocatalogs/sne-2010-2014",
    licence="none stated",
    states_licence=False,
    citation="Guillochon et al. 2017, ApJ 835, 64, and the papers that its records name",
    nature="real",
    whole="none: not from alerts",
)
SURVEY = "literature"
_SIGMAS_OF_LIMIT = 3.0
_SPECTROSCOPIC = 3.0  # OTTER's confidence from which a class rests on a spectrum
_HOST = "2024MNRAS.531.1905R"
_AB_IN_OSC = frozenset({"u", "g", "r", "i", "z", "y", "u'", "g'", "r'", "i'", "z'", "iP1", "zP1", "yP1"})
_PALOMAR_48 = frozenset({"p48", "P48", "PTF48", "Palomar 48", "Palomar 48-in"})
_OTTER: dict[str, str] = {
    **NAMES,
    **{f"{name}.uvot": NAMES[name] for name in ("UVW1", "UVW2", "UVM2", "U", "B")},
    **{f"{name}.Swift": name for name in ("uvw1", "uvw2", "uvm2")},
    **{name: name for name in ("uvw1", "uvw2", "uvm2")},
    "u.Swift": "U", "b.Swift": "B", "v.Swift": "V", "g.ASAS-SN": "g", "o.ATLAS": "o", "c.ATLAS": "c",
    **{f"{name}.{place}": name for name in "gri" for place in ("ztf", "ZTF")},
    **{f"{place}.{name}": name for name in "griz" for place in ("ps", "ztf")},
    **{f"{name}.{place}": name for name in "ugriz" for place in ("sdss", "ps", "LasCumbres", "Swope", "GTC", "Gemini")},
    **{f"{name}.{place}": name for name in "iz" for place in ("Keck", "NOT")},
    **{f"{name}.{place}": name for name in "BVR" for place in ("LasCumbres", "NOT", "Keck", "Swope")},
    **{f"{name}.{place}": name for name in "JHK" for place in ("Gemini", "HST", "PAIRTEL", "TNG", "UKIRT", "WHT")},
}  # fmt: skip
_BRIGHTEST = 3.6e10  # nJy, 5 mag
_IN_JY = {"Jy": 1e9, "mJy": 1e6}


def read_slsn(data: Path) -> LightCurves:
    """The superluminous supernovae; InvalidData if a file is not as it should be."""
    path = data / "lightcurves" / SLSN.name / "lightcurves.parquet"
    table = read_table(path, ("name", "MJD", "Mag", "Raw", "MagErr", "Filter", "UL", "System", "Ignore"))
    owner = table["name"].to_numpy(dtype=np.str_)
    band = table["Filter"].to_numpy(dtype=np.str_)
    magnitude = table["Raw"].fillna(table["Mag"]).to_numpy(dtype=np.float64)
    limit = table["UL"].to_numpy(dtype=np.bool_)
    flux = ab_flux(magnitude, band, NAMES, (table["System"] == "Vega").to_numpy())
    error = flux_error_from_magnitude_error(flux, table["MagErr"].to_numpy(dtype=np.float64))
    error[table["MagErr"].to_numpy() <= 0] = np.nan
    object_id = np.unique(owner)
    objects = _alike(data, SLSN, object_id, "SLSN-I", "SLSN")
    ignored = [("ignored by the catalogue", table["Ignore"].to_numpy(dtype=np.bool_))]
    return assembled(
        SLSN, SURVEY, ALL, objects, owner, _points(tai(numbers(path, table, "MJD")), band, NAMES, flux, error, limit), (), ignored
    )


def read_tde(data: Path) -> LightCurves:
    """The tidal disruption events; those without a spectrum have no label. InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / TDE.name
    labels = read_table(folder / "labels.csv", ("name", "object_class", "confidence"), texts=("name",))
    object_id = labels["name"].to_numpy(dtype=np.str_)
    sure = labels["confidence"].to_numpy() >= _SPECTROSCOPIC
    objects = Objects(
        object_id,
        original=labels["object_class"].to_numpy(dtype=np.str_),
        label=np.where(sure, "TDE", ""),
        group=groups_of(data, TDE.name, object_id),
        provenance=np.where(sure, Provenance.SPECTROSCOPIC.value, ""),
    )
    path = folder / "photometry_uvoir.parquet"
    table = read_table(
        path, ("name", "date", "date_format", "filter_key", "raw", "raw_err", "raw_units", "upperlimit", "reference")
    )
    band = table["filter_key"].to_numpy(dtype=np.str_)
    flux, error = _otter_fluxes(path, table, band)
    below = (table["upperlimit"] == "True").to_numpy()
    limit = below & ~(error > 0)
    points = _points(tai(_otter_mjd(path, table)), band, _OTTER, flux, error, limit)
    points["kind"][below & ~limit] = Kind.FORCED
    host = [("light of the host", (table["reference"] == _HOST).to_numpy())]
    return assembled(TDE, SURVEY, ALL, objects, table["name"].to_numpy(dtype=np.str_), points, (), host)


def read_open_catalogue(data: Path) -> LightCurves:
    """The supernovae of the Open Supernova Catalog; InvalidData if a file is not as it should be."""
    folder = data / "lightcurves" / OPEN_CATALOGUE.name
    labels = read_table(folder / "labels.csv", ("object_id", "label"), texts=("object_id",))
    object_id, original = labels["object_id"].to_numpy(dtype=np.str_), labels["label"].to_numpy(dtype=np.str_)
    label, unknown = leaves_of(OPEN_CATALOGUE, original, OSC)
    objects = Objects(
        object_id,
        original,
        label,
        groups_of(data, OPEN_CATALOGUE.name, object_id),
        np.full(len(object_id), Provenance.SPECTROSCOPIC.value),
    )
    path = folder / "lightcurves.parquet"
    table = read_table(path, ("object_id", "band", "mjd", "mag", "mag_err", "upper_limit", "instrument"))
    band = table["band"].to_numpy(dtype=np.str_)
    of_palomar = (band == "R") & np.isin(table["instrument"].to_numpy(dtype=np.str_), list(_PALOMAR_48))
    is_vega = ~(np.isin(band, list(_AB_IN_OSC)) | of_palomar)
    flux = ab_flux(numbers(path, table, "mag"), band, NAMES, is_vega)
    error = flux_error_from_magnitude_error(flux, table["mag_err"].to_numpy(dtype=np.float64))
    limit = table["upper_limit"].to_numpy(dtype=np.bool_)
    points = _points(tai(numbers(path, table, "mjd")), band, NAMES, flux, error, limit)
    bright = [("brighter than any supernova", flux > _BRIGHTEST)]
    return assembled(OPEN_CATALOGUE, SURVEY, ALL, objects, table["object_id"].to_numpy(dtype=np.str_), points, unknown, bright)


def _alike(data: Path, origin: Origin, object_id: Names, original: str, label: str) -> Objects:
    """Objects of one spectroscopic class."""
    n = len(object_id)
    groups = groups_of(data, origin.name, object_id)
    return Objects(object_id, np.full(n, original), np.full(n, label), groups, np.full(n, Provenance.SPECTROSCOPIC.value))


def _points(
    epoch: Float64s, band: Names, spelled: Mapping[str, str], flux: Float64s, error: Float64s, limit: Bools
) -> dict[str, Column]:
    """Detections and limits; the depth of a limit is its flux over the sigmas that it is of."""
    return {
        "epoch": epoch,
        "band": codes_of(band, spelled, ALL),
        "flux": np.where(limit, np.nan, flux).astype(np.float32),
        "flux_err": np.where(limit, flux / _SIGMAS_OF_LIMIT, error).astype(np.float32),
        "total": np.full(len(flux), np.nan, dtype=np.float32),
        "kind": np.where(limit, Kind.LIMIT, Kind.DETECTION).astype(np.int8),
        "complete": np.zeros(len(flux), dtype=np.bool_),
    }


def _otter_fluxes(path: Path, table: pd.DataFrame, band: Names) -> tuple[Float64s, Float64s]:
    """Flux and error, nJy; the error is 0 where there is none."""
    raw, raw_error = numbers(path, table, "raw"), numbers(path, table, "raw_err")
    units = table["raw_units"].to_numpy(dtype=np.str_)
    scale = table["raw_units"].map(_IN_JY).to_numpy(dtype=np.float64)
    is_flux = np.isfinite(scale)
    of_magnitude = ab_flux(np.where(is_flux, np.nan, raw), band, _OTTER, np.char.lower(units) == "vega")
    flux = np.where(is_flux, raw * scale, of_magnitude)
    error = np.where(is_flux, raw_error * scale, flux_error_from_magnitude_error(of_magnitude, raw_error))
    return flux, error


def _otter_mjd(path: Path, table: pd.DataFrame) -> Float64s:
    """MJD UTC of dates written in four ways."""
    date, written = numbers(path, table, "date"), table["date_format"].str.lower().to_numpy(dtype=np.str_)
    year = np.floor(np.where(written == "decimalyear", date, 2000.0))
    first = np.array([pd.Timestamp(int(one), 1, 1).to_julian_date() for one in year]) - MJD_OF_JD
    days = np.where(year % 4 == 0, 366.0, 365.0)  # no year of a century without one occurs
    return np.select([written == "mjd", written == "jd"], [date, date - MJD_OF_JD], first + (date - year) * days)
