"""HTRU2: 17,898 candidates of the High Time Resolution Universe survey with eight features each, 1,639 of them pulsars.

The header of the file that circulates, like the published description, has the third and fourth column of each half the wrong way
round: they are skewness, then excess kurtosis, as Pearson's bound (kurtosis ≥ skewness² − 2 for any distribution) shows row by row.
Lines end in a carriage return alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamer.classify.taxonomy import Class, by_name
from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.errors import InvalidData, why
from streamer.features import profile

FILE = Path("pulsars") / "htru2" / "HTRU_2.csv"
THIRTY = Path("pulsars") / "htru2" / "HTRU_2_30_features_10_bin.csv"
N_THIRTY = 30
NAME = "htru2"
WHAT = "8 features of 17,898 folded candidates of the HTRU Medlat survey, labelled by people as pulsar or not"
SOURCE = "HTRU_2.csv, as distributed with the Pulsar Feature Lab"
LICENCE = "none stated in the file"
CITATION = "Lyon et al. 2016, MNRAS 459, 1104; Keith et al. 2010, MNRAS 409, 619"
LEAVES: tuple[Class, ...] = (by_name("Pulsar"), by_name("Not a pulsar"))
INPUTS = tuple(feature.name for feature in profile.FEATURES)
_BOUND_SLACK = 1e-3
"""Relative; the table has eight or nine digits."""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """n labelled rows of features.

    Parameters
    ----------
    matrix : float32[n, number of inputs]
        Complete: nothing is undefined.
    is_pulsar : int64[n]
        1 for a pulsar, 0 for anything else.
    sha256 : str
        Of the file.
    names : tuple of str
        Of the features.
    """

    matrix: Float32s
    is_pulsar: Int64s
    sha256: str
    names: tuple[str, ...] = INPUTS

    def __len__(self) -> int:
        return len(self.matrix)


def read(data: Path) -> FeatureTable:
    """The table below the data folder; InvalidData if it is not there, or its columns are not what they should be."""
    path = data / FILE
    try:
        raw = path.read_bytes()
        lines = [line for line in raw.decode("ascii").replace("\r", "\n").split("\n") if line]
        values = np.array([line.split(",") for line in lines[1:]], dtype=np.float64)
    except (OSError, ValueError) as error:
        raise InvalidData(f"{path}: cannot be read as a table of numbers: {why(error)}") from error
    if values.ndim != 2 or values.shape[1] != len(INPUTS) + 1 or not np.isfinite(values).all():
        raise InvalidData(f"{path}: not {len(INPUTS)} features and a label in every row")
    if not np.isin(values[:, -1], (0, 1)).all():
        raise InvalidData(f"{path}: a label is neither 0 nor 1")
    for half in (0, 4):
        _check_bound(path, values[:, half + 2], values[:, half + 3])
    return FeatureTable(values[:, :-1].astype(np.float32), values[:, -1].astype(np.int64), hashlib.sha256(raw).hexdigest())


def read_thirty(data: Path) -> FeatureTable:
    """The table with the 30 features in ten bins each beside its eight: the same rows, for comparison alone.

    Eight of the thirty are the same eight; the other 22 (of Thornton 2013 and others) came without their definitions, so that
    nothing that serves can compute them.
    """
    eight, path = read(data), data / THIRTY
    try:
        raw = path.read_bytes()
        values = np.array([line.split(",") for line in raw.decode("ascii").split()], dtype=np.float32)
    except (OSError, ValueError) as error:
        raise InvalidData(f"{path}: cannot be read as a table of numbers: {why(error)}") from error
    if values.ndim != 2 or values.shape != (len(eight), N_THIRTY + 1) or (values[:, -1] != eight.is_pulsar).any():
        raise InvalidData(f"{path}: not {N_THIRTY} features and the label of each row of {FILE.name}")
    names = (*INPUTS, *(f"binned_{number + 1}" for number in range(N_THIRTY)))
    return FeatureTable(np.hstack([eight.matrix, values[:, :-1]]), eight.is_pulsar, hashlib.sha256(raw).hexdigest(), names)


def _check_bound(path: Path, skewness: Float64s, excess: Float64s) -> None:
    beyond = np.count_nonzero(excess < skewness**2 - 2 - _BOUND_SLACK * (1 + skewness**2))
    if beyond:
        raise InvalidData(f"{path}: {beyond} rows have less kurtosis than their skewness allows: the two columns are swapped")
