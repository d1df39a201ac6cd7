"""Which part of the data an object belongs to: by a hash of its group, so that it never depends on what else is in the table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from streamer.data.arrays import Int64s


class Part(StrEnum):
    """What an object is used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    """Early stopping and every choice made by looking."""
    CALIBRATION = "calibration"
    """Temperatures."""
    TEST = "test"
    """Looked at once, at the end."""


_SLICE_OF_PART = {"": None, Part.TEST.value: 0, Part.CALIBRATION.value: 1, Part.VALIDATION.value: 2, Part.TRAIN.value: 3}


def slices(groups: Iterable[str], seed: int, n: int, parts: Iterable[str] | None = None) -> Int64s:
    """int64[m] slice 0 … n − 1 of each group, the same for equal groups, whatever the order.

    `parts` (str[m]) names the :class:`Part` that an object is kept for, by a slice that is of it at rotation 0; where it is empty,
    and without `parts`, the hash decides.
    """
    names = list(groups)
    kept = [_SLICE_OF_PART[part] for part in parts] if parts is not None else [None] * len(names)
    return np.array(
        [_hash(seed, name) % n if place is None else place for name, place in zip(names, kept, strict=True)], dtype=np.int64
    )


def part_of(slice_number: Int64s, rotation: int, n: int) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """str[m] part of each slice: with rotation k, slice k tests, k + 1 calibrates, k + 2 validates, the rest trains."""
    distance = (slice_number - rotation) % n
    names = np.array([Part.TEST, Part.CALIBRATION, Part.VALIDATION, Part.TRAIN])
    parts: np.ndarray[tuple[int], np.dtype[np.str_]] = names[np.minimum(distance, 3)]
    return parts


def random_number(seed: int, name: str) -> int:
    """A number below 2⁶⁴ that depends on `seed` and `name` alone."""
    return _hash(seed, name)


def _hash(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")
