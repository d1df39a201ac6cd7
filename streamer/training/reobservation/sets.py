"""The sets that a recipe has re-observed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from streamer.errors import InvalidConfig
from streamer.training.datasets import LightCurves
from streamer.training.prepare import light_curves
from streamer.training.recipe import Recipe, Reobserved
from streamer.training.reobservation.donors import Donors
from streamer.training.reobservation.observe import Wanted, reobserved
from streamer.training.split import slices


def reobserved_sets(recipe: Recipe, section: Reobserved, real: LightCurves, data: Path) -> Sequence[LightCurves]:
    """The templates of the recipe's sets as its survey would have seen them, with the visits of its `real` light curves.

    Templates and donors are divided by the recipe's own split, so that a donor, its visits and the object made of them are always
    in one part. InvalidConfig if a class cannot be re-observed, or no set has it.
    """
    wanted = Wanted(section.classes, section.per_class, section.seed)

    def divided(table: LightCurves) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return slices(table.group.tolist(), recipe.seed, recipe.split.slices, table.part.tolist())

    donors = Donors.of(real, divided(real))
    templates = [light_curves(name, data) for name in section.sets]
    if missing := [name for name in section.classes if not any((table.label == name).any() for table in templates)]:
        raise InvalidConfig(f"recipe {recipe.name}: reobserved.classes: no set of {list(section.sets)} has {missing}")
    return [reobserved(table, divided(table), donors, wanted) for table in templates]
