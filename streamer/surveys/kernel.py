"""Compiled loops over the points of many light curves."""

import numba
import numpy as np

from streamer.data.photometry import Kind

_LIMIT = int(Kind.LIMIT)


@numba.njit(cache=True, nogil=True)
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
        for table in range(begins.shape[0]):
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
        end = kept
        bounds[row + 1] = end
    return order[:end], bounds


@numba.njit(cache=True, nogil=True)
def _is_before(a, b, epoch, band, kind):
    """Whether point a has a smaller (epoch, band, kind) than point b."""
    if epoch[a] != epoch[b]:
        return epoch[a] < epoch[b]
    if band[a] != band[b]:
        return band[a] < band[b]
    return kind[a] < kind[b]


@numba.njit(cache=True, nogil=True)
def _sort(order, spare, begin, end, epoch, band, kind):
    """Sort ``order[begin:end]``, equal points keeping their order: merges the runs that are sorted already, mostly one a table."""
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


@numba.njit(cache=True, nogil=True)
def _end_of_run(order, begin, end, epoch, band, kind):
    place = begin + 1
    while place < end and not _is_before(order[place], order[place - 1], epoch, band, kind):
        place += 1
    return min(place, end)


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def cleaned(values, sentinels):
    """float64[m] with the sentinels and infinities as NaN."""
    clean = np.empty(values.shape[0], np.float64)
    for i in range(values.shape[0]):
        clean[i] = values[i] if np.isfinite(values[i]) else np.nan
        for sentinel in sentinels:
            if values[i] == sentinel:
                clean[i] = np.nan
    return clean


@numba.njit(cache=True, nogil=True)
def codes_of_letters(letters, width, alphabet):
    """int8[m], the place in `alphabet` of texts of `width` bytes that are one letter of it; −1 for others."""
    codes = np.full(letters.shape[0] // width, -1, np.int8)
    for i in range(codes.shape[0]):
        is_one = True
        for k in range(1, width):
            is_one = is_one and letters[i * width + k] == 0
        for code in range(alphabet.shape[0]):
            if is_one and letters[i * width] == alphabet[code]:
                codes[i] = code
    return codes
