"""How many inputs a model needs: those that bring least go, step by step, as long as validation objects do not mind.

Which inputs go is decided by training objects alone (the gain of the splits on them), how many by validation objects: the fewest
whose loss is no more than one standard error above the lowest (the rule of Breiman et al. 1984 for pruning), the error that of the
difference on the same objects.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streamer.training.fit import Examples, only
from streamer.training.kept import Kept
from streamer.training.metrics import Figures
from streamer.training.recipe import Recipe
from streamer.training.validation import Validated, validated


def selected(recipe: Recipe, examples: Examples, kept: Kept, progress: Callable[[str], None]) -> tuple[Examples, list[Figures]]:
    """The examples with the inputs that are worth having, and what was tried, JSON-able; all of them if none is asked for."""
    if not recipe.tuning.inputs:
        return examples, []
    tried: list[tuple[Examples, Validated]] = []
    remaining = examples
    for count in (len(examples.inputs), *recipe.tuning.inputs):
        if tried:
            remaining = only(remaining, _strongest(tried[-1][1], count))
        if not tried or len(remaining.inputs) < len(tried[-1][0].inputs):
            tried.append((remaining, validated(recipe, remaining, kept)))
            progress(f"{len(remaining.inputs)} inputs: log loss {tried[-1][1].loss:.4f}")
    lowest = min((found for _, found in tried), key=lambda found: found.loss)
    excesses = [found.excess_over(lowest) for _, found in tried]
    chosen = max(place for place, (excess, error) in enumerate(excesses) if excess <= error)
    rows = [
        {
            "inputs": len(some.inputs),
            "loss": round(found.loss, 5),
            "excess": round(excess, 5),
            "error": round(error, 5),
            "macro_f1": found.macro_f1,
            "chosen": place == chosen,
        }
        for place, ((some, found), (excess, error)) in enumerate(zip(tried, excesses, strict=True))
    ]
    return tried[chosen][0], rows


def _strongest(found: Validated, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """bool[number of inputs], the `count` inputs with the greatest gain; of equal ones the first."""
    chosen = np.zeros(len(found.gain), dtype=np.bool_)
    chosen[np.argsort(-found.gain, kind="stable")[:count]] = True
    return chosen
