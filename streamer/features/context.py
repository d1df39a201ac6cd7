"""What the packet says besides the light curve, taken as it is, and ratios of it; NaN where a survey does not say it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import magnitude_from_flux
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
    Feature("reference_chi", "1", "χ of the PSF fit to the nearest source of the reference image.", _ABSENT, "ZTF chinr"),
    Feature(
        "reference_sharpness",
        "1",
        "Sharpness of the nearest source of the reference image: near 0 a point, positive an extended one.",
        _ABSENT,
        "ZTF sharpnr",
    ),
    Feature("nearest_source_magnitude", "mag", "r magnitude of the nearest catalogue source.", _ABSENT, "ZTF srmag1 (Pan-STARRS1)"),
    Feature(
        "galaxy_distance",
        "arcsec",
        "Distance to the nearest of three catalogue sources whose star–galaxy score is below 0.5: perhaps the host.",
        f"{_ABSENT}, or none of the three is a galaxy",
        "ZTF sgscore1 … 3, distpsnr1 … 3",
    ),
    Feature(
        "aperture_ratio",
        "1",
        "Flux of the detection in an aperture over that of the PSF fit: above 1 for what is extended.",
        _ABSENT,
        "ZTF magap, magpsf; LSST apFlux, psfFlux",
    ),
    Feature(
        "template_magnitude",
        "mag",
        "AB magnitude of the template image at the place of the detection.",
        f"{_ABSENT}, or the template is dark there",
        "LSST templateFlux",
    ),
)
DERIVED = (
    Feature("detection_rate", "1", "Detections over exposures, n_history / n_covered.", f"{_ABSENT} or nothing covered it", "own"),
    Feature(
        "history_cadence", "d", "Mean time between detections, history_age / n_history.", f"{_ABSENT} or n_history is 0", "own"
    ),
    Feature(
        "reference_contrast",
        "mag",
        "AB magnitude of |f| of the alert less that of the nearest source of the reference image (LSST: of the template image).",
        f"{_ABSENT}, or the triggering flux was not measured",
        "own",
    ),
    Feature(
        "nearest_source_contrast",
        "mag",
        "AB magnitude of |f| of the alert less nearest_source_magnitude.",
        f"{_ABSENT}, or the triggering flux was not measured",
        "own",
    ),
)
FEATURES = (*PLAIN, *DERIVED)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - context has no bands
    """The context features, the same for every survey."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 25] context; a name that the survey does not have gives a column of NaN."""
    absent = np.full(len(alerts), np.nan)
    values: dict[str, Float64s] = {
        feature.name: np.asarray(alerts.context.get(feature.name, absent), dtype=np.float64) for feature in PLAIN
    }
    reference = np.where(np.isnan(values["reference_magnitude"]), values["template_magnitude"], values["reference_magnitude"])
    magnitude = magnitude_from_flux(np.abs(alerts.flux))
    values["detection_rate"] = _ratio(values["n_history"], values["n_covered"])
    values["history_cadence"] = _ratio(values["history_age"], values["n_history"])
    values["reference_contrast"] = magnitude - reference
    values["nearest_source_contrast"] = magnitude - values["nearest_source_magnitude"]
    return as_features(np.column_stack([values[feature.name] for feature in FEATURES]))


def _ratio(numerator: Float64s, denominator: Float64s) -> Float64s:
    """Quotient, NaN unless the denominator is positive."""
    return numerator / np.where(denominator > 0, denominator, np.nan)


FAMILY = Family("context", outputs, compute)
