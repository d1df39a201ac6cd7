"""Candidate files for the tests, written byte by byte."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Float64s
from tests.unit.features.candidates import pulse


@dataclass(frozen=True, slots=True)
class FoldFile:
    """A dispersed pulsar as ``prepfold`` would have folded it: at a period a little wrong, sub-bands not yet in step."""

    order: str = "<"
    parts: int = 16
    bands: int = 8
    bins: int = 64
    dm: float = 30.0
    period: float = 0.1
    drift: float = 0.0
    """Turns that the pulse comes later at the end, since the fold's frequency is too high."""
    variance: float = 1.0
    position: bytes = b"12:30:00.0\0\0\0\0\0\0-45:15:00.0\0\0\0\0\0"
    low, channel, channels = 1200.0, 1.0, 256
    t_obs = 600.0

    def profiles(self) -> Float64s:
        """float64[parts, bands, bins]."""
        each = self.channels // self.bands
        top = self.low + self.channel * (each * np.arange(1, self.bands + 1) - 1.0)
        delay = 4149.377593 * self.dm * (top**-2.0 - top[-1] ** -2.0) / self.period
        rng = np.random.default_rng(1)
        table = [
            [pulse(self.bins, 0.4 + float(late) + self.drift * (part + 0.5) / self.parts, 0.03, 3.0) for late in delay]
            for part in range(self.parts)
        ]
        return 100.0 + np.array(table) + math.sqrt(self.variance) * rng.normal(size=(self.parts, self.bands, self.bins))

    def content(self) -> bytes:
        """The file."""
        o = self.order

        def text(value: bytes) -> bytes:
            return struct.pack(f"{o}i", len(value)) + value

        def found(first: float) -> bytes:
            return struct.pack(f"{o}2f3d", 1.0, 0.0, first, 0.0, 0.0)

        dt = self.t_obs / (1000.0 * self.parts)
        fold_hz = 1.0 / self.period + self.drift / self.t_obs
        parts = (
            struct.pack(f"{o}12i", 3, 2, 1, self.bands, self.parts, self.bins, self.channels, 1, 1, 1, 1, 1),
            text(b"obs.fil") + text(b"PSR_TEST") + text(b"MeerKAT") + text(b"obs.ps/CPS"),
            self.position,
            struct.pack(f"{o}2d", dt, 0.0),
            struct.pack(f"{o}7d", 1.0, 60_000.0, 0.0, 0.0, self.low, self.channel, self.dm),
            found(self.period) + found(0.0) + found(fold_hz),
            struct.pack(f"{o}7d", *[0.0] * 7),
            struct.pack(f"{o}6d", 0.0, self.dm, 2 * self.dm, 0.1, 0.2, 0.0),
            self.profiles().astype(f"{o}f8").tobytes(),
            np.tile([1000.0, 0.0, 0.0, 0.0, 0.0, self.variance, 1.0], self.parts * self.bands).astype(f"{o}f8").tobytes(),
        )
        return b"".join(parts)


def phcx(*, bandwidth: float = -400.0, **replaced: str) -> str:
    """A small PulsarHunter file; `replaced` texts stand for those that they are named after."""
    profile = bytes(round(220 * value) + 5 * (i % 3) for i, value in enumerate(pulse(16, 8.5 / 16, 0.05))).hex().upper()
    rows = profile * 4
    parts = {
        "prologue": "<?xml version='1.0'?>",
        "ra": "<RA units='degrees'>251.5</RA>",
        "start": "54000.0",
        "profile": f"<Profile nBins='16' format='02X' min='-1.0' max='3.0'>{profile}</Profile>",
        "period": "0.5",
        "dm": "<DmIndex nVals='4' format='6.4f'>\n0.0\n20.0\n10.0\n30.0\n</DmIndex>",
    } | replaced
    return f"""{parts["prologue"]}
<phcf><head><SourceID>scan-7</SourceID><Telescope>parkes</Telescope>
<Coordinate>{parts["ra"]}<Dec units='degrees'>-33.5</Dec></Coordinate>
<CentreFreq units='MHz'>1382.0</CentreFreq><BandWidth units='MHz'>{bandwidth}</BandWidth>
<MjdStart>{parts["start"]}</MjdStart><ObservationLength units='seconds'>864.0</ObservationLength></head>
<Section name='FFT'><BestValues/>{parts["profile"]}
<SnrBlock><PeriodIndex nVals='1'>0.5</PeriodIndex>{parts["dm"]}
<DataBlock format='02X' min='0.0' max='25.5'>0A 64 FF 14</DataBlock></SnrBlock></Section>
<Section name='FFT-pdmpd'><BestValues><TopoPeriod>{parts["period"]}</TopoPeriod><BaryPeriod>0.50005</BaryPeriod>
<Dm>10.5</Dm><Accn>0.0</Accn><Snr>25.0</Snr><Width>0.0625</Width></BestValues>
<SubIntegrations nBins='16' nSub='4' format='02X' min='0.0' max='1.0'>{rows}</SubIntegrations>
<SubBands nBins='16' nSub='4' format='02X' min='0.0' max='1.0'>{"00" * 16}{profile * 3}</SubBands>
{parts["profile"]}
<SnrBlock><PeriodIndex nVals='2'>0.5 0.6</PeriodIndex><DmIndex nVals='2'>1 2</DmIndex>
<DataBlock format='02X' min='0' max='1'>00000000</DataBlock></SnrBlock></Section></phcf>"""
