"""From a table of features to a classifier, and to what it says of rows that it never saw. The recipe decides everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import lightgbm
import numpy as np

from streamer.classify.bundle import bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.manifest import Manifest, TrainingSet
from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.training.candidates import htru2, scores
from streamer.training.candidates.htru2 import INPUTS, LEAVES, FeatureTable
from streamer.training.candidates.recipe import TableRecipe, Trees

PULSAR = 0
"""Column of the pulsars in raw scores and probabilities."""
_TEMPERATURES = np.geomspace(0.2, 5.0, 401)
_UNDISTURBED = {
    "objective": "multiclass",
    "num_class": len(LEAVES),
    "deterministic": True,
    "force_row_wise": True,
    "bagging_freq": 1,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class Held:
    """What models said of rows that they never saw.

    Parameters
    ----------
    probability : float64[repeats, n]
        Calibrated P(pulsar).
    is_above : bool[repeats, n]
        Whether it is above the threshold that the training part expects to be best.
    thresholds : float64[repeats × folds]
    """

    probability: Float64s
    is_above: Bools
    thresholds: Float64s


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model before its bundle is written."""

    trees: str
    calibration: Calibration


def stratified(truth: Int64s, folds: int, rng: np.random.Generator) -> Int64s:
    """int64[n] the fold of each row: each fold has as many rows of each class, to within one."""
    fold = np.empty(len(truth), dtype=np.int64)
    for label in (0, 1):
        fold[rng.permutation(np.flatnonzero(truth == label))] = np.arange(np.count_nonzero(truth == label)) % folds
    return fold


def cross_validated(recipe: TableRecipe, table: FeatureTable, progress: Callable[[str], None]) -> Held:
    """Every row scored once in each repeat by a model, a temperature and a threshold from the other folds alone."""
    plan, truth = recipe.validation, table.is_pulsar
    probability = np.empty((plan.repeats, len(table)))
    is_above = np.empty(probability.shape, dtype=np.bool_)
    thresholds = []
    for repeat in range(plan.repeats):
        progress(f"cross-validation {repeat + 1} of {plan.repeats}")
        rng = np.random.default_rng((recipe.seed, 1, repeat))
        fold = stratified(truth, plan.folds, rng)
        for number in range(plan.folds):
            test, train = fold == number, fold != number
            calibration, threshold = calibrated(recipe, table.matrix[train], truth[train], rng)
            p = _probability(calibration, _raw(recipe, table.matrix[train], truth[train], table.matrix[test]))
            probability[repeat, test], is_above[repeat, test] = p, p >= threshold
            thresholds.append(threshold)
    return Held(probability, is_above, np.array(thresholds))


def calibrated(recipe: TableRecipe, matrix: Float32s, truth: Int64s, rng: np.random.Generator) -> tuple[Calibration, float]:
    """The temperature and the threshold that suit scores of rows which the model did not see, from folds within these rows."""
    raw = np.empty((len(matrix), len(LEAVES)))
    fold = stratified(truth, recipe.validation.inner_folds, rng)
    for number in range(recipe.validation.inner_folds):
        test, train = fold == number, fold != number
        raw[test] = _raw(recipe, matrix[train], truth[train], matrix[test])
    calibration = Calibration.single(temperature(raw, truth))
    return calibration, scores.expected_best_threshold(_probability(calibration, raw))


def temperature(raw: Float64s, truth: Int64s) -> float:
    """The temperature with the smallest log loss of raw scores, float64[n, 2]."""
    margin = np.where(truth == 1, 1.0, -1.0) * (raw[:, PULSAR] - raw[:, 1 - PULSAR])
    losses = [np.logaddexp(0.0, -margin / t).mean() for t in _TEMPERATURES]
    return round(float(_TEMPERATURES[int(np.argmin(losses))]), 4)


def fit(recipe: TableRecipe, table: FeatureTable) -> Fitted:
    """The model of all rows, with the temperature of their cross-validation."""
    rng = np.random.default_rng((recipe.seed, 2))
    calibration, _ = calibrated(recipe, table.matrix, table.is_pulsar, rng)
    return Fitted(_trained(recipe, table.matrix, table.is_pulsar, table.names).model_to_string(), calibration)


def bundle(recipe: TableRecipe, table: FeatureTable, fitted: Fitted, metrics: dict[str, float], card: str) -> dict[str, bytes]:
    """The files of the bundle."""
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version,
        survey=recipe.survey,
        bands=(),
        leaves=tuple(leaf.id for leaf in LEAVES),
        inputs=INPUTS,
        min_detections=0,
        needs_all_inputs=True,
        trees=recipe.trees.rounds * len(LEAVES),
        seed=recipe.seed,
        data_hash=table.sha256,
        training=(
            TrainingSet(
                htru2.NAME, f"{htru2.WHAT}; {htru2.SOURCE}", htru2.LICENCE, htru2.CITATION, objects=len(table), examples=len(table)
            ),
        ),
        metrics=metrics,
    )
    return bundle_files(manifest, fitted.trees, fitted.calibration, card)


def tree_settings(trees: Trees, seed: int) -> dict[str, object]:
    """LightGBM's settings for two classes, the same for every thread and machine."""
    chosen = {
        "num_leaves": trees.leaves,
        "learning_rate": trees.learning_rate,
        "min_data_in_leaf": trees.min_examples,
        "feature_fraction": trees.feature_fraction,
        "bagging_fraction": trees.bagging_fraction,
        "lambda_l2": trees.l2,
        "num_threads": trees.threads,
        "seed": seed,
    }
    return {**_UNDISTURBED, **chosen}


def _trained(recipe: TableRecipe, matrix: Float32s, truth: Int64s, names: tuple[str, ...] | None = None) -> lightgbm.Booster:
    column = np.where(truth == 1, PULSAR, 1 - PULSAR)
    data = lightgbm.Dataset(matrix, column, feature_name="auto" if names is None else list(names))
    return lightgbm.train(tree_settings(recipe.trees, recipe.seed), data, num_boost_round=recipe.trees.rounds)


def _raw(recipe: TableRecipe, matrix: Float32s, truth: Int64s, others: Float32s) -> Float64s:
    """float64[m, 2] raw scores of `others` by a model of the rows of `matrix`."""
    raw: Float64s = np.asarray(_trained(recipe, matrix, truth).predict(others, raw_score=True, num_threads=1))
    return raw


def _probability(calibration: Calibration, raw: Float64s) -> Float64s:
    p: Float64s = calibration.probabilities(raw, np.zeros(len(raw), dtype=np.int64))[:, PULSAR]
    return p
