"""A training of minutes on simulated light curves alone: that everything works, not how well."""

from __future__ import annotations

import numpy as np

from streamer.errors import InvalidConfig
from streamer.sources.simulator import SIMULATED
from streamer.training.datasets import LightCurves, labelled
from streamer.training.recipe import Recipe
from streamer.training.sources import simulated

OBJECTS = 600
"""Simulated objects, before those that never raise an alert are left out."""


def quick(recipe: Recipe) -> tuple[Recipe, LightCurves]:
    """A small version of the recipe, and simulated light curves for it; InvalidConfig if its survey cannot be simulated."""
    if recipe.survey not in SIMULATED:
        raise InvalidConfig(f"recipe {recipe.name}: no light curves of {recipe.survey} can be simulated for --quick")
    small = recipe.model_copy(
        update={
            "name": f"{recipe.name}-quick",
            "judged_from": min(recipe.judged_from, 10),
            "data": recipe.data.model_copy(update={"sets": (simulated.ORIGIN.name,), "min_objects": 12, "tried_on": ()}),
            "split": recipe.split.model_copy(update={"slices": 4, "rotations": 4, "future": 0.0}),
            "trees": recipe.trees.model_copy(update={"rounds": 25, "patience": 8}),
            "tuning": recipe.tuning.model_copy(
                update={"trials": min(recipe.tuning.trials, 2), "folds": 1, "ablation": False, "inputs": ()}
            ),
        }
    )
    table = simulated.light_curves(recipe.survey, OBJECTS, recipe.seed % 1000)
    known = np.isin(table.label, list(recipe.priors.shares))  # the simulator makes classes that no recipe of its survey has
    return small, labelled(table.where(known, "objects", "of a class for which the recipe has no share"), small.data.min_objects)
