"""From a benchmark's recipe to its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from streamer.data.arrays import Float64s, Int64s
from streamer.training.benchmarks import rest_frame
from streamer.training.benchmarks.recipe import BenchmarkRecipe, RestFrame, read_benchmark
from streamer.training.benchmarks.report import write_report
from streamer.training.benchmarks.shown import Shown, shown_of
from streamer.training.folders import RECIPE, noted
from streamer.training.metrics import Answers, Figures, confusion, figures
from streamer.training.pitfalls import area
from streamer.training.sources import READERS
from streamer.training.split import slices
from streamer.training.trees import tree_settings

_RESAMPLES = 100
_SETTINGS = {"seed", "min_detections", "beside", "ages", "folds", "seeds", "balance", "judged_from"}


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
    evaluation = evaluated(recipe, shown, progress)
    folder = out / "benchmarks" / recipe.benchmark
    noted(path, evaluation, folder)
    write_report(evaluation, folder)
    return folder


def evaluate_benchmark(folder: Path, data: Path) -> dict[str, Any]:
    """What the benchmark of a folder's recipe says, done again; can be written as JSON."""
    recipe = read_benchmark(folder / RECIPE)
    return evaluated(recipe, shown_of(recipe, data), lambda _: None)


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
            booster = lightgbm.train(
                tree_settings(recipe.trees, recipe.seed + seed) | {"num_class": len(recipe.classes)},
                data,
                num_boost_round=recipe.trees.rounds,
            )
            found = booster.predict(shown.matrix[test], num_threads=1)
            probability[shown.row[test]] += np.asarray(found) / recipe.seeds
    return probability


def evaluated(recipe: BenchmarkRecipe, shown: Shown, progress: Callable[[str], None]) -> Figures:
    """What cross-validation says; JSON-able."""
    names = list(recipe.classes)
    answers = _answers(recipe, shown, progress)
    areas = _areas(answers, len(names), recipe.seed)
    found = _described(recipe, shown) | {
        "figures": figures(answers, names, recipe.judged_from, recipe.seed),
        "auc": _spreads(areas, names),
        "confusion": confusion(answers, len(names)),
        "dropped": [
            {"what": entry.what, "reason": entry.reason, "count": entry.count} for entry in shown.table.dropped if entry.count
        ],
    }
    if recipe.rest_frame:
        progress("without luminosities and rest-frame times")
        observed = _areas(_answers(recipe, shown.as_observed(), progress), len(names), recipe.seed)
        found["rest_frame"] = _rest_frame(recipe.rest_frame, shown) | {
            "without": _spreads(observed, names),
            "gain": _spreads(areas - observed, names),
        }
    return found


def _answers(recipe: BenchmarkRecipe, shown: Shown, progress: Callable[[str], None]) -> Answers:
    one = np.ones(len(shown.truth))
    return Answers(shown.truth, cross_validated(recipe, shown, progress), one, one)


def _described(recipe: BenchmarkRecipe, shown: Shown) -> Figures:
    """What was asked, of which data, with which settings."""
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
        "settings": recipe.model_dump(include=_SETTINGS),
        "trees": recipe.trees.model_dump(),
        "inputs": list(shown.inputs),
    }


def _rest_frame(source: RestFrame, shown: Shown) -> Figures:
    """What the luminosities and rest-frame times are."""
    return {
        **source.model_dump(),
        "H0": rest_frame.H0,
        "omega_m": rest_frame.OMEGA_M,
        "extinction": dict(rest_frame.EXTINCTION[shown.table.survey]),
        "features": [asdict(feature) for feature in rest_frame.PER_BAND],
    }


def _areas(answers: Answers, n_classes: int, seed: int) -> Float64s:
    """float64[1 + resamples, classes] areas under each class's curve against all others: of the objects, and of bootstrap samples.

    The same samples for as many objects, so that two models' areas can be subtracted.
    """
    rng = np.random.default_rng(seed)
    n = len(answers)
    drawn = [np.arange(n), *(rng.integers(0, n, n) for _ in range(_RESAMPLES))]
    return np.array([[_area(answers, rows, place) for place in range(n_classes)] for rows in drawn])


def _spreads(areas: Float64s, names: list[str]) -> Figures:
    """Each class's area, and their mean, with intervals."""
    return {
        "macro": _spread(areas.mean(axis=1)),
        "classes": {name: _spread(areas[:, place]) for place, name in enumerate(names)},
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
