"""Examples as a model will meet them: alerts with the points that their packets would carry, or objects with their whole history.

The *stream view* is one alert of an object with all the points that its packet would carry, and no others. A collected packet holds
the days before its own trigger. An earlier detection in it is no example: the packet that the survey sent then went back just as
far, but of that only the part after the collected packet's beginning is known. A model would learn windows that the stream never
has, and take for young whatever stands at the beginning of a collected packet. So an example is an alert whose whole window is
known (``complete``), which each reader decides from how its set was collected.

The *history view* is an object with everything that is known up to an epoch, at several ages and numbers of detections. A model
knows one of the two views, and scores of the two are never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.errors import InvalidData
from streamer.training.datasets import LightCurves

LADDER = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
"""Of an object's alerts whose window is known, which ones are examples: the 1st, the 2nd …"""
WINDOW_DAYS = {"ztf": 30.0, "lsst": 365.0}
"""How far back a packet's history goes, by survey (ZTF ``prv_candidates``, LSST ``prvDiaSources``)."""
AGES = (16.0, 32.0, 64.0, 128.0, np.inf)
"""Days since the first detection at which a history is looked at; infinite: all of it."""
COUNTS = (1, 3, 5, 8, 13, 21, 34)
"""Numbers of detections at which a history is looked at."""
View = Literal["stream", "history"]
Contents = Literal["detections", "all"]


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
    detections, owner, nth = _numbered(table, (table.curves["kind"] == Kind.DETECTION) & table.curves["complete"])
    chosen = np.isin(nth, ladder) | (nth == np.bincount(owner, minlength=len(table))[owner])
    return Picks(owner[chosen], detections[chosen])


def age_picks(table: LightCurves, days: float) -> Picks:
    """For each object its last detection within `days` of its first one; objects without detections have none."""
    detections, owner, nth = _numbered(table, table.curves["kind"] == Kind.DETECTION)
    epoch = table.curves["epoch"][detections]
    young = np.flatnonzero(epoch <= epoch[np.arange(len(epoch)) - (nth - 1)] + days)
    last = young[np.append(owner[young][1:] != owner[young][:-1], True)] if len(young) else young
    return Picks(owner[last], detections[last])


def count_picks(table: LightCurves, count: int) -> Picks:
    """For each object that has so many detections the one that makes it `count`."""
    detections, owner, nth = _numbered(table, table.curves["kind"] == Kind.DETECTION)
    return Picks(owner[nth == count], detections[nth == count])


def history_picks(table: LightCurves, ages: tuple[float, ...] = AGES, counts: tuple[int, ...] = COUNTS) -> Picks:
    """The picks of all `ages` and `counts`, each once, ordered by object and epoch."""
    parts = [*(age_picks(table, days) for days in ages), *(count_picks(table, count) for count in counts)]
    point = np.unique(np.concatenate([part.point for part in parts]))
    return Picks(table.curves.rows[point], point)


def picks_of(table: LightCurves, view: View) -> Picks:
    """The examples of a view."""
    return ladder_picks(table) if view == "stream" else history_picks(table)


def _numbered(table: LightCurves, among: Bools) -> tuple[Int64s, Int64s, Int64s]:
    """Place, object and number within the object (from 1) of each of the points `among` (bool, all points)."""
    points = np.flatnonzero(among)
    owner = table.curves.rows[points]
    counts = np.bincount(owner, minlength=len(table))
    return points, owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + 1


def alerts_of(table: LightCurves, picks: Picks, view: View = "stream", contents: Contents = "detections") -> AlertBatch:
    """The picked alerts, each with what its view shows of the object, and nothing later than itself.

    Parameters
    ----------
    table : LightCurves
    picks : Picks
    view : ``stream`` or ``history``
        The window that the survey's packets carry, or everything since the first point.
    contents : ``detections`` or ``all``
        With ``detections`` only what every data set has is kept, so that no source betrays itself by what it lacks: detections with
        their difference flux. Limits, forced photometry, total flux, context and position are absent, and a model must not use
        features that need them. With ``all`` they are what the table holds; context is the latest no later than the alert.
    """
    curves = table.curves
    epoch: Float64s = curves["epoch"][picks.point]
    start, end = _spans(curves, picks, epoch, _window(table.survey) if view == "stream" else np.inf)
    entries, lengths = _entries(curves, start, end, contents)
    columns = {name: curves[name][entries] for name in ("epoch", "band", "flux", "flux_err", "total", "kind")}
    if contents == "detections":
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
        context=_context(table, picks, epoch) if contents == "all" else {},
        solar_system=np.zeros(n, dtype=np.bool_),
        public=np.ones(n, dtype=np.bool_),
        night=np.zeros(n, dtype="S8"),
        withdrawn=np.zeros(n, dtype=np.int64),
    )


def _window(survey: str) -> float:
    if survey not in WINDOW_DAYS:
        raise InvalidData(f'{survey} has no alert packets, so its light curves have no stream view; take view = "history"')
    return WINDOW_DAYS[survey]


def _context(table: LightCurves, picks: Picks, epoch: Float64s) -> dict[str, Float32s]:
    """Of each name the last value no later than the alert; NaN where there is none."""
    context = table.context
    if context is None:
        return {}
    place = np.empty(len(picks), dtype=np.int64)
    for i, row in enumerate(picks.row.tolist()):
        first, last = context.offsets[row], context.offsets[row + 1]
        place[i] = first + np.searchsorted(context["epoch"][first:last], epoch[i], side="right") - 1
    known = place >= context.offsets[picks.row]
    found = {}
    for name, column in context.columns.items():
        if name != "epoch":
            found[name] = np.full(len(picks), np.nan, dtype=np.float32)
            found[name][known] = column[place[known]]
    return found


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


def _entries(curves: Ragged, start: Int64s, end: Int64s, contents: Contents) -> tuple[Int64s, Int64s]:
    """The detections (or all points) in each span, end to end, and how many each has."""
    spans = Ragged(offsets_from_lengths(end - start), {})
    entries = np.arange(spans.offsets[-1]) + np.repeat(start - spans.offsets[:-1], spans.lengths)
    wanted = curves["kind"][entries] == Kind.DETECTION if contents == "detections" else np.ones(len(entries), dtype=np.bool_)
    lengths = np.bincount(spans.rows[wanted], minlength=len(start))
    return entries[wanted], lengths
