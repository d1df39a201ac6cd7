"""Compiled loops over Rubin's sources and the identities of its alerts."""

import numpy as np

from streamer.data.arrays import MISSING
from streamer.data.photometry import BANDS
from streamer.surveys.kernel import code_of_letter, kernel

KEY_PREFIX = b"LSST:"
ID_BYTES = 21
"""Of an object's number in decimal digits."""
KEY_BYTES = 30

_LETTERS = np.frombuffer("".join(BANDS).encode(), dtype=np.uint8)
_NONE = int(MISSING)
_PREFIX, _DIA, _BODY, _SOURCE = (np.frombuffer(text, dtype=np.uint8) for text in (KEY_PREFIX, b"dia:", b"ss:", b"src:"))
_ZERO, _MINUS = (np.uint8(ord(letter)) for letter in "0-")


@kernel
def sources(offsets, at, error, flux, science, withdrawn, letters, what, gone, epoch, band, flux_out, flux_err, total, kind):
    """Fill points of sources; a withdrawn one counts as not measured, and early packets write 0 where later ones write null.

    Parameters
    ----------
    offsets : int64[n + 1]
        The rows of the sources.
    at, error, flux, science, withdrawn : float64[m]
        Their epoch, flux error, difference flux, flux with the reference, and the time when they were withdrawn.
    letters : uint8[m, k]
        Their band.
    what : int
        Their kind.
    gone : int64[n]
        What was withdrawn is added to it.
    epoch, band, flux_out, flux_err, total, kind : array[m]
        Columns of a light curve.
    """
    for row in range(gone.shape[0]):
        for p in range(offsets[row], offsets[row + 1]):
            is_gone = np.isfinite(withdrawn[p]) and withdrawn[p] > 0
            gone[row] += is_gone
            epoch[p] = at[p]
            band[p] = code_of_letter(letters[p], _LETTERS)
            flux_out[p] = np.nan if is_gone else flux[p]
            flux_err[p] = np.nan if is_gone else error[p]
            total[p] = np.nan if is_gone else science[p]
            kind[p] = what


@kernel
def identities(alert_id, source_object, dia_object, source_body, body, has_dia_object, has_body, object_id, key, is_moving):
    """Fill object id, key with name space, and whether the alert is a solar-system body.

    The survey writes 0 as well as null for "no such object". An alert that belongs to neither kind of object (a lone source) is
    known by its own id.

    Parameters
    ----------
    alert_id, source_object, dia_object, source_body, body : int64[n]
    has_dia_object, has_body : bool[n]
    object_id : uint8[n, ID_BYTES], of zeros
    key : uint8[n, KEY_BYTES], of zeros
    is_moving : bool[n]
    """
    for i in range(alert_id.shape[0]):
        dia = source_object[i] if _is_id(source_object[i]) else dia_object[i]
        other = np.int64(0) if has_dia_object[i] else body[i]
        moving = source_body[i] if _is_id(source_body[i]) else other
        is_moving[i] = _is_id(moving) or (has_body[i] and not has_dia_object[i] and not _is_id(dia))
        kind, number = _SOURCE, alert_id[i]
        if _is_id(moving):
            kind, number = _BODY, moving
        elif _is_id(dia):
            kind, number = _DIA, dia
        size = _write_digits(number, object_id[i])
        end = _put(key[i], _put(key[i], 0, _PREFIX, _PREFIX.shape[0]), kind, kind.shape[0])
        _put(key[i], end, object_id[i], size)


@kernel
def _put(text, begin, part, size):
    """Write the first bytes of a part; where they end."""
    for k in range(size):
        text[begin + k] = part[k]
    return begin + size


@kernel
def _is_id(number):
    return number not in (_NONE, 0)


@kernel
def _write_digits(number, text):
    """Write a number in decimal digits; how many bytes that took."""
    rest = np.uint64(number)
    begin = 0
    if number < 0:
        text[0] = _MINUS
        begin = 1
        rest = ~rest + np.uint64(1)
    size = begin + 1
    scale = np.uint64(1)
    while rest // scale >= np.uint64(10):
        scale *= np.uint64(10)
        size += 1
    for k in range(begin, size):
        text[k] = _ZERO + np.uint8(rest // scale % np.uint64(10))
        scale //= np.uint64(10)
    return size
