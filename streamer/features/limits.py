"""What non-detections say: how suddenly the object appeared, and how often it was too faint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind
from streamer.features.feature import Family, Feature, as_features
from streamer.features.kernel import kernel
from streamer.features.points import points_by_alert

_SIGMAS = 5.0
"""A limit is quoted at this many times its one-sigma depth, as surveys do."""

_NONE_BEFORE = "no detection, or no limit before the first one"

FEATURES = (
    Feature("n_limits", "1", "Non-detections in the light curve, all bands.", "never (0 if there is none)", "own"),
    Feature("limit_gap", "d", "From the last non-detection before the first detection to that detection.", _NONE_BEFORE, "own"),
    Feature(
        "limit_depth",
        "mag",
        "Rise since the last limit in the band of the first detection, 2.5 log10(|f first| / 5σ limit).",
        f"{_NONE_BEFORE} in its band",
        "own",
    ),
    Feature(
        "limit_rise_rate",
        "mag/d",
        "limit_depth over the time between: the object rose at least this fast.",
        f"{_NONE_BEFORE} in its band",
        "own",
    ),
    Feature(
        "limit_fraction",
        "1",
        "Non-detections / (detections + non-detections) from the first detection on.",
        "no detection",
        "own",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - all bands are taken together
    """The features of non-detections."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 5] features of non-detections."""
    seen = points_by_alert(alerts, Kind.DETECTION)
    unseen = points_by_alert(alerts, Kind.LIMIT)
    values = np.full((len(alerts), len(FEATURES)), np.nan)
    values[:, 0] = unseen.counts
    _limits(seen.offsets, seen.time, seen.band, seen.flux, unseen.offsets, unseen.time, unseen.band, unseen.error, values)
    return as_features(values)


FAMILY = Family("limits", outputs, compute)


@kernel
def _limits(
    offsets: Int64s,
    time: Float64s,
    band: Int64s,
    flux: Float64s,
    limit_offsets: Int64s,
    limit_time: Float64s,
    limit_band: Int64s,
    depth: Float64s,
    out: Float64s,
) -> None:
    for k in range(offsets.shape[0] - 1):
        first = offsets[k]
        n_detections = offsets[k + 1] - first
        if n_detections == 0:
            continue
        after = 0
        for j in range(limit_offsets[k], limit_offsets[k + 1]):
            gap = time[first] - limit_time[j]
            if gap <= 0:
                after += 1
                continue
            out[k, 1] = gap
            if limit_band[j] == band[first]:
                out[k, 2] = 2.5 * np.log10(abs(flux[first]) / (_SIGMAS * depth[j]))
                out[k, 3] = out[k, 2] / gap
        out[k, 4] = after / (after + n_detections)
