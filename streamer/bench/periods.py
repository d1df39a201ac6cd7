"""Periods for the baselines: the bands' periodograms by a library, their χ² reductions added, on the grid that streamer uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import light_curve
import numpy as np
from astropy.timeseries import LombScargle
from scipy import special

from streamer.bench.alerts import Curve, Features
from streamer.bench.colours import mean
from streamer.data.arrays import Float64s
from streamer.features.spectrum import MIN_POINTS, MIN_POINTS_IN_BAND, PERIOD_BUDGET, frequency_grid

MIN_FOR_THIRD = 15

Powers = Callable[[Sequence[Curve], float, float, int], list[Float64s]]
"""For each band the share of its χ² that a sine takes away, at frequencies (1/d) by their first, their step and their number."""


def periods(curves: Mapping[str, Curve], powers: Powers, budget: int | None = None) -> Features:
    """The highest peak of all bands together, its powers at multiples, and the shape of the folded light curve."""
    usable = {band: curve for band, curve in curves.items() if len(curve[0]) >= MIN_POINTS_IN_BAND and np.ptp(curve[1]) > 0}
    n = sum(len(time) for time, _, _ in usable.values())
    if n < MIN_POINTS:
        return {}
    span = max(time[-1] for time, _, _ in usable.values()) - min(time[0] for time, _, _ in usable.values())
    first, step, size = frequency_grid(span, n, budget or PERIOD_BUDGET)
    if size == 0:
        return {}
    chi2 = {band: (((f - mean(f, e)) / e) ** 2).sum() for band, (_, f, e) in usable.items()}
    share = {band: value / sum(chi2.values()) for band, value in chi2.items()}
    of_bands = powers(tuple(usable.values()), first, step, size)
    power = sum((part * of_band for part, of_band in zip(share.values(), of_bands, strict=True)), np.zeros(size))
    best = int(power.argmax())
    frequency, at = first + step * best, power[best]
    if 0 < best < size - 1 and (bend := power[best - 1] - 2 * at + power[best + 1]) < 0:
        shift = 0.5 * (power[best - 1] - power[best + 1]) / bend
        frequency, at = frequency + shift * step, at - 0.25 * (power[best - 1] - power[best + 1]) * shift
    found: Features = {
        "period_log": float(-np.log10(frequency)),
        "period_power": float(min(at, 1.0)),
        "period_log_false_alarm": log_false_alarm(min(at, 1.0), n, len(usable), span * (first + step * (size - 1))),
        "period_cycles": span * frequency,
    }
    found |= _multiples(usable, share, frequency)
    longest = max(usable.values(), key=lambda curve: len(curve[0]))
    return (
        found
        | _amplitudes(usable, tuple(curves), frequency)
        | (_folded(longest, frequency) if len(longest[0]) >= MIN_POINTS else {})
    )


def astropy_powers(curves: Sequence[Curve], first: float, step: float, size: int) -> list[Float64s]:
    """By astropy, which takes its fast method for long grids."""
    grid = first + step * np.arange(size)
    return [LombScargle(*curve).power(grid, assume_regular_frequency=True) for curve in curves]


def library_powers(curves: Sequence[Curve], first: float, step: float, size: int) -> list[Float64s]:
    """By the `light-curve` library's FFT, which knows no errors and wants 2ᵏ + 1 frequencies from 0."""
    start = round(first / step)
    whole = 2.0 * np.pi * step * np.arange((1 << (start + size - 1).bit_length()) + 1)
    transform = light_curve.Periodogram(peaks=1, freqs=whole, fast=True, normalization="standard")
    return [np.asarray(transform.power(time, flux))[start : start + size] for time, flux, _ in curves]


def log_false_alarm(power: float, n: int, n_bands: int, trials: float) -> float:
    """log10 of the probability that noise gives such a peak: the tail of a Beta law for each of the independent frequencies."""
    half = 0.5 * (n - 3 * n_bands)
    power = min(power, 1.0 - 1e-12)
    trials *= np.sqrt(max(half * power / (1.0 - power), 1.0))
    return float(min(np.log10(max(special.betaincc(n_bands, half, power), 1e-300)) + np.log10(max(trials, 1.0)), 0.0))


def _multiples(usable: Mapping[str, Curve], share: Mapping[str, float], frequency: float) -> Features:
    """The power at half, twice and three times the period, exactly."""
    at = frequency * np.array([2.0, 0.5, 1.0 / 3.0])
    power = sum((share[band] * LombScargle(*curve).power(at, method="cython") for band, curve in usable.items()), np.zeros(3))
    return dict(
        zip(("period_power_half", "period_power_double", "period_power_triple"), np.minimum(power, 1.0).tolist(), strict=True)
    )


def _amplitudes(usable: Mapping[str, Curve], bands: Sequence[str], frequency: float) -> Features:
    amplitude = {band: np.hypot(*_fourier(curve, frequency, 1)[1:3]) for band, curve in usable.items()}
    return {
        f"period_amplitude_ratio_{blue}_{red}": float(amplitude[blue] / amplitude[red])
        for blue, red in pairwise(bands)
        if amplitude.get(blue, 0.0) > 0 and amplitude.get(red, 0.0) > 0
    }


def _fourier(curve: Curve, frequency: float, harmonics: int) -> Float64s:
    """Constant, then cosine and sine of each harmonic, by weighted least squares."""
    time, flux, error = curve
    angle = 2.0 * np.pi * frequency * time[:, None] * np.arange(1, harmonics + 1)
    design = np.empty((len(time), 2 * harmonics + 1))
    design[:, 0], design[:, 1::2], design[:, 2::2] = 1.0, np.cos(angle), np.sin(angle)
    return np.asarray(np.linalg.lstsq(design / error[:, None], flux / error, rcond=None)[0], dtype=np.float64)


def _folded(curve: Curve, frequency: float) -> Features:
    time, flux, _ = curve
    folded = flux[np.argsort((time * frequency) % 1.0, kind="stable")]
    found: Features = {"period_folded_eta": float((np.diff(folded) ** 2).sum() / (len(flux) * flux.var()))}
    for harmonics in (2, 3) if len(time) >= MIN_FOR_THIRD else (2,):
        fit = _fourier(curve, frequency, harmonics)
        wave = fit[1::2] - 1j * fit[2::2]
        found[f"period_r{harmonics}1"] = float(abs(wave[-1] / wave[0]))
        found[f"period_phi{harmonics}1"] = float((np.angle(wave[-1]) - harmonics * np.angle(wave[0])) % (2.0 * np.pi))
    return found
