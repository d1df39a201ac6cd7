"""What a telescope folds: pulsars, interference and noise, as profiles in time, in frequency and against dispersion measure.

Pulsars have one to three components (von Mises functions of phase), tails of scattering, the smearing that is left of dispersion
within channels and of an orbit's acceleration, scintillation across the band and through the observation, and some are absent for a
while. Interference is at DM 0 for the most part: mains and switches with broad waves, radars with narrow pulses, bursts in a few
sub-integrations, carriers in a few sub-bands. Noise is what is left when a search keeps the largest of very many chances.

Every number about what is common is in :class:`Habits`. They were chosen so that real candidates (HTRU2) lie within what comes out;
how alike the two are is measured where a model is trained with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Float64s

BINS = 128
ROWS = 16
"""Sub-integrations, and sub-bands."""
TRIALS = 1196
DM_STEP = 0.8
"""pc cm^-3 between trials."""
CENTRE_GHZ, BANDWIDTH_MHZ = 1.352, 340.0
SCAN_S = 540.0
DM: Float64s = DM_STEP * np.arange(TRIALS, dtype=np.float64)
_LIGHT = 299_792_458.0
_PHASE = (np.arange(BINS) + 0.5) / BINS
_HARMONIC = np.arange(BINS // 2 + 1)
_TIME: Float64s = (np.arange(ROWS) + 0.5) / ROWS - 0.5
"""Middle of each sub-integration, in units of the observation, from its middle."""
_ZETA = np.linspace(0.0, 40.0, 4001)
_SHARE = np.array([1.0] + [0.5 * math.sqrt(math.pi) * math.erf(z) / z for z in _ZETA[1:].tolist()])
_FWHM = 2.355


@dataclass(frozen=True, slots=True)
class Habits:
    """What is common among candidates; pairs are drawn evenly in their logarithm.

    Parameters
    ----------
    duty : pair, turn
        Full width of a component at half its height.
    snr : pair
        S/N of a pulsar's profile.
    rfi_snr, noise_snr : pair
        The same of interference, and of the largest chances.
    threshold : pair
        S/N below which a search reports nothing at a trial DM.
    chances : pair
        Share of the trials at which noise or interference is reported all the same.
    surplus : pair
        By how much S/N these are above the threshold, on average.
    scattered, absent, accelerated : float
        Shares of pulsars with a tail, with pauses, and with an acceleration that the fold did not take out.
    """

    duty: tuple[float, float] = (0.012, 0.35)
    snr: tuple[float, float] = (6.0, 250.0)
    rfi_snr: tuple[float, float] = (3.0, 60.0)
    noise_snr: tuple[float, float] = (1.5, 12.0)
    threshold: tuple[float, float] = (0.5, 7.0)
    chances: tuple[float, float] = (0.002, 0.12)
    surplus: tuple[float, float] = (0.3, 6.0)
    scattered: float = 0.3
    absent: float = 0.15
    accelerated: float = 0.1


HABITS = Habits()


@dataclass(frozen=True, slots=True)
class Folded:
    """One candidate as it was folded.

    Parameters
    ----------
    period : float, s
    dm : float, pc cm^-3
    width : float, turn
        Full width of the pulse at half its height.
    snr : float
        As the search states it.
    beams : int
        In how many beams it was seen.
    profile : float64[BINS]
        The sum of the sub-integrations, and of the sub-bands.
    subints, subbands : float64[ROWS, BINS // 2]
        In order of time, and of frequency.
    curve : float64[TRIALS]
        S/N at each of :data:`DM`.
    """

    period: float
    dm: float
    width: float
    snr: float
    beams: int
    profile: Float64s
    subints: Float64s
    subbands: Float64s
    curve: Float64s


@dataclass(frozen=True, slots=True)
class _Signal:
    """A clean signal: its shape (largest value 1, in turns), how strong it is in each row, and how it moves (turns)."""

    shape: Float64s
    in_time: Float64s
    in_band: Float64s
    moves: Float64s


def pulsar(rng: np.random.Generator, habits: Habits = HABITS) -> Folded:
    """A pulsar: narrow, dispersed, in all of the band and for all of the time, more or less."""
    period = _millisecond(rng) if rng.random() < 0.15 else _spread(rng, (0.03, 8.0))
    dm, duty, snr = float(rng.uniform(3.0, 800.0)), _spread(rng, habits.duty), _spread(rng, habits.snr)
    smear = 8.3e-6 * dm * (BANDWIDTH_MHZ / 1024) / CENTRE_GHZ**3 / period  # of one of 1,024 channels, in turns
    shape = _components(rng, math.hypot(duty, smear))
    if rng.random() < habits.scattered:
        shape = _scattered(shape, BINS * duty * _spread(rng, (0.3, 3.0)))
    fades = rng.random() < habits.absent
    in_time = _wander(rng, 0.8 if fades else 0.3)
    if fades:
        in_time *= rng.random(ROWS) < rng.uniform(0.3, 0.9)
    pull = rng.normal(0.0, 20.0) if rng.random() < habits.accelerated else 0.0
    moves = rng.normal(0.0, 0.1 * duty) * _TIME + pull * SCAN_S**2 / (2.0 * _LIGHT * period) * _TIME**2
    signal = _Signal(shape, in_time, _wander(rng, _spread(rng, (0.2, 1.2))), moves)
    height = dispersed(DM - dm, 1e3 * period * duty)
    return _folded(rng, signal, snr, period, dm, duty, 1 if rng.random() < 0.9 else 2, height, habits)


def interference(rng: np.random.Generator, habits: Habits = HABITS) -> Folded:
    """What people leave in the band."""
    kind = str(rng.choice(["mains", "radar", "burst", "carrier", "broad"]))
    period = _mains(rng) if kind == "mains" else _spread(rng, (0.002, 10.0))
    duty = _spread(rng, (0.01, 0.1)) if kind == "radar" else _spread(rng, (0.1, 0.5))
    shape = _components(rng, duty) if kind in ("radar", "burst") and rng.random() < 0.7 else _wave(rng)
    in_time = _wander(rng, 0.5)
    if kind == "burst" or rng.random() < 0.2:
        in_time *= np.exp(-0.5 * ((_TIME - rng.uniform(-0.5, 0.5)) / _spread(rng, (0.02, 0.3))) ** 2)
    in_band = _wander(rng, 1.0)
    if kind == "carrier" or rng.random() < 0.2:
        in_band *= np.arange(ROWS) // rng.integers(1, 4) == rng.integers(0, ROWS)
        in_band[rng.integers(0, ROWS)] = 1.0
    signal = _Signal(shape, in_time, in_band, rng.normal(0.0, 0.3 if rng.random() < 0.3 else 0.02) * _TIME)
    at = 0.0 if rng.random() < 0.85 else float(rng.uniform(0.0, 300.0))
    height = dispersed(DM - at, 1e3 * period * duty * _spread(rng, (0.05, 1.0)))
    beams = 1 + int(rng.binomial(12, rng.uniform(0.0, 0.9)))
    snr = _spread(rng, habits.rfi_snr)
    return _folded(rng, signal, snr, period, at, duty, beams, height, habits)


def noise(rng: np.random.Generator, habits: Habits = HABITS) -> Folded:
    """The largest of many chances: a little of anything in a few rows, at any DM."""
    period, dm = _spread(rng, (0.0015, 8.0)), float(rng.uniform(0.0, float(DM[-1])))
    duty = _spread(rng, (0.01, 0.5))
    wander = np.cumsum(rng.normal(size=BINS)) if rng.random() < 0.3 else _components(rng, duty)
    shape = wander - np.linspace(0.0, wander[-1], BINS)
    shape = shape / max(float(np.abs(shape).max()), 1e-9)
    some = [(rng.random(ROWS) < 0.4) * rng.exponential(size=ROWS) + 1e-3 for _ in range(2)]
    signal = _Signal(shape, some[0], some[1], rng.normal(0.0, 0.3) * _TIME)
    height = np.exp(-0.5 * ((DM - dm) / _spread(rng, (0.5, 40.0))) ** 2)
    return _folded(rng, signal, _spread(rng, habits.noise_snr), period, dm, duty, 1, height, habits)


KINDS: Mapping[str, Callable[[np.random.Generator, Habits], Folded]] = {"pulsar": pulsar, "rfi": interference, "noise": noise}
"""How a candidate of each kind is made."""


def dispersed(offset: Float64s, width_ms: float) -> Float64s:
    """Share of the S/N that is left at a DM wrong by `offset` (pc cm^-3) for a pulse of `width_ms`: √π/2 · erf(ζ)/ζ.

    Cordes & McLaughlin 2003, ApJ 596, 1142, equations 12 and 13; from a table, to 1e-4.
    """
    zeta = 6.91e-3 * np.abs(offset) * BANDWIDTH_MHZ / (max(width_ms, 0.1) * CENTRE_GHZ**3)
    tail = 0.5 * math.sqrt(math.pi) / np.maximum(zeta, _ZETA[-1])
    share: Float64s = np.where(zeta < _ZETA[-1], np.interp(zeta, _ZETA, _SHARE), tail)
    return share


def _folded(
    rng: np.random.Generator,
    signal: _Signal,
    snr: float,
    period: float,
    dm: float,
    duty: float,
    beams: int,
    height: Float64s,
    habits: Habits,
) -> Folded:
    """A clean signal with noise of one unit a bin of the whole profile, and what a search says of it."""
    moved = _shifted(signal.shape, signal.moves)
    mean = (signal.in_time[:, None] * moved).sum(axis=0)
    strength = snr / max(float(np.sqrt(np.sum((mean - mean.mean()) ** 2))), 1e-9)
    subints = strength * signal.in_time[:, None] * moved + rng.normal(scale=1.0 / math.sqrt(ROWS), size=(ROWS, BINS))
    profile = subints.sum(axis=0)
    share = signal.in_band / max(float(signal.in_band.sum()), 1e-9)
    subbands = strength * share[:, None] * mean + rng.normal(scale=1.0 / math.sqrt(ROWS), size=(ROWS, BINS))
    subbands += (profile - subbands.sum(axis=0)) / ROWS  # their sum is the same profile, as it must be
    stated = math.hypot(snr, 5.0) * math.exp(0.1 * rng.normal())
    return Folded(period, dm, duty, stated, beams, profile, _halved(subints), _halved(subbands), _curve(rng, snr * height, habits))


def _curve(rng: np.random.Generator, clean: Float64s, habits: Habits) -> Float64s:
    """What a search reports at each trial: nothing below its threshold, and chances here and there."""
    least = _spread(rng, habits.threshold)
    found = clean + rng.normal(size=TRIALS)
    found = np.where(found > least, found, 0.0)
    by_chance = rng.random(TRIALS) < _spread(rng, habits.chances)
    surplus = least + _spread(rng, habits.surplus) * rng.exponential(size=TRIALS)
    return np.asarray(np.where(by_chance, np.maximum(found, surplus), found))


def _components(rng: np.random.Generator, duty: float) -> Float64s:
    """One to three components, each a von Mises function of phase; the largest value is 1."""
    count = int(rng.choice([1, 1, 2, 3]))
    offset = np.zeros(count)
    offset[1:] = rng.choice([0.5, 1.5 * duty, -1.5 * duty], size=count - 1)
    widths = np.minimum(duty * np.exp(0.3 * rng.normal(size=count)), 0.6)
    concentration = 1.0 / (2.0 * math.pi * widths / _FWHM) ** 2
    heights = np.concatenate([[1.0], rng.uniform(0.1, 0.9, count - 1)])
    turns = 2.0 * math.pi * (_PHASE[None, :] - (rng.random() + offset)[:, None])
    shape: Float64s = (heights[:, None] * np.exp(concentration[:, None] * (np.cos(turns) - 1.0))).sum(axis=0)
    return np.asarray(shape / shape.max())


def _scattered(shape: Float64s, bins: float) -> Float64s:
    """Folded with an exponential tail of so many bins that goes round the turn."""
    tail = np.exp(-np.arange(BINS) / bins)
    found = np.fft.irfft(np.fft.rfft(shape) * np.fft.rfft(tail / tail.sum()), BINS)
    return np.asarray(found / found.max())


def _wave(rng: np.random.Generator) -> Float64s:
    """What switches and motors leave: a sine, a square wave, or several pulses in a turn."""
    wave = np.sin(2.0 * math.pi * (rng.integers(1, 9) * _PHASE + rng.random()))
    form = rng.random()
    return np.asarray(np.sign(wave) if form < 0.3 else wave**3 if form < 0.5 else wave)


def _shifted(shape: Float64s, turns: Float64s) -> Float64s:
    """float64[ROWS, BINS], the shape moved on by each of `turns`."""
    spectrum = np.fft.rfft(shape)
    return np.asarray(np.fft.irfft(spectrum * np.exp(-2j * math.pi * np.outer(turns, _HARMONIC)), BINS, axis=1))


def _wander(rng: np.random.Generator, scatter: float) -> Float64s:
    """float64[ROWS] of mean about 1 that vary slowly, by `scatter` of their logarithm."""
    steps = rng.normal(size=ROWS + 2)
    return np.asarray(np.exp(scatter * (steps[:-2] + steps[1:-1] + steps[2:]) / math.sqrt(3.0)))


def _mains(rng: np.random.Generator) -> float:
    """A period of the mains, its harmonics or simple fractions, as well as a search finds it."""
    return float(rng.integers(1, 7) / rng.integers(1, 5) / rng.choice([50.0, 60.0]) * (1.0 + 1e-4 * rng.normal()))


def _millisecond(rng: np.random.Generator) -> float:
    return _spread(rng, (0.0015, 0.03))


def _halved(rows: Float64s) -> Float64s:
    """Two bins in one."""
    return np.asarray(0.5 * (rows[:, 0::2] + rows[:, 1::2]))


def _spread(rng: np.random.Generator, between: tuple[float, float]) -> float:
    """Drawn evenly in its logarithm."""
    return math.exp(rng.uniform(math.log(between[0]), math.log(between[1])))
