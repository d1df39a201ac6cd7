"""The points that features may use, in the order in which the kernels read them.

This is the one place that decides which points count: those of one kind, in a band of the survey, with a finite time and a positive
error, and never later than the alert itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s, Int8s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind, codes_of_bands
from streamer.features.kernel import kernel

_LIMIT = int(Kind.LIMIT)


@dataclass(frozen=True, slots=True)
class Points:
    """Usable points of one kind, group after group, each group ordered by time.

    Parameters
    ----------
    offsets : int64[number of groups + 1]
        Group k spans ``offsets[k]:offsets[k + 1]``. Grouped by band, group ``i * len(bands) + b`` is band b of alert i; grouped by
        alert, group i is alert i.
    time : float64, d
        Relative to the alert's epoch, so never positive: absolute time does not reach a feature.
    band : int64
        Place in the batch's ``bands``.
    flux, error : float64, nJy
        Difference flux and its one-sigma error (> 0); flux is finite except for limits, where it is NaN.
    total : float64, nJy
        Flux including the reference; NaN where that is not known.
    """

    offsets: Int64s
    time: Float64s
    band: Int64s
    flux: Float64s
    error: Float64s
    total: Float64s

    @property
    def counts(self) -> Int64s:
        """int64[number of groups], points in each group."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def longest(self) -> int:
        """Points in the longest group: what work arrays must hold."""
        return int(self.counts.max(initial=0))


@kernel
def stride(n: int, most: int) -> int:
    """Which of `n` points to take so that at most `most` remain: every one, every second, every third …"""
    return (n + most - 1) // most


def points_by_band(alerts: AlertBatch, kind: Kind) -> Points:
    """The usable points of `kind`, one group for each alert and band; not to be written to, since all who ask get the same."""
    return _grouped_once(alerts, kind, split_bands=True)


def points_by_alert(alerts: AlertBatch, kind: Kind) -> Points:
    """The usable points of `kind`, one group for each alert, all bands mixed in order of time; not to be written to, either."""
    return _grouped_once(alerts, kind, split_bands=False)


def _grouped_once(alerts: AlertBatch, kind: Kind, *, split_bands: bool) -> Points:
    key = ("points", kind, split_bands)
    if key not in alerts.shared:
        alerts.shared[key] = _grouped(alerts, kind, split_bands=split_bands)
    found: Points = alerts.shared[key]
    return found


def _grouped(alerts: AlertBatch, kind: Kind, *, split_bands: bool) -> Points:
    curves = alerts.light_curves
    band_codes = codes_of_bands(alerts.bands)
    place = np.full(max(band_codes, default=-1) + 1, -1, dtype=np.int64)
    for index, code in enumerate(band_codes):
        place[code] = index
    columns = (curves.offsets, curves["epoch"], curves["band"], curves["flux"], curves["flux_err"], curves["kind"])
    usable = np.zeros(len(curves["epoch"]), dtype=np.bool_)
    offsets = np.zeros(len(alerts) * (len(alerts.bands) if split_bands else 1) + 1, dtype=np.int64)
    groups_per_alert = len(alerts.bands) if split_bands else 1
    _select(*columns, alerts.epoch, place, int(kind), groups_per_alert, usable, offsets)
    size = int(offsets[-1])
    time, flux, error, total = (np.empty(size) for _ in range(4))
    band_place = np.empty(size, dtype=np.int64)
    _scatter(
        *columns[:5], curves["total"], alerts.epoch, place, groups_per_alert, usable, offsets, time, band_place, flux, error, total
    )
    return Points(offsets, time, band_place, flux, error, total)


@kernel
def _select(
    rows: Int64s,
    epoch: Float64s,
    band: Int8s,
    flux: Float32s,
    error: Float32s,
    kind: Int8s,
    alert_epoch: Float64s,
    place: Int64s,
    wanted: int,
    groups_per_alert: int,
    usable: Bools,
    offsets: Int64s,
) -> None:
    """Mark the points that count and turn the size of each group into `offsets`."""
    for i in range(rows.shape[0] - 1):
        for p in range(rows[i], rows[i + 1]):
            if kind[p] != wanted or band[p] < 0 or band[p] >= place.shape[0] or place[band[p]] < 0:
                continue
            # NaN fails every comparison, so an unknown time or error never counts
            time = epoch[p] - alert_epoch[i]
            if not (np.isfinite(time) and time <= 0 and error[p] > 0 and np.isfinite(error[p])):
                continue
            if wanted != _LIMIT and not np.isfinite(flux[p]):
                continue
            usable[p] = True
            group = i * groups_per_alert + (place[band[p]] if groups_per_alert > 1 else 0)
            offsets[group + 1] += 1
    for group in range(1, offsets.shape[0]):
        offsets[group] += offsets[group - 1]


@kernel
def _scatter(
    rows: Int64s,
    epoch: Float64s,
    band: Int8s,
    flux: Float32s,
    error: Float32s,
    total: Float32s,
    alert_epoch: Float64s,
    place: Int64s,
    groups_per_alert: int,
    usable: Bools,
    offsets: Int64s,
    out_time: Float64s,
    out_band: Int64s,
    out_flux: Float64s,
    out_error: Float64s,
    out_total: Float64s,
) -> None:
    """Write the marked points to their groups; within a group they keep their order, which is that of time."""
    filled = np.zeros(groups_per_alert, dtype=np.int64)
    for i in range(rows.shape[0] - 1):
        filled[:] = 0
        for p in range(rows[i], rows[i + 1]):
            if not usable[p]:
                continue
            b = place[band[p]] if groups_per_alert > 1 else 0
            to = offsets[i * groups_per_alert + b] + filled[b]
            filled[b] += 1
            out_time[to] = epoch[p] - alert_epoch[i]
            out_band[to] = place[band[p]]
            out_flux[to] = flux[p]
            out_error[to] = error[p]
            out_total[to] = total[p] if np.isfinite(total[p]) else np.nan
