"""Which families of inputs earn their place: the model without each, on validation objects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streamer import features
from streamer.data.arrays import Bools
from streamer.training.fit import Examples, only
from streamer.training.kept import Kept
from streamer.training.metrics import Figures, f1_gained
from streamer.training.recipe import Recipe
from streamer.training.validation import Validated, validated


def ablation(recipe: Recipe, examples: Examples, kept: Kept, progress: Callable[[str], None]) -> list[Figures]:
    """Validation loss and macro-F1 with all inputs, then without each family; JSON-able, empty if the recipe asks for none.

    What changes without a family is told with its error, that of the difference on the same objects.
    """
    if not recipe.tuning.ablation:
        return []
    recipe = recipe.model_copy(update={"tuning": recipe.tuning.model_copy(update={"folds": recipe.tuning.ablation_folds})})
    everything = validated(recipe, examples, kept)
    rows = [_row("all inputs", examples, everything)]
    for family in recipe.inputs.families:
        remaining = ~_of_family(family, examples)
        if remaining.any() and not remaining.all():
            progress(f"without {family}")
            fewer = only(examples, remaining)
            found = validated(recipe, fewer, kept)
            excess, error = found.excess_over(everything)
            gained = f1_gained(found.answers, everything.answers, [leaf.name for leaf in examples.leaves], recipe.seed)
            changes = {"excess": round(excess, 4), "error": round(error, 4), "gained": gained["macro_f1"]}
            rows.append(_row(f"without {family}", fewer, found) | changes)
    return rows


def _row(name: str, examples: Examples, found: Validated) -> Figures:
    return {
        "name": name,
        "inputs": len(examples.inputs),
        "objects": len(found.answers),
        "loss": round(found.loss, 4),
        "macro_f1": found.macro_f1,
    }


def _of_family(name: str, examples: Examples) -> Bools:
    family = next(one for one in features.FAMILIES if one.name == name)
    outputs = {feature.name for feature in family.outputs(examples.table.bands)}
    return np.array([column in outputs for column in examples.inputs])
