"""How a choice does on validation objects: what tuning and the ablation of inputs decide by, never the test part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import lightgbm
import numpy as np

from streamer.data.arrays import Bools, Float64s
from streamer.training.crossfit import depends_on
from streamer.training.fit import Examples, dataset, rounds_kept, tree_settings
from streamer.training.kept import Arrays, Kept
from streamer.training.metrics import Answers, macro_f1
from streamer.training.recipe import Recipe


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
    """

    loss: float
    macro_f1: float
    rounds: float


def validated(recipe: Recipe, examples: Examples, kept: Kept) -> Validated:
    """Trees grown without one slice after another, and scored on it; the test slice is in neither part."""
    names = [leaf.name for leaf in examples.leaves]
    alerts, probability, rounds = [], [], []
    for number, (train, validation) in enumerate(_folds(recipe, examples)):
        what = depends_on(recipe, examples) | {"fold": number, "folds": recipe.tuning.folds}
        found = kept.of("validated", what, partial(_grown, recipe, examples, train, validation))
        alerts.append(np.flatnonzero(validation))
        probability.append(found["probability"])
        rounds.append(float(found["rounds"]))
    scored = np.full((len(examples.picks), len(names)), np.nan)
    scored[np.concatenate(alerts)] = np.concatenate(probability)
    among = np.isfinite(scored[:, 0])
    chosen = examples.one_each(among, recipe.seed)
    row = examples.picks.row[chosen]
    answers = Answers(examples.truth[row], scored[chosen], np.ones(len(row)), examples.weight[row])
    return Validated(_loss(examples, scored, among), macro_f1(answers, len(names)), float(np.mean(rounds)))


def _folds(recipe: Recipe, examples: Examples) -> Iterator[tuple[Bools, Bools]]:
    """For each fold, which alerts train and which validate; slice 0, which tests the shipped model, does neither."""
    of_alert = examples.slice_number[examples.picks.row]
    for number in np.linspace(1, recipe.split.slices - 1, min(recipe.tuning.folds, recipe.split.slices - 1)).astype(np.int64):
        yield (of_alert != 0) & (of_alert != number), (of_alert == number) & examples.first_hand


def _grown(recipe: Recipe, examples: Examples, train: Bools, validation: Bools) -> Arrays:
    weight = examples.alert_weight()
    booster = lightgbm.train(
        tree_settings(recipe) | {"num_class": len(examples.leaves)},
        dataset(examples, weight, train),
        num_boost_round=recipe.trees.rounds,
        valid_sets=[dataset(examples, weight, validation)],
        callbacks=[lightgbm.early_stopping(recipe.trees.patience, verbose=False)],
    )
    rounds = rounds_kept(booster, len(examples.leaves))
    probability = booster.predict(examples.matrix[validation], num_iteration=rounds, num_threads=1)
    return {"probability": np.asarray(probability), "rounds": np.array(rounds)}


def _loss(examples: Examples, probability: Float64s, among: Bools) -> float:
    truth = examples.truth[examples.picks.row[among]]
    log_p = np.log(np.maximum(probability[among][np.arange(len(truth)), truth], 1e-15))
    return -float(np.average(log_p, weights=examples.alert_weight()[among]))
