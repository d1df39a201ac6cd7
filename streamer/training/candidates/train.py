"""From the recipe of a table of features to a bundle, its card and its report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from streamer.classify.manifest import MANIFEST, Manifest
from streamer.training.candidates import htru2, scores
from streamer.training.candidates.fit import Held, bundle, cross_validated, fit
from streamer.training.candidates.htru2 import FeatureTable
from streamer.training.candidates.recipe import TableRecipe, read_table_recipe
from streamer.training.candidates.report import Tree, card, write_report
from streamer.training.folders import RECIPE, delivered, told


def train_table(recipe_path: Path, data: Path, out: Path, progress: Callable[[str], None]) -> Path:
    """Train, evaluate and write a model; the same recipe and data give the same bytes.

    Parameters
    ----------
    recipe_path : Path
        A TOML file, see :class:`streamer.training.candidates.recipe.TableRecipe`.
    data : Path
        The folder of the training data (with ``pulsars`` in it).
    out : Path
        Gets the bundle as ``<name>/`` and its report, with a copy of its card, as ``reports/<name>/``; made if it is missing.
    progress : callable of str
        Told what is being done.

    Returns
    -------
    Path
        The bundle's folder.

    Raises
    ------
    InvalidConfig, InvalidData
        If the recipe or the data cannot be used; nothing is written then.
    """
    text, recipe = read_table_recipe(recipe_path)
    table = htru2.read(data)
    progress(f"{len(table)} rows, {int(table.is_pulsar.sum())} pulsars")
    evaluation = evaluated(recipe, table, cross_validated(recipe, table, progress)) | compared(recipe, data, progress)
    progress("fitting all rows")
    fitted = fit(recipe, table)
    files = told(partial(bundle, recipe, table, fitted), text, evaluation, headline(evaluation), card)
    progress("writing bundle and report")
    return delivered(files, evaluation, write_report, out)


def evaluate_table(folder: Path, data: Path) -> dict[str, Any]:
    """What the cross-validation of a bundle's recipe says, done again; can be written as JSON.

    The bundle itself was fitted to all rows, so that none is left on which it could be tried.
    """
    _, recipe = read_table_recipe(folder / RECIPE)
    table = htru2.read(data)
    manifest = Manifest.of_json((folder / MANIFEST).read_bytes())
    same_data = table.sha256 == manifest.data_hash
    found = evaluated(recipe, table, cross_validated(recipe, table, _silent)) | compared(recipe, data, _silent)
    return {**found, "same_data": same_data}


def evaluated(recipe: TableRecipe, table: FeatureTable, held: Held) -> dict[str, Any]:
    """What cross-validation says; can be written as JSON."""
    truth = table.is_pulsar
    middle = held.probability[0]
    precisions, recalls = scores.curve(truth, middle)
    every = slice(None, None, max(1, len(precisions) // 400))
    return {
        "name": recipe.name,
        "version": recipe.version,
        "survey": recipe.survey,
        "data": {"sha256": table.sha256, "rows": len(table), "pulsars": int(truth.sum())},
        "validation": recipe.validation.model_dump(),
        "at_threshold": scores.figures(truth, held.probability, held.is_above, recipe.seed),
        "as_answered": scores.figures(truth, held.probability, held.probability > 0.5, recipe.seed),
        "ece_noise_floor": scores.noise_floor(middle, recipe.seed),
        "thresholds": {
            name: round(float(np.quantile(held.thresholds, q)), 4) for name, q in (("low", 0.0), ("median", 0.5), ("high", 1.0))
        },
        "confusion": [
            [int(np.count_nonzero((truth == label) & ((middle > 0.5) == said))) for said in (True, False)] for label in (1, 0)
        ],
        "reliability": scores.reliability(truth, middle),
        "precision_recall": {
            "recall": np.round(recalls[every], 4).tolist(),
            "precision": np.round(precisions[every], 4).tolist(),
        },
    }


def compared(recipe: TableRecipe, data: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    """What cross-validation says of a model of the thirty binned features beside the eight; empty if the recipe does not ask."""
    if recipe.thirty is None:
        return {}
    progress("the thirty features")
    table = htru2.read_thirty(data)
    other = recipe.model_copy(update={"validation": recipe.thirty.validation, "trees": recipe.thirty.trees})
    held = cross_validated(other, table, progress)
    return {
        "thirty": {
            "sha256": table.sha256,
            "validation": other.validation.model_dump(),
            "at_threshold": scores.figures(table.is_pulsar, held.probability, held.is_above, recipe.seed),
            "as_answered": scores.figures(table.is_pulsar, held.probability, held.probability > 0.5, recipe.seed),
        }
    }


def headline(evaluation: Tree) -> dict[str, float]:
    """What the manifest says of the model's quality."""
    names = ("f1", "average_precision", "auc", "ece", "false_positives_at_95_recall")
    found = {f"cross_validated_{name}": float(evaluation["at_threshold"][name]["value"]) for name in names}
    return found | {"cross_validated_f1_as_answered": float(evaluation["as_answered"]["f1"]["value"])}


def _silent(_line: str) -> None:
    """For who wants to hear nothing."""
