"""How often and for how long the object was detected: trees need it to weigh the other features by maturity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features, for_bands
from streamer.features.kernel import kernel
from streamer.features.points import points_by_alert, points_by_band

SAME_NIGHT = 0.5
"""d; detections closer than this belong to one night."""

PER_BAND = (Feature("n_detections", "1", "Detections in the light curve.", "never (0 if there is none)", "own"),)
ALL_BANDS = (
    Feature("n_detections", "1", "Detections in the light curve, all bands.", "never (0 if there is none)", "own"),
    Feature("n_bands", "1", "Bands with a detection.", "never (0 if there is none)", "own"),
    Feature("n_nights", "1", "Nights with a detection: runs of detections without a gap of 0.5 d.", "no detection", "own"),
    Feature("span", "d", "From the first to the last detection.", "no detection", "own"),
    Feature("gap_max_fraction", "1", "Longest gap between detections over the span.", "fewer than 2 detections or no span", "own"),
    Feature("gap_between_nights", "d", "Span over number of gaps between nights.", "fewer than 2 nights", "own"),
    Feature("gap_last", "d", "Time from the last detection of an earlier night to the alert.", "detected in one night only", "own"),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """Counts for each band, then the sampling of all bands together."""
    return (*for_bands(PER_BAND, bands), *ALL_BANDS)


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, number of bands + 7] counts and times."""
    counts = points_by_band(alerts, Kind.DETECTION).counts.reshape(len(alerts), len(alerts.bands))
    points = points_by_alert(alerts, Kind.DETECTION)
    times = np.full((len(alerts), len(ALL_BANDS) - 2), np.nan)
    _sampling(points.offsets, points.time, times)
    return as_features(np.column_stack([counts, counts.sum(axis=1), (counts > 0).sum(axis=1), times]))


FAMILY = Family("sampling", outputs, compute)


@kernel
def _sampling(offsets: Int64s, time: Float64s, out: Float64s) -> None:
    for k in range(offsets.shape[0] - 1):
        t = time[offsets[k] : offsets[k + 1]]
        if t.shape[0] == 0:
            continue
        nights, longest, earlier = 1, 0.0, np.nan
        for i in range(1, t.shape[0]):
            gap = t[i] - t[i - 1]
            longest = max(longest, gap)
            if gap > SAME_NIGHT:
                nights += 1
                earlier = t[i - 1]
        span = t[-1] - t[0]
        out[k, 0] = nights
        out[k, 1] = span
        if span > 0:
            out[k, 2] = longest / span
        if nights > 1:
            out[k, 3] = span / (nights - 1)
            out[k, 4] = -earlier
