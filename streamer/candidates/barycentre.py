"""The period at the solar system's barycentre for a file that only says the one at the telescope (astropy, extra ``candidates``).

The radial velocity of the telescope towards the source is that of the middle of the observation, with astropy's built-in ephemeris.
Telescopes are known by name; another one's period stays topocentric.
"""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.util import find_spec

from streamer.candidates.candidate import Candidate

SPEED_OF_LIGHT = 299_792_458.0
TELESCOPES = {
    "parkes": (148.2635, -32.9984, 415.0),
    "murriyang": (148.2635, -32.9984, 415.0),
    "meerkat": (21.4439, -30.7111, 1038.0),
    "gbt": (-79.8398, 38.4331, 807.0),
    "arecibo": (-66.7528, 18.3442, 498.0),
    "effelsberg": (6.8836, 50.5247, 417.0),
    "lovell": (-2.3071, 53.2367, 77.0),
    "jodrell": (-2.3071, 53.2367, 77.0),
    "fast": (106.8566, 25.6529, 1110.0),
    "gmrt": (74.0497, 19.0965, 656.0),
    "lofar": (6.8690, 52.9151, 15.0),
    "chime": (-119.6237, 49.3208, 545.0),
}
"""Longitude (deg east), latitude (deg), height (m)."""


def with_barycentric_period(candidate: Candidate) -> Candidate:
    """The candidate with ``p_bary``, if that is not known, can be worked out, and astropy is there; else as it is."""
    place = TELESCOPES.get(candidate.telescope.strip().lower())
    if candidate.p_bary > 0 or not candidate.p_topo > 0 or place is None or find_spec("astropy") is None:
        return candidate
    shift = approach(candidate.epoch, candidate.ra, candidate.dec, place) / SPEED_OF_LIGHT
    return replace(candidate, p_bary=candidate.p_topo * (1.0 + shift)) if math.isfinite(shift) else candidate


def approach(mjd_utc: float, ra: float, dec: float, place: tuple[float, float, float]) -> float:
    """m/s, how fast a telescope at `place` moves towards (`ra`, `dec`; deg, ICRS), as seen from the barycentre."""
    # slow to import, and an extra
    from astropy import units  # noqa: PLC0415
    from astropy.coordinates import EarthLocation, SkyCoord  # noqa: PLC0415
    from astropy.time import Time  # noqa: PLC0415
    from astropy.utils import iers  # noqa: PLC0415

    longitude, latitude, height = place
    site = EarthLocation.from_geodetic(longitude * units.deg, latitude * units.deg, height * units.m)
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("iers_degraded_accuracy", "ignore"):
        when = Time(mjd_utc, format="mjd", scale="utc", location=site)
        velocity = SkyCoord(ra * units.deg, dec * units.deg).radial_velocity_correction("barycentric", obstime=when)
    return float(velocity.to_value(units.m / units.s))
