"""The recipe of a model that is trained on a table of features."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from streamer.training.toml_file import Name, Section, Version, read_toml


class Validation(Section):
    """How the model is judged: repeated stratified cross-validation, nothing resampled."""

    folds: Annotated[int, Field(ge=2)] = 5
    repeats: Annotated[int, Field(ge=1)] = 5
    inner_folds: Annotated[int, Field(ge=2)] = 4
    """Folds within each training part, which give it its temperature and its threshold."""


class Trees(Section):
    """LightGBM's settings; the number of rounds is fixed, since nothing is set aside for stopping early."""

    rounds: Annotated[int, Field(ge=1)]
    leaves: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    min_examples: Annotated[int, Field(ge=1)]
    """Examples in a leaf of a tree, at least."""
    feature_fraction: Annotated[float, Field(gt=0, le=1)]
    bagging_fraction: Annotated[float, Field(gt=0, le=1)]
    l2: Annotated[float, Field(ge=0)]
    threads: Annotated[int, Field(ge=1)] = 1
    """Part of the recipe, since the order of sums depends on it."""


class Comparison(Section):
    """The same judgement of a model of HTRU2's thirty binned features, which nothing computes in the stream."""

    validation: Validation
    trees: Trees


class TableRecipe(Section):
    """One model of a table of features."""

    name: Name
    version: Version
    survey: Literal["pulsar"]
    table: Literal["htru2"]
    """The table of features that it is trained on."""
    seed: Annotated[int, Field(ge=0)]
    validation: Validation = Validation()
    trees: Trees
    thirty: Comparison | None = None
    """Compared with; without it nothing is."""


def is_of_a_table(path: Path) -> bool:
    """Whether a recipe is one of these; one of light curves is not, nor what cannot be read as TOML."""
    return names(path, "table")


def names(path: Path, entry: str) -> bool:
    """Whether a TOML file has this entry at its top; what cannot be read has none."""
    try:
        return entry in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def read_table_recipe(path: Path) -> tuple[str, TableRecipe]:
    """The text of a TOML file and the recipe in it; InvalidConfig naming the file and every wrong setting."""
    return read_toml(path, TableRecipe)
