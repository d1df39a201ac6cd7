"""Pulsars from a catalogue file in the format of the ATNF pulsar catalogue (``psrcat.db``; Manchester et al. 2005, AJ 129, 1993).

One parameter a line (name, value, and optionally its error and a reference, separated by white space), one pulsar after the other,
each ended by a line that begins with ``@``; ``#`` begins a comment.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamer.classify.known_pulsars import KnownPulsars
from streamer.errors import InvalidData, why

_OBLIQUITY = math.radians(84_381.406 / 3600.0)
"""Of the ecliptic at J2000 (IAU 2006); some pulsars are given in ecliptic coordinates."""
_DAY = 86_400.0
_NAN = math.nan
_NOTHING = ("", 0)

Entry = Mapping[str, tuple[str, int]]
"""Parameters of one pulsar: value and number of the line."""


@dataclass(frozen=True, slots=True)
class Pulsar:
    """One pulsar of the catalogue; NaN where the catalogue says nothing.

    Parameters
    ----------
    name : str
        J2000 name, else the B name.
    ra, dec : float, deg ICRS
    period : float, s
    period_derivative : float, s/s
    dm : float, pc cm^-3
    orbital_period : float, d
        NaN for an isolated pulsar.
    axis : float, light seconds
        Projected semi-major axis of the pulsar's orbit.
    eccentricity : float
        0 where the orbit has none in the catalogue.
    associations : str
        What it lies in, as the catalogue writes it (``GC:47Tuc``, ``SNR:…``).
    """

    name: str
    ra: float
    dec: float
    period: float
    period_derivative: float
    dm: float
    orbital_period: float
    axis: float
    eccentricity: float
    associations: str


def read_psrcat(path: Path) -> tuple[tuple[Pulsar, ...], str]:
    """The pulsars of a file that have a name, and the file's SHA-256; InvalidData, naming the line, if it is no such file."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidData(f"{path}: cannot be read as a catalogue of pulsars: {why(error)}") from error
    try:
        pulsars = tuple(_pulsar(entry) for entry in _entries(text) if "PSRJ" in entry or "PSRB" in entry)
    except ValueError as error:
        raise InvalidData(f"{path}: {error}") from error
    if not pulsars:
        raise InvalidData(f"{path}: no pulsar in it; the format is that of psrcat.db, with PSRJ, RAJ, DECJ, P0 … a line each")
    return pulsars, hashlib.sha256(raw).hexdigest()


def _entries(text: str) -> Iterator[Entry]:
    entry: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("@"):
            yield entry
            entry = {}
        elif line.strip() and not line.startswith("#"):
            name, *rest = line.split()
            entry.setdefault(name, (rest[0] if rest else "", number))
    if entry:
        yield entry


def _pulsar(entry: Entry) -> Pulsar:
    period, derivative = _spin(entry)
    ra, dec = _place(entry)
    return Pulsar(
        name=entry.get("PSRJ", entry.get("PSRB", _NOTHING))[0],
        ra=ra,
        dec=dec,
        period=period,
        period_derivative=derivative,
        dm=_number(entry, "DM"),
        orbital_period=_orbital_period(entry),
        axis=_number(entry, "A1"),
        eccentricity=_eccentricity(entry),
        associations=entry.get("ASSOC", _NOTHING)[0],
    )


def _number(entry: Entry, name: str) -> float:
    if name not in entry:
        return _NAN
    value, line = entry[name]
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"line {line}: {name} {value!r} is not a number") from None


def _spin(entry: Entry) -> tuple[float, float]:
    """Period and its derivative, from the frequency where only that is given."""
    period, derivative = _number(entry, "P0"), _number(entry, "P1")
    frequency, slowing = _number(entry, "F0"), _number(entry, "F1")
    if math.isnan(period) and frequency > 0:
        period = 1.0 / frequency
    if math.isnan(derivative) and period > 0:
        derivative = -slowing * period * period
    return (period if period > 0 else _NAN), derivative


def _orbital_period(entry: Entry) -> float:
    days, frequency = _number(entry, "PB"), _number(entry, "FB0")
    return 1.0 / (frequency * _DAY) if math.isnan(days) and frequency > 0 else days


def _eccentricity(entry: Entry) -> float:
    given, one, other = (_number(entry, name) for name in ("ECC", "EPS1", "EPS2"))
    if math.isnan(given):
        given = math.hypot(one, other)
    return 0.0 if math.isnan(given) else given


def _place(entry: Entry) -> tuple[float, float]:
    """Right ascension and declination, from ecliptic coordinates where only those are given."""
    if "RAJ" in entry and "DECJ" in entry:
        return 15.0 * _sexagesimal(entry, "RAJ"), _sexagesimal(entry, "DECJ")
    longitude, latitude = math.radians(_number(entry, "ELONG")), math.radians(_number(entry, "ELAT"))
    x = math.cos(latitude) * math.cos(longitude)
    y, z = math.cos(latitude) * math.sin(longitude), math.sin(latitude)
    y, z = y * math.cos(_OBLIQUITY) - z * math.sin(_OBLIQUITY), y * math.sin(_OBLIQUITY) + z * math.cos(_OBLIQUITY)
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def _sexagesimal(entry: Entry, name: str) -> float:
    """Hours or degrees of ``hh:mm:ss.s``; minutes and seconds may be missing."""
    value, line = entry[name]
    try:
        parts = [float(part) for part in value.lstrip("+-").split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"line {line}: {name} {value!r} is not written as 12:34:56.7")
    size = sum(part / 60.0**place for place, part in enumerate(parts))
    return -size if value.startswith("-") else size


def known_pulsars(path: Path) -> KnownPulsars:
    """The pulsars of a file that have a position and a period, ready for comparison; InvalidData if it is no such file."""
    pulsars, _ = read_psrcat(path)
    usable = sorted((p for p in pulsars if _is_on_the_sky(p) and 0 < p.period < math.inf), key=lambda p: p.dec)
    columns = (np.array([getattr(p, name) for p in usable], dtype=np.float64) for name in ("ra", "dec", "period", "dm"))
    return KnownPulsars(path.name, tuple(p.name for p in usable), *columns)


def _is_on_the_sky(pulsar: Pulsar) -> bool:
    return 0.0 <= pulsar.ra <= 360.0 and abs(pulsar.dec) <= 90.0
