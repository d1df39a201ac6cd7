"""What a data set's reader is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamer.training.datasets import LightCurves, Origin


@dataclass(frozen=True, slots=True)
class Reader:
    """A data set and how to read it.

    Parameters
    ----------
    origin : Origin
    survey : str
        The survey whose light curves these are (or imitate).
    read : callable of the data folder to LightCurves
        Raises InvalidData naming file, row and column.
    """

    origin: Origin
    survey: str
    read: Callable[[Path], LightCurves]
