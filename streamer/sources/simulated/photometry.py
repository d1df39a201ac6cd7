"""What the survey measures of what is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Bools, Float64s, Int8s
from streamer.data.photometry import flux_from_magnitude
from streamer.sources.simulated.cadence import Site, Visits
from streamer.sources.simulated.truth import Truth

THRESHOLD = 5.0
"""Significance from which a difference raises an alert."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements at an object's position, in order of time; saturated visits are left out.

    Parameters
    ----------
    epoch : float64[n], MJD TAI
    band : int8[n]
    flux, error : float64[n], nJy
        Difference flux with its one-sigma error.
    total : float64[n], nJy
        Flux in the science image, measured with the same error.
    five_sigma : float64[n], nJy
        Depth of the visit.
    found : bool[n]
        The difference is significant.
    """

    epoch: Float64s
    band: Int8s
    flux: Float64s
    error: Float64s
    total: Float64s
    five_sigma: Float64s
    found: Bools

    def __len__(self) -> int:
        return len(self.epoch)


def measured(rng: np.random.Generator, site: Site, visits: Visits, truth: Truth) -> Measured:
    """Measure `truth` at `visits`: sky noise, photon noise of all the light at the place, and calibration errors.

    σ² = γ f₅² + (0.04 − γ) f₅ f + (σ_sys f)², where f is the total flux and f₅ the five-sigma flux: equations 4–5 of
    Ivezić et al. 2019 (ApJ 873, 111), written for fluxes.
    """
    background = _light_below(truth)[visits.band]
    total = truth.flux + background
    light = np.maximum(total, 0.0)
    variance = site.gamma * visits.five_sigma**2 + (0.04 - site.gamma) * visits.five_sigma * light + (site.systematic * light) ** 2
    error = np.sqrt(variance)
    flux = truth.flux + rng.normal(0.0, 1.0, len(visits)) * error
    kept = light < flux_from_magnitude(np.array(site.bright))
    found = np.abs(flux) >= THRESHOLD * error
    return Measured(
        visits.epoch[kept],
        visits.band[kept],
        flux[kept],
        error[kept],
        (flux + background)[kept],
        visits.five_sigma[kept],
        found[kept],
    )


def _light_below(truth: Truth) -> Float64s:
    """float64[6] nJy of the reference source inside the aperture of the object."""
    reference = np.nan_to_num(truth.reference)
    return reference if truth.stellar or truth.offset < 0.5 else reference * 0.3 * np.exp(-truth.offset / 2.0)
