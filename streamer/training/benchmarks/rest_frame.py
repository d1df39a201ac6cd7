"""Luminosities and rest-frame times: what a light curve was where its light was emitted, given the redshift.

A magnitude m in a band of wavelength λ becomes M = m − A − μ(z) + 2.5 log10(1 + z), with the extinction A of the Milky Way and the
distance modulus μ. That is the absolute AB magnitude at the wavelength λ/(1 + z), whatever the spectrum is (Hogg et al. 2002,
arXiv:astro-ph/0210394, with the emitted band being the observed one as the source has it); nothing is assumed to bring it to
another wavelength. A time becomes t/(1 + z).

An object in our Galaxy has no redshift. Catalogues write 0 or a negative number for that, so these are undefined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from streamer import features
from streamer.data.arrays import Bools, Float32s, Float64s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind, magnitude_from_flux
from streamer.features.feature import Feature, as_features, for_bands
from streamer.features.points import points_by_band

H0 = 70.0
"""km/s/Mpc."""
OMEGA_M = 0.3
"""With H0 the flat universe of PLAsTiCC's simulation: its ``distmod`` is that of ``hostgal_photoz`` in it."""
_SPEED_OF_LIGHT = 299_792.458
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)

EXTINCTION: Mapping[str, Mapping[str, float]] = {
    "lsst": {"u": 4.145, "g": 3.237, "r": 2.273, "i": 1.684, "z": 1.323, "y": 1.088},
}
"""A/E(B − V) by survey and band for R_V = 3.1: Schlafly & Finkbeiner 2011, ApJ 737, 103, Table 6."""

_NO_REDSHIFT = "the redshift or the reddening is not known, or the object is in the Galaxy (redshift 0 or less)"
_HOGG = "Hogg et al. 2002, arXiv:astro-ph/0210394; extinction: Schlafly & Finkbeiner 2011, ApJ 737, 103"
_TIMES = ("rise_time", "fade_time", "width_half", "bazin_rise_time", "bazin_fall_time")

PER_BAND = (
    Feature(
        "absolute_magnitude_brightest",
        "mag",
        "Absolute AB magnitude of the brightest detection at the band's wavelength/(1 + z), without extinction of the Milky Way.",
        f"no detection with positive flux in the band; {_NO_REDSHIFT}",
        _HOGG,
    ),
    Feature(
        "absolute_magnitude_bazin",
        "mag",
        "The same of the peak of Bazin's function, from bazin_peak_magnitude.",
        f"bazin_peak_magnitude is; {_NO_REDSHIFT}",
        _HOGG,
    ),
    *(
        Feature(f"rest_{name}", "d", f"{name}/(1 + z).", f"{name} is; the redshift is not known, or is 0 or less", "own")
        for name in _TIMES
    ),
)


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:
    """The luminosities and times in each band."""
    return for_bands(PER_BAND, bands)


def compute(alerts: AlertBatch, redshift: Float64s, reddening: Float64s) -> Float32s:
    """float32[n, 7 × number of bands] luminosities and rest-frame times.

    Parameters
    ----------
    alerts : AlertBatch
        Of a survey in :data:`EXTINCTION`.
    redshift : float64[n]
        Of the object or its host; NaN, 0 and less are none.
    reddening : float64[n], mag
        E(B − V) of the Milky Way towards the object (scale of Schlegel, Finkbeiner & Davis 1998); NaN and less than 0 are unknown.
    """
    n, bands = len(alerts), alerts.bands
    stretch = np.where(known_redshift(redshift), 1.0 + redshift, np.nan)
    extinction = np.outer(np.where(reddening >= 0, reddening, np.nan), [EXTINCTION[alerts.survey][band] for band in bands])
    to_absolute = (2.5 * np.log10(stretch) - distance_modulus(redshift))[:, None] - extinction
    names = [f"{name}_{band}" for band in bands for name in ("bazin_peak_magnitude", *_TIMES)]
    observed = features.compute(alerts, names).astype(np.float64).reshape(n, len(bands), 1 + len(_TIMES))
    magnitudes = np.stack([brightest_magnitude(alerts), observed[:, :, 0]], axis=2)
    columns = [magnitudes + to_absolute[:, :, None], observed[:, :, 1:] / stretch[:, None, None]]
    return as_features(np.concatenate(columns, axis=2).reshape(n, len(bands) * len(PER_BAND)))


def brightest_magnitude(alerts: AlertBatch) -> Float64s:
    """float64[n, number of bands] AB magnitude of the largest difference flux of the detections; NaN if none is positive."""
    points = points_by_band(alerts, Kind.DETECTION)
    brightest = np.full(len(points.counts), -np.inf)
    np.maximum.at(brightest, np.repeat(np.arange(len(brightest)), points.counts), points.flux)
    return magnitude_from_flux(brightest).reshape(len(alerts), len(alerts.bands))


def distance_modulus(redshift: Float64s) -> Float64s:
    """float64[n], mag: 5 log10(d_L/10 pc) in a flat universe of matter (:data:`OMEGA_M`) and a cosmological constant.

    d_L = (1 + z) c/H0 ∫ dz'/sqrt(Ω (1 + z')³ + 1 − Ω) from 0 to z (Hogg 1999, arXiv:astro-ph/9905116), by Gauss and Legendre's
    rule. NaN where there is no redshift.
    """
    z = np.where(known_redshift(redshift), redshift, np.nan)
    places = 0.5 * z[:, None] * (_NODES + 1.0)
    integral = 0.5 * z * (_WEIGHTS / np.sqrt(OMEGA_M * (1.0 + places) ** 3 + 1.0 - OMEGA_M)).sum(axis=1)
    modulus: Float64s = 5.0 * np.log10((1.0 + z) * _SPEED_OF_LIGHT / H0 * integral) + 25.0
    return modulus


def known_redshift(redshift: Float64s) -> Bools:
    """bool[n], which redshifts are some: finite and positive."""
    known: Bools = np.isfinite(redshift) & (redshift > 0)
    return known
