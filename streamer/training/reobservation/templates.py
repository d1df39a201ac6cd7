"""Templates: light curves of other surveys, made into what a star or transient would send us in each of our bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Float64s
from streamer.data.photometry import Kind, codes_of_bands
from streamer.training.datasets import LightCurves
from streamer.training.reobservation.nature import NATURES, SCATTER, Nature, relative_amplitude, relative_flux
from streamer.training.reobservation.shapes import Shape, folded, periods, smoothed
from streamer.training.sources.filters import FILTERS

_PHASES = 200  # of which a periodic star's median is taken


@dataclass(frozen=True, slots=True)
class Star:
    """Light that is always there.

    Parameters
    ----------
    shape : Shape
        Total flux over its mean, in the template's band.
    nature : Nature
    wavelength : float, nm
        Of the template's band.
    reference : float, nJy
        Flux in the template's band that a reference image would have: the median, since such images are stacks without outliers.
    level : float
        The same over the mean.
    start, end : float, MJD
        Epochs between which the template may be placed; a periodic one's are one period apart.
    """

    shape: Shape
    nature: Nature
    wavelength: float
    reference: float
    level: float
    start: float
    end: float

    def at(self, epoch: Float64s, wavelength: float, scatter: float) -> Float64s:
        """float64[n] total flux over the reference's at `wavelength` (nm); `scatter` is ln temperature over the class's."""
        temperature = self.nature.temperature * np.exp(scatter)
        power = 1.0 if self.nature.grey else relative_amplitude(wavelength, self.wavelength, temperature)
        share: Float64s = (self.shape.at(epoch) / self.level) ** power
        return share

    def colour(self, wavelength: float, of: float, scatter: float) -> float:
        """Reference flux at `wavelength` over that at `of`, both nm."""
        return relative_flux(wavelength, of, self.nature.temperature * np.exp(scatter))


@dataclass(frozen=True, slots=True)
class Transient:
    """Light that was not there before.

    Parameters
    ----------
    shapes : mapping of band code to Shape
        Flux in each of our bands in which the template was seen, in one unit.
    peak : mapping of band code to float
        Highest flux in each band, same unit.
    peak_epoch : mapping of band code to float, MJD
    """

    shapes: Mapping[int, Shape]
    peak: Mapping[int, float]
    peak_epoch: Mapping[int, float]


Template = Star | Transient


def templates_of(table: LightCurves, bands: Sequence[str]) -> list[Template | None]:
    """The template in each light curve, for a survey with `bands`; None where no shape can be found.

    Stars are followed in the template's band with the most detections; transients need the survey's own bands.
    """
    period = periods(table)
    found: list[Template | None] = []
    for row, label in enumerate(table.label.tolist()):
        nature = NATURES[label]
        points = {name: column[table.curves.row(row)["kind"] == Kind.DETECTION] for name, column in table.curves.row(row).items()}
        if nature.way == "transient":
            found.append(_transient(points, nature, bands))
        else:
            found.append(_star(points, nature, table.bands, float(period[row]) * nature.cycles))
    return found


def scatter_of(rng: np.random.Generator) -> float:
    """The logarithm of an object's temperature over its class's, drawn; never more than three sigmas."""
    return float(np.clip(SCATTER * rng.standard_normal(), -3 * SCATTER, 3 * SCATTER))


def _star(points: Mapping[str, Float64s], nature: Nature, bands: Sequence[str], period: float) -> Star | None:
    name_of = dict(zip(codes_of_bands(bands), bands, strict=True))
    codes, counts = np.unique(points["band"], return_counts=True)
    if not len(codes):
        return None
    band = int(codes[counts.argmax()])
    use = (points["band"] == band) & (points["flux"] > 0)
    epoch, flux, error = (points[name][use].astype(np.float64) for name in ("epoch", "flux", "flux_err"))
    if not len(epoch):
        return None
    mean, wavelength = float(flux.mean()), FILTERS[name_of[band]].wavelength
    if nature.way == "periodic":
        series = folded(epoch, flux, error, period)
        if series is None:
            return None
        level = float(np.median(series.at(np.linspace(0.0, period, _PHASES, endpoint=False))))
        return Star(series, nature, wavelength, mean * level, level, 0.0, period)
    local = smoothed(epoch, flux / mean, error / mean, nature.width)
    if local is None:
        return None
    level = float(np.median(local.flux))
    return Star(local, nature, wavelength, mean * level, level, float(epoch.min()), float(epoch.max()))


def _transient(points: Mapping[str, Float64s], nature: Nature, bands: Sequence[str]) -> Transient | None:
    shapes, peak, peak_epoch = {}, {}, {}
    for code in codes_of_bands(bands):
        use = points["band"] == code
        epoch, flux, error = (points[name][use].astype(np.float64) for name in ("epoch", "flux", "flux_err"))
        shape = smoothed(epoch, flux, error, nature.width)
        if shape is not None and (highest := shape.at(shape.epoch)).max() > 0:
            shapes[code] = shape
            peak[code] = float(highest.max())
            peak_epoch[code] = float(shape.epoch[highest.argmax()])
    return Transient(shapes, peak, peak_epoch) if shapes else None
