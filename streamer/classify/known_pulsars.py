"""Known pulsars: which candidates are re-detections, by position, period and dispersion measure.

A candidate is a known pulsar if the pulsar is within three times the candidate's position error (a quarter of a degree, about a
beam, where that is not known), if its period is the pulsar's, or its multiple or fraction up to 8, to within 0.1 % (orbits and the
Earth move it by less), and if the dispersion measures agree to 3 pc cm⁻³ or 10 %, where both are known. Of several the nearest is
meant. The answer goes into the tag; it is no input of any classifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Float64s, Int64s
from streamer.data.batch import AlertBatch, KnownObject

ERRORS = 3.0
"""Position errors within which a pulsar may be."""
UNKNOWN_ERROR, LEAST, LARGEST = 0.25, 0.01, 2.0
"""deg; the radius where the error is not known, and the smallest and largest that are searched."""
HARMONICS = 8
SAME_PERIOD = 1e-3
"""Relative."""
SAME_DM, SAME_DM_SHARE = 3.0, 0.1
"""pc cm^-3, and relative; the larger of the two counts."""
_ARCSEC = 3600.0


@dataclass(frozen=True, slots=True)
class KnownPulsars:
    """A catalogue, in order of declination.

    Parameters
    ----------
    catalogue : str
        Its name, for the tag.
    name : tuple of str[n]
    ra, dec : float64[n], deg ICRS
    period : float64[n], s
    dm : float64[n], pc cm^-3
        NaN where not known.
    """

    catalogue: str
    name: tuple[str, ...]
    ra: Float64s
    dec: Float64s
    period: Float64s
    dm: Float64s

    def __post_init__(self) -> None:
        if np.any(np.diff(self.dec) < 0) or not np.isfinite(self.dec).all() or not (self.period > 0).all():
            raise ValueError("known pulsars must be in order of declination, with positions and periods")

    def __len__(self) -> int:
        return len(self.name)

    def matches(self, alerts: AlertBatch) -> dict[int, KnownObject]:
        """The known pulsars among the candidates, by index of the candidate."""
        context: Mapping[str, Float64s] = {name: column.astype(np.float64) for name, column in alerts.context.items()}
        radius = search_radius(context["position_error"])
        alert, entry = self._near(alerts.dec, radius)
        apart = separation(alerts.ra[alert], alerts.dec[alert], self.ra[entry], self.dec[entry])
        whole, off = harmonic(context["period"][alert], self.period[entry])
        limit = np.maximum(SAME_DM, SAME_DM_SHARE * self.dm[entry])
        is_other = np.abs(context["dm"][alert] - self.dm[entry]) > limit  # false where one is not known
        same = np.flatnonzero((apart <= radius[alert]) & (off <= SAME_PERIOD) & ~is_other)
        nearest = same[np.lexsort((apart[same], alert[same]))]
        first = nearest[np.unique(alert[nearest], return_index=True)[1]]
        columns = (alert[first], entry[first], apart[first], whole[first])
        return {
            i: KnownObject(self.catalogue, self.name[j], _ARCSEC * distance, _harmonic_text(k))
            for i, j, distance, k in zip(*(column.tolist() for column in columns), strict=True)
        }

    def _near(self, dec: Float64s, radius: Float64s) -> tuple[Int64s, Int64s]:
        """Pairs (candidate, pulsar) whose declinations are within the radius."""
        begin = np.searchsorted(self.dec, dec - radius, side="left")
        count = np.searchsorted(self.dec, dec + radius, side="right") - begin
        alert = np.repeat(np.arange(len(dec)), count)
        within = np.arange(len(alert)) - np.repeat(np.cumsum(count) - count, count)
        return alert, begin[alert] + within


def search_radius(position_error: Float64s) -> Float64s:
    """float64[n], deg: how far away a pulsar may be."""
    found = np.where(position_error >= 0, ERRORS * position_error, UNKNOWN_ERROR)
    return np.clip(found, LEAST, LARGEST)


def separation(ra: Float64s, dec: Float64s, other_ra: Float64s, other_dec: Float64s) -> Float64s:
    """float64[n], deg: the angle between two places on the sky, by the haversine."""
    a, b, c, d = (np.radians(angle) for angle in (ra, dec, other_ra, other_dec))
    half = np.sin((d - b) / 2.0) ** 2 + np.cos(b) * np.cos(d) * np.sin((c - a) / 2.0) ** 2
    angle: Float64s = np.degrees(2.0 * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))
    return angle


def harmonic(period: Float64s, known: Float64s) -> tuple[Int64s, Float64s]:
    """The nearest harmonic (k for k × the known period, −k for 1/k of it), and the relative distance of the period from it."""
    ratio = period / known
    size = np.clip(np.rint(np.maximum(ratio, 1.0 / ratio)), 1, HARMONICS)
    expected = np.where(ratio >= 1.0, size, 1.0 / size)
    whole: Int64s = np.where(ratio >= 1.0, size, -size).astype(np.int64)
    return whole, np.abs(ratio / expected - 1.0)


def _harmonic_text(whole: int) -> str:
    return f"1/{-whole}" if whole < -1 else str(abs(whole))
