"""Bands, fluxes, magnitudes and times.

Inside streamer a flux is in nJy (AB), an epoch is MJD TAI and an angle is degrees ICRS. Magnitudes and JD UTC occur only
where a survey's packet is read or a person is shown something.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from streamer.data.arrays import Float64s

AB_ZERO_POINT_NJY = 31.4
"""Magnitude of 1 nJy: −2.5 log10(1 nJy / 3631 Jy), to the precision the surveys use (31.4000)."""

ERROR_PER_MAGNITUDE = float(np.log(10.0) / 2.5)
"""Relative error of a flux for each magnitude of error, to first order."""

MJD_OF_JD = 2_400_000.5
SECONDS_PER_DAY = 86_400.0

BANDS = ("u", "g", "r", "i", "z", "y")
"""Photometric bands; a band's code (int8) is its place here. −1 is a band that streamer does not know."""


def codes_of_bands(bands: Sequence[str]) -> tuple[int, ...]:
    """The code of each of a survey's bands: its place in :data:`BANDS`; bands that are not there follow, in the given order."""
    others = [band for band in bands if band not in BANDS]
    return tuple(BANDS.index(band) if band in BANDS else len(BANDS) + others.index(band) for band in bands)


# (MJD UTC from which it holds, TAI − UTC in s); IERS Bulletin C. Earlier epochs occur in no alert stream.
_LEAP_SECONDS = (
    (41317, 10), (41499, 11), (41683, 12), (42048, 13), (42413, 14), (42778, 15), (43144, 16), (43509, 17), (43874, 18),
    (44239, 19), (44786, 20), (45151, 21), (45516, 22), (46247, 23), (47161, 24), (47892, 25), (48257, 26), (48804, 27),
    (49169, 28), (49534, 29), (50083, 30), (50630, 31), (51179, 32), (53736, 33), (54832, 34), (56109, 35), (57204, 36),
    (57754, 37),
)  # fmt: skip
LEAP_MJD = np.array([mjd for mjd, _ in _LEAP_SECONDS], dtype=np.float64)
TAI_MINUS_UTC = np.array([_LEAP_SECONDS[0][1], *(seconds for _, seconds in _LEAP_SECONDS)], dtype=np.float64)


class Kind(IntEnum):
    """What a point of a light curve is."""

    DETECTION = 0
    """Found above the survey's threshold in the difference image."""
    FORCED = 1
    """Flux measured at a known position whether or not anything was found there."""
    LIMIT = 2
    """Nothing found: ``flux`` is NaN and ``flux_err`` is the one-sigma depth."""


def flux_from_magnitude(magnitude: Float64s) -> Float64s:
    """float64[n] flux in nJy of AB magnitudes; NaN stays NaN, an absurdly bright one becomes infinite."""
    with np.errstate(over="ignore"):
        flux: Float64s = np.power(10.0, -0.4 * (np.asarray(magnitude, dtype=np.float64) - AB_ZERO_POINT_NJY))
    return flux


def magnitude_from_flux(flux: Float64s) -> Float64s:
    """float64[n] AB magnitude of fluxes in nJy; NaN where the flux is not positive."""
    flux = np.asarray(flux, dtype=np.float64)
    positive = np.where(flux > 0, flux, np.nan)
    return AB_ZERO_POINT_NJY - 2.5 * np.log10(positive)


def flux_error_from_magnitude_error(flux: Float64s, magnitude_error: Float64s) -> Float64s:
    """float64[n] one-sigma flux error in nJy, to first order: σ_f = f σ_m ln(10) / 2.5."""
    error: Float64s = np.abs(flux) * np.asarray(magnitude_error, dtype=np.float64) * ERROR_PER_MAGNITUDE
    return error


def tai_minus_utc(mjd_utc: Float64s) -> Float64s:
    """float64[n] seconds by which TAI is ahead of UTC (10 before 1972, when leap seconds began)."""
    if not (np.asarray(mjd_utc) < LEAP_MJD[-1]).any():  # all since the last leap second, or NaN
        return np.full(np.shape(mjd_utc), TAI_MINUS_UTC[-1])
    return TAI_MINUS_UTC[np.searchsorted(LEAP_MJD, mjd_utc, side="right")]


def mjd_tai_from_jd_utc(jd_utc: Float64s) -> Float64s:
    """float64[n] MJD TAI of JD UTC; NaN stays NaN.

    A JD holds its epoch to 40 µs, so nothing is lost against what ZTF writes.
    """
    mjd_utc = np.asarray(jd_utc, dtype=np.float64) - MJD_OF_JD
    return mjd_utc + tai_minus_utc(mjd_utc) / SECONDS_PER_DAY


def mjd_utc_from_mjd_tai(mjd_tai: Float64s) -> Float64s:
    """float64[n] MJD UTC of MJD TAI (off by up to a second in the second before a leap second)."""
    mjd_tai = np.asarray(mjd_tai, dtype=np.float64)
    return mjd_tai - tai_minus_utc(mjd_tai - 37.0 / SECONDS_PER_DAY) / SECONDS_PER_DAY
