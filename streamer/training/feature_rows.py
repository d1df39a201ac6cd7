"""Rows of features that somebody else computed, for a model that reads just those: a CSV with a column for each input.

HTRU2's table is read under its own names. The header that circulates has kurtosis and skewness of each half the wrong way round, as
has the published description, and a copy may have that put right. Which of the two a file is, its numbers say: the excess kurtosis
of any distribution is at least skewness² − 2 (Pearson 1916), and read the wrong way round most rows break that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from streamer.classify.bundle import LightGBMClassifier
from streamer.data.arrays import Bools, Float64s
from streamer.errors import InvalidData, why
from streamer.features import profile
from streamer.training.answers import Classified
from streamer.training.sources.columns import require

_EIGHT = tuple(feature.name for feature in profile.FEATURES)
_PUBLISHED = (
    ("meanprof", "sd-prof", "exk-prof", "skewness-prof", "meandmsnr", "sd-dmsnr", "exk-dmsnr", "skewness-dmsnr"),
    ("mean_profile", "std_profile", "kurt_profile", "skew_profile", "mean_dmsnr", "std_dmsnr", "kurt_dmsnr", "skew_dmsnr"),
    (
        "mean of the integrated profile",
        "standard deviation of the integrated profile",
        "excess kurtosis of the integrated profile",
        "skewness of the integrated profile",
        "mean of the dm-snr curve",
        "standard deviation of the dm-snr curve",
        "excess kurtosis of the dm-snr curve",
        "skewness of the dm-snr curve",
    ),
)
"""The eight columns of HTRU2 as copies of it call them, lower case, in the order of its files; a class may follow."""
_HALVES = ((2, 3), (6, 7))
_SLACK = 1e-3
"""Relative; the table has eight or nine digits."""
ID, COUNT = "object_id", "n_detections"


def classified_rows(path: Path, model: LightGBMClassifier) -> Classified:
    """The model's answer for each row of a CSV; rows are named by a column ``object_id``, else by their number from 1.

    An empty cell is an undefined input. Lines may end in a carriage return alone. Columns that are neither inputs nor ``object_id``
    nor ``n_detections`` are left out, which is noted.

    Raises
    ------
    InvalidData
        Naming file, row and column: for a missing input, a cell that is no number, moments that no distribution has.
    """
    table = _read(path)
    inputs = list(model.inputs)
    names, notes = _inputs(path, table, inputs)
    matrix = np.column_stack([_numbers(path, table, name) for name in names])
    if model.inputs == _EIGHT:
        _check_moments(path, matrix, names)
    if COUNT in table.columns:
        count = _numbers(path, table, COUNT)
        require(path, COUNT, (count >= 0) & (count == np.floor(count)), "is no number of detections", count)
    elif model.manifest.min_detections > 0:
        raise InvalidData(
            f"{path}: column {COUNT} is missing; {model.name} answers from {model.manifest.min_detections} detections up"
        )
    else:
        count = np.zeros(len(table))
    object_id = (table[ID].to_numpy() if ID in table.columns else np.arange(1, len(table) + 1)).astype(np.str_)
    idle = [name for name in table.columns if name not in {*names, ID, COUNT}]
    if idle:
        notes.append(f"columns left out: {', '.join(idle)}")
    n_detections = count.astype(np.int64)
    return Classified(model, object_id, n_detections, model.scores(matrix.astype(np.float32), n_detections), tuple(notes))


def _read(path: Path) -> pd.DataFrame:
    try:
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        lines = [line.split(",") for line in text.split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidData(f"{path}: cannot be read: {why(error)}") from error
    if len(lines) < 2:
        raise InvalidData(f"{path}: needs a line with the names of the columns and a row")
    header = [name.strip().strip('"').strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            raise InvalidData(f"{path}: row {number} has {len(line)} cells, the header {len(header)}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise InvalidData(f"{path}: columns {twice} are there twice")
    return pd.DataFrame(lines[1:], columns=header, dtype=str)


def _numbers(path: Path, table: pd.DataFrame, name: str) -> Float64s:
    """float64 column; NaN where the cell is empty."""
    cells = table[name].str.strip().to_numpy(dtype=np.str_)
    values: Float64s = pd.to_numeric(pd.Series(cells), errors="coerce").to_numpy(dtype=np.float64)
    require(path, name, np.isfinite(values) | (cells == ""), "is not a finite number", cells)
    return values


def _inputs(path: Path, table: pd.DataFrame, inputs: list[str]) -> tuple[list[str], list[str]]:
    """The columns that hold the inputs, in their order, and what should be said of that."""
    if all(name in table.columns for name in inputs):
        return inputs, []
    if tuple(inputs) == _EIGHT:
        spelled = {name.lower(): name for name in table.columns}
        for published in _PUBLISHED:
            if all(name in spelled for name in published):
                return _untangled(path, table, [spelled[name] for name in published])
    missing = [name for name in inputs if name not in table.columns]
    raise InvalidData(f"{path}: it lacks {', '.join(missing)}; there are {', '.join(map(str, table.columns))}")


def _untangled(path: Path, table: pd.DataFrame, published: list[str]) -> tuple[list[str], list[str]]:
    """HTRU2's columns in the order of the inputs: skewness before excess kurtosis, whatever the header calls them."""
    as_placed = as_named = True
    for first, second in _HALVES:
        a, b = _numbers(path, table, published[first]), _numbers(path, table, published[second])
        as_placed &= bool(_possible(skewness=a, excess=b).all())
        as_named &= bool(_possible(skewness=b, excess=a).all())
    if as_placed == as_named:
        trouble = "as its header says and the other way round" if as_placed else "neither way round"
        raise InvalidData(
            f"{path}: skewness and kurtosis of HTRU2's columns fit together {trouble}; name the columns "
            f"{', '.join(_EIGHT)} to say which is which"
        )
    if as_named:
        swapped = list(published)
        for first, second in _HALVES:
            swapped[first], swapped[second] = published[second], published[first]
        return swapped, ["HTRU2's columns, whose header is right in this file"]
    return published, [
        "HTRU2's columns, whose header has skewness and kurtosis swapped: "
        + ", ".join(f"{published[first]} is the skewness and {published[second]} the excess kurtosis" for first, second in _HALVES)
    ]


def _possible(skewness: Float64s, excess: Float64s) -> Bools:
    """bool[n], what Pearson's bound allows; an undefined moment is no reason to doubt."""
    fine: Bools = ~(excess < skewness**2 - 2 - _SLACK * (1 + skewness**2))
    return fine


def _check_moments(path: Path, matrix: Float64s, names: list[str]) -> None:
    for first, second in _HALVES:
        fine = _possible(matrix[:, first], matrix[:, second])
        require(
            path,
            f"{names[first]}, {names[second]}",
            fine,
            "(skewness, excess kurtosis) is what no distribution has: excess kurtosis ≥ skewness² − 2; are the columns swapped?",
            np.array([f"{skewness:g}, {excess:g}" for skewness, excess in matrix[:, [first, second]]]),
        )
