"""Objects that are always there: RR Lyrae, eclipsing binaries, long-period variables, active nuclei, dwarf novae."""

from __future__ import annotations

import numpy as np

from streamer.data.arrays import Float64s, Int8s
from streamer.sources.simulated.cadence import Visits
from streamer.sources.simulated.truth import Truth, colours, variable

_WAVELENGTH_NM = np.array([367.0, 482.5, 622.2, 754.5, 869.1, 971.0])

# Amplitude of RR Lyrae relative to g in u g r i z y (after the Stripe 82 templates of Sesar et al. 2010, ApJ 708, 717).
_RR_LYRAE_AMPLITUDE = np.array([0.95, 1.0, 0.72, 0.57, 0.53, 0.50])
# Amplitude of Miras relative to g: molecular bands weaken towards the red (Reid & Goldston 2002, ApJ 568, 931).
_MIRA_AMPLITUDE = np.array([1.05, 1.0, 0.85, 0.62, 0.48, 0.42])


def rr_lyrae(rng: np.random.Generator, visits: Visits, depth: float) -> Truth:
    """RRab, a saw-tooth whose amplitude falls with its period, or RRc, nearly a sine (Smith 1995, *RR Lyrae Stars*, chapter 2)."""
    fundamental = rng.random() < 0.75
    period = rng.normal(0.57, 0.06) if fundamental else rng.normal(0.33, 0.035)
    period = float(np.clip(period, 0.22, 0.85))
    if fundamental:  # Oosterhoff I locus in g (Sesar et al. 2010), with its scatter
        log_p = np.log10(period)
        amplitude = float(np.clip(-3.18 - 26.53 * log_p - 37.88 * log_p**2 + rng.normal(0.0, 0.15), 0.3, 1.6))
        shape = np.array([1.0, 0.46, 0.34, 0.22, 0.13, 0.07])
    else:
        amplitude = float(rng.uniform(0.35, 0.65))
        shape = np.array([1.0, 0.15, 0.06])
    mean = colours(depth - rng.uniform(1.6, 6.0), 1.15, rng.normal(0.22, 0.06), 0.08, 0.02, 0.0)
    start = visits.epoch[0] + rng.uniform(0.0, period)
    harmonic = np.arange(1, len(shape) + 1)
    fold = 2.0 * np.pi * np.linspace(0.0, 1.0, 257)
    template = -(shape[:, None] * np.sin(harmonic[:, None] * fold)).sum(axis=0)  # rises steeply through phase 0, then fades
    template *= 1.0 / np.ptp(template)

    def magnitudes(epoch: Float64s, band: Int8s) -> Float64s:
        phase = 2.0 * np.pi * ((epoch - start) / period % 1.0)
        result: Float64s = mean[band] + amplitude * _RR_LYRAE_AMPLITUDE[band] * np.interp(phase, fold, template)
        return result

    return variable("RRL", rng, visits, magnitudes)


def eclipsing_binary(rng: np.random.Generator, visits: Visits, depth: float) -> Truth:
    """Two Gaussian eclipses on an ellipsoidal cosine (Mowlavi et al. 2017, A&A 606, A92): detached or in contact."""
    contact = rng.random() < 0.6
    period = float(rng.uniform(0.25, 0.6) if contact else 10 ** rng.uniform(-0.1, 1.0))
    width = float(rng.uniform(0.06, 0.09) if contact else rng.uniform(0.015, 0.04))
    primary = float(rng.uniform(0.3, 0.7) if contact else rng.uniform(0.3, 1.4))
    ratio = float(rng.uniform(0.8, 1.0) if contact else rng.uniform(0.1, 0.9))
    wave = 0.12 * primary if contact else float(rng.uniform(0.0, 0.03))
    second = 0.5 if contact else 0.5 + float(rng.normal(0.0, 0.03))
    mean = colours(depth - rng.uniform(2.0, 6.5), 1.3, rng.normal(0.55, 0.2), 0.2, 0.1, 0.05)
    reddening = (_WAVELENGTH_NM / _WAVELENGTH_NM[2]) ** -0.15  # the cooler star matters less in the blue
    start = visits.epoch[0] + rng.uniform(0.0, period)

    def dip(phase: Float64s, centre: float) -> Float64s:
        away = (phase - centre + 0.5) % 1.0 - 0.5
        fall: Float64s = np.exp(-0.5 * (away / width) ** 2)
        return fall

    def magnitudes(epoch: Float64s, band: Int8s) -> Float64s:
        phase = (epoch - start) / period % 1.0
        eclipses = primary * (dip(phase, 0.0) + ratio * dip(phase, second))
        result: Float64s = mean[band] + reddening[band] * (eclipses + wave * np.cos(4.0 * np.pi * phase))
        return result

    return variable("EB", rng, visits, magnitudes)


def long_period_variable(rng: np.random.Generator, visits: Visits, depth: float) -> Truth:
    """A Mira, or a semiregular giant with a second period (Soszyński et al. 2009, AcA 59, 239)."""
    mira = rng.random() < 0.5
    period = float(rng.uniform(150.0, 450.0) if mira else rng.uniform(40.0, 150.0))
    amplitude = float(rng.uniform(2.5, 5.0) if mira else rng.uniform(0.4, 1.2))
    beat = float(period * rng.uniform(0.45, 0.6))
    share = float(rng.uniform(0.05, 0.15) if mira else rng.uniform(0.3, 0.7))
    phases = rng.uniform(0.0, 2.0 * np.pi, 2)
    skew = float(rng.uniform(0.0, 0.25))
    mean = colours(depth - rng.uniform(2.5, 7.0), 1.8, rng.normal(1.7, 0.2), rng.uniform(0.9, 2.0), 0.8, 0.5)

    def magnitudes(epoch: Float64s, band: Int8s) -> Float64s:
        phase = 2.0 * np.pi * epoch / period + phases[0]
        pulse = np.cos(phase + skew * np.sin(phase)) + share * np.cos(2.0 * np.pi * epoch / beat + phases[1])
        result: Float64s = mean[band] + 0.5 * amplitude * _MIRA_AMPLITUDE[band] * pulse
        return result

    return variable("LPV", rng, visits, magnitudes)


def active_nucleus(rng: np.random.Generator, visits: Visits, depth: float) -> Truth:
    """A quasar: magnitudes as a damped random walk, stronger in the blue (MacLeod et al. 2010, ApJ 721, 1014)."""
    tau = float(10 ** rng.normal(2.3, 0.35))
    spread = float(np.clip(10 ** rng.normal(-0.75, 0.2), 0.05, 0.6))  # asymptotic standard deviation at 400 nm [mag]
    chromatic = (_WAVELENGTH_NM / 400.0) ** -0.479
    mean = colours(depth - rng.uniform(1.2, 4.5), 0.3, rng.normal(0.25, 0.15), 0.15, 0.1, 0.05)

    def magnitudes(epoch: Float64s, band: Int8s) -> Float64s:
        times, place = np.unique(epoch, return_inverse=True)
        return mean[band] + spread * chromatic[band] * damped_random_walk(rng, times, tau)[place]

    return variable("AGN", rng, visits, magnitudes, stellar=bool(rng.random() < 0.7))


def damped_random_walk(rng: np.random.Generator, epoch: Float64s, tau: float) -> Float64s:
    """float64[n] of an Ornstein–Uhlenbeck process of unit variance and time-scale `tau` at ordered epochs (Kelly et al. 2009)."""
    memory = np.exp(-np.diff(epoch) / tau)
    steps = rng.standard_normal(len(epoch))
    kicks = steps[1:] * np.sqrt(1.0 - memory**2)
    walk = [float(steps[0])]
    for keep, kick in zip(memory.tolist(), kicks.tolist(), strict=True):
        walk.append(keep * walk[-1] + kick)
    return np.array(walk)


def dwarf_nova(rng: np.random.Generator, visits: Visits, depth: float) -> Truth:
    """Outbursts that recur: a day's rise, some days' plateau, an exponential fall (Warner 1995, *Cataclysmic Variable Stars*)."""
    recurrence = float(10 ** rng.uniform(1.3, 2.2))
    # the Kukarkin–Parenago relation
    amplitude = float(np.clip(1.90 * np.log10(recurrence) + 0.70 + rng.normal(0.0, 0.4), 2.0, 6.5))
    quiescence = colours(depth + rng.uniform(-2.0, 1.0), 0.1, rng.normal(0.35, 0.15), 0.25, 0.15, 0.1)
    outburst = colours(quiescence[2] - amplitude, -0.2, rng.normal(-0.02, 0.05), -0.05, -0.05, 0.0)
    begin, end = visits.epoch[0] - 500.0, visits.epoch[-1]
    gaps = recurrence * rng.gamma(6.0, 1.0 / 6.0, int((end - begin) / recurrence * 2) + 3)
    onset = begin + np.cumsum(gaps)
    plateau = np.where(rng.random(len(onset)) < 0.2, rng.uniform(10.0, 14.0, len(onset)), rng.uniform(1.5, 5.0, len(onset)))
    fall = float(rng.uniform(1.2, 2.8))
    flicker = float(rng.uniform(0.02, 0.12))

    def brightness(epoch: Float64s) -> Float64s:
        """0 in quiescence, 1 on the plateau."""
        last = np.searchsorted(onset, epoch, side="right") - 1
        age = np.where(last >= 0, epoch - onset[last], 1e4)
        after = np.maximum(age - 1.0 - plateau[last], 0.0)
        light: Float64s = np.minimum(age, 1.0) * np.exp(-after / fall)
        return light

    def magnitudes(epoch: Float64s, band: Int8s) -> Float64s:
        quiet = 10 ** (-0.4 * quiescence[band])
        loud = 10 ** (-0.4 * outburst[band])
        return -2.5 * np.log10(quiet + loud * brightness(epoch)) + rng.normal(0.0, flicker, len(epoch))

    return variable("CV/Nova", rng, visits, magnitudes)
