"""PRESTO's fold files (``.pfd``): a binary dump of ``prepfold``'s state, in the byte order of the machine that wrote it.

Twelve counts, four texts, the position as text, numbers about data, barycentre, frequencies, periods and orbit, three lists of
trials, the profiles of every part of the observation and every sub-band, and seven statistics of each. Counts are checked against
the size of the file before anything is made of them. The period of the fold itself is written as a frequency.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Float64s
from streamer.errors import InvalidData

MAX_TEXT = 4096
MAX_TRIALS = 1 << 20
MAX_VALUES = 1 << 24
"""Bins of all profiles together; real files have a hundredth."""
MAX_BINS = 1 << 13
"""Bins of one profile, which is turned for more than a thousand dispersion measures; real ones have some hundred."""
N_STATISTICS = 7
_POSITION = 16
"""Bytes of each coordinate."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Period (s) and its first two derivatives; for the fold itself frequency (Hz) and its derivatives."""

    first: float
    second: float
    third: float


@dataclass(frozen=True, slots=True)
class Fold:
    """What a fold file holds.

    Parameters
    ----------
    file, candidate, telescope : str
    ra, dec : str
        Sexagesimal; empty if not known.
    dt : float, s
        Length of a sample.
    topocentric_epoch, barycentric_epoch : float, MJD
        Begin of the data; 0 if not known.
    recession : float
        Mean speed away from the source over that of light.
    low_frequency, channel_width : float, MHz
        Centre of the lowest channel; width of each.
    channels : int
    dm : float, pc cm^-3
        The best.
    topocentric, barycentric, fold : Periods
    trial_dms : float64[k], pc cm^-3
    profiles : float64[parts, sub-bands, bins]
    samples : float64[parts]
        Samples folded into each part.
    variance : float
        Expected variance of a bin of the sum of all profiles; NaN if not known.
    """

    file: str
    candidate: str
    telescope: str
    ra: str
    dec: str
    dt: float
    topocentric_epoch: float
    barycentric_epoch: float
    recession: float
    low_frequency: float
    channel_width: float
    channels: int
    dm: float
    topocentric: Periods
    barycentric: Periods
    fold: Periods
    trial_dms: Float64s
    profiles: Float64s
    samples: Float64s
    variance: float


class _Bytes:
    """Reads numbers and texts one after the other, in one byte order."""

    def __init__(self, content: bytes, order: str) -> None:
        self.content = content
        self.order = order
        self.at = 0

    def take(self, size: int, what: str) -> bytes:
        if size < 0 or size > len(self.content) - self.at:
            raise InvalidData(f"ends within {what}: {len(self.content):,} bytes, {self.at + max(size, 0):,} are needed so far")
        self.at += size
        return self.content[self.at - size : self.at]

    def ints(self, n: int, what: str) -> tuple[int, ...]:
        return struct.unpack(f"{self.order}{n}i", self.take(4 * n, what))

    def doubles(self, n: int, what: str) -> Float64s:
        return np.frombuffer(self.take(8 * n, what), dtype=f"{self.order}f8").astype(np.float64)

    def text(self, what: str) -> str:
        [size] = self.ints(1, what)
        if not 0 <= size <= MAX_TEXT:
            raise InvalidData(f"{what} of {size} characters")
        return _plain(self.take(size, what))

    def periods(self, what: str) -> Periods:
        self.take(8, what)  # the power found there, and nothing: two floats
        first, second, third = self.doubles(3, what).tolist()
        return Periods(first, second, third)

    def position(self) -> str:
        """A coordinate; empty if none was written here."""
        if b":" in self.content[self.at : self.at + _POSITION]:
            return _plain(self.take(_POSITION, "the position"))
        if self.content[self.at : self.at + _POSITION].startswith(b"Unknown"):
            self.take(_POSITION, "the position")
        return ""


def read_pfd(content: bytes) -> Fold:
    """The fold in the bytes of a file.

    Raises
    ------
    InvalidData
        If they are no such file, or end before it does; the message says where.
    """
    source = _Bytes(content, _byte_order(content))
    n_dms, n_periods, n_pdots, bands, parts = source.ints(5, "the counts")
    bins, channels, *_ = source.ints(7, "the counts")
    _check_counts(n_dms, n_periods, n_pdots, bands, parts, bins, channels)
    file, name, telescope, _ = (source.text(what) for what in ("file name", "name", "telescope", "plot device"))
    ra = source.position()
    dec = source.position() if ra else ""
    dt, _ = source.doubles(2, "the sampling").tolist()
    _, topo, bary, recession, low, width, dm = source.doubles(7, "the epochs and frequencies").tolist()
    topocentric, barycentric, folding = (source.periods(f"the {name} period") for name in ("topocentric", "barycentric", "folding"))
    source.doubles(7, "the orbit")
    trials = source.doubles(n_dms, "the trial DMs")
    source.doubles(n_periods + n_pdots, "the trial periods")
    profiles = source.doubles(parts * bands * bins, "the profiles").reshape(parts, bands, bins)
    statistics = source.doubles(parts * bands * N_STATISTICS, "the statistics").reshape(parts, bands, N_STATISTICS)
    if source.at != len(content):
        raise InvalidData(f"{len(content) - source.at:,} bytes behind the end of the fold")
    variance = float(statistics[:, :, 5].sum())
    return Fold(
        file, name, telescope, ra, dec, dt, topo, bary, recession, low, width, channels, dm, topocentric, barycentric, folding,
        trials, profiles, statistics[:, 0, 0], variance if math.isfinite(variance) and variance > 0 else math.nan,
    )  # fmt: skip


def _byte_order(content: bytes) -> str:
    """``<`` or ``>``, in which the counts at the beginning are counts."""
    for order in "<>":
        try:
            counts = _Bytes(content, order).ints(12, "the counts")
        except InvalidData:
            break
        if all(0 <= count <= MAX_TRIALS for count in counts) and all(count >= 1 for count in counts[3:7]):
            return order
    raise InvalidData("no fold of prepfold: it does not begin with sensible counts")


def _check_counts(n_dms: int, n_periods: int, n_pdots: int, bands: int, parts: int, bins: int, channels: int) -> None:
    counted = f"{parts} parts, {bands} sub-bands, {bins} bins, {channels} channels, {n_dms} + {n_periods} + {n_pdots} trials"
    if bins > MAX_BINS or bands * parts * bins > MAX_VALUES or channels < bands or channels % bands:
        raise InvalidData(f"no sensible fold: {counted}")


def _plain(raw: bytes) -> str:
    return raw.partition(b"\x00")[0].decode("latin-1").strip()
