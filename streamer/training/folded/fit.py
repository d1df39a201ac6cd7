"""From a real table of features and anchored simulations to a model of whole packets, and to what it says of what it never saw.

Rows of both are learned from together. Of the real ones the eight features are known and whether they are pulsars, so that
P(pulsar) of a packet that holds no more rests on them; what the others are is filled in by a model of the simulated ones, as
shares. Of the simulated ones all features are known, or as many as packets may hold. Both have the same share of pulsars, so that
which features are missing says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import lightgbm
import numpy as np

from streamer.classify.bundle import bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.manifest import Manifest, TrainingSet
from streamer.classify.taxonomy import Class, by_name
from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.errors import InvalidConfig
from streamer.features import dispersion, families_of, subbands, subints
from streamer.features.feature import Family
from streamer.training.candidates import htru2
from streamer.training.candidates.fit import Fitted, stratified, tree_settings
from streamer.training.candidates.htru2 import FeatureTable
from streamer.training.folded.anchor import KINDS, PULSAR, Simulated, anchored, simulated
from streamer.training.folded.recipe import FoldedRecipe

LEAVES: tuple[Class, ...] = tuple(by_name(name) for name in ("Pulsar", "RFI", "Noise"))
"""In the order of the kinds that are simulated."""
N_REAL = len(htru2.INPUTS)
"""The real table's features are the first inputs."""
N_PROFILE = 4
"""The first half of those is the profile's, the other the DM curve's."""
_ROUNDS = 120
_TEMPERATURES = np.geomspace(0.4, 2.5, 61)
_DRAWN, _TESTED = 3, 4
"""What tells the seeds of simulations for training from those for tests."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to learn from.

    Parameters
    ----------
    matrix : float32[n, inputs]
    kind : int64[n]
        Index of the leaf.
    weight : float64[n]
    """

    matrix: Float32s
    kind: Int64s
    weight: Float64s


def inputs_of(recipe: FoldedRecipe) -> tuple[str, ...]:
    """The model's inputs, those of the real table first; InvalidConfig if the recipe names what does not exist."""
    families = {family.name: family for family in families_of(())}
    if unknown := sorted(set(recipe.inputs.families) - set(families)):
        raise InvalidConfig(f"inputs.families: {', '.join(unknown)} is no family of candidates; there are {', '.join(families)}")
    names = [feature.name for name in recipe.inputs.families for feature in families[name].outputs(())]
    if unknown := sorted(set(recipe.inputs.exclude) - set(names)):
        raise InvalidConfig(f"inputs.exclude: {', '.join(unknown)} is no feature of these families")
    others = [name for name in names if name not in recipe.inputs.exclude and name not in htru2.INPUTS]
    return (*htru2.INPUTS, *others)


def drawn(recipe: FoldedRecipe, *, test: bool = False) -> Simulated:
    """The simulated candidates, before they are anchored; those for tests are others."""
    count, seed = recipe.simulation.per_kind // (2 if test else 1), recipe.seed % 1000 + (_TESTED if test else _DRAWN)
    return simulated(inputs_of(recipe), count, seed)


def drawn_again(recipe: FoldedRecipe, some: Simulated, table: FeatureTable, rng: np.random.Generator) -> Simulated:
    """Simulated candidates, distributed as the real rows, some of them without what packets may lack."""
    plan = recipe.simulation
    found = some.take(anchored(some, table.matrix, table.is_pulsar, rng, plan.anchored, plan.largest_weight))
    matrix = found.matrix.copy()
    names = inputs_of(recipe)
    for family in (subints.FAMILY, subbands.FAMILY):
        matrix[np.ix_(np.flatnonzero(rng.random(len(found)) < plan.lacking), _columns(family, names))] = np.nan
    of_curve = np.concatenate([np.arange(N_PROFILE, N_REAL), _columns(dispersion.FAMILY, names)])
    matrix[np.ix_(np.flatnonzero(rng.random(len(found)) < plan.no_curve), of_curve)] = np.nan
    matrix[np.ix_(np.flatnonzero(rng.random(len(found)) < plan.bare), np.arange(N_REAL, len(names)))] = np.nan
    return Simulated(matrix, found.kind)


def _columns(family: Family, names: tuple[str, ...]) -> Int64s:
    """Where the family's features are among the inputs."""
    return np.array([names.index(feature.name) for feature in family.outputs(()) if feature.name in names], dtype=np.int64)


def rows_of(recipe: FoldedRecipe, table: FeatureTable, again: Simulated) -> Rows:
    """Real and simulated rows together; a real one that is no pulsar counts as interference and as noise, in shares."""
    share = _interference(recipe, again, table.matrix)
    negative = np.flatnonzero(table.is_pulsar == 0)
    order = np.concatenate([np.flatnonzero(table.is_pulsar), negative, negative])
    real = np.full((len(order), again.matrix.shape[1]), np.nan, dtype=np.float32)
    real[:, :N_REAL] = table.matrix[order]
    without = np.random.default_rng((recipe.seed, 7)).random(len(table)) < recipe.simulation.no_curve
    real[without[order], N_PROFILE:N_REAL] = np.nan
    positives = len(order) - 2 * len(negative)
    kind = np.repeat([PULSAR, KINDS.index("rfi"), KINDS.index("noise")], [positives, len(negative), len(negative)])
    weight = np.concatenate([np.ones(positives), share[negative], 1.0 - share[negative]])
    return Rows(
        np.concatenate([real, again.matrix]),
        np.concatenate([kind, again.kind]),
        np.concatenate([weight, np.ones(len(again))]),
    )


def trained(recipe: FoldedRecipe, rows: Rows) -> lightgbm.Booster:
    """A model of these rows."""
    data = lightgbm.Dataset(rows.matrix, rows.kind, weight=rows.weight, feature_name=list(inputs_of(recipe)))
    settings = {**tree_settings(recipe.trees, recipe.seed), "num_class": len(LEAVES)}
    return lightgbm.train(settings, data, num_boost_round=recipe.trees.rounds)


def part_of(table: FeatureTable, rows: Int64s) -> FeatureTable:
    """The given rows of a table."""
    return FeatureTable(table.matrix[rows], table.is_pulsar[rows], table.sha256)


def cross_validated(
    recipe: FoldedRecipe, table: FeatureTable, some: Simulated, progress: Callable[[str], None]
) -> tuple[Float64s, Float64s, float]:
    """P(pulsar) of every real row in each repeat, float64[repeats, n], by models of the other folds; the same as if the rows had no
    DM curve; and the temperature that is needed.

    The temperature of a fold is the one that the others need: it never saw the fold's labels.
    """
    plan = recipe.validation
    raw, bare = (np.empty((plan.repeats, len(table), len(LEAVES))) for _ in range(2))
    probability, without = (np.empty((plan.repeats, len(table))) for _ in range(2))
    for repeat in range(plan.repeats):
        rng = np.random.default_rng((recipe.seed, 1, repeat))
        fold = stratified(table.is_pulsar, plan.folds, rng)
        for number in range(plan.folds):
            progress(f"cross-validation {repeat + 1} of {plan.repeats}, fold {number + 1} of {plan.folds}")
            known = part_of(table, np.flatnonzero(fold != number))
            model = trained(recipe, rows_of(recipe, known, drawn_again(recipe, some, known, rng)))
            asked = real_rows(recipe, table.matrix[fold == number])
            raw[repeat, fold == number] = raw_scores(model, asked)
            asked[:, N_PROFILE:] = np.nan
            bare[repeat, fold == number] = raw_scores(model, asked)
        for number in range(plan.folds):
            others, mine = fold != number, fold == number
            t = temperature(raw[repeat, others], table.is_pulsar[others])
            probability[repeat, mine], without[repeat, mine] = p_pulsar(raw[repeat, mine], t), p_pulsar(bare[repeat, mine], t)
    return probability, without, temperature(raw.reshape(-1, len(LEAVES)), np.tile(table.is_pulsar, plan.repeats))


def fit(recipe: FoldedRecipe, table: FeatureTable, some: Simulated, t: float) -> Fitted:
    """The model of all rows, with the temperature that cross-validation found."""
    rng = np.random.default_rng((recipe.seed, 2))
    rows = rows_of(recipe, table, drawn_again(recipe, some, table, rng))
    return Fitted(trained(recipe, rows).model_to_string(), Calibration.single(t))


def bundle(recipe: FoldedRecipe, table: FeatureTable, fitted: Fitted, metrics: dict[str, float], card: str) -> dict[str, bytes]:
    """The files of the bundle."""
    plan = recipe.simulation
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version,
        survey=recipe.survey,
        bands=(),
        leaves=tuple(leaf.id for leaf in LEAVES),
        inputs=inputs_of(recipe),
        min_detections=0,
        needs=htru2.INPUTS[:N_PROFILE] if plan.no_curve > 0 else htru2.INPUTS,
        basis="MIXED",
        trees=recipe.trees.rounds * len(LEAVES),
        seed=recipe.seed,
        data_hash=table.sha256,
        training=(
            TrainingSet(
                htru2.NAME, f"{htru2.WHAT}; {htru2.SOURCE}", htru2.LICENCE, htru2.CITATION, objects=len(table), examples=len(table)
            ),
            TrainingSet(
                "simulated",
                "whole packets of streamer's simulator, drawn again so that these eight features are distributed as the real ones'",
                "this project's",
                "none",
                objects=len(KINDS) * plan.per_kind,
                examples=plan.anchored,
            ),
        ),
        metrics=metrics,
    )
    return bundle_files(manifest, fitted.trees, fitted.calibration, card)


def real_rows(recipe: FoldedRecipe, matrix: Float32s) -> Float32s:
    """float32[n, inputs] rows of the real table, without what it does not hold."""
    found = np.full((len(matrix), len(inputs_of(recipe))), np.nan, dtype=np.float32)
    found[:, :N_REAL] = matrix
    return found


def raw_scores(model: lightgbm.Booster, matrix: Float32s) -> Float64s:
    """float64[n, leaves]."""
    raw: Float64s = np.asarray(model.predict(matrix, raw_score=True, num_threads=1))
    return raw


def p_pulsar(raw: Float64s, t: float) -> Float64s:
    """float64[n] P(pulsar) of raw scores, float64[n, leaves], at a temperature."""
    return Calibration.single(t).probabilities(raw, np.ones(len(raw), dtype=np.int64))[:, PULSAR]


def temperature(raw: Float64s, is_pulsar: Int64s) -> float:
    """The temperature with the smallest log loss of P(pulsar)."""
    losses = []
    for t in _TEMPERATURES:
        p = np.clip(p_pulsar(raw, t), 1e-12, 1 - 1e-12)
        losses.append(-np.log(np.where(is_pulsar == 1, p, 1.0 - p)).mean())
    return round(float(_TEMPERATURES[int(np.argmin(losses))]), 4)


def _interference(recipe: FoldedRecipe, again: Simulated, matrix: Float32s) -> Float64s:
    """float64[n] P(RFI | no pulsar) of rows of the real table, as the simulation has it."""
    negative = np.flatnonzero(again.kind != PULSAR)
    truth = (again.kind[negative] == KINDS.index("rfi")).astype(np.int64)
    settings = {**tree_settings(recipe.trees, recipe.seed), "objective": "binary", "num_class": 1}
    model = lightgbm.train(settings, lightgbm.Dataset(again.matrix[negative, :N_REAL], truth), num_boost_round=_ROUNDS)
    share: Float64s = np.asarray(model.predict(matrix, num_threads=1))
    return share
