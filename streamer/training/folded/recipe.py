"""The recipe of a model of whole candidate packets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from streamer.training.candidates.recipe import Trees
from streamer.training.toml_file import Name, Section, Version, read_toml


class Simulation(Section):
    """The simulated candidates."""

    per_kind: Annotated[int, Field(ge=50)]
    """Drawn of each of pulsars, interference and noise, before they are anchored."""
    anchored: Annotated[int, Field(ge=50)]
    """Drawn again of these, so that their eight features are distributed as the real ones', with the real share of pulsars."""
    largest_weight: Annotated[float, Field(ge=1)] = 30.0
    """How many times more often than on average a candidate may be drawn again."""
    bare: Annotated[float, Field(ge=0, le=1)]
    """Share of them that keep the eight features alone, as the rows of the real table have no others."""
    lacking: Annotated[float, Field(ge=0, le=1)]
    """Share of the others that lack sub-integrations, and the same of sub-bands."""
    no_curve: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of all rows, real ones too, that lack the DM curve; 0 makes a model that needs one."""


class Inputs(Section):
    """Which features the model reads."""

    families: Annotated[tuple[str, ...], Field(min_length=1)]
    exclude: tuple[str, ...] = ()
    """Features of these families that are none: what only the simulation decides."""


class Validation(Section):
    """Stratified cross-validation over the real rows."""

    folds: Annotated[int, Field(ge=2)] = 5
    repeats: Annotated[int, Field(ge=1)] = 1


class FoldedRecipe(Section):
    """One model of whole packets."""

    name: Name
    version: Version
    survey: Literal["pulsar"]
    anchor: Literal["htru2"]
    """The table of real features that the simulation is brought to."""
    seed: Annotated[int, Field(ge=0)]
    simulation: Simulation
    inputs: Inputs
    validation: Validation = Validation()
    trees: Trees


def read_folded_recipe(path: Path) -> tuple[str, FoldedRecipe]:
    """The text of a TOML file and the recipe in it; InvalidConfig naming the file and every wrong setting."""
    return read_toml(path, FoldedRecipe)
