"""A recipe: everything that decides what a model becomes, in one TOML file that travels inside its bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from streamer.training.toml_file import Name, Section, Survey, Version, parse_toml, read_toml

RECIPES = Path(__file__).parent / "recipes"
"""The recipes of the bundles that the package ships."""


class Data(Section):
    """Which data sets, in which order: an object that occurs twice counts with the first."""

    sets: Annotated[tuple[str, ...], Field(min_length=1)]
    min_objects: Annotated[int, Field(ge=1)] = 8
    """A class with fewer objects is no leaf of the model."""
    licence: Literal["any", "stated"] = "any"
    """``stated`` leaves out the objects that are from a place that states no licence."""
    borrow: tuple[tuple[str, ...], ...] = ()
    """Groups of classes in which an object without context borrows that of another, for models with ``points = "all"``."""
    tried_on: tuple[str, ...] = ()
    """Sets of labelled real packets that the finished model is tried on; nothing is trained with them."""


class Reobserved(Section):
    """Light curves of other surveys, made into what this survey would have seen of them; they train, and are never judged."""

    sets: Annotated[tuple[str, ...], Field(min_length=1)]
    """Sets of other surveys whose light curves are templates."""
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    """Leaves that are re-observed."""
    per_class: Annotated[int, Field(ge=1)]
    """Light curves of each class from each set; templates that are fewer are seen several times, with different donors."""
    seed: Annotated[int, Field(ge=0)]


class Inputs(Section):
    """Which features the model reads, and which points they are made of."""

    families: Annotated[tuple[str, ...], Field(min_length=1)]
    """Families whose features are inputs."""
    exclude: tuple[str, ...] = ()
    """Features of these families that are none: their names, or their names without the band."""
    bands: tuple[str, ...] = ()
    """Bands whose features are inputs; empty means all bands of the survey."""
    period_budget: Annotated[int, Field(ge=1_024)] | None = None
    """Most points × frequencies of one period search, which the bundle states and serving keeps to; absent, the features' own."""
    points: Literal["detections", "all"] = "detections"
    """``all``: limits, forced photometry, total flux and context too. Sets that lack them betray themselves by what is missing."""
    sometimes: tuple[str, ...] = ()
    """Inputs that the stream always has, but only some objects of the sets: trees grow with them hidden from all objects, and with
    them, the classes then being as common among the objects that have one as among all. So whether they are there says nothing."""


class Split(Section):
    """How groups are divided: slice 0 tests, 1 calibrates, 2 validates, the others train."""

    slices: Annotated[int, Field(ge=4)] = 10
    rotations: Annotated[int, Field(ge=1)] = 1
    """Over how many slices the four parts are rotated for the cross-fitted scores; 1 means the bundle's own test part alone. With
    as many rotations as slices, calibration is cross-fitted too."""
    future: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the groups, the last to be detected, on which a model of those before is tried; 0 where epochs mean nothing."""


class Trees(Section):
    """LightGBM's settings."""

    rounds: Annotated[int, Field(ge=1)] = 300
    patience: Annotated[int, Field(ge=1)] = 30
    """Stop when the validation loss has not fallen for so many rounds."""
    leaves: Annotated[int, Field(ge=2)] = 7
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    min_examples: Annotated[int, Field(ge=1)] = 20
    """Examples in a leaf of a tree, at least."""
    feature_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    bagging_fraction: Annotated[float, Field(gt=0, le=1)] = 0.7
    l2: Annotated[float, Field(ge=0)] = 1.0
    extra_random: bool = False
    """Thresholds drawn at random instead of searched for: trees that agree less with each other."""
    threads: Annotated[int, Field(ge=1)] = 1
    """Part of the recipe, since the order of sums depends on it."""


class Space(Section):
    """From where to where settings of the trees are searched for."""

    leaves: tuple[int, int] = (4, 24)
    min_examples: tuple[int, int] = (5, 60)
    feature_fraction: tuple[float, float] = (0.1, 0.7)
    bagging_fraction: tuple[float, float] = (0.4, 1.0)
    l2: tuple[float, float] = (0.1, 30.0)


class Tuning(Section):
    """What is decided on validation objects."""

    trials: Annotated[int, Field(ge=0)] = 0
    """Settings of the trees that are tried, the recipe's own first; 0 takes those."""
    folds: Annotated[int, Field(ge=1)] = 2
    """Slices that validate one after another."""
    ablation: bool = False
    """Whether the model is grown without each family of inputs."""
    ablation_folds: Annotated[int, Field(ge=1)] = 1
    """Slices that validate that one after another: where a slice has few objects, one tells little."""
    inputs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Numbers of inputs that are tried, falling: each time the inputs with the least gain in training go. Of all, and these, the
    fewest are taken whose log loss is not measurably above the lowest. Empty keeps all."""
    space: Space = Space()


class Priors(Section):
    """How common each class is taken to be."""

    source: str
    """Where the shares are from."""
    pull: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Weight of a class in training and calibration: share^pull × objects^(1 − pull); 0 is what the sets hold, 1 the shares."""
    shares: dict[str, Annotated[float, Field(gt=0)]]
    """Share of each leaf in the stream, in any unit."""


class Recipe(Section):
    """One model."""

    name: Name
    version: Version
    survey: Survey  # whose light curves the sets hold
    view: Literal["stream", "history"] = "stream"
    """What an example is: an alert with the window that its packet carries, or an object with everything up to an epoch."""
    seed: int
    min_detections: Annotated[int, Field(ge=1)] = 1
    """Alerts with fewer detections in their window are not classified."""
    judged_from: Annotated[int, Field(ge=1)] = 30
    """A class with fewer test objects is shown, but neither averaged over nor judged."""
    data: Data
    reobserved: Reobserved | None = None
    inputs: Inputs
    split: Split = Split()
    trees: Trees = Trees()
    tuning: Tuning = Tuning()
    priors: Priors


def read_recipe(path: Path) -> tuple[str, Recipe]:
    """The text of a TOML file and the recipe in it; InvalidConfig naming the file and every wrong setting."""
    return read_toml(path, Recipe)


def parse_recipe(text: str, where: str) -> Recipe:
    """The recipe written in `text`; `where` is named in errors."""
    return parse_toml(text, where, Recipe)
