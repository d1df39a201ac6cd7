"""Periods at a few epochs, simulated with the real spins and orbits of catalogued pulsars.

An orbit's elements are the catalogue's; where in it a pulsar is, from which side we see its ellipse, when it is observed and how
well are drawn. The errors of period P and acceleration a of a pulse of phase error σ (turns) in an observation of length T are
those of a fitted parabola of phase: √12 σ P² / T and √720 σ c P / T². What real packets may suffer is in it: errors that are
stated wrongly, accelerations that were not searched for, harmonics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.data.ragged import offsets_from_lengths
from streamer.features import orbit
from streamer.stores.psrcat import Pulsar

MILLISECOND = 0.03
"""s; pulsars that turn faster are called millisecond pulsars."""
GLOBULAR = "GC:"
"""How the catalogue marks pulsars in globular clusters, whose companions and accelerations are others'."""
MOST_EPOCHS = 8
_DAY = 86_400.0
_SNR, _LENGTH, _GAP, _DUTY = (8.0, 60.0), (300.0, 3600.0), (0.02, 300.0), (0.02, 0.25)
"""Drawn evenly in their logarithm: S/N, length of an observation (s), time between two (d), width of the pulse (turns)."""
_STATED = 0.3
"""Scatter of the stated errors about the true ones, in their natural logarithm, the same for all epochs of a pulsar."""
_SEARCHED, _HARMONIC = 0.5, 0.03
"""Share of pulsars whose acceleration is measured, and of epochs found at half or a third of the period."""
_FWHM = 2.355
_KEPLER_STEPS = 30


@dataclass(frozen=True, slots=True)
class Population:
    """n pulsars that are not in globular clusters, in the catalogue's order.

    Parameters
    ----------
    name : str[n]
    period, derivative : float64[n], s and s/s
        A derivative that is not known is the median of the pulsar's kind.
    orbital_period, axis, eccentricity : float64[n], d, light seconds, 1
        NaN, NaN and 0 for isolated ones.
    """

    name: tuple[str, ...]
    period: Float64s
    derivative: Float64s
    orbital_period: Float64s
    axis: Float64s
    eccentricity: Float64s

    def __len__(self) -> int:
        return len(self.name)

    @property
    def is_binary(self) -> Bools:
        """bool[n]; a pulsar without an orbital period in the catalogue is isolated."""
        found: Bools = np.isfinite(self.orbital_period)
        return found

    @property
    def is_millisecond(self) -> Bools:
        """bool[n]."""
        found: Bools = self.period < MILLISECOND
        return found


@dataclass(frozen=True, slots=True)
class Drawn:
    """Examples of a population.

    Parameters
    ----------
    pulsar : int64[m]
        Whose.
    epochs : int64[m]
        How many were drawn.
    matrix : float32[m, features]
        :data:`streamer.features.orbit.FEATURES`, by the code that serves.
    """

    pulsar: Int64s
    epochs: Int64s
    matrix: Float32s


def field_pulsars(pulsars: tuple[Pulsar, ...]) -> Population:
    """Pulsars outside globular clusters whose period is known and, for binaries, the size of their orbit."""
    chosen = [
        p for p in pulsars
        if p.period > 0 and GLOBULAR not in p.associations and (np.isnan(p.orbital_period) or p.axis > 0)
    ]  # fmt: skip
    columns = ("period", "period_derivative", "orbital_period", "axis", "eccentricity")
    period, derivative, *orbits = (np.array([getattr(p, name) for p in chosen], dtype=np.float64) for name in columns)
    fast = period < MILLISECOND
    for kind in (fast, ~fast):
        usual = np.nanmedian(derivative[kind]) if np.isfinite(derivative[kind]).any() else 0.0
        derivative[kind & ~np.isfinite(derivative)] = usual
    return Population(tuple(p.name for p in chosen), period, derivative, *orbits)


def draw(population: Population, pulsar: Int64s, epochs: Int64s, rng: np.random.Generator) -> Drawn:
    """One example for each entry of `pulsar` (int64[m], indices), with so many epochs (int64[m])."""
    offsets = offsets_from_lengths(epochs)
    row = np.repeat(np.arange(len(pulsar)), epochs)
    gap = _spread(rng, _GAP, len(row))
    gap[offsets[:-1]] = 0.0
    time = np.cumsum(gap) - np.repeat(np.cumsum(gap)[offsets[:-1]], epochs)
    velocity, pull = _motion(population, pulsar, row, time, rng)
    spin = population.period[pulsar][row]
    period = (spin + population.derivative[pulsar][row] * time * _DAY) * (1.0 + velocity)
    length = np.repeat(_spread(rng, _LENGTH, len(pulsar)), epochs)
    sigma = np.repeat(_spread(rng, _DUTY, len(pulsar)), epochs) / (_FWHM * _spread(rng, _SNR, len(row)))
    error = np.sqrt(12.0) * sigma * spin**2 / length
    accel_error = np.sqrt(720.0) * sigma * orbit.LIGHT * spin / length**2
    period += error * rng.normal(size=len(row))
    accel = pull + accel_error * rng.normal(size=len(row))
    accel[~(rng.random(len(pulsar)) < _SEARCHED)[row]] = np.nan
    harmonic = np.where(rng.random(len(row)) < _HARMONIC, rng.integers(2, 4, len(row)), 1)
    harmonic[offsets[1:] - 1] = 1
    stated = np.exp(_STATED * rng.normal(size=len(pulsar)))[row]
    values = np.empty((len(pulsar), len(orbit.FEATURES)))
    dm = np.full(len(row), 50.0)
    orbit.epochs(offsets, 60_000.0 + time, period / harmonic, stated * error / harmonic, accel, stated * accel_error, dm, values)
    return Drawn(pulsar, epochs, values.astype(np.float32))


def _motion(
    population: Population, pulsar: Int64s, row: Int64s, time: Float64s, rng: np.random.Generator
) -> tuple[Float64s, Float64s]:
    """Velocity along the line of sight over c, and acceleration (m/s²), at each epoch; 0 for isolated pulsars."""
    turn = 2.0 * np.pi
    days, axis, e = (getattr(population, name)[pulsar][row] for name in ("orbital_period", "axis", "eccentricity"))
    phase, omega = (rng.uniform(0.0, turn, len(pulsar))[row] for _ in range(2))
    anomaly = true_anomaly((phase + turn * time / days) % turn, e)
    speed = turn * axis / (days * _DAY * np.sqrt(1.0 - e * e))
    velocity = speed * (np.cos(anomaly + omega) + e * np.cos(omega))
    rate = turn / (days * _DAY) / (1.0 - e * e) ** 1.5 * (1.0 + e * np.cos(anomaly)) ** 2
    pull = -orbit.LIGHT * speed * rate * np.sin(anomaly + omega)
    return np.nan_to_num(velocity), np.nan_to_num(pull)


def true_anomaly(mean: Float64s, e: Float64s) -> Float64s:
    """float64[n] true anomaly of orbits with mean anomaly `mean` and eccentricity `e`, by bisection of Kepler's equation.

    NaN gives NaN.
    """
    low, high = mean - e, mean + e
    for _ in range(_KEPLER_STEPS):
        middle = 0.5 * (low + high)
        above = middle - e * np.sin(middle) > mean
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    middle = 0.5 * (low + high)
    anomaly: Float64s = 2.0 * np.arctan2(np.sqrt(1.0 + e) * np.sin(middle / 2.0), np.sqrt(1.0 - e) * np.cos(middle / 2.0))
    return anomaly


def _spread(rng: np.random.Generator, between: tuple[float, float], n: int) -> Float64s:
    """float64[n] drawn evenly in their logarithm."""
    drawn: Float64s = np.exp(rng.uniform(np.log(between[0]), np.log(between[1]), n))
    return drawn
