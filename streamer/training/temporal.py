"""A model of the past on the objects of the future: the split that a survey meets every night."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streamer.classify.calibration import Calibration
from streamer.data.arrays import Bools
from streamer.training.crossfit import depends_on
from streamer.training.fit import Examples, first_detections
from streamer.training.kept import Arrays, Kept
from streamer.training.metrics import Answers, Figures, figures
from streamer.training.neighbourhood import light_curve_only
from streamer.training.recipe import Recipe
from streamer.training.trees import grown_trees


def temporal(recipe: Recipe, examples: Examples, kept: Kept, progress: Callable[[str], None]) -> Figures | None:
    """Scores on the alerts of the latest objects by a model of what was known before; JSON-able, None if nothing is asked for.

    An object belongs to the future if its group was first detected in the last `recipe.split.future` share of all groups; a model
    of the past sees no alert from after that night. Probabilities have no temperature: what is asked is which class is named.
    Where context is borrowed, the model does without: objects of the past and of the future share their lenders.
    """
    if not recipe.split.future:
        return None
    progress("temporal test")
    blind = bool(examples.borrowed.any())
    if blind:
        examples = light_curve_only(recipe, examples)
    first = first_detections(examples.table)
    _, group = np.unique(examples.table.group, return_inverse=True)
    of_group = np.full(group.max() + 1, np.inf)
    np.minimum.at(of_group, group, first)
    night = float(np.quantile(of_group, 1 - recipe.split.future))
    row = examples.picks.row
    epoch = examples.age + first[row]
    later = of_group[group[row]] >= night
    test = later & examples.first_hand
    train = ~later & (epoch < night)
    found = kept.of("temporal", depends_on(recipe, examples) | {"night": night}, lambda: _scored(recipe, examples, train, test))
    chosen = np.searchsorted(np.flatnonzero(test), examples.one_each(test, recipe.seed))
    truth_row = row[np.flatnonzero(test)[chosen]]
    answers = Answers(examples.truth[truth_row], found["probability"][chosen], np.ones(len(chosen)), np.ones(len(chosen)))
    names = [leaf.name for leaf in examples.leaves]
    return {
        "night": round(night, 1),
        "trained_on": len(np.unique(row[train])),
        "learned_from": dict(
            zip(names, np.bincount(examples.truth[np.unique(row[train])], minlength=len(names)).tolist(), strict=True)
        ),
        "without_context": blind,
        "overall": figures(answers, names, recipe.judged_from, recipe.seed),
    }


def _scored(recipe: Recipe, examples: Examples, train: Bools, test: Bools) -> Arrays:
    validation = train & (examples.slice_number[examples.picks.row] == 0)
    booster, rounds = grown_trees(recipe, examples, train & ~validation, validation)
    raw = booster.predict(examples.matrix[test], raw_score=True, num_iteration=rounds, num_threads=1)
    return {"probability": Calibration.single(1.0).probabilities(np.asarray(raw), examples.n_detections[test])}
