"""What is really there: the difference flux of an object at each visit, and the source in the reference image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Float64s, Int8s
from streamer.data.photometry import flux_from_magnitude
from streamer.sources.simulated.cadence import Visits

BAND_COUNT = 6
_REFERENCE_EPOCHS = 16
_REFERENCE_SPAN = 400.0

Magnitudes = Callable[[Float64s, Int8s], Float64s]
"""AB magnitude at epochs (float64[n], MJD) in bands (int8[n])."""


@dataclass(frozen=True, slots=True)
class Truth:
    """An object as it is.

    Parameters
    ----------
    name : str
        Its class: a leaf of the taxonomy, or ``solar-system``.
    flux : float64[n], nJy
        Difference flux at each visit, without noise.
    reference : float64[6], nJy
        Flux of the nearest source in the reference image, by band: the object itself, or a transient's host.
    offset : float, arcsec
        Distance of that source.
    stellar : bool
        That source is point-like.
    old : bool
        It varied before the first visit.
    """

    name: str
    flux: Float64s
    reference: Float64s
    offset: float
    stellar: bool
    old: bool


Draw = Callable[[np.random.Generator, Visits, float], Truth]
"""An object of some class at random: its visits, and the survey's depth in r (AB mag), to which its brightness is fitted."""


def variable(name: str, rng: np.random.Generator, visits: Visits, magnitudes: Magnitudes, *, stellar: bool = True) -> Truth:
    """A source that is always there; the reference image is the median of some epochs before the first visit."""
    earlier = visits.epoch[0] - rng.uniform(10.0, _REFERENCE_SPAN, _REFERENCE_EPOCHS)
    bands = np.arange(BAND_COUNT, dtype=np.int8)
    epoch = np.concatenate([np.repeat(earlier, BAND_COUNT), visits.epoch])
    band = np.concatenate([np.tile(bands, _REFERENCE_EPOCHS), visits.band])
    total = flux_from_magnitude(magnitudes(epoch, band))
    split = _REFERENCE_EPOCHS * BAND_COUNT
    reference = np.median(total[:split].reshape(_REFERENCE_EPOCHS, BAND_COUNT), axis=0)
    offset = float(rng.rayleigh(0.12))
    return Truth(name, total[split:] - reference[visits.band], reference, offset, stellar, old=True)


def colours(r: float, ug: float, gr: float, ri: float, iz: float, zy: float) -> Float64s:
    """float64[6] magnitudes in u g r i z y from the r magnitude and the colours."""
    return np.array([r + gr + ug, r + gr, r, r - ri, r - ri - iz, r - ri - iz - zy])
