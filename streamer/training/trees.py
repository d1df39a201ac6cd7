"""Trees grown from examples: LightGBM's settings, its data sets, and when growing stops."""

from __future__ import annotations

import lightgbm
import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.errors import InvalidData
from streamer.training.fit import Examples
from streamer.training.recipe import Recipe, Trees

_UNDISTURBED: dict[str, object] = {
    "objective": "multiclass",
    "deterministic": True,
    "force_row_wise": True,
    "max_bin": 255,
    "bagging_freq": 1,
    "verbosity": -1,
}
"""LightGBM's settings that no recipe changes."""


def grown_trees(recipe: Recipe, examples: Examples, train: Bools, validation: Bools) -> tuple[lightgbm.Booster, int]:
    """Trees from the alerts in `train` (bool[m]), and the number of rounds at which those in `validation` stop them."""
    weight = examples.alert_weight()
    booster = lightgbm.train(
        tree_settings(recipe.trees, recipe.seed) | {"num_class": len(examples.leaves)},
        dataset(examples, weight, train),
        num_boost_round=recipe.trees.rounds,
        valid_sets=[dataset(examples, weight, validation)],
        callbacks=[lightgbm.early_stopping(recipe.trees.patience, verbose=False)],
    )
    return booster, _rounds_kept(booster, len(examples.leaves))


def _rounds_kept(booster: lightgbm.Booster, n_classes: int) -> int:
    """The round to stop at: the best one, as far as there are trees.

    LightGBM goes on counting rounds in which no tree can grow any more, and keeps nothing of them.
    """
    grown = int(booster.num_trees()) // n_classes
    return min(int(booster.best_iteration) or grown, grown)


def tree_settings(trees: Trees, seed: int) -> dict[str, object]:
    """LightGBM's settings, but for the number of classes."""
    return _UNDISTURBED | {
        "num_leaves": trees.leaves,
        "learning_rate": trees.learning_rate,
        "min_data_in_leaf": trees.min_examples,
        "feature_fraction": trees.feature_fraction,
        "bagging_fraction": trees.bagging_fraction,
        "lambda_l2": trees.l2,
        "extra_trees": trees.extra_random,
        "num_threads": trees.threads,
        "seed": seed,
    }


def dataset(examples: Examples, weight: Float64s, among: Bools) -> lightgbm.Dataset:
    """The alerts `among` with their weights; InvalidData if there are none.

    Where some inputs are known only sometimes, each alert is there with them hidden, at half its weight, and those that have them
    are there a second time, weighted so that their classes are as common as in the first half.
    """
    if not among.any():
        raise InvalidData("a part of the split is empty: there are too few groups for so many slices")
    matrix, truth, weight = examples.matrix[among], examples.truth[examples.picks.row[among]], weight[among]
    sometimes = np.isin(examples.inputs, examples.sometimes)
    if sometimes.any():
        matrix, truth, weight = _hidden_and_shown(matrix, truth, weight, sometimes)
    return lightgbm.Dataset(matrix, truth, weight=weight, feature_name=list(examples.inputs), free_raw_data=True)


def _hidden_and_shown(matrix: Float32s, truth: Int64s, weight: Float64s, columns: Bools) -> tuple[Float32s, Int64s, Float64s]:
    """All rows without the inputs in `columns`, then those that have any; a class of which none has is only hidden."""
    hidden = matrix.copy()
    hidden[:, columns] = np.nan
    shown = ~np.isnan(matrix[:, columns]).all(axis=1)
    asked = np.bincount(truth, weights=weight)
    there = np.bincount(truth[shown], weights=weight[shown], minlength=len(asked))
    factor = np.divide(asked, there, out=np.zeros_like(asked), where=there > 0)
    return (
        np.concatenate([hidden, matrix[shown]]),
        np.concatenate([truth, truth[shown]]),
        np.concatenate([weight, weight[shown] * factor[truth[shown]]]) / 2,
    )
