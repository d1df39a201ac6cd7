"""Donors: real light curves of our survey that say when it looked, in which band, how deep, and how bright what it finds is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.data.photometry import Kind, codes_of_bands
from streamer.training.datasets import LightCurves

MIN_VISITS = 5
"""A light curve with fewer is no donor."""
MIN_SPAN = 60.0
"""Days over which a donor to transients was detected: shorter ones would make every transient short."""
_LEAST = 0.25  # of a detection's variance stays at least, whatever its flux added
_BRIGHTEST = 90.0  # percentile of a set's fluxes from which the error is taken to be all due to the flux


@dataclass(frozen=True, slots=True)
class Visits:
    """One donor.

    Parameters
    ----------
    object_id : str
    epoch : float64[n], MJD TAI
    band : int8[n]
    depth : float64[n], nJy
        One sigma where there is nothing: the limit's, or that of a detection without the part that grows with its flux.
    relative_error : float
        What a bright flux adds to its error in quadrature, as a share of the flux.
    complete : bool[n]
        All that an alert packet at that epoch would carry is among the visits.
    reference : mapping of band code to float, nJy
        Median flux of the donor's source in the reference image, where it has one.
    peak : mapping of band code to (float nJy, float MJD)
        The brightest detection in each band.
    """

    object_id: str
    epoch: Float64s
    band: np.ndarray[tuple[int], np.dtype[np.int8]]
    depth: Float64s
    relative_error: float
    complete: Bools
    reference: Mapping[int, float]
    peak: Mapping[int, tuple[float, float]]

    def error(self, flux: Float64s) -> Float64s:
        """float64[n], nJy: one sigma of a difference flux at each visit."""
        error: Float64s = np.hypot(self.depth, self.relative_error * flux)
        return error


def visits_of(table: LightCurves, row: int, relative_error: float) -> Visits:
    """The visits of one light curve."""
    points = table.curves.row(row)
    detected = points["kind"] == Kind.DETECTION
    # LSST's forced photometry and ZTF's packets measure some visits twice
    _, first = np.unique(np.stack([points["epoch"], points["band"].astype(np.float64)]), axis=1, return_index=True)
    reference, peak = {}, {}
    for code in codes_of_bands(table.bands):
        of_band = detected & (points["band"] == code)
        still = (points["total"] - points["flux"])[of_band].astype(np.float64)
        still = still[np.isfinite(still) & (still > 0)]
        if len(still):
            reference[code] = float(np.median(still))
        if of_band.any() and points["flux"][of_band].max() > 0:
            brightest = np.flatnonzero(of_band)[points["flux"][of_band].argmax()]
            peak[code] = (float(points["flux"][brightest]), float(points["epoch"][brightest]))
    error = points["flux_err"].astype(np.float64)
    share = np.where(detected, relative_error * points["flux"], 0.0)
    return Visits(
        str(table.object_id[row]),
        points["epoch"][first],
        points["band"][first],
        np.sqrt(np.maximum(error**2 - share**2, _LEAST * error**2))[first],
        relative_error,
        points["complete"][first],
        reference,
        peak,
    )


@dataclass(frozen=True, slots=True)
class Donors:
    """The light curves that can be donors.

    Parameters
    ----------
    table : LightCurves
    slice_number : int64[n]
        Which slice of the data each is in.
    to_stars, to_transients : bool[n]
        Which can give their visits to what.
    relative_errors : mapping of data set to float64[…]
        Error over flux of the brightest tenth of its detections; 0 alone where it has none.
    """

    table: LightCurves
    slice_number: Int64s
    to_stars: Bools
    to_transients: Bools
    relative_errors: Mapping[str, Float64s]

    @classmethod
    def of(cls, table: LightCurves, slice_number: Int64s) -> Donors:
        """All donors in a table.

        Those to stars are seen on top of a source of the reference image, so that brightness and depth go together; in a survey
        whose light curves never say so, all are. Those to transients were detected over at least 60 days.
        """
        rows, n = table.curves.rows, len(table)
        detected = table.curves["kind"] == Kind.DETECTION
        known = np.bincount(rows[table.curves["complete"]], minlength=n) > 0
        enough = known & (table.curves.lengths >= MIN_VISITS)
        on_source = np.bincount(rows[detected & np.isfinite(table.curves["total"])], minlength=n) > 0
        first, last = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(first, rows[detected], table.curves["epoch"][detected])
        np.maximum.at(last, rows[detected], table.curves["epoch"][detected])
        stars = enough & on_source if (enough & on_source).any() else enough
        return cls(table, slice_number, stars, enough & ~on_source & (last - first >= MIN_SPAN), _relative_errors(table, detected))

    def visits(self, row: int, rng: np.random.Generator) -> Visits:
        """The visits of one of them, with the relative error of a bright detection of its set."""
        return visits_of(self.table, row, float(rng.choice(self.relative_errors[str(self.table.source[row])])))

    def rows(self, slice_number: int, to_transients: bool) -> Int64s:
        """int64[…] those of one slice."""
        able = self.to_transients if to_transients else self.to_stars
        found: Int64s = np.flatnonzero(able & (self.slice_number == slice_number))
        return found


def _relative_errors(table: LightCurves, detected: Bools) -> dict[str, Float64s]:
    flux, source = np.abs(table.curves["flux"]), table.source[table.curves.rows]
    found = {}
    for name in np.unique(table.source).tolist():
        of_set = np.flatnonzero(detected & (source == name) & (flux > 0))
        bright = of_set[flux[of_set] >= np.percentile(flux[of_set], _BRIGHTEST)] if len(of_set) else of_set
        share = (table.curves["flux_err"][bright] / flux[bright]).astype(np.float64)
        found[name] = share if len(share) else np.zeros(1)
    return found
