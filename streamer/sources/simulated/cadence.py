"""When a survey looks at a place of the sky, and how deep.

Not a scheduler: nights with their weather and Moon, and for each place a sequence of visits whose spacing, filters and depths
look like the survey's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from streamer.data.arrays import Bools, Float64s, Int8s, Int64s, frozen
from streamer.data.photometry import flux_from_magnitude

SYNODIC_MONTH = 29.530588
NEW_MOON_MJD = 51_549.6
"""6 January 2000 (Meeus, *Astronomical Algorithms*, chapter 49)."""
EQUINOX_MJD = 51_623.3
"""20 March 2000: the Sun at right ascension 0."""
TROPICAL_YEAR = 365.2422
_WEATHER_BLOCK = 1024

U, G, R, I, Z, Y = range(6)  # noqa: E741  # the names of the filters


@dataclass(frozen=True, slots=True)
class Site:
    """What a survey can do.

    Parameters
    ----------
    name : str
    code : int
        Keys the random streams.
    begin : float, MJD
        First simulated night.
    midnight : float, d
        Local midnight as a fraction of the UTC day.
    clear : float
        Share of nights that can be used.
    declinations : (float, float), deg
    depth : float64[6], AB mag
        Five-sigma depth of a visit without Moon, by band; NaN where the survey does not observe.
    moonlight : float64[6], mag
        How much of that full Moon takes away (after Krisciunas & Schaefer 1991, PASP 103, 1033).
    gamma, systematic : float
        Noise model of Ivezić et al. 2019 (ApJ 873, 111), equations 4–5: share of the depth's variance that is sky noise (of 0.04),
        and the relative calibration error.
    bright : float, AB mag
        Sources brighter than this saturate.
    """

    name: str
    code: int
    begin: float
    midnight: float
    clear: float
    declinations: tuple[float, float]
    depth: tuple[float, ...]
    moonlight: tuple[float, ...]
    gamma: float
    systematic: float
    bright: float


_NAN = float("nan")

ZTF = Site(
    name="ztf",
    code=1,
    begin=60_300.0,
    midnight=0.325,
    clear=0.70,
    declinations=(-28.0, 80.0),
    depth=(_NAN, 21.1, 20.9, 20.2, _NAN, _NAN),  # new Moon, 30 s; Bellm et al. 2019 (PASP 131, 018002)
    moonlight=(0.0, 0.9, 0.6, 0.4, 0.0, 0.0),
    gamma=0.039,
    systematic=0.010,  # photometric repeatability; Masci et al. 2019 (PASP 131, 018003)
    bright=12.5,
)
LSST = Site(
    name="lsst",
    code=2,
    begin=61_100.0,
    midnight=0.196,
    clear=0.82,
    declinations=(-65.0, 5.0),
    depth=(23.78, 24.81, 24.35, 23.92, 23.34, 22.45),  # one visit at zenith; Ivezić et al. 2019, table 2
    moonlight=(1.2, 0.9, 0.6, 0.35, 0.15, 0.05),
    gamma=0.039,
    systematic=0.005,
    bright=16.0,
)


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits to one place, in order of time.

    Parameters
    ----------
    epoch : float64[n], MJD TAI
    band : int8[n]
        Band codes.
    five_sigma : float64[n], nJy
        Flux of a point source that would just be found.
    """

    epoch: Float64s
    band: Int8s
    five_sigma: Float64s

    def __len__(self) -> int:
        return len(self.epoch)


@dataclass(frozen=True, slots=True)
class Place:
    """A position, deg ICRS."""

    ra: float
    dec: float


def place_in_season(rng: np.random.Generator, site: Site, middle: float) -> Place:
    """A random position that is opposite the Sun, within 50°, at the epoch `middle` (MJD)."""
    low, high = np.sin(np.radians(site.declinations))
    dec = float(np.degrees(np.arcsin(rng.uniform(low, high))))
    return Place((sun_ra(middle) + 180.0 + rng.uniform(-50.0, 50.0)) % 360.0, dec)


def sun_ra(mjd: float) -> float:
    """Right ascension of the mean Sun [deg]."""
    return (mjd - EQUINOX_MJD) / TROPICAL_YEAR * 360.0 % 360.0


def moon_illumination(mjd: Float64s) -> Float64s:
    """Lit share of the Moon's disc."""
    lit: Float64s = 0.5 * (1.0 - np.cos(2.0 * np.pi * (mjd - NEW_MOON_MJD) / SYNODIC_MONTH))
    return lit


def clear_nights(site: Site, seed: int, nights: Int64s) -> Bools:
    """bool[n]: which nights (MJD of the UTC day) can be used; the same for every place."""
    blocks = np.unique(nights // _WEATHER_BLOCK)
    clear = np.zeros(len(nights), dtype=np.bool_)
    for block in blocks.tolist():
        inside = nights // _WEATHER_BLOCK == block
        clear[inside] = _weather(site, seed, block)[nights[inside] % _WEATHER_BLOCK]
    return clear


@cache
def _weather(site: Site, seed: int, block: int) -> Bools:
    """Clear and bad spells of a few nights: an autoregressive series, cut where the survey's share of nights is clear."""
    steps = np.random.default_rng([seed, site.code, 7, block]).standard_normal(_WEATHER_BLOCK)
    state = np.empty(_WEATHER_BLOCK)
    last = 0.0
    for night, step in enumerate(steps.tolist()):
        last = 0.6 * last + 0.8 * step
        state[night] = last
    return frozen(state < np.quantile(state, site.clear))


def visits(rng: np.random.Generator, site: Site, seed: int, place: Place, start: float, end: float) -> Visits:
    """The visits to `place` from `start` to `end` (MJD)."""
    night, band, offset = _ztf_pattern(rng, start, end) if site is ZTF else _lsst_pattern(rng, start, end)
    usable = clear_nights(site, seed, night) & _away_from_sun(place, night)
    if site is LSST:
        usable &= (band != U) | (moon_illumination(night.astype(np.float64)) < 0.4)  # u goes out of the camera around full Moon
    night, band, offset = night[usable], band[usable], offset[usable]
    transit = (place.ra - sun_ra(start) - 180.0) / 360.0
    drift = (night - start) / TROPICAL_YEAR
    hour = np.clip((transit - drift + 0.5) % 1.0 - 0.5, -0.15, 0.15) * 0.5
    epoch = night + site.midnight + hour + offset
    depth = np.asarray(site.depth)[band] - np.asarray(site.moonlight)[band] * moon_illumination(epoch) ** 2
    depth = depth + rng.normal(-0.1, 0.2, len(epoch))  # seeing, extinction, air mass
    order = np.argsort(epoch, kind="stable")
    return Visits(epoch[order], band[order], flux_from_magnitude(depth[order]))


def _away_from_sun(place: Place, night: Int64s) -> Bools:
    """More than four hours from the Sun."""
    away = np.abs((place.ra - (night - EQUINOX_MJD) / TROPICAL_YEAR * 360.0 + 180.0) % 360.0 - 180.0)
    seen: Bools = away > 60.0
    return seen


def _visited_nights(rng: np.random.Generator, start: float, end: float, steps: tuple[int, ...]) -> Int64s:
    size = int((end - start) / min(steps)) + 2
    night = int(start) + rng.integers(max(steps)) + np.cumsum(rng.choice(steps, size))
    nights: Int64s = night[night < end].astype(np.int64)
    return nights


def _ztf_pattern(rng: np.random.Generator, start: float, end: float) -> tuple[Int64s, Int8s, Float64s]:
    """Every second or third night one visit in g and one in r, of which some fail."""
    night = _visited_nights(rng, start, end, (2, 2, 2, 3))
    n = len(night)
    both = np.repeat(night, 2)
    band = np.tile(np.array([G, R], dtype=np.int8), n)
    first = rng.uniform(-0.08, 0.02, n)
    offset = np.stack([first, first + rng.uniform(0.02, 0.08, n)], axis=1).ravel()
    kept = rng.random(2 * n) < 0.9
    return both[kept], band[kept], offset[kept]


_PAIRS = np.array([(U, G), (G, R), (G, I), (R, I), (R, Z), (I, Z), (Z, Y), (Y, Y)], dtype=np.int8)
_PAIR_SHARES = (0.12, 0.12, 0.06, 0.20, 0.08, 0.16, 0.16, 0.10)


def _lsst_pattern(rng: np.random.Generator, start: float, end: float) -> tuple[Int64s, Int8s, Float64s]:
    """Every few nights a pair of visits 33 minutes apart in neighbouring filters (Bianco et al. 2022, ApJS 258, 1)."""
    night = _visited_nights(rng, start, end, (2, 3, 3, 5))
    n = len(night)
    band = _PAIRS[rng.choice(len(_PAIRS), n, p=_PAIR_SHARES)].ravel()
    first = rng.uniform(-0.08, 0.05, n)
    offset = np.stack([first, first + rng.uniform(0.021, 0.025, n)], axis=1).ravel()
    return np.repeat(night, 2), band, offset
