"""Supernovae: a luminosity that rises and falls, radiated by a photosphere that cools, in an expanding universe.

Each is a bolometric luminosity L(t) and a temperature T(t); the flux in a band is that of a black body of that luminosity at the
band's effective wavelength. That gives colours and time-scales that hang together, at the price of spectral detail.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streamer.data.arrays import Float64s, Int8s
from streamer.data.photometry import flux_from_magnitude
from streamer.sources.simulated.cadence import Visits
from streamer.sources.simulated.truth import BAND_COUNT, Truth, colours

_WAVELENGTH_M = np.array([367.0, 482.5, 622.2, 754.5, 869.1, 971.0]) * 1e-9
_H, _C, _K, _SIGMA = 6.626_07e-34, 2.997_925e8, 1.380_65e-23, 5.670_37e-8
_MPC_M = 3.085_678e22
_NJY = 1e-35
_HUBBLE = 70.0
_DECELERATION = -0.55
_SUN_G = 1.989e33
_NICKEL, _COBALT = 3.9e10, 6.8e9
"""Heating by ⁵⁶Ni and ⁵⁶Co [erg/s/g]; Nadyozhin 1994, ApJS 92, 527."""
_NICKEL_DAYS, _COBALT_DAYS = 8.8, 111.3

Curve = Callable[[Float64s], Float64s]
"""A quantity against rest-frame days since explosion (positive)."""


def supernova_ia(rng: np.random.Generator, visits: Visits, depth: float) -> Truth:
    """SN Ia: nickel-powered (Arnett 1982), blanketed in the ultraviolet, a second maximum in i, z, y (Kasen 2006)."""
    nickel = float(np.clip(rng.normal(0.60, 0.12), 0.15, 0.95))
    diffusion = float(np.clip(rng.normal(13.5, 1.2) * (nickel / 0.6) ** 0.3, 9.0, 18.0))  # brighter is slower
    dust = float(rng.exponential(0.08))
    second = 44.0 * (nickel / 0.6) ** 0.5
    bump = np.array([0.0, 0.0, 0.12, 0.55, 0.6, 0.6])

    def temperature(day: Float64s) -> Float64s:
        return np.clip(11_000.0 * (np.maximum(day, 0.5) / 17.0) ** -0.75, 5_300.0, 14_000.0)

    def shape(day: Float64s, band: Int8s, z: float) -> Float64s:
        blanket = np.interp(_WAVELENGTH_M[band] * 1e9 / (1.0 + z), [250.0, 330.0, 420.0], [0.02, 0.3, 1.0])
        red: Float64s = 1.0 + bump[band] * np.exp(-0.5 * ((day - second) / 9.0) ** 2)
        return blanket * red

    light = arnett(nickel, diffusion, leak=38.0)
    return _supernova("SNIa", rng, visits, depth, -19.1, light, temperature, dust, shape)


def supernova_ibc(rng: np.random.Generator, visits: Visits, depth: float) -> Truth:
    """SN Ib/c: less nickel, redder and leaking sooner than a Ia (Lyman et al. 2016, MNRAS 457, 328)."""
    nickel = float(np.clip(10 ** rng.normal(-0.7, 0.2), 0.05, 0.6))
    diffusion = float(np.clip(rng.normal(11.0, 2.5), 6.0, 20.0))
    hot = float(rng.normal(8_000.0, 600.0))

    def temperature(day: Float64s) -> Float64s:
        return np.clip(hot * (np.maximum(day, 0.5) / 15.0) ** -0.6, 4_800.0, 14_000.0)

    light = arnett(nickel, diffusion, leak=80.0)
    return _supernova("SNIbc", rng, visits, depth, -17.4, light, temperature, float(rng.exponential(0.3)), _plain)


def supernova_ii(rng: np.random.Generator, visits: Visits, depth: float) -> Truth:
    """SN II: cooling after the shock, a plateau that may decline, the cobalt tail (Valenti et al. 2016)."""
    plateau = 10 ** rng.normal(42.1, 0.25)
    rise = float(rng.uniform(1.5, 4.0))
    decline = float(np.clip(rng.normal(0.8, 0.7), 0.0, 3.0))  # mag in 100 d
    length = float(np.clip(rng.normal(105.0 - 8.0 * decline, 12.0), 60.0, 140.0))
    nickel = float(np.clip(10 ** rng.normal(-1.5, 0.35), 0.003, 0.15))

    def light(day: Float64s) -> Float64s:
        shock = (1.0 - np.exp(-((day / rise) ** 2))) * (1.0 + 1.8 * np.exp(-day / 9.0))
        fall = 10 ** (-0.4 * decline * day / 100.0) / (1.0 + np.exp((day - length) / 4.0))
        tail = 1.41e43 * nickel * np.exp(-day / _COBALT_DAYS) / (1.0 + np.exp(-(day - length) / 4.0))  # Hamuy 2003, ApJ 582, 905
        total: Float64s = plateau * shock * fall + tail
        return total

    def temperature(day: Float64s) -> Float64s:
        return np.clip(23_000.0 * (1.0 + day / 3.0) ** -0.62, 5_500.0, 25_000.0)

    return _supernova("SNII", rng, visits, depth, -17.0, light, temperature, float(rng.exponential(0.15)), _plain)


def arnett(nickel: float, diffusion: float, leak: float) -> Curve:
    """Luminosity [erg/s] of `nickel` solar masses of ⁵⁶Ni behind a diffusion time [d] (Arnett 1982, ApJ 253, 785).

    Gamma rays leak out as 1 − exp(−(leak/t)²), `leak` in days (Wygoda et al. 2019, MNRAS 484, 3941).
    """
    x = np.linspace(0.0, 16.0, 641)
    y = diffusion / (2.0 * _NICKEL_DAYS)
    s = diffusion * (_COBALT_DAYS - _NICKEL_DAYS) / (2.0 * _COBALT_DAYS * _NICKEL_DAYS)
    from_nickel = _smeared(x, 2.0 * x * np.exp(-2.0 * x * y))
    from_cobalt = _smeared(x, 2.0 * x * np.exp(-2.0 * x * (y - s)))
    grid = nickel * _SUN_G * ((_NICKEL - _COBALT) * from_nickel + _COBALT * from_cobalt)

    def luminosity(day: Float64s) -> Float64s:
        trapped = 1.0 - np.exp(-((leak / np.maximum(day, 0.1)) ** 2))
        return np.interp(day / diffusion, x, grid) * trapped

    return luminosity


def _smeared(x: Float64s, heating: Float64s) -> Float64s:
    """exp(−x²) ∫₀ˣ heating(w) exp(w²) dw, step by step so that nothing overflows."""
    step = x[1] - x[0]
    smeared = [0.0]
    fade = np.exp(x[:-1] ** 2 - x[1:] ** 2)
    for keep, before, after in zip(fade.tolist(), heating[:-1].tolist(), heating[1:].tolist(), strict=True):
        smeared.append(keep * (smeared[-1] + 0.5 * step * before) + 0.5 * step * after)
    return np.array(smeared)


def luminosity_distance(z: float) -> float:
    """Mpc, to second order in redshift (Visser 2004, CQG 21, 2603): good to 3 % below z = 0.7."""
    return _C / 1e3 / _HUBBLE * (z + 0.5 * (1.0 - _DECELERATION) * z * z)


def redshift(distance: float) -> float:
    """Inverse of `luminosity_distance`."""
    curvature = 0.5 * (1.0 - _DECELERATION)
    return float((np.sqrt(1.0 + 4.0 * curvature * distance * _HUBBLE * 1e3 / _C) - 1.0) / (2.0 * curvature))


def blackbody_flux(luminosity: Float64s, temperature: Float64s, band: Int8s, z: float) -> Float64s:
    """float64[n] nJy of a black body of luminosity [erg/s] and temperature [K] at redshift `z`, at the bands' wavelengths."""
    frequency = _C / _WAVELENGTH_M[band] * (1.0 + z)
    planck = 2.0 * _H * frequency**3 / _C**2 / np.expm1(_H * frequency / (_K * temperature))
    per_hertz = luminosity * 1e-7 * np.pi * planck / (_SIGMA * temperature**4)
    distance = luminosity_distance(z) * _MPC_M
    flux: Float64s = (1.0 + z) * per_hertz / (4.0 * np.pi * distance**2) / _NJY
    return flux


def _plain(day: Float64s, _band: Int8s, _z: float) -> Float64s:
    return np.ones_like(day)


def _supernova(
    name: str,
    rng: np.random.Generator,
    visits: Visits,
    depth: float,
    peak: float,
    light: Curve,
    temperature: Curve,
    dust: float,
    shape: Callable[[Float64s, Int8s, float], Float64s],
) -> Truth:
    """A supernova in a galaxy, as far as one of absolute magnitude `peak` can be followed, at a random time."""
    farthest = 10 ** (0.2 * (depth - 0.8 - peak) - 5.0)
    distance = farthest * rng.random() ** 0.5
    z = redshift(distance)
    explosion = rng.uniform(visits.epoch[0], max(visits.epoch[-1] - 10.0, visits.epoch[0] + 1.0))
    day = (visits.epoch - explosion) / (1.0 + z)
    after = np.maximum(day, 1e-3)
    flux = blackbody_flux(light(after), temperature(after), visits.band, z) * shape(after, visits.band, z)
    dimming = 10 ** (-0.4 * dust * (_WAVELENGTH_M[visits.band] / 550e-9) ** -1.3)  # dust of the host: A_V and a power law
    host = colours(rng.normal(-20.0, 1.2) + 5.0 * np.log10(distance) + 25.0, 1.3, rng.normal(0.6, 0.15), 0.35, 0.25, 0.1)
    offset = float(np.degrees(rng.exponential(3e-3) / distance * (1.0 + z) ** 2) * 3600.0)  # 3 kpc
    reference = flux_from_magnitude(host) if offset < 12.0 else np.full(BAND_COUNT, np.nan)
    return Truth(name, np.where(day > 0.0, flux * dimming, 0.0), reference, offset, stellar=False, old=False)
