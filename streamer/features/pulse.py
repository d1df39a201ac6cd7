"""The shape of a folded profile: how strong, how wide, in how many peaks, and how much like a sine.

The bins that were measured, in their order, are one turn; they are scaled so that the lowest is 0 and the highest 1. The
baseline is the mean of the quietest third of the turn (the n // 3 consecutive bins with the smallest sum), the noise its standard
deviation (ddof 1).
Everything is NaN with fewer than eight measured bins, or if all of them are equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch
from streamer.features.feature import Family, Feature, as_features
from streamer.features.kernel import kernel

LEAST_BINS = 8
HARMONICS = 8
"""Sines of 1 to so many cycles in a turn are looked for."""
PEAK_SIGMA, PEAK_SHARE = 4.0, 0.2
"""A peak stands so many times the noise, and so much of the profile's height, above the baseline."""
INTERPULSE = 0.1
"""An interpulse is within so much of a turn of the place opposite to the peak."""
_ROUNDING = 1e-9

_SHAPE = "fewer than eight measured bins, or all of them equal"
_NOISE = f"{_SHAPE}, or no noise in the quietest third of the turn"
_HANDBOOK = "Lorimer & Kramer 2005, Handbook of Pulsar Astronomy, chapters 6 and 7"
_SINES = "after Eatough et al. 2010, MNRAS 407, 2443, and Bates et al. 2012, MNRAS 427, 1052"

FEATURES = (
    Feature(
        "pulse_snr", "1", "Largest S/N of a box of 1, 2, 4 … n // 2 bins: sum over the baseline / (noise √bins).", _NOISE, _HANDBOOK
    ),
    Feature("pulse_box", "turn", "Width of the box with the largest S/N.", _NOISE, _HANDBOOK),
    Feature("pulse_peak_snr", "1", "(Highest bin − baseline) / noise.", _NOISE, _HANDBOOK),
    Feature("pulse_duty", "turn", "Equivalent width: sum over the baseline / (height · n).", _SHAPE, _HANDBOOK),
    Feature("pulse_width_50", "turn", "Width of the highest peak at half its height over the baseline.", _SHAPE, _HANDBOOK),
    Feature("pulse_width_10", "turn", "Width of the highest peak at a tenth of its height over the baseline.", _SHAPE, _HANDBOOK),
    Feature(
        "pulse_tail",
        "1",
        "(After − before) / (after + before) of the peak's width at a tenth; scattering is positive.",
        _SHAPE,
        "streamer",
    ),
    Feature(
        "pulse_peaks",
        "1",
        "Separate runs of bins above the baseline by 4 times the noise and a fifth of the height.",
        _SHAPE,
        "streamer",
    ),
    Feature(
        "pulse_interpulse",
        "1",
        "Highest bin within 0.1 turn of the place opposite to the peak, over the peak's height.",
        _SHAPE,
        "streamer",
    ),
    Feature(
        "pulse_entropy",
        "1",
        "−Σ p ln p / ln n of the scaled bins over their sum: 1 is flat, 0 a single bin.",
        _SHAPE,
        "Shannon 1948, Bell Syst. Tech. J. 27, 379",
    ),
    Feature(
        "pulse_chi2", "dex", "log₁₀ of the reduced chi² of the profile about its mean.", _NOISE, "Leahy et al. 1983, ApJ 266, 160"
    ),
    Feature(
        "pulse_roughness",
        "1",
        "Σ(pᵢ₊₁ − pᵢ)² / Σ(p − mean)² around the turn: 2 for white noise, small if smooth.",
        _SHAPE,
        "von Neumann 1941, Ann. Math. Stat. 12, 367",
    ),
    Feature("pulse_sine_share", "1", "Share of the variance that one sine of one cycle in a turn takes.", _SHAPE, _SINES),
    Feature("pulse_sine_amplitude", "1", "Amplitude of that sine over half the profile's range.", _SHAPE, _SINES),
    Feature("pulse_sine_chi2", "dex", "log₁₀ of the reduced chi² about that sine.", _NOISE, _SINES),
    Feature(
        "pulse_harmonic_share", "1", "Largest share of the variance that one sine of 1 to 8 cycles in a turn takes.", _SHAPE, _SINES
    ),
    Feature("pulse_harmonic", "1", "How many cycles in a turn that sine has.", _SHAPE, _SINES),
    Feature("pulse_smooth_share", "1", "Share of the variance in 1 to 8 cycles in a turn together.", _SHAPE, _SINES),
)
(
    _SNR, _BOX, _PEAK_SNR, _DUTY, _WIDTH_50, _WIDTH_10, _TAIL, _PEAKS, _INTERPULSE, _ENTROPY, _CHI2, _ROUGHNESS, _SINE_SHARE,
    _SINE_AMPLITUDE, _SINE_CHI2, _HARMONIC_SHARE, _HARMONIC, _SMOOTH_SHARE,
) = range(len(FEATURES))  # fmt: skip


def outputs(bands: Sequence[str]) -> tuple[Feature, ...]:  # noqa: ARG001 - a candidate has no bands
    """The features of a profile."""
    return FEATURES


def compute(alerts: AlertBatch) -> Float32s:
    """float32[n, 18]; NaN for alerts without a profile."""
    return as_features(_shapes(alerts))


def width_of_half(alerts: AlertBatch) -> Float64s:
    """float64[n] width of the highest peak at half its height, in turns."""
    return _shapes(alerts)[:, _WIDTH_50]


def _shapes(alerts: AlertBatch) -> Float64s:
    values = np.full((len(alerts), len(FEATURES)), np.nan)
    if "profile" in alerts.series:
        table = alerts.series["profile"]
        profile_shapes(table.offsets, np.asarray(table["value"], dtype=np.float64), values)
    return values


@kernel
def profile_shapes(offsets: Int64s, flat: Float64s, out: Float64s) -> None:
    """Fill `out` (float64[n, 18], all NaN before) from the ragged profiles (int64[n + 1], float64[m])."""
    turn = np.empty(flat.shape[0])
    for row in range(offsets.shape[0] - 1):
        n = 0
        low, high = np.inf, -np.inf
        for i in range(offsets[row], offsets[row + 1]):
            if np.isfinite(flat[i]):
                turn[n] = flat[i]
                low, high = min(low, flat[i]), max(high, flat[i])
                n += 1
        if n < LEAST_BINS or not (high > low and np.isfinite(high - low)):
            continue
        for i in range(n):
            turn[i] = (turn[i] - low) / (high - low)
        _shape(turn[:n], out[row])


@kernel
def _shape(turn: Float64s, out: Float64s) -> None:
    n = turn.shape[0]
    baseline, noise = quietest_third(turn)
    height = 1.0 - baseline
    peak = int(np.argmax(turn))
    mean = turn.mean()
    square, steps, entropy, total = 0.0, 0.0, 0.0, turn.sum()
    for i in range(n):
        square += (turn[i] - mean) ** 2
        steps += (turn[i] - turn[i - 1]) ** 2
        part = turn[i] / total
        if part > 0.0:
            entropy -= part * math.log(part)
    out[_DUTY] = (mean - baseline) / height
    after, before = _reach(turn, peak, baseline + 0.5 * height, 1), _reach(turn, peak, baseline + 0.5 * height, -1)
    out[_WIDTH_50] = (after + before) / n
    after, before = _reach(turn, peak, baseline + 0.1 * height, 1), _reach(turn, peak, baseline + 0.1 * height, -1)
    out[_WIDTH_10] = (after + before) / n
    out[_TAIL] = (after - before) / (after + before)
    out[_PEAKS] = _runs_above(turn, baseline + max(PEAK_SIGMA * noise, PEAK_SHARE * height))
    out[_INTERPULSE] = (_highest_opposite(turn, peak) - baseline) / height
    out[_ENTROPY] = entropy / math.log(n)
    out[_ROUGHNESS] = steps / square
    share, cycles, all_shares, first = _sines(turn, square)
    out[_SINE_SHARE] = first
    out[_SINE_AMPLITUDE] = 2.0 * math.sqrt(2.0 * first * square / n)
    out[_HARMONIC_SHARE] = share
    out[_HARMONIC] = cycles
    out[_SMOOTH_SHARE] = all_shares
    if noise > _ROUNDING:
        out[_SNR], out[_BOX] = _best_box(turn, baseline, noise)
        out[_PEAK_SNR] = height / noise
        out[_CHI2] = math.log10(square / (n - 1) / noise**2)
        out[_SINE_CHI2] = math.log10(max((1.0 - first) * square, _ROUNDING**2) / (n - 3) / noise**2)


@kernel
def quietest_third(turn: Float64s) -> tuple[float, float]:
    """Mean and standard deviation (ddof 1) of the n // 3 consecutive bins with the smallest sum, around the turn."""
    n = turn.shape[0]
    third = n // 3
    window = turn[:third].sum()
    least, begin = window, 0
    for i in range(1, n):
        window += turn[(i + third - 1) % n] - turn[i - 1]
        if window < least - _ROUNDING:
            least, begin = window, i
    mean = 0.0
    for i in range(begin, begin + third):
        mean += turn[i % n]
    mean /= third
    square = 0.0
    for i in range(begin, begin + third):
        square += (turn[i % n] - mean) ** 2
    return mean, math.sqrt(square / (third - 1))


@kernel
def _best_box(turn: Float64s, baseline: float, noise: float) -> tuple[float, float]:
    """Largest S/N of a box, and its width in turns."""
    n = turn.shape[0]
    best, width, size = -np.inf, 0, 1
    while size <= n // 2:
        box = 0.0
        for i in range(size):
            box += turn[i] - baseline
        for i in range(n):
            snr = box / (noise * math.sqrt(size))
            if snr > best:
                best, width = snr, size
            box += turn[(i + size) % n] - turn[i]
        size *= 2
    return best, width / n


@kernel
def _reach(turn: Float64s, peak: int, level: float, step: int) -> float:
    """Bins from the peak to where the profile falls below `level`, between two bins on a straight line."""
    n = turn.shape[0]
    for k in range(1, n):
        value: float = turn[(peak + step * k) % n]
        if value < level:
            inner: float = turn[(peak + step * (k - 1)) % n]
            return k - 1 + (inner - level) / (inner - value)
    return float(n)  # never: a quiet bin lies below every level


@kernel
def _runs_above(turn: Float64s, level: float) -> int:
    """How many runs of bins are above `level`, around the turn."""
    runs = 0
    for i in range(turn.shape[0]):
        if turn[i] > level and not turn[i - 1] > level:
            runs += 1
    return runs


@kernel
def _highest_opposite(turn: Float64s, peak: int) -> float:
    n = turn.shape[0]
    highest = 0.0
    for k in range(math.ceil((0.5 - INTERPULSE) * n), math.floor((0.5 + INTERPULSE) * n) + 1):
        highest = max(highest, turn[(peak + k) % n])
    return highest


@kernel
def _sines(turn: Float64s, square: float) -> tuple[float, int, float, float]:
    """Largest share of the variance in one sine, its cycles in a turn, the share of all, and that of one cycle."""
    n = turn.shape[0]
    most = min(HARMONICS, (n - 1) // 2)
    best, cycles, total, first = -1.0, 0, 0.0, 0.0
    for k in range(1, most + 1):
        step_c, step_s = math.cos(2.0 * math.pi * k / n), math.sin(2.0 * math.pi * k / n)
        at_c, at_s, c, s = 1.0, 0.0, 0.0, 0.0
        for i in range(n):
            c += turn[i] * at_c
            s += turn[i] * at_s
            at_c, at_s = at_c * step_c - at_s * step_s, at_s * step_c + at_c * step_s
        share = min(2.0 * (c * c + s * s) / n / square, 1.0)
        total += share
        if k == 1:
            first = share
        if share > best:
            best, cycles = share, k
    return best, cycles, min(total, 1.0), first


FAMILY = Family("pulse", outputs, compute, reads="series")
