"""The recipe of a model that tells binary pulsars from isolated ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from streamer.training.candidates.recipe import Trees
from streamer.training.toml_file import Name, Section, Version, read_toml


class Examples(Section):
    """How many examples are drawn, and of how many epochs."""

    per_kind: Annotated[int, Field(ge=100)]
    """Of each of four kinds: binary or isolated, millisecond pulsar or slower. All four count the same, so that neither the share
    of binaries nor how well fast pulsars are timed is learned as evidence."""
    epochs: Annotated[dict[int, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    """How often each number of epochs occurs, in any unit."""


class Validation(Section):
    """Repeated cross-validation: all examples of a pulsar are on one side of every split."""

    folds: Annotated[int, Field(ge=2)] = 5
    repeats: Annotated[int, Field(ge=1)] = 5
    draws: Annotated[int, Field(ge=1)] = 4
    """Examples of each tested pulsar for each number of epochs that is reported."""
    reported: tuple[Annotated[int, Field(ge=1)], ...] = (1, 2, 3, 5)


class OrbitRecipe(Section):
    """One model of periods at several epochs."""

    name: Name
    version: Version
    survey: Literal["pulsar"]
    orbits: Literal["psrcat"]
    """The catalogue whose spins and orbits it is trained on."""
    seed: Annotated[int, Field(ge=0)]
    examples: Examples
    validation: Validation = Validation()
    trees: Trees


def read_orbit_recipe(path: Path) -> tuple[str, OrbitRecipe]:
    """The text of a TOML file and the recipe in it; InvalidConfig naming the file and every wrong setting."""
    return read_toml(path, OrbitRecipe)
