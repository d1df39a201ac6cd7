"""What a survey is to the pipeline, and what all survey files share."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from streamer.codec.columns import Decoded
from streamer.codec.projection import Projection, reading
from streamer.codec.types import Record
from streamer.data.arrays import Bools, Bytes, Column, Float64s, Int64s, Texts
from streamer.data.batch import AlertBatch, Rejections
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.errors import Reason, Stage
from streamer.surveys.kernel import chosen_points, cleaned

MJD_EPOCH = date(1858, 11, 17)
MAX_ID_BYTES = 64


def everything(decoded: Decoded) -> Bools:
    """bool[n], all true: the survey's stream is public."""
    return np.ones(len(decoded.status), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Survey:
    """One kind of alert stream.

    Parameters
    ----------
    name : str
        As in topics, metrics and bundles.
    bands : tuple of str
        Its bands, blue to red.
    projection : Projection
        The packet fields it needs, with their aliases.
    recognises : callable of Record to bool
        Whether a writer schema is one of its packets', by the fields it has, whatever the record is called.
    to_alerts : callable of (Decoded of n rows, int64[n] row numbers) to (AlertBatch, Rejections)
        Brings the columns to streamer's units and conventions; rows whose identity, position or epoch is impossible are rejected.
    is_public : callable of Decoded of n rows to bool[n]
        Which packets may be shown to anybody. Asked first, so that nothing of a private packet gets into a dead letter.
    """

    name: str
    bands: tuple[str, ...]
    projection: Projection
    recognises: Callable[[Record], bool]
    to_alerts: Callable[[Decoded, Int64s], tuple[AlertBatch, Rejections]]
    is_public: Callable[[Decoded], Bools] = everything

    def reading(self, series: Container[str]) -> Projection:
        """What is decoded where nothing but `series` is asked for of the tables on demand."""
        return reading(self.projection, series)


def has_fields(*names: str) -> Callable[[Record], bool]:
    """Whether a record has all of these fields."""
    return lambda record: all(name in record.fields for name in names)


def without_sentinels(values: Float64s, *sentinels: float) -> Float64s:
    """float64[n] with the survey's placeholders (−999 …) and infinities as NaN."""
    clean: Float64s = cleaned(np.asarray(values, dtype=np.float64), np.array(sentinels, dtype=np.float64))
    return clean


def no_points(m: int) -> dict[str, Column]:
    """Room for m points of light curves: array[m] of each column, to be filled; see :class:`streamer.data.batch.AlertBatch`."""
    return {
        "epoch": np.empty(m, dtype=np.float64),
        "band": np.empty(m, dtype=np.int8),
        "flux": np.empty(m, dtype=np.float32),
        "flux_err": np.empty(m, dtype=np.float32),
        "total": np.empty(m, dtype=np.float32),
        "kind": np.empty(m, dtype=np.int8),
    }


def light_curves(epoch: Float64s, offsets: Sequence[Int64s], points: Mapping[str, Column]) -> Ragged:
    """One ordered light curve for each alert.

    Parameters
    ----------
    epoch : float64[n], MJD TAI
        Epochs of the alerts; later points are left out.
    offsets : sequence of int64[n + 1]
        The rows of each table of points.
    points : mapping of name to array
        The columns of :func:`no_points`, one table behind the other; where two points have the same (epoch, band, kind), the one of
        the earlier table stays.

    Returns
    -------
    Ragged
        Points that were measured (finite epoch, known band, positive finite error, finite flux unless a limit), by epoch.
    """
    keys = (points[name] for name in ("epoch", "band", "flux", "flux_err", "kind"))
    order, bounds = chosen_points(epoch, np.array(offsets), begins_of(offsets)[:-1], *keys)
    return Ragged(bounds, {name: column.take(order) for name, column in points.items()})


def begins_of(offsets: Sequence[Int64s]) -> Int64s:
    """int64[tables + 1], where tables with these rows begin that stand one behind the other, and where the last ends."""
    return offsets_from_lengths(np.array([each[-1] for each in offsets]))


def impossible(row: Int64s, checks: Sequence[tuple[str, Bools]]) -> tuple[Bools, Rejections]:
    """Which rows fail a check (bool[n]), each with the first that it fails as its rejection."""
    failed = np.zeros(len(row), dtype=np.bool_)
    entries = []
    for what, wrong in checks:
        if wrong.any():
            entries += [(number, Stage.SURVEYS, Reason.INVALID_VALUE, what) for number in row[wrong & ~failed].tolist()]
            failed |= wrong
    return failed, Rejections.of(entries)


def bad_position(ra: Float64s, dec: Float64s) -> Bools:
    """bool[n], positions that are not on the sky."""
    return ~((ra >= 0.0) & (ra <= 360.0) & (np.abs(dec) <= 90.0))


def night_names(mjd: Float64s) -> Texts:
    """bytes[n] ``YYYYMMDD`` of the civil date of each MJD; empty where the calendar does not reach."""
    days = np.floor(mjd)
    if len(days) and (days == days[0]).all():  # as in a stream
        return np.full(len(days), _night_name(float(days[0])), dtype="S8")
    different, inverse = np.unique(days, return_inverse=True)
    names = np.array([_night_name(day) for day in different.tolist()], dtype="S8")
    return names[inverse]


@lru_cache(maxsize=4096)
def _night_name(day: float) -> bytes:
    try:
        return (MJD_EPOCH + timedelta(days=day)).strftime("%Y%m%d").encode()
    except (OverflowError, ValueError):
        return b""


def prefixed(prefix: bytes, texts: Texts) -> Texts:
    """bytes[n] `texts` behind `prefix`."""
    joined = np.zeros((len(texts), len(prefix) + texts.dtype.itemsize), dtype=np.uint8)
    joined[:, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
    joined[:, len(prefix) :] = letters(texts)
    found: Texts = joined.view(f"S{joined.shape[1]}")[:, 0]
    return found


def letters(texts: Texts) -> Bytes:
    """uint8[n, width], the bytes of each text."""
    return np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), texts.dtype.itemsize)
