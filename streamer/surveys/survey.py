"""What a survey is to the pipeline, and what all survey files share."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from streamer.codec.columns import Decoded
from streamer.codec.projection import Projection, reading
from streamer.codec.types import Record
from streamer.data.arrays import Bools, Column, Float64s, Int8s, Int64s, Texts
from streamer.data.batch import AlertBatch, Rejections
from streamer.data.photometry import BANDS
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.errors import Reason, Stage
from streamer.surveys.kernel import chosen_points, cleaned, codes_of_letters

_LETTERS = np.frombuffer("".join(BANDS).encode(), dtype=np.uint8)

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


def band_codes(texts: Texts) -> Int8s:
    """int8[n] codes of band letters; −1 for what is no band of ours."""
    codes: Int8s = codes_of_letters(np.ascontiguousarray(texts).view(np.uint8), texts.dtype.itemsize, _LETTERS)
    return codes


def points(epoch: Float64s, band: Int8s, flux: Float64s, flux_err: Float64s, total: Float64s, kind: Int8s) -> dict[str, Column]:
    """Columns of a light curve in their types; fluxes beyond float32 become NaN and are dropped later."""
    return {
        "epoch": np.asarray(epoch, dtype=np.float64),
        "band": np.asarray(band, dtype=np.int8),
        "flux": np.asarray(flux, dtype=np.float32),
        "flux_err": np.asarray(flux_err, dtype=np.float32),
        "total": np.asarray(total, dtype=np.float32),
        "kind": np.asarray(kind, dtype=np.int8),
    }


def light_curves(epoch: Float64s, tables: Sequence[Ragged]) -> Ragged:
    """One ordered light curve for each alert.

    Parameters
    ----------
    epoch : float64[n], MJD TAI
        Epochs of the alerts; later points are left out.
    tables : sequence of Ragged of n rows
        Points as :func:`points` makes them; where two have the same (epoch, band, kind), the one of the earlier table stays.

    Returns
    -------
    Ragged
        Points that were measured (finite epoch, known band, positive finite error, finite flux unless a limit), by epoch.
    """
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns}
    begins = offsets_from_lengths(np.array([table.offsets[-1] for table in tables]))[:-1]
    offsets = np.stack([table.offsets for table in tables])
    keys = (joined[name] for name in ("epoch", "band", "flux", "flux_err", "kind"))
    order, bounds = chosen_points(epoch, offsets, begins, *keys)
    return Ragged(bounds, {name: column[order] for name, column in joined.items()})


def impossible(row: Int64s, checks: Sequence[tuple[str, Bools]]) -> tuple[Bools, Rejections]:
    """Which rows fail a check (bool[n]), each with the first that it fails as its rejection."""
    failed = np.zeros(len(row), dtype=np.bool_)
    entries = []
    for what, wrong in checks:
        entries += [(number, Stage.SURVEYS, Reason.INVALID_VALUE, what) for number in row[wrong & ~failed].tolist()]
        failed |= wrong
    return failed, Rejections.of(entries)


def bad_position(ra: Float64s, dec: Float64s) -> Bools:
    """bool[n], positions that are not on the sky."""
    return ~((ra >= 0.0) & (ra <= 360.0) & (np.abs(dec) <= 90.0))


def night_names(mjd: Float64s) -> Texts:
    """bytes[n] ``YYYYMMDD`` of the civil date of each MJD; empty where the calendar does not reach."""
    days, inverse = np.unique(np.floor(mjd), return_inverse=True)
    names = np.array([_night_name(day) for day in days.tolist()], dtype="S8")
    return names[inverse]


def _night_name(day: float) -> bytes:
    try:
        return (MJD_EPOCH + timedelta(days=day)).strftime("%Y%m%d").encode()
    except (OverflowError, ValueError):
        return b""


def prefixed(prefix: bytes, texts: Texts) -> Texts:
    """bytes[n] `texts` behind `prefix`."""
    return np.char.add(np.full(len(texts), prefix), texts)
