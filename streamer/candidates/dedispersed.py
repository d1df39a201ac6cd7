"""A fold as a candidate: its parts brought into step, its sub-bands dedispersed, and the S/N at other dispersion measures.

Lower frequencies arrive later, by 1/(2.41e-4) · DM · ν^-2 s (ν in MHz; Lorimer & Kramer 2005, chapter 4), counted here from the
highest sub-band; the frequency of a sub-band is that of its highest channel, to which ``prepfold`` has shifted the others, seen
from the barycentre. The parts of the observation are turned by the difference between the best period and that of the fold.

The S/N of a profile is the largest over boxes of 1, 2, 4 … n / 2 bins of (sum − w · mean) / (σ √(w (1 − w / n))), with the variance
σ² that the file expects; where it expects none, that of the quietest third of the dedispersed profile. ``dm_curve`` is this S/N
with the sub-bands shifted for each trial from 0 to twice the best DM (or as far as the file's own trials), a bin of delay over the
band apart, at most ``MOST_TRIALS`` of them, and the best DM itself. With one sub-band there is no curve.
"""

from __future__ import annotations

import math

import numpy as np

from streamer.candidates.candidate import SECONDS_PER_DAY, Candidate, averaged
from streamer.candidates.pfd import Fold, Periods
from streamer.data.arrays import Float64s, Int64s
from streamer.errors import InvalidData
from streamer.features.pulse import quietest_third

DISPERSION_S = 1.0 / 2.41e-4
"""s MHz² cm³ pc^-1."""
SHORTEST, LONGEST = 1e-6, 1e6
"""s; what is no period between them is not used to bring parts into step."""
FASTEST = 1e-2
"""Of the speed of light: no telescope moves a hundredth as fast."""
LEAST_TRIALS, MOST_TRIALS = 64, 1196
MAX_DM = 1e5
"""pc cm^-3; no line of sight has a tenth of that, and a file that says more has no curve."""
MOST_BANDS = 128
"""Sub-bands that are shifted for each trial; more are averaged once they are dedispersed."""


@np.errstate(all="ignore")  # absurd numbers become infinite or NaN, and are unknown or refused
def candidate_of(fold: Fold) -> Candidate:
    """The candidate; InvalidData if the fold lacks what one needs."""
    bins = fold.profiles.shape[2]
    frequencies = _frequencies(fold)
    shifts = np.rint(_delays(fold.dm, frequencies) * fold.fold.first * bins) if len(frequencies) > 1 else np.zeros(1)
    profiles = _turned(fold.profiles, _steps(fold)[:, None] + shifts[None, :])
    profile, subbands = profiles.sum(axis=(0, 1)), profiles.sum(axis=0)
    if not np.isfinite(profile).all():
        raise InvalidData("profiles that are not finite")
    sigma = math.sqrt(fold.variance) if fold.variance > 0 else _own_noise(profile)
    length = float(fold.samples.sum()) * fold.dt
    begin = fold.topocentric_epoch if fold.topocentric_epoch > 0 else fold.barycentric_epoch
    best = fold.barycentric if fold.barycentric.first > 0 else fold.topocentric
    return Candidate(
        telescope=fold.telescope or "unknown",
        scan=fold.candidate or fold.file,
        epoch=begin + 0.5 * length / SECONDS_PER_DAY if begin > 0 else math.nan,
        t_obs=length,
        ra=15.0 * _sexagesimal(fold.ra),
        dec=_sexagesimal(fold.dec),
        centre_frequency=_positive(fold.low_frequency + 0.5 * (fold.channels - 1) * fold.channel_width),
        bandwidth=_positive(fold.channels * fold.channel_width),
        p_topo=_positive(fold.topocentric.first),
        p_bary=_barycentric(fold),
        pdot=best.second,
        accel=math.nan,
        dm=fold.dm if fold.low_frequency > 0 else math.nan,
        snr=float(_snr(profile[None, :], sigma)[0]),
        width=math.nan,
        profile=profile,
        subints=profiles.sum(axis=1),
        subbands=subbands if len(frequencies) > 1 else np.zeros((0, 0)),
        dm_curve=_dm_curve(fold, subbands, frequencies, sigma),
    )


def _barycentric(fold: Fold) -> float:
    """The period at the barycentre, s: as found there, else the telescope's less its motion; NaN if neither is known."""
    if fold.barycentric.first > 0:
        return fold.barycentric.first
    is_known = 0.0 < abs(fold.recession) < FASTEST
    return _positive(fold.topocentric.first / (1.0 + fold.recession)) if is_known else math.nan


def _frequencies(fold: Fold) -> Float64s:
    """float64[sub-bands] MHz, of the highest channel of each at the barycentre; of one sub-band it does not matter."""
    bands = fold.profiles.shape[1]
    each = fold.channels // bands
    highest = fold.low_frequency + fold.channel_width * (each * np.arange(1, bands + 1) - 1.0)
    if bands > 1 and not (np.isfinite(highest).all() and highest[0] > 0 and fold.channel_width > 0):
        raise InvalidData(f"sub-bands without frequencies: {fold.low_frequency:g} MHz + {fold.channel_width:g} MHz each")
    at_barycentre: Float64s = highest * (1.0 + fold.recession)
    return at_barycentre


def _delays(dm: float, frequencies: Float64s) -> Float64s:
    """float64[sub-bands] s, behind the highest one."""
    squares = frequencies**-2.0
    delays: Float64s = DISPERSION_S * dm * (squares - squares[-1])
    return delays


def _steps(fold: Fold) -> Float64s:
    """float64[parts] bins by which each part comes too late, since the fold's frequency is not the best one."""
    best = _as_frequency(fold.barycentric if _is_barycentred(fold) else fold.topocentric)
    folded = fold.fold
    seconds = (np.cumsum(fold.samples) - 0.5 * fold.samples) * fold.dt
    if best is None or not (folded.first > 0 and np.isfinite(seconds).all()):
        return np.zeros(len(seconds))
    turns = (
        (folded.first - best.first) * seconds
        + (folded.second - best.second) * seconds**2 / 2.0
        + (folded.third - best.third) * seconds**3 / 6.0
    )
    steps: Float64s = np.rint(np.nan_to_num(np.fmod(turns, 1.0)) * fold.profiles.shape[2])
    return steps


def _is_barycentred(fold: Fold) -> bool:
    """Whether the data themselves were brought to the barycentre, so that the fold was at a barycentric period."""
    near = abs(fold.fold.first * fold.barycentric.first - 1.0) if fold.barycentric.first > 0 else math.inf
    away = abs(fold.fold.first * fold.topocentric.first - 1.0) if fold.topocentric.first > 0 else math.inf
    return near < away


def _as_frequency(periods: Periods) -> Periods | None:
    """Frequency and derivatives for a period and its."""
    p, pd, pdd = periods.first, periods.second, periods.third
    if not SHORTEST < p < LONGEST:
        return None
    return Periods(1.0 / p, -pd / p**2, 2.0 * pd * pd / p**3 - pdd / p**2)


def _turned(profiles: Float64s, late: Float64s) -> Float64s:
    """float64[…, bins] `profiles` that come earlier by `late` (whole numbers of bins)."""
    bins = profiles.shape[-1]
    whole = np.nan_to_num(np.fmod(late, bins)).astype(np.int64)
    places: Int64s = (np.arange(bins) + whole[..., None]) % bins
    return np.take_along_axis(profiles, places, axis=-1)


def _dm_curve(fold: Fold, subbands: Float64s, frequencies: Float64s, sigma: float) -> Float64s:
    """float64[trials, 2] of sub-bands that are dedispersed for the best DM."""
    high = max(2.0 * fold.dm, float(fold.trial_dms.max(initial=0.0)), 1.0)
    if len(frequencies) < 2 or not (0.0 <= fold.dm <= high <= MAX_DM):
        return np.zeros((0, 2))
    rows, at = averaged(subbands, MOST_BANDS), averaged(frequencies[:, None], MOST_BANDS)[:, 0]
    bins_per_dm = _delays(1.0, at) * fold.fold.first * rows.shape[1]
    trials = min(max(int(np.nan_to_num(high * bins_per_dm[0])) + 1, LEAST_TRIALS), MOST_TRIALS - 1)
    dms = np.union1d(np.linspace(0.0, high, trials), [fold.dm])
    profiles = np.stack([_turned(rows, np.rint((dm - fold.dm) * bins_per_dm)).sum(axis=0) for dm in dms])
    return np.stack([dms, _snr(profiles, sigma)], axis=1)


def _snr(profiles: Float64s, sigma: float) -> Float64s:
    """float64[n] of float64[n, bins]; NaN without noise."""
    n, bins = profiles.shape
    if not sigma > 0:
        return np.full(n, np.nan)
    above = profiles - profiles.mean(axis=1, keepdims=True)
    sums = np.concatenate([np.zeros((n, 1)), np.cumsum(np.concatenate([above, above], axis=1), axis=1)], axis=1)
    sizes = [2**k for k in range(bins.bit_length()) if 2**k <= bins // 2]
    boxes = [(sums[:, size : size + bins] - sums[:, :bins]).max(axis=1) / math.sqrt(size * (1 - size / bins)) for size in sizes]
    found: Float64s = np.max(boxes, axis=0) / sigma if boxes else np.full(n, np.nan)
    return found


def _own_noise(profile: Float64s) -> float:
    return float(quietest_third(profile)[1]) if len(profile) >= 8 else math.nan


def _positive(value: float) -> float:
    return value if math.isfinite(value) and value > 0 else math.nan


def _sexagesimal(text: str) -> float:
    """``dd:mm:ss.s`` as a number; NaN if it is none."""
    try:
        whole, *parts = text.lstrip("+-").split(":")
        value = float(whole) + sum(float(part) / 60.0**power for power, part in enumerate(parts, 1))
    except ValueError:
        return math.nan
    return -value if text.startswith("-") else value
