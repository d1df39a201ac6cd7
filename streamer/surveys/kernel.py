"""Compiled loops over the points of many light curves."""

from typing import Any

import numba
import numpy as np

from streamer.data.photometry import LEAP_MJD, MJD_OF_JD, SECONDS_PER_DAY, TAI_MINUS_UTC, Kind

_LIMIT = int(Kind.LIMIT)

kernel: Any = numba.njit(cache=True, nogil=True, error_model="numpy")
"""Compiled once per machine, lets other threads run, and divides like NumPy."""


@kernel
def chosen_points(now, offsets, begins, epoch, band, flux, flux_err, kind):
    """Which points make the light curve of each alert, in their order.

    Parameters
    ----------
    now : float64[n], MJD TAI
        Epochs of the alerts.
    offsets : int64[tables, n + 1]
        The rows of each table.
    begins : int64[tables]
        Where each table begins in the columns.
    epoch, band, flux, flux_err, kind : array[m]
        The points of all tables, one table behind the other.

    Returns
    -------
    (int64[k], int64[n + 1])
        Indices of the points that were measured and are not later than the alert, each row's by (epoch, band, kind) and each of
        these once, that of the first table; and the rows' offsets.
    """
    order = np.empty(epoch.shape[0], np.int64)
    spare = np.empty(epoch.shape[0], np.int64)
    bounds = np.zeros(now.shape[0] + 1, np.int64)
    end = 0
    for row in range(now.shape[0]):
        begin = end
        for k in range(begins.shape[0]):
            table = (k + 1) % begins.shape[0]  # the alert's own point last: it is the latest, and ends a run that is sorted
            for point in range(begins[table] + offsets[table, row], begins[table] + offsets[table, row + 1]):
                is_past = np.isfinite(epoch[point]) and epoch[point] <= now[row]
                has_error = np.isfinite(flux_err[point]) and flux_err[point] > 0
                if is_past and has_error and band[point] >= 0 and (kind[point] == _LIMIT or np.isfinite(flux[point])):
                    order[end] = point
                    end += 1
        _sort(order, spare, begin, end, epoch, band, kind)
        kept = begin
        for k in range(begin, end):
            if k == begin or _is_before(order[kept - 1], order[k], epoch, band, kind):
                order[kept] = order[k]
                kept += 1
            else:
                order[kept - 1] = min(order[kept - 1], order[k])
        end = kept
        bounds[row + 1] = end
    return order[:end], bounds


@kernel
def _is_before(a, b, epoch, band, kind):
    """Whether point a has a smaller (epoch, band, kind) than point b."""
    if epoch[a] != epoch[b]:
        return epoch[a] < epoch[b]
    if band[a] != band[b]:
        return band[a] < band[b]
    return kind[a] < kind[b]


@kernel
def _sort(order, spare, begin, end, epoch, band, kind):
    """Sort ``order[begin:end]``: merges the runs that rise or fall already, mostly one a table."""
    while True:
        left = begin
        runs = 0
        while left < end:
            middle = _end_of_run(order, left, end, epoch, band, kind)
            right = _end_of_run(order, middle, end, epoch, band, kind)
            if middle < end:
                _merge(order, spare, left, middle, right, epoch, band, kind)
            runs += 1
            left = right
        if runs <= 1:
            return


@kernel
def _end_of_run(order, begin, end, epoch, band, kind):
    """Where the run that begins there ends; one that falls is turned round (ZTF sends forced photometry so)."""
    place = begin + 1
    if place < end and _is_before(order[place], order[begin], epoch, band, kind):
        while place < end and _is_before(order[place], order[place - 1], epoch, band, kind):
            place += 1
        order[begin:place] = order[begin:place][::-1].copy()
        return place
    while place < end and not _is_before(order[place], order[place - 1], epoch, band, kind):
        place += 1
    return min(place, end)


@kernel
def _merge(order, spare, left, middle, right, epoch, band, kind):
    a, b = left, middle
    for k in range(left, right):
        if a < middle and (b >= right or not _is_before(order[b], order[a], epoch, band, kind)):
            spare[k] = order[a]
            a += 1
        else:
            spare[k] = order[b]
            b += 1
    for k in range(left, right):
        order[k] = spare[k]


@kernel
def is_measured(value, sentinels):
    """Whether a number is finite and none of the placeholders."""
    if not np.isfinite(value):
        return False
    for sentinel in sentinels:  # noqa: SIM110 - numba knows no all()
        if value == sentinel:
            return False
    return True


@kernel
def cleaned(values, sentinels):
    """float64[m] with the sentinels and infinities as NaN."""
    clean = np.empty(values.shape[0], np.float64)
    for i in range(values.shape[0]):
        clean[i] = values[i] if is_measured(values[i], sentinels) else np.nan
    return clean


@kernel
def mjd_tai(jd_utc):
    """MJD TAI of a JD UTC, as :func:`streamer.data.photometry.mjd_tai_from_jd_utc` gives it."""
    mjd_utc = jd_utc - MJD_OF_JD
    place = LEAP_MJD.shape[0]
    while place > 0 and mjd_utc < LEAP_MJD[place - 1]:
        place -= 1
    return mjd_utc + TAI_MINUS_UTC[place] / SECONDS_PER_DAY


@kernel
def code_of_letter(text, alphabet):
    """The place in `alphabet` of a text (uint8[k], padded with zeros) that is one letter of it; −1 for others."""
    for k in range(1, text.shape[0]):
        if text[k] != 0:
            return -1
    for code in range(alphabet.shape[0]):
        if text[0] == alphabet[code]:
            return code
    return -1
