"""Candidate files by their content, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamer.candidates.barycentre import with_barycentric_period
from streamer.candidates.candidate import Candidate, record_of
from streamer.candidates.dedispersed import candidate_of
from streamer.candidates.pfd import read_pfd
from streamer.candidates.phcx import GZIP_MAGIC, MAX_BYTES, read_phcx
from streamer.errors import InvalidData

READERS: dict[str, Callable[[bytes], Candidate]] = {
    "phcx": read_phcx,
    "pfd": lambda content: candidate_of(read_pfd(content)),
}
"""Each format, with what makes a candidate of the bytes of a file."""


def read_record(path: Path) -> dict[str, Any]:
    """The record of ``schemas/pulsar_candidate`` 1.0 of one file.

    Raises
    ------
    InvalidData
        If it cannot be read, or is no candidate; the message names the file and what is wrong.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(4 * MAX_BYTES + 1)
    except OSError as error:
        raise InvalidData(f"{path}: {error.strerror}") from error
    if len(content) > 4 * MAX_BYTES:
        raise InvalidData(f"{path}: more than {4 * MAX_BYTES >> 20} MB")
    try:
        return record_of(with_barycentric_period(READERS[format_of(content)](content)), content)
    except InvalidData as error:
        raise InvalidData(f"{path}: {error}") from error


def format_of(content: bytes) -> str:
    """``phcx`` for XML, gzipped or not; ``pfd`` for what begins with binary counts."""
    begin = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not content:
        raise InvalidData("empty")
    if content.startswith(GZIP_MAGIC) or begin.startswith(b"<"):
        return "phcx"
    return "pfd"
