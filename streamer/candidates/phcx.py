"""PulsarHunter's candidate files (``.phcx``, also gzipped): XML whose arrays are hexadecimal bytes.

A file has sections, from the search to the last optimisation. Best values, profile, sub-integrations and sub-bands are those of the
last section that has a profile; the DM curve is that of the first section whose block of S/N runs over DM alone (the later ones are
small planes of period and DM). A byte b stands for min + (max − min) · b / 255. A negative bandwidth says that sub-bands begin at
the high end; they are turned round. The width is a share of the period, and −1 where it was not measured.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator
from gzip import BadGzipFile, GzipFile
from typing import TYPE_CHECKING

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from streamer.candidates.candidate import SECONDS_PER_DAY, Candidate
from streamer.data.arrays import Float64s
from streamer.errors import InvalidData

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 64 << 20
"""Larger files are no candidates; real ones have 0.2 MB."""
MAX_VALUES = 1 << 20
"""Entries of one array."""


def read_phcx(content: bytes) -> Candidate:
    """The candidate in the bytes of a file.

    Raises
    ------
    InvalidData
        If they are no such file, or lack what a candidate needs; the message says what is wrong.
    """
    root = _root(_inflated(content))
    sections = [section for section in root.iter("Section") if section.find("Profile") is not None]
    if not sections:
        raise InvalidData("no Section with a Profile")
    best = sections[-1]
    centre, bandwidth, length = (_number(root, f"head/{name}") for name in ("CentreFreq", "BandWidth", "ObservationLength"))
    subbands = _array(best.find("SubBands"))
    topocentric, barycentric = (_number(best, f"BestValues/{name}") for name in ("TopoPeriod", "BaryPeriod"))
    width = _number(best, "BestValues/Width")
    return Candidate(
        telescope=_text(root, "head/Telescope") or "unknown",
        scan=_text(root, "head/SourceID"),
        epoch=_number(root, "head/MjdStart") + (0.5 * length / SECONDS_PER_DAY if length > 0 else 0.0),
        t_obs=length,
        ra=_degrees(root, "head/Coordinate/RA"),
        dec=_degrees(root, "head/Coordinate/Dec"),
        centre_frequency=centre,
        bandwidth=abs(bandwidth),
        p_topo=topocentric,
        p_bary=barycentric,
        pdot=math.nan,
        accel=_number(best, "BestValues/Accn"),
        dm=_number(best, "BestValues/Dm"),
        snr=_number(best, "BestValues/Snr"),
        width=width * (topocentric if topocentric > 0 else barycentric) if width > 0 else math.nan,
        profile=_array(best.find("Profile")).ravel(),
        subints=_array(best.find("SubIntegrations")),
        subbands=subbands[::-1] if bandwidth < 0 else subbands,
        dm_curve=next(_dm_curves(root), np.zeros((0, 2))),
    )


def _inflated(content: bytes) -> bytes:
    if content.startswith(GZIP_MAGIC):
        try:
            with GzipFile(fileobj=io.BytesIO(content)) as stream:
                content = stream.read(MAX_BYTES + 1)
        except (BadGzipFile, EOFError, zlib.error) as error:
            raise InvalidData(f"not gzip to its end: {error}") from error
    if len(content) > MAX_BYTES:
        raise InvalidData(f"more than {MAX_BYTES >> 20} MB of XML")
    return content


def _root(text: bytes) -> Element:
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InvalidData(f"XML with definitions of its own, which no candidate needs: {type(error).__name__}") from error
    except (ParseError, ValueError, LookupError) as error:  # a wrong encoding is one of the latter two
        raise InvalidData(f"not XML: {error}") from error
    if root.tag != "phcf":
        raise InvalidData(f"XML of {root.tag!r} instead of 'phcf'")
    return root


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _number(element: Element, path: str) -> float:
    """The number there; NaN if there is none."""
    text = _text(element, path)
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise InvalidData(f"{path} is {text[:40]!r}, no number") from None


def _degrees(root: Element, path: str) -> float:
    found = root.find(path)
    unit = found.get("units") if found is not None else None
    if unit not in (None, "degrees"):
        raise InvalidData(f"{path} is in {unit!r} instead of degrees")
    return _number(root, path)


def _count(element: Element, name: str) -> int:
    text = element.get(name, "1")
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MAX_VALUES):
        raise InvalidData(f"{element.tag} has {name} {text[:20]!r}")
    return int(text)


def _array(element: Element | None) -> Float64s:
    """float64[rows, bins]; no rows if there is no such element."""
    if element is None:
        return np.zeros((0, 0))
    rows, bins = _count(element, "nSub"), _count(element, "nBins")
    return _bytes(element, rows * bins).reshape(rows, bins)


def _bytes(element: Element, count: int) -> Float64s:
    """float64[count] of an element of hexadecimal bytes."""
    if element.get("format") != "02X":
        raise InvalidData(f"{element.tag} has format {element.get('format')!r}, known is '02X'")
    try:
        raw = bytes.fromhex(element.text or "")
        low, high = float(element.get("min", "nan")), float(element.get("max", "nan"))
    except ValueError:
        raise InvalidData(f"{element.tag} is not hexadecimal, or has no min and max") from None
    if len(raw) != count:
        raise InvalidData(f"{element.tag} has {len(raw)} values instead of {count}")
    return low + (high - low) * np.frombuffer(raw, dtype=np.uint8).astype(np.float64) / 255.0


def _dm_curves(root: Element) -> Iterator[Float64s]:
    """The blocks of S/N that run over DM alone, each float64[trials, 2] in rising order of DM."""
    for block in root.iter("SnrBlock"):
        index, data = block.find("DmIndex"), block.find("DataBlock")
        others = [each for name in ("PeriodIndex", "AccnIndex", "JerkIndex") if (each := block.find(name)) is not None]
        if index is None or data is None or any(_count(each, "nVals") > 1 for each in others):
            continue
        try:
            dm = np.array([float(text) for text in (index.text or "").split()])
        except ValueError:
            raise InvalidData("DmIndex holds what is no number") from None
        if len(dm) != _count(index, "nVals"):
            raise InvalidData(f"DmIndex has {len(dm)} values instead of {_count(index, 'nVals')}")
        curve = np.stack([dm, _bytes(data, len(dm))], axis=1)
        yield curve[np.argsort(dm, kind="stable")]
