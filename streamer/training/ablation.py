"""Which families of inputs earn their place: the model without each, on validation objects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streamer import features
from streamer.data.arrays import Bools
from streamer.training.fit import Examples, only
from streamer.training.kept import Kept
from streamer.training.metrics import Figures
from streamer.training.recipe import Recipe
from streamer.training.validation import validated


def ablation(recipe: Recipe, examples: Examples, kept: Kept, progress: Callable[[str], None]) -> list[Figures]:
    """Validation loss and macro-F1 with all inputs, then without each family; JSON-able, empty if the recipe asks for none."""
    if not recipe.tuning.ablation:
        return []
    rows = [_row("all inputs", recipe, examples, kept)]
    for family in recipe.inputs.families:
        remaining = ~_of_family(family, examples)
        if remaining.any() and not remaining.all():
            progress(f"without {family}")
            rows.append(_row(f"without {family}", recipe, only(examples, remaining), kept))
    return rows


def _row(name: str, recipe: Recipe, examples: Examples, kept: Kept) -> Figures:
    found = validated(recipe, examples, kept)
    return {"name": name, "inputs": len(examples.inputs), "loss": round(found.loss, 4), "macro_f1": found.macro_f1}


def _of_family(name: str, examples: Examples) -> Bools:
    family = next(one for one in features.FAMILIES if one.name == name)
    outputs = {feature.name for feature in family.outputs(examples.table.bands)}
    return np.array([column in outputs for column in examples.inputs])
