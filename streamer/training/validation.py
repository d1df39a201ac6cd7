"""How a choice does on validation objects: what tuning and the ablation of inputs decide by, never the test part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from streamer.data.arrays import Bools, Float64s
from streamer.training.crossfit import depends_on
from streamer.training.fit import Examples
from streamer.training.kept import Arrays, Kept
from streamer.training.metrics import Answers, macro_f1
from streamer.training.recipe import Recipe
from streamer.training.trees import grown_trees


@dataclass(frozen=True, slots=True)
class Validated:
    """How trees did on validation objects.

    Parameters
    ----------
    loss : float
        Mean log loss, each object once and weighted as in training.
    macro_f1 : float
        Over one random alert of each validation object.
    rounds : float
        Mean number of rounds at which the loss was lowest.
    answers : Answers
        What was said of those alerts.
    object_loss, object_weight : float64[number of objects]
        Log loss of each object, the mean of its alerts', and how much the object counts; NaN and 0 for those that validate nothing.
    gain : float64[number of inputs]
        Loss that the splits on each input took away in training, as a share of what all did; mean over the slices.
    """

    loss: float
    macro_f1: float
    rounds: float
    answers: Answers = field(compare=False)
    object_loss: Float64s = field(compare=False)
    object_weight: Float64s = field(compare=False)
    gain: Float64s = field(compare=False)

    def excess_over(self, other: Validated) -> tuple[float, float]:
        """By how much the loss is greater than `other`'s on the same objects, and the standard error of that."""
        among = self.object_weight > 0
        weight, apart = self.object_weight[among], (self.object_loss - other.object_loss)[among]
        excess = float(np.average(apart, weights=weight))
        return excess, float(np.sqrt(np.sum((weight * (apart - excess)) ** 2)) / weight.sum())


def validated(recipe: Recipe, examples: Examples, kept: Kept) -> Validated:
    """Trees grown without one slice after another, and scored on it; the test slice is in neither part."""
    names = [leaf.name for leaf in examples.leaves]
    alerts, probability, rounds, gain = [], [], [], []
    for number, (train, validation) in enumerate(_folds(recipe, examples)):
        what = depends_on(recipe, examples) | {"fold": number, "folds": recipe.tuning.folds}
        found = kept.of("validation", what, partial(_grown, recipe, examples, train, validation))
        alerts.append(np.flatnonzero(validation))
        probability.append(found["probability"])
        rounds.append(float(found["rounds"]))
        gain.append(found["gain"])
    scored = np.full((len(examples.picks), len(names)), np.nan)
    scored[np.concatenate(alerts)] = np.concatenate(probability)
    among = np.isfinite(scored[:, 0])
    chosen = examples.one_each(among, recipe.seed)
    row = examples.picks.row[chosen]
    answers = Answers(examples.truth[row], scored[chosen], np.ones(len(row)), examples.weight[row])
    losses, weights = _losses(examples, scored, among)
    return Validated(
        loss=float(np.nansum(losses * weights) / weights.sum()),
        macro_f1=macro_f1(answers, len(names)),
        rounds=float(np.mean(rounds)),
        answers=answers,
        object_loss=losses,
        object_weight=weights,
        gain=np.mean(gain, axis=0),
    )


def _folds(recipe: Recipe, examples: Examples) -> Iterator[tuple[Bools, Bools]]:
    """For each fold, which alerts train and which validate; slice 0, which tests the shipped model, does neither."""
    of_alert = examples.slice_number[examples.picks.row]
    for number in np.linspace(1, recipe.split.slices - 1, min(recipe.tuning.folds, recipe.split.slices - 1)).astype(np.int64):
        yield (of_alert != 0) & (of_alert != number), (of_alert == number) & examples.first_hand


def _grown(recipe: Recipe, examples: Examples, train: Bools, validation: Bools) -> Arrays:
    booster, rounds = grown_trees(recipe, examples, train, validation)
    probability = booster.predict(examples.matrix[validation], num_iteration=rounds, num_threads=1)
    gain = booster.feature_importance("gain", iteration=rounds)
    return {"probability": np.asarray(probability), "rounds": np.array(rounds), "gain": gain / max(gain.sum(), 1e-300)}


def _losses(examples: Examples, probability: Float64s, among: Bools) -> tuple[Float64s, Float64s]:
    """Mean log loss of each object's alerts `among` (NaN if it has none), and the object's weight (then 0)."""
    row = examples.picks.row[among]
    log_p = np.log(np.maximum(probability[among][np.arange(len(row)), examples.truth[row]], 1e-15))
    weight = examples.alert_weight()[among]
    total: Float64s = np.bincount(row, weight, minlength=len(examples.table)).astype(np.float64)
    with np.errstate(invalid="ignore"):
        loss: Float64s = np.bincount(row, -weight * log_p, minlength=len(examples.table)) / total
    return loss, total
