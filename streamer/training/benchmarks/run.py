"""From a benchmark's recipe to its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from streamer import features
from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.photometry import Kind
from streamer.errors import InvalidConfig, InvalidData
from streamer.training.benchmarks.recipe import BenchmarkRecipe, read_benchmark
from streamer.training.benchmarks.report import write_report
from streamer.training.datasets import LightCurves
from streamer.training.fit import family_inputs
from streamer.training.folders import RECIPE, noted
from streamer.training.metrics import Answers, Figures, confusion, figures
from streamer.training.pitfalls import area, check_allowed
from streamer.training.prepare import light_curves
from streamer.training.sources import READERS
from streamer.training.sources.columns import numbers, read_table
from streamer.training.split import slices
from streamer.training.trees import UNDISTURBED
from streamer.training.windows import age_picks, alerts_of

_RESAMPLES = 100
_SETTINGS = {"seed", "min_detections", "beside", "ages", "folds", "seeds", "balance", "judged_from"}
_TRUTH = ("true_", "target")


@dataclass(frozen=True, slots=True)
class Shown:
    """Light curves as the benchmark shows them.

    Parameters
    ----------
    table : LightCurves
        The n objects.
    truth : int64[n]
        Class of each.
    inputs : tuple of str
    row : int64[m]
        The object of each example.
    whole : bool[m]
        Which examples are whole light curves.
    matrix : float32[m, number of inputs]
    """

    table: LightCurves
    truth: Int64s
    inputs: tuple[str, ...]
    row: Int64s
    whole: np.ndarray[tuple[int], np.dtype[np.bool_]]
    matrix: Float32s


def run_benchmark(path: Path, data: Path, out: Path, progress: Callable[[str], None]) -> Path:
    """Cross-validate and report; the same recipe and data give the same bytes.

    Parameters
    ----------
    path : Path
        A TOML file, see :class:`streamer.training.benchmarks.recipe.BenchmarkRecipe`.
    data : Path
        The folder of the training data, or of prepared tables.
    out : Path
        Gets ``benchmarks/<name>/`` with report and figures.
    progress : callable of str
        Told what is being done.

    Raises
    ------
    InvalidConfig, InvalidData
        If the recipe or the data cannot be used; nothing is written then.
    """
    recipe = read_benchmark(path)
    progress(f"reading {recipe.set} from {data}")
    shown = shown_of(recipe, data)
    progress(f"{len(shown.table)} objects, {len(shown.row)} light curves, {len(shown.inputs)} inputs")
    probability = cross_validated(recipe, shown, progress)
    evaluation = evaluated(recipe, shown, probability)
    folder = out / "benchmarks" / recipe.benchmark
    noted(path, evaluation, folder)
    write_report(evaluation, folder)
    return folder


def evaluate_benchmark(folder: Path, data: Path) -> dict[str, Any]:
    """What the benchmark of a folder's recipe says, done again; can be written as JSON."""
    recipe = read_benchmark(folder / RECIPE)
    shown = shown_of(recipe, data)
    return evaluated(recipe, shown, cross_validated(recipe, shown, lambda _: None))


def shown_of(recipe: BenchmarkRecipe, data: Path) -> Shown:
    """The set's objects of the benchmark's classes, with features; InvalidConfig, InvalidData if there are none."""
    known = {reader.origin.name for reader in READERS}
    if recipe.set not in known:
        raise InvalidConfig(f"benchmark {recipe.benchmark}: set: {recipe.set} does not exist; there are {sorted(known)}")
    class_of = {label: place for place, labels in enumerate(recipe.classes.values()) for label in labels}
    table = light_curves(recipe.set, data)
    place = np.array([class_of.get(label, -1) for label in table.original.tolist()], dtype=np.int64)
    table = table.where(place >= 0, "objects", "not of the benchmark's classes")
    detections = np.bincount(table.curves.rows[table.curves["kind"] == Kind.DETECTION], minlength=len(table))
    table = table.where(detections >= recipe.min_detections, "objects", f"fewer than {recipe.min_detections} detections")
    truth = np.array([class_of[label] for label in table.original.tolist()], dtype=np.int64)
    counts = np.bincount(truth, minlength=len(recipe.classes)).tolist()
    if missing := [name for name, count in zip(recipe.classes, counts, strict=True) if not count]:
        raise InvalidData(f"benchmark {recipe.benchmark}: {recipe.set} has no objects of {', '.join(missing)}")
    inputs = family_inputs(recipe.inputs, table.bands, f"benchmark {recipe.benchmark}", recipe.set)
    check_allowed(inputs, f"benchmark {recipe.benchmark}")
    picks = [age_picks(table, days) for days in (np.inf, *recipe.ages)]
    whole = np.repeat(np.arange(len(picks)) == 0, [len(part) for part in picks])
    matrix = np.concatenate(
        [
            features.compute(alerts_of(table, part, "history", recipe.inputs.points), inputs, recipe.inputs.period_budget)
            for part in picks
        ]
    )
    row = np.concatenate([part.row for part in picks])
    if recipe.beside:
        matrix = np.column_stack([matrix, _beside(recipe, data, table)[row]]).astype(np.float32)
    return Shown(table, truth, (*inputs, *recipe.beside), row, whole, matrix)


def _beside(recipe: BenchmarkRecipe, data: Path, table: LightCurves) -> Float64s:
    """float64[n, columns] what the set's metadata say of each object; InvalidConfig if a truth is asked for."""
    if truths := [name for name in recipe.beside if name.startswith(_TRUTH)]:
        raise InvalidConfig(f"benchmark {recipe.benchmark}: beside: {truths} are truths of a simulation")
    path = data / "lightcurves" / recipe.set / "metadata.csv.gz"
    metadata = read_table(path, ("object_id", *recipe.beside))
    place = {str(name): i for i, name in enumerate(metadata["object_id"].tolist())}
    columns = np.column_stack([numbers(path, metadata, name) for name in recipe.beside])
    chosen: Float64s = columns[[place[name] for name in table.object_id.tolist()]]
    return chosen


def cross_validated(recipe: BenchmarkRecipe, shown: Shown, progress: Callable[[str], None]) -> Float64s:
    """float64[n, k] probabilities of each object's whole light curve, by models that never saw its group."""
    fold = slices(shown.table.group.tolist(), recipe.seed, recipe.folds)
    weight = _weights(recipe, shown)
    probability = np.zeros((len(shown.table), len(recipe.classes)))
    for number in range(recipe.folds):
        progress(f"fold {number + 1} of {recipe.folds}")
        train = fold[shown.row] != number
        test = ~train & shown.whole
        data = lightgbm.Dataset(shown.matrix[train], shown.truth[shown.row[train]], weight=weight[train], free_raw_data=False)
        for seed in range(recipe.seeds):
            booster = lightgbm.train(_settings(recipe, seed), data, num_boost_round=recipe.trees.rounds)
            found = booster.predict(shown.matrix[test], num_threads=1)
            probability[shown.row[test]] += np.asarray(found) / recipe.seeds
    return probability


def evaluated(recipe: BenchmarkRecipe, shown: Shown, probability: Float64s) -> Figures:
    """What cross-validation says; JSON-able."""
    names = list(recipe.classes)
    answers = Answers(shown.truth, probability, np.ones(len(shown.truth)), np.ones(len(shown.truth)))
    origin = next(reader.origin for reader in READERS if reader.origin.name == recipe.set)
    return {
        "name": recipe.benchmark,
        "what": recipe.what,
        "yardsticks": list(recipe.yardsticks),
        "set": recipe.set,
        "origin": {"what": origin.what, "source": origin.source, "licence": origin.licence, "citation": origin.citation},
        "nature": origin.nature,
        "sha256": shown.table.digest(),
        "classes": {name: list(labels) for name, labels in recipe.classes.items()},
        "settings": recipe.model_dump(
            include={"seed", "min_detections", "beside", "ages", "folds", "seeds", "balance", "judged_from"}
        ),
        "trees": recipe.trees.model_dump(),
        "inputs": list(shown.inputs),
        "figures": figures(answers, names, recipe.judged_from, recipe.seed),
        "auc": _areas(answers, names, recipe.seed),
        "confusion": confusion(answers, len(names)),
        "dropped": [
            {"what": entry.what, "reason": entry.reason, "count": entry.count} for entry in shown.table.dropped if entry.count
        ],
    }


def _areas(answers: Answers, names: list[str], seed: int) -> Figures:
    """The area under each class's curve against all others, and their mean, with bootstrap intervals over objects."""
    rng = np.random.default_rng(seed)
    n = len(answers)
    drawn = [np.arange(n), *(rng.integers(0, n, n) for _ in range(_RESAMPLES))]
    table = np.array([[_area(answers, rows, place) for place in range(len(names))] for rows in drawn])
    return {
        "macro": _spread(table.mean(axis=1)),
        "classes": {name: _spread(table[:, place]) for place, name in enumerate(names)},
    }


def _area(answers: Answers, rows: Int64s, place: int) -> float:
    is_one = answers.truth[rows] == place
    return area(answers.probability[rows, place], is_one) if is_one.any() and not is_one.all() else np.nan


def _spread(values: Float64s) -> Figures:
    low, high = np.nanpercentile(values[1:], (2.5, 97.5))
    return {"value": round(float(values[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _weights(recipe: BenchmarkRecipe, shown: Shown) -> Float64s:
    counts = np.bincount(shown.truth, minlength=len(recipe.classes)).astype(np.float64)
    per_object = counts ** (-recipe.balance)
    weight: Float64s = (per_object[shown.truth] / np.bincount(shown.row, minlength=len(shown.truth)))[shown.row]
    normalised: Float64s = weight / weight.mean()
    return normalised


def _settings(recipe: BenchmarkRecipe, seed: int) -> dict[str, object]:
    trees = recipe.trees
    return UNDISTURBED | {
        "num_class": len(recipe.classes),
        "num_leaves": trees.leaves,
        "learning_rate": trees.learning_rate,
        "min_data_in_leaf": trees.min_examples,
        "feature_fraction": trees.feature_fraction,
        "bagging_fraction": trees.bagging_fraction,
        "lambda_l2": trees.l2,
        "extra_trees": trees.extra_random,
        "num_threads": trees.threads,
        "seed": recipe.seed + seed,
    }
