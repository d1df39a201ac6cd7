"""Tables as columns, checked while they are read: what is wrong is named by file, column and row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from streamer.data.arrays import Bools, Column, Float64s, Int8s
from streamer.data.photometry import SECONDS_PER_DAY, Kind, flux_error_from_magnitude_error, tai_minus_utc
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.errors import InvalidData, why
from streamer.training.datasets import Dropped, LightCurves, Names, Origin

POINT_COLUMNS = ("epoch", "band", "flux", "flux_err", "total", "kind", "complete")
FIRST_EPOCH, LAST_EPOCH = 40_000.0, 80_000.0
"""MJD (1968 to 2077); no light curve that streamer can be given has points before or after."""


def read_table(path: Path, columns: Sequence[str], texts: Sequence[str] = (), others: bool = False) -> pd.DataFrame:
    """The table in a CSV (perhaps gzipped) or Parquet file with the given columns; InvalidData if that cannot be had.

    The columns `texts` are read as they are written: an identifier such as 39.576040 is no number. With `others` the columns that
    were not asked for come too.
    """
    if not path.is_file():
        raise InvalidData(f"{path}: no such file")
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else _csv(path, texts)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InvalidData(f"{path}: cannot be read: {why(error)}") from error
    if missing := [name for name in columns if name not in table.columns]:
        raise InvalidData(f"{path}: it lacks {', '.join(missing)}; there are {', '.join(map(str, table.columns))}")
    return table if others else table[list(columns)]


def _csv(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    return pd.read_csv(path, low_memory=False, dtype=dict.fromkeys(texts, str))


def numbers(path: Path, table: pd.DataFrame, name: str) -> Float64s:
    """float64 column; InvalidData naming the first row whose value is no finite number."""
    values: Float64s = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    require(path, name, np.isfinite(values), "is not a finite number", table[name].to_numpy())
    return values


def require(path: Path, name: str, fine: Bools, problem: str, values: Column) -> None:
    """Raise InvalidData naming the first row (counted from 1, without the header) that is not `fine`."""
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        wrong = values[row : row + 1].tolist()[0]  # as Python shows it, whatever kind of array it is in
        rows = int((~fine).sum())
        such = f"{rows:,} such rows" if rows > 1 else "the only such row"
        raise InvalidData(f"{path}: row {row + 1}, column {name}: {wrong!r} {problem} ({such})")


def positions(path: Path, table: pd.DataFrame) -> Float64s | None:
    """float64[n, 2] degrees ICRS, the columns ``ra`` and ``dec``, NaN where both are empty; None if the table has neither.

    InvalidData naming the first row that is not on the sky, or has one of the two.
    """
    if not {"ra", "dec"} & set(table.columns):
        return None
    nothing = pd.Series(np.full(len(table), np.nan))
    typed = [table[name] if name in table.columns else nothing for name in ("ra", "dec")]
    ra, dec = (pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64) for column in typed)
    empty: Bools = typed[0].isna().to_numpy() & typed[1].isna().to_numpy()
    for name, column, fine in (("ra", typed[0], (ra >= 0) & (ra <= 360)), ("dec", typed[1], np.abs(dec) <= 90)):
        require(path, name, empty | fine, "is not on the sky; a position is ra and dec in degrees", column.to_numpy())
    return np.stack([ra, dec], axis=1)


def codes(path: Path, name: str, values: Column, table: Mapping[Any, int]) -> Column:
    """int8 codes of `values` by `table`; InvalidData naming the first row whose value the table does not know."""
    unique, inverse = np.unique(values, return_inverse=True)
    known = np.array([value in table for value in unique.tolist()], dtype=np.bool_)
    require(path, name, known[inverse], f"is not one of {sorted(map(str, table))}", values)
    return np.array([table[value] for value in unique.tolist()], dtype=np.int8)[inverse]


def groups_of(data: Path, dataset: str, object_id: Names) -> Names:
    """The group of each object of `dataset`; InvalidData naming the first object that has none."""
    path = data / "lightcurves" / "groups.csv.gz"
    table = read_table(path, ("dataset", "object_id", "group"))
    mine = table[table["dataset"] == dataset]
    group = dict(zip(mine["object_id"].astype(str), mine["group"].astype(str), strict=True))
    if missing := [name for name in object_id.tolist() if name not in group]:
        raise InvalidData(f"{path}: {len(missing)} objects of {dataset} have no group, {missing[0]} first")
    return np.array([group[name] for name in object_id.tolist()], dtype=np.str_)


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a data set, before their points are known.

    Parameters
    ----------
    object_id, original, label, group, provenance : str[n]
        As in :class:`streamer.training.datasets.LightCurves`.
    """

    object_id: Names
    original: Names
    label: Names
    group: Names
    provenance: Names


def tai(mjd_utc: Float64s) -> Float64s:
    """float64[n] MJD TAI of MJD UTC. Times at the Sun's centre are taken for times on Earth: they differ by at most 8.3 minutes."""
    return mjd_utc + tai_minus_utc(mjd_utc) / SECONDS_PER_DAY


def total_light(epoch: Float64s, band: Int8s, flux: Float64s, magnitude_error: Float64s) -> dict[str, Column]:
    """Points of photometry in which nothing was subtracted: all are detections, and the flux is the total flux.

    Parameters
    ----------
    epoch : float64[m], MJD TAI
    band : int8[m]
    flux : float64[m], nJy
    magnitude_error : float64[m], mag
    """
    return {
        "epoch": epoch,
        "band": band,
        "flux": flux.astype(np.float32),
        "flux_err": flux_error_from_magnitude_error(flux, magnitude_error).astype(np.float32),
        "total": flux.astype(np.float32),
        "kind": np.full(len(flux), Kind.DETECTION, dtype=np.int8),
        "complete": np.ones(len(flux), dtype=np.bool_),
    }


def assembled(
    origin: Origin,
    survey: str,
    bands: tuple[str, ...],
    objects: Objects,
    owner: Names,
    points: Mapping[str, Column],
    labels_left: tuple[Dropped, ...] = (),
    left_out: Sequence[tuple[str, Bools]] = (),
) -> LightCurves:
    """The light curves of a set whose points are not all good: what cannot be used is left out and counted by reason.

    Parameters
    ----------
    origin, survey, bands
        What the light curves are.
    objects : Objects
    owner : str[m]
        Object of each point.
    points : mapping of name to array[m]
        Columns as in :class:`streamer.training.datasets.LightCurves`; band −1 is a filter that is none of `bands`.
    labels_left : tuple of Dropped
        What :func:`leaves_of` counted.
    left_out : sequence of (reason, bool[m])
        Points that the set's own flags put out. After them fall out unknown filters, impossible epochs, fluxes that are no numbers
        and errors that are not positive, in this order; then objects of which no point is left.
    """
    flux, error, epoch = points["flux"], points["flux_err"], points["epoch"]
    checks = (
        *left_out,
        ("filter that no table knows", points["band"] < 0),
        ("impossible epoch", ~((epoch > FIRST_EPOCH) & (epoch < LAST_EPOCH))),
        ("flux that is no number", ~(np.isfinite(flux) | (points["kind"] == Kind.LIMIT))),
        ("error that is not positive", ~(np.isfinite(error) & (error > 0))),
    )
    good = np.ones(len(owner), dtype=np.bool_)
    dropped = []
    for reason, wrong in checks:
        dropped.append(Dropped(origin.name, "points", reason, int((good & wrong).sum())))
        good &= ~wrong
    curves, repeated = curves_of(
        origin.name, objects.object_id, owner[good], {name: column[good] for name, column in points.items()}
    )
    table = LightCurves(
        survey=survey,
        bands=bands,
        object_id=objects.object_id,
        label=objects.label,
        original=objects.original,
        group=objects.group,
        provenance=objects.provenance,
        source=np.full(len(objects.object_id), origin.name),
        part=np.zeros(len(objects.object_id), dtype=np.str_),
        curves=curves,
        origins=(origin,),
        dropped=(*labels_left, *(entry for entry in dropped if entry.count), *repeated),
    )
    return table if table.curves.lengths.all() else table.where(table.curves.lengths > 0, "objects", "no usable point")


def leaves_of(origin: Origin, original: Names, leaves: Mapping[str, str]) -> tuple[Names, tuple[Dropped, ...]]:
    """The leaf of each label by table, empty where the table has none, and how many labels no table knows."""
    unknown = sum(name not in leaves for name in original.tolist() if name)
    label = np.array([leaves.get(name, "") for name in original.tolist()], dtype=np.str_)
    return label, (Dropped(origin.name, "labels", "in no table", unknown),) if unknown else ()


def curves_of(source: str, object_id: Names, owner: Names, points: Mapping[str, Column]) -> tuple[Ragged, tuple[Dropped, ...]]:
    """The points of each object in the order of `object_id`, by epoch, band and kind, no two with the same three.

    Of equal points the first in the file stays. Points of objects that `object_id` does not list are counted as dropped.
    """
    place = {name: row for row, name in enumerate(object_id.tolist())}
    unique, inverse = np.unique(owner, return_inverse=True)
    row = np.array([place.get(name, -1) for name in unique.tolist()], dtype=np.int64)[inverse]
    order = np.lexsort((points["kind"], points["band"], points["epoch"], row))
    order = order[row[order] >= 0]
    keys = np.stack([row[order], points["epoch"][order], points["band"][order], points["kind"][order]])
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = np.any(keys[:, 1:] != keys[:, :-1], axis=0)
    kept = order[new]
    counts = np.bincount(row[kept], minlength=len(object_id))
    dropped = tuple(
        Dropped(source, "points", reason, count)
        for reason, count in (("object without label row", int((row < 0).sum())), ("repeated", int((~new).sum())))
        if count
    )
    return Ragged(offsets_from_lengths(counts), {name: points[name][kept] for name in POINT_COLUMNS}), dropped
