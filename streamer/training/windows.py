"""Examples as the stream brings them: one alert of an object with all the points that its packet would carry, and no others.

A collected packet holds the days before its own trigger. An earlier detection in it is no example: the packet that the survey sent
then went back just as far, but of that only the part after the collected packet's beginning is known. A model would learn windows
that the stream never has, and take for young whatever stands at the beginning of a collected packet. So an example is an alert
whose whole window is known (``complete``), which each reader decides from how its set was collected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.training.datasets import LightCurves

LADDER = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
"""Of an object's alerts whose window is known, which ones are examples: the 1st, the 2nd …"""
WINDOW_DAYS = {"ztf": 30.0, "lsst": 365.0}
"""How far back a packet's history goes, by survey (ZTF ``prv_candidates``, LSST ``prvDiaSources``)."""


@dataclass(frozen=True, slots=True)
class Picks:
    """Which alerts of which objects are examples.

    Parameters
    ----------
    row : int64[m]
        The object: its row in the table of light curves.
    point : int64[m]
        The triggering detection: its place in the table's flat columns.
    """

    row: Int64s
    point: Int64s

    def __len__(self) -> int:
        return len(self.row)


def ladder_picks(table: LightCurves, ladder: tuple[int, ...] = LADDER) -> Picks:
    """For each object its 1st, 2nd, 3rd, 5th … detection whose whole window is known, and the last such, as far as it has them."""
    detections = np.flatnonzero((table.curves["kind"] == Kind.DETECTION) & table.curves["complete"])
    owner = table.curves.rows[detections]
    counts = np.bincount(owner, minlength=len(table))
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    chosen = np.isin(nth, ladder) | (nth == counts[owner])
    return Picks(owner[chosen], detections[chosen])


def alerts_of(table: LightCurves, picks: Picks) -> AlertBatch:
    """The picked alerts, each with the detections in its packet's window and no later than itself.

    Only what every data set has is kept, so that no source betrays itself by what it lacks: detections with their difference flux.
    Limits, forced photometry, total flux, context and position are absent, and a model must not use features that need them.
    """
    curves = table.curves
    epoch: Float64s = curves["epoch"][picks.point]
    start, end = _spans(curves, picks, epoch, WINDOW_DAYS[table.survey])
    entries, lengths = _entries(curves, start, end)
    columns = {name: curves[name][entries] for name in ("epoch", "band", "flux", "flux_err", "kind")}
    columns["total"] = np.full(len(entries), np.nan, dtype=np.float32)
    n = len(picks)
    identifiers = np.char.encode(table.object_id[picks.row], "utf-8")
    return AlertBatch(
        survey=table.survey,
        bands=table.bands,
        row=np.arange(n, dtype=np.int64),
        alert_id=np.arange(n, dtype=np.int64),
        object_id=identifiers,
        key=identifiers,
        epoch=epoch,
        ra=np.full(n, np.nan),
        dec=np.full(n, np.nan),
        band=curves["band"][picks.point],
        flux=curves["flux"][picks.point],
        flux_err=curves["flux_err"][picks.point],
        light_curves=Ragged(offsets_from_lengths(lengths), columns),
        context={},
        solar_system=np.zeros(n, dtype=np.bool_),
        public=np.ones(n, dtype=np.bool_),
        night=np.zeros(n, dtype="S8"),
        withdrawn=np.zeros(n, dtype=np.int64),
    )


def _spans(curves: Ragged, picks: Picks, epoch: Float64s, days: float) -> tuple[Int64s, Int64s]:
    """First and one past the last entry of each pick's window: epochs in [alert − days, alert]."""
    start = np.empty(len(picks), dtype=np.int64)
    end = np.empty(len(picks), dtype=np.int64)
    for i, row in enumerate(picks.row.tolist()):
        first, last = curves.offsets[row], curves.offsets[row + 1]
        times = curves["epoch"][first:last]
        start[i] = first + np.searchsorted(times, epoch[i] - days, side="left")
        end[i] = first + np.searchsorted(times, epoch[i], side="right")
    return start, end


def _entries(curves: Ragged, start: Int64s, end: Int64s) -> tuple[Int64s, Int64s]:
    """The detections in each span, end to end, and how many each has."""
    spans = Ragged(offsets_from_lengths(end - start), {})
    entries = np.arange(spans.offsets[-1]) + np.repeat(start - spans.offsets[:-1], spans.lengths)
    detected = curves["kind"][entries] == Kind.DETECTION
    lengths = np.bincount(spans.rows[detected], minlength=len(start))
    return entries[detected], lengths
