"""Forced photometry: the flux at the object's place whether or not anything was found there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import kernel
from streamer.features.points import points_by_alert, points_by_band

_SIGNIFICANT = 3.0
_NIGHT = 0.5

_NO_FORCED = "no forced photometry in the band"

PER_BAND = (
    Feature("n_forced", "1", "Points of forced photometry.", "never (0 if there is none)", "own"),
    Feature("forced_snr_max", "1", "Largest f/σ of forced photometry.", _NO_FORCED, "own"),
    Feature("forced_snr_min", "1", "Smallest f/σ of forced photometry.", _NO_FORCED, "own"),
    Feature("forced_bright", "1", "Share of forced photometry with f > 3σ.", _NO_FORCED, "own"),
    Feature("forced_faint", "1", "Share of forced photometry with f < −3σ.", _NO_FORCED, "own"),
    Feature(
        "forced_chi2_reduced",
        "1",
        "Σ((f − f̄)/σ)² / (n − 1) of forced photometry about its weighted mean f̄.",
        "fewer than 2 points of forced photometry in the band",
        "own",
    ),
)
ALL_BANDS = (
    Feature(
        "forced_before_snr",
        "1",
        "Joint significance Σ(f/σ)/sqrt(n) of forced photometry more than 0.5 d before the first detection, all bands.",
        "no detection, or no forced photometry before it",
        "Stouffer's method",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """Forced photometry in each band, then of all bands together."""
    return (*for_bands(PER_BAND, bands), *ALL_BANDS)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 6 × number of bands + 1] features of forced photometry."""
    by_band = points_by_band(alerts, Kind.FORCED)
    per_band = np.full((len(by_band.counts), len(PER_BAND)), np.nan)
    per_band[:, 0] = by_band.counts
    _per_band(by_band.offsets, by_band.flux, by_band.error, per_band)
    found, forced = points_by_alert(alerts, Kind.DETECTION), points_by_alert(alerts, Kind.FORCED)
    before = np.full(len(alerts), np.nan)
    _before(found.offsets, found.time, forced.offsets, forced.time, forced.flux / forced.error, before)
    return as_features(np.column_stack([per_band.reshape(len(alerts), len(alerts.bands) * len(PER_BAND)), before]))


FAMILY = Family("forced", outputs, compute)


@kernel
def _per_band(offsets: Int64s, flux: Float64s, error: Float64s, out: Float64s) -> None:
    for k in range(offsets.shape[0] - 1):
        start, end = offsets[k], offsets[k + 1]
        if end == start:
            continue
        f, e = flux[start:end], error[start:end]
        snr = f / e
        out[k, 1] = np.max(snr)
        out[k, 2] = np.min(snr)
        out[k, 3] = np.mean(snr > _SIGNIFICANT)
        out[k, 4] = np.mean(snr < -_SIGNIFICANT)
        if end - start >= 2:
            mean = np.sum(f / (e * e)) / np.sum(1.0 / (e * e))
            out[k, 5] = np.sum(((f - mean) / e) ** 2) / (end - start - 1)


@kernel
def _before(offsets: Int64s, time: Float64s, forced_offsets: Int64s, forced_time: Float64s, snr: Float64s, out: Float64s) -> None:
    for k in range(offsets.shape[0] - 1):
        if offsets[k + 1] == offsets[k]:
            continue
        total, n = 0.0, 0
        for j in range(forced_offsets[k], forced_offsets[k + 1]):
            if forced_time[j] >= time[offsets[k]] - _NIGHT:
                break
            total += snr[j]
            n += 1
        if n:
            out[k] = total / np.sqrt(n)
