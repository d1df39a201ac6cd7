"""The recipe of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from streamer.training.recipe import Inputs, Trees
from streamer.training.toml_file import Name, Section, read_toml


class RestFrame(Section):
    """Columns of the set's ``metadata.csv.gz`` of which luminosities and rest-frame times are made, to be inputs."""

    redshift: str
    """The redshift of the object or its host; 0 or less for an object in the Galaxy."""
    reddening: str
    """E(B − V) of the Milky Way, mag."""


class BenchmarkRecipe(Section):
    """One set of light curves, its own classes, and trees that are cross-validated on it; no model comes of it."""

    benchmark: Name
    what: str
    """What is asked, in a sentence."""
    yardsticks: tuple[str, ...] = ()
    """What others reached, with its source."""
    set: str
    """The data set."""
    seed: Annotated[int, Field(ge=0)]
    min_detections: Annotated[int, Field(ge=1)] = 1
    """Objects with fewer are no part of the benchmark."""
    ages: tuple[float, ...] = ()
    """Ages (d) at which the training objects' light curves are shown too; the test objects' are whole."""
    beside: tuple[str, ...] = ()
    """Columns of the set's ``metadata.csv.gz`` that are inputs too: what its survey knew of an object besides the light curve."""
    rest_frame: RestFrame | None = None
    """Absent: no luminosities, for want of a redshift."""
    folds: Annotated[int, Field(ge=2)] = 5
    seeds: Annotated[int, Field(ge=1)] = 1
    """Models with different seeds whose probabilities are averaged."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.5
    """A class weighs objects^(1 − balance): 0 as the set has them, 1 all classes alike."""
    judged_from: Annotated[int, Field(ge=1)] = 30
    kind: Literal["light curve"] = "light curve"
    inputs: Inputs
    trees: Trees
    classes: Annotated[dict[str, tuple[str, ...]], Field(min_length=2)]
    """The classes, each with the labels of the data set that it holds; other objects are no part of the benchmark."""


def read_benchmark(path: Path) -> BenchmarkRecipe:
    """The recipe in a TOML file; InvalidConfig naming the file and every wrong setting."""
    return read_toml(path, BenchmarkRecipe)[1]
