"""Compiled loops over ZTF's detections, forced photometry and context.

Powers of ten are NumPy's, of all points at once: ``exponents_of_…`` says of what, and 0 stands where no power is needed.
"""

import numpy as np

from streamer.data.photometry import AB_ZERO_POINT_NJY, BANDS, ERROR_PER_MAGNITUDE, Kind
from streamer.surveys.kernel import is_measured, kernel, mjd_tai

SENTINELS = (-99.0, -999.0, -9999.0, -99999.0)
"""What ZTF writes for "not measured" besides null."""

REFERENCE_RADIUS = 1.4
"""arcsec; a reference source nearer than this is the object itself (about one seeing disc)."""

LIMIT_SIGMA = 5.0
"""``diffmaglim`` is a five-sigma depth."""

GALAXY_SCORE = 0.5
"""A star–galaxy score below this is a galaxy's; just this is no answer (Tachibana & Miller 2018)."""

_G, _R, _I = (BANDS.index(band) for band in "gri")
_DETECTION, _FORCED, _LIMIT = int(Kind.DETECTION), int(Kind.FORCED), int(Kind.LIMIT)
_COMMA, _ZERO, _FIVE, _SEVEN = (ord(letter) for letter in ",057")
_SPACES = tuple(b" \t\n\r\x0b\x0c")
_POSITIVE, _NEGATIVE = tuple(b"t1T"), tuple(b"f0F")
_NULL = tuple(b"null")


@kernel
def exponents_of_detections(magnitude, depth, distance, reference, exponents):
    """Fill float64[2, m]: of the flux of each point or, where there is none, of its depth; and of its reference source."""
    for p in range(magnitude.shape[0]):
        own = magnitude[p] if is_measured(magnitude[p], SENTINELS) else depth[p]
        exponents[0, p] = _exponent(own) if is_measured(own, SENTINELS) else 0.0
        exponents[1, p] = _exponent(reference[p]) if _has_reference(distance[p], reference[p]) else 0.0


@kernel
def exponents_of_forced(zero_point, distance, reference, exponents):
    """Fill float64[2, m]: of the scale of each point, and of its reference source."""
    for p in range(zero_point.shape[0]):
        exponents[0, p] = _exponent(zero_point[p]) if is_measured(zero_point[p], SENTINELS) else 0.0
        exponents[1, p] = _exponent(reference[p]) if _has_reference(distance[p], reference[p]) else 0.0


@kernel
def detections(jd, fid, magnitude, error, depth, sign, distance, reference, powers, epoch, band, flux, flux_err, total, kind):
    """Fill points of ``candidate`` or ``prv_candidates``: a detection has ``magpsf``, a limit has only ``diffmaglim``.

    Parameters
    ----------
    jd, fid, magnitude, error, depth, distance, reference : float64[m]
        The packets' ``jd``, ``fid``, ``magpsf``, ``sigmapsf``, ``diffmaglim``, ``distnr``, ``magnr``.
    sign : uint8[m]
        The letter of ``isdiffpos``.
    powers : float64[2, m]
        Ten to what :func:`exponents_of_detections` says.
    epoch, band, flux, flux_err, total, kind : array[m]
        Columns of a light curve.
    """
    for p in range(jd.shape[0]):
        epoch[p] = mjd_tai(jd[p])
        band[p] = _band(fid[p])
        size = powers[0, p]
        if is_measured(magnitude[p], SENTINELS):
            kind[p] = _DETECTION
            flux_err[p] = size * error[p] * ERROR_PER_MAGNITUDE if is_measured(error[p], SENTINELS) else np.nan
            signed = _sign(sign[p]) * size
        else:
            kind[p] = _LIMIT
            flux_err[p] = size / LIMIT_SIGMA if is_measured(depth[p], SENTINELS) else np.nan
            signed = np.nan
        flux[p] = signed
        total[p] = powers[1, p] + signed if _has_reference(distance[p], reference[p]) else np.nan


@kernel
def forced(
    jd, fid, counts, error, zero_point, status, distance, reference, powers, epoch, band, flux, flux_err, total, kind
):  # fmt: skip
    """Fill points of ``fp_hists``: counts, brought to nJy with the exposure's zero point; masked where the status is bad.

    Parameters
    ----------
    jd, fid, counts, error, zero_point, distance, reference : float64[m]
        The packets' ``jd``, ``fid``, ``forcediffimflux``, ``forcediffimfluxunc``, ``magzpsci``, ``distnr``, ``magnr``.
    status : uint8[m, k]
        The text of ``procstatus``, padded with zeros.
    powers : float64[2, m]
        Ten to what :func:`exponents_of_forced` says.
    epoch, band, flux, flux_err, total, kind : array[m]
        Columns of a light curve.
    """
    for p in range(jd.shape[0]):
        epoch[p] = mjd_tai(jd[p])
        band[p] = _band(fid[p])
        kind[p] = _FORCED
        scale = powers[0, p] if is_measured(zero_point[p], SENTINELS) else np.nan
        scaled = counts[p] * scale if is_measured(counts[p], SENTINELS) and is_usable(status[p]) else np.nan
        flux[p] = scaled
        flux_err[p] = error[p] * scale if is_measured(error[p], SENTINELS) else np.nan
        total[p] = powers[1, p] + scaled if _has_reference(distance[p], reference[p]) else np.nan


@kernel
def context(candidate, first, magnitudes, neighbours, ages, aperture, found):
    """Fill the context of n alerts.

    Parameters
    ----------
    candidate : float64[fields, n]
        Fields of ``candidate``, NaN where not measured.
    first : int64[k, 2]
        For each column that is a field as it is: the field, and the one to take where that is NaN.
    magnitudes : int64[4]
        The fields of the nearest catalogue source's g, r, i, z.
    neighbours : int64[3, 2]
        The fields of star–galaxy score and distance of the nearest catalogue sources.
    ages : int64[2]
        The fields of the alert's and of the first detection's time.
    aperture : float64[n]
        Flux in an aperture over that of the PSF fit.
    found : float32[k + 7, n]
        Filled: the columns of `first`; g − r, r − i, i − z and r; distance of the nearest galaxy; `aperture`; age.
    """
    k = first.shape[0]
    for i in range(candidate.shape[1]):
        for column in range(k):
            value = candidate[first[column, 0], i]
            found[column, i] = candidate[first[column, 1], i] if np.isnan(value) else value
        for j in range(3):
            found[k + j, i] = _magnitude(candidate[magnitudes[j], i]) - _magnitude(candidate[magnitudes[j + 1], i])
        found[k + 3, i] = _magnitude(candidate[magnitudes[1], i])
        nearest = np.nan
        for j in range(neighbours.shape[0]):
            distance = candidate[neighbours[j, 1], i]
            is_galaxy = candidate[neighbours[j, 0], i] < GALAXY_SCORE and distance >= 0
            if is_galaxy and not nearest <= distance:
                nearest = distance
        found[k + 4, i] = nearest
        found[k + 5, i] = aperture[i]
        found[k + 6, i] = candidate[ages[0], i] - candidate[ages[1], i]


@kernel
def _magnitude(value):
    return value if value > 0 else np.nan


@kernel
def _exponent(magnitude):
    return -0.4 * (magnitude - AB_ZERO_POINT_NJY)


@kernel
def _has_reference(distance, magnitude):
    """Whether the reference source is the object."""
    return distance >= 0.0 and distance < REFERENCE_RADIUS and is_measured(magnitude, SENTINELS) and magnitude > 0


@kernel
def _band(fid):
    return _G if fid == 1.0 else _R if fid == 2.0 else _I if fid == 3.0 else -1


@kernel
def _sign(letter):
    """+1, −1, or NaN where ``isdiffpos`` says neither."""
    return 1.0 if letter in _POSITIVE else -1.0 if letter in _NEGATIVE else np.nan


@kernel
def is_usable(status):
    """Whether every code in a comma-separated status (uint8[k], padded with zeros) is 0 or 57; absent counts as fine.

    57 says that no reference source is near, which leaves the difference flux as it is (Masci et al. 2023).
    """
    size = status.shape[0]
    while size > 0 and status[size - 1] == 0:
        size -= 1
    if size == 0 or _is_null(status, size):
        return True
    begin = 0
    for end in range(size + 1):
        if end == size or status[end] == _COMMA:
            if not _is_good(status, begin, end):
                return False
            begin = end + 1
    return True


@kernel
def _is_null(status, size):
    is_null = size == len(_NULL)
    for k in range(min(size, len(_NULL))):
        is_null = is_null and status[k] == _NULL[k]
    return is_null


@kernel
def _is_good(status, begin, end):
    """Whether the code from `begin` to `end`, without the blanks around it, is 0 or 57."""
    while begin < end and status[begin] in _SPACES:
        begin += 1
    while begin < end and status[end - 1] in _SPACES:
        end -= 1
    if end - begin == 1:
        return status[begin] == _ZERO
    return end - begin == 2 and status[begin] == _FIVE and status[begin + 1] == _SEVEN
