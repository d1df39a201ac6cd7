"""What collected ZTF packets say besides their light curves, read by the code that serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamer.codec.framing import Framing
from streamer.data.arrays import Column, Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch, Positions, RawBatch
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.pipeline import Pipeline
from streamer.stores.schemas import NoSchemas
from streamer.training.datasets import Names

FOLDERS = ("ztf_alerts/ipac_schema", "ztf_alerts/fink_reencoded")
"""Below the data folder. Of a packet that lies in both, the survey's own is read."""


@dataclass(frozen=True, slots=True)
class Known:
    """Context of m alerts.

    Parameters
    ----------
    row : int64[m]
        The object's row; −1 if it is none of those that are asked for.
    epoch : float64[m], MJD TAI
    columns : mapping of name to float32[m]
        Names as in the survey file; NaN where not known.
    """

    row: Int64s
    epoch: Float64s
    columns: Mapping[str, Float32s]


def of_packets(data: Path, object_id: Names) -> list[Known]:
    """What the collected alerts of the objects say, as the service would read it; empty where there are no packets."""
    place = {name: row for row, name in enumerate(object_id.tolist())}
    batches = [alerts for folder in FOLDERS for alerts in _alerts(data / folder)]
    return [Known(_rows(alerts, place), alerts.epoch, alerts.context) for alerts in batches]


def joined(parts: Sequence[Known], n: int) -> Ragged:
    """One table of n rows, by epoch; where two parts know the same alert, the earlier part is believed."""
    owner, epoch = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "epoch"))
    order = np.lexsort((np.arange(len(owner)), epoch, owner))
    order = order[owner[order] >= 0]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (owner[order][1:] != owner[order][:-1]) | (epoch[order][1:] != epoch[order][:-1])
    kept = order[new]
    columns: dict[str, Column] = {"epoch": epoch[kept]}
    for name in sorted({name for part in parts for name in part.columns}):
        absent = [np.full(len(part.row), np.nan, dtype=np.float32) for part in parts]
        columns[name] = np.concatenate([part.columns.get(name, nan) for part, nan in zip(parts, absent, strict=True)])[kept]
    return Ragged(offsets_from_lengths(np.bincount(owner[kept], minlength=n)), columns)


def _alerts(folder: Path) -> list[AlertBatch]:
    """The alerts in the container files below a folder, a batch for each writer schema; none if it is not there."""
    files = sorted(folder.rglob("*.avro"))
    if not files:
        return []
    unknown = np.full(len(files), -1, dtype=np.int64)
    positions = Positions.of((path.name, -1, 0, 1) for path in files)
    raw = RawBatch([path.read_bytes() for path in files], positions, unknown, unknown)
    outcome = Pipeline(Framing(NoSchemas()), {}, allow_private=True)(raw)
    return [part.alerts for part in outcome.scored]


def _rows(alerts: AlertBatch, place: dict[str, int]) -> Int64s:
    """int64[n], the row of each alert's object; −1 if it is not listed."""
    return np.array([place.get(name.decode(), -1) for name in alerts.object_id.tolist()], dtype=np.int64)
