"""How a model of whole packets does: on real rows, on simulated packets, and how far the one is from the other."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.training.candidates import scores
from streamer.training.candidates.fit import stratified, tree_settings
from streamer.training.candidates.htru2 import FeatureTable
from streamer.training.folded.anchor import KINDS, PULSAR, Simulated, anchored, mismatch
from streamer.training.folded.fit import LEAVES, N_REAL, drawn_again, part_of, raw_scores, rows_of, trained
from streamer.training.folded.recipe import FoldedRecipe

_ROUNDS = 200


def on_real(recipe: FoldedRecipe, table: FeatureTable, probability: Float64s, without: Float64s) -> dict[str, Any]:
    """Scores of P(pulsar) of real rows, float64[repeats, n], by models that never saw them; with and without the DM curve."""
    return {
        "as_answered": scores.figures(table.is_pulsar, probability, probability > 0.5, recipe.seed),
        "without_curve": scores.figures(table.is_pulsar, without, without > 0.5, recipe.seed),
        "ece_noise_floor": scores.noise_floor(probability[0], recipe.seed),
        "reliability": scores.reliability(table.is_pulsar, probability[0]),
    }


def distance(recipe: FoldedRecipe, table: FeatureTable, some: Simulated, test: Simulated) -> dict[str, Any]:
    """What is left between simulation and reality once one half of the real rows has been matched, judged by the other half."""
    rng = np.random.default_rng((recipe.seed, 5))
    half = stratified(table.is_pulsar, 2, rng)
    matched, judged = (part_of(table, np.flatnonzero(half == each)) for each in (0, 1))
    plan = recipe.simulation
    rows = anchored(test, matched.matrix, matched.is_pulsar, rng, plan.anchored, plan.largest_weight)
    again = test.take(rows)
    told = {}
    for label, name in ((1, "pulsar"), (0, "other")):
        real = judged.matrix[judged.is_pulsar == label]
        of_class = np.flatnonzero((test.is_pulsar == label) & np.isfinite(test.matrix[:, :N_REAL]).all(axis=1))
        chosen = rows[again.is_pulsar == label]
        told[name] = {
            "before": round(mismatch(real, test.matrix[:, :N_REAL], of_class, rng), 4),
            "after": round(mismatch(real, test.matrix[:, :N_REAL], chosen, rng), 4),
            "different": len(np.unique(chosen)),
        }
    return {
        "two_sample_auc": told,
        "kinds": {kind: round(float(np.mean(again.kind == number)), 4) for number, kind in enumerate(KINDS)},
        **_both_ways(recipe, matched, judged, some, again, rng),
    }


def _both_ways(
    recipe: FoldedRecipe, matched: FeatureTable, judged: FeatureTable, some: Simulated, again: Simulated, rng: np.random.Generator
) -> dict[str, Any]:
    """Pulsar or not from the eight features: learned from one, asked about the other."""
    mine = some.take(
        anchored(some, matched.matrix, matched.is_pulsar, rng, recipe.simulation.anchored, recipe.simulation.largest_weight)
    )
    simulated, real = (
        _two_class(recipe, matrix, truth)
        for matrix, truth in ((mine.matrix[:, :N_REAL], mine.is_pulsar), (matched.matrix, matched.is_pulsar))
    )
    other = again.matrix[:, :N_REAL]
    return {
        "learned_simulated_asked_real": _scored(simulated, judged.matrix, judged.is_pulsar),
        "learned_real_asked_real": _scored(real, judged.matrix, judged.is_pulsar),
        "learned_real_asked_simulated": _scored(real, other, again.is_pulsar),
        "learned_simulated_asked_simulated": _scored(simulated, other, again.is_pulsar),
    }


def on_simulated(recipe: FoldedRecipe, table: FeatureTable, some: Simulated, test: Simulated) -> dict[str, Any]:
    """The three classes on simulated packets that were not learned from: of the simulation, not of the sky."""
    rng = np.random.default_rng((recipe.seed, 6))
    model = trained(recipe, rows_of(recipe, table, drawn_again(recipe, some, table, rng)))
    plan = recipe.simulation
    asked = test.take(anchored(test, table.matrix, table.is_pulsar, rng, plan.anchored, plan.largest_weight))
    answer = raw_scores(model, asked.matrix).argmax(axis=1)
    table_ = np.zeros((len(LEAVES), len(LEAVES)), dtype=np.int64)
    np.add.at(table_, (asked.kind, answer), 1)
    bare = asked.matrix.copy()
    bare[:, N_REAL:] = np.nan
    return {
        "confusion": table_.tolist(),
        "pulsars_whole": _figures(asked.is_pulsar, _pulsar(model, asked.matrix)),
        "pulsars_eight": _figures(asked.is_pulsar, _pulsar(model, bare)),
        "rfi_or_noise_auc": round(_interference_area(model, asked), 4),
    }


def _interference_area(model: lightgbm.Booster, asked: Simulated) -> float:
    """How well interference is told from noise, among what is no pulsar."""
    other = asked.take(np.flatnonzero(asked.kind != PULSAR))
    raw = raw_scores(model, other.matrix)
    rfi, noise = KINDS.index("rfi"), KINDS.index("noise")
    truth = np.asarray(other.kind == rfi, dtype=np.int64)
    return scores.area(truth, raw[:, rfi] - raw[:, noise], np.zeros(0, dtype=np.bool_))


def _pulsar(model: lightgbm.Booster, matrix: Float32s) -> Float64s:
    raw = raw_scores(model, matrix)
    weights = np.exp(raw - raw.max(axis=1, keepdims=True))
    p: Float64s = weights[:, PULSAR] / weights.sum(axis=1)
    return p


def _two_class(recipe: FoldedRecipe, matrix: Float32s, truth: Int64s) -> lightgbm.Booster:
    settings = {**tree_settings(recipe.trees, recipe.seed), "objective": "binary", "num_class": 1}
    return lightgbm.train(settings, lightgbm.Dataset(matrix, truth), num_boost_round=_ROUNDS)


def _scored(model: lightgbm.Booster, matrix: Float32s, truth: Int64s) -> dict[str, float]:
    return _figures(truth, np.asarray(model.predict(matrix, num_threads=1)))


def _figures(truth: Int64s, p: Float64s) -> dict[str, float]:
    answer = p > 0.5
    return {name: round(scores.SCORES[name](truth, p, answer), 4) for name in ("f1", "average_precision", "auc")}
