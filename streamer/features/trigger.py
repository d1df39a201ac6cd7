"""The triggering measurement alone: all there is at an object's first alert."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind, magnitude_from_flux
from streamer.features.feature import Family, Feature, as_features
from streamer.features.kernel import kernel
from streamer.features.points import points_by_alert

_NO_FLUX = "the triggering flux was not measured"
_NO_TOTAL = "the total flux of the triggering measurement is not known or not positive"

FEATURES = (
    Feature("trigger_magnitude", "mag", "AB magnitude of |f|, the difference flux of the alert.", _NO_FLUX, "own"),
    Feature("trigger_snr", "1", "f/σ of the alert, with its sign.", "the triggering flux or its error was not measured", "own"),
    Feature("trigger_total_magnitude", "mag", "AB magnitude of the total flux (difference plus reference).", _NO_TOTAL, "own"),
    Feature(
        "trigger_amplitude",
        "mag",
        "Brightening over the reference, 2.5 log10(F/(F − f)) with the total flux F.",
        f"{_NO_TOTAL}, or the reference flux F − f is not positive",
        "own",
    ),
    Feature(
        "trigger_over_brightest",
        "1",
        "f of the alert over max|f| of the detections in all bands.",
        f"{_NO_FLUX} or there is no detection",
        "own",
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - the trigger has one band, whichever it is
    """The features of the triggering measurement."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 5] features of the triggering measurements."""
    points = points_by_alert(alerts, Kind.DETECTION)
    total, brightest = np.full((2, len(alerts)), np.nan)
    _context_of_trigger(points.offsets, points.time, points.flux, points.total, total, brightest)
    flux, error = alerts.flux.astype(np.float64), alerts.flux_err.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        columns = [
            magnitude_from_flux(np.abs(flux)),
            np.where(error > 0, flux / error, np.nan),
            magnitude_from_flux(total),
            magnitude_from_flux(total - flux) - magnitude_from_flux(total),
            flux / brightest,
        ]
    return as_features(np.column_stack(columns))


FAMILY = Family("trigger", outputs, compute)


@kernel
def _context_of_trigger(
    offsets: Int64s, time: Float64s, flux: Float64s, total: Float64s, at: Float64s, brightest: Float64s
) -> None:
    """Total flux of the detection at the alert's own time, and the largest |flux| of all."""
    for k in range(offsets.shape[0] - 1):
        for i in range(offsets[k], offsets[k + 1]):
            if time[i] == 0.0:
                at[k] = total[i]
            if not brightest[k] >= abs(flux[i]):
                brightest[k] = abs(flux[i])
