"""Tables as columns, checked while they are read: what is wrong is named by file, column and row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from streamer.data.arrays import Bools, Column, Float64s
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.errors import InvalidData
from streamer.training.datasets import Dropped, Names

POINT_COLUMNS = ("epoch", "band", "flux", "flux_err", "total", "kind", "complete")


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The table in a CSV (perhaps gzipped) or Parquet file with the given columns; InvalidData if that cannot be had."""
    if not path.is_file():
        raise InvalidData(f"{path}: no such file")
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InvalidData(f"{path}: cannot be read: {error}") from error
    if missing := [name for name in columns if name not in table.columns]:
        raise InvalidData(f"{path}: columns {missing} are missing; there are {list(table.columns)}")
    return table[list(columns)]


def numbers(path: Path, table: pd.DataFrame, name: str) -> Float64s:
    """float64 column; InvalidData naming the first row whose value is no finite number."""
    values: Float64s = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    require(path, name, np.isfinite(values), "is not a finite number", table[name].to_numpy())
    return values


def require(path: Path, name: str, fine: Bools, problem: str, values: Column) -> None:
    """Raise InvalidData naming the first row (counted from 1, without the header) that is not `fine`."""
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        raise InvalidData(f"{path}: row {row + 1}, column {name}: {values[row]!r} {problem} ({int((~fine).sum())} such rows)")


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
