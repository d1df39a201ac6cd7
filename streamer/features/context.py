"""What the packet says besides the light curve, taken as it is, and ratios of it; NaN where a survey does not say it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s
from streamer.data.batch import AlertBatch
from streamer.features.feature import Family, Feature, as_features

_ABSENT = "the packet does not say"

PLAIN = (
    Feature("real_bogus", "1", "Score that the detection is real: ZTF drb (else rb), LSST reliability.", _ABSENT, "survey"),
    Feature("star_galaxy", "1", "Star–galaxy score of the nearest catalogue source, 1 is a star.", _ABSENT, "ZTF sgscore1"),
    Feature("nearest_source_distance", "arcsec", "Distance to the nearest catalogue source.", _ABSENT, "ZTF distpsnr1"),
    Feature("reference_distance", "arcsec", "Distance to the nearest source of the reference image.", _ABSENT, "ZTF distnr"),
    Feature("reference_magnitude", "mag", "Magnitude of the nearest source of the reference image.", _ABSENT, "ZTF magnr"),
    Feature("n_history", "1", "Detections ever at this place.", _ABSENT, "ZTF ndethist, LSST nDiaSources"),
    Feature("n_covered", "1", "Exposures ever that covered this place.", _ABSENT, "ZTF ncovhist"),
    Feature(
        "history_age",
        "d",
        "Time from the first detection ever to the alert.",
        _ABSENT,
        "ZTF jdstarthist, LSST firstDiaSourceMjdTai",
    ),
    Feature("class_star", "1", "Star–galaxy score of the detection itself, 1 is a star.", _ABSENT, "ZTF classtar"),
    Feature("extendedness", "1", "Extendedness of the detection, 0 is a point source.", _ABSENT, "LSST extendedness"),
    Feature("snr", "1", "Signal-to-noise ratio of the detection as the survey gives it.", _ABSENT, "LSST snr"),
    Feature("ps1_g_r", "mag", "Colour g − r of the nearest catalogue source.", _ABSENT, "ZTF sgmag1, srmag1 (Pan-STARRS1)"),
    Feature("ps1_r_i", "mag", "Colour r − i of the nearest catalogue source.", _ABSENT, "ZTF srmag1, simag1 (Pan-STARRS1)"),
    Feature("ps1_i_z", "mag", "Colour i − z of the nearest catalogue source.", _ABSENT, "ZTF simag1, szmag1 (Pan-STARRS1)"),
    Feature("gaia_distance", "arcsec", "Distance to the nearest Gaia source.", _ABSENT, "ZTF neargaia"),
)
DERIVED = (
    Feature("detection_rate", "1", "Detections over exposures, n_history / n_covered.", f"{_ABSENT} or nothing covered it", "own"),
    Feature(
        "history_cadence", "d", "Mean time between detections, history_age / n_history.", f"{_ABSENT} or n_history is 0", "own"
    ),
)
FEATURES = (*PLAIN, *DERIVED)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - context has no bands
    """The context features, the same for every survey."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 17] context; a name that the survey does not have gives a column of NaN."""
    absent = np.full(len(alerts), np.nan)
    values: dict[str, Float64s] = {
        feature.name: np.asarray(alerts.context.get(feature.name, absent), dtype=np.float64) for feature in PLAIN
    }
    derived = [_ratio(values["n_history"], values["n_covered"]), _ratio(values["history_age"], values["n_history"])]
    return as_features(np.column_stack([*values.values(), *derived]))


def _ratio(numerator: Float64s, denominator: Float64s) -> Float64s:
    """Quotient, NaN unless the denominator is positive."""
    return numerator / np.where(denominator > 0, denominator, np.nan)


FAMILY = Family("context", outputs, compute)
