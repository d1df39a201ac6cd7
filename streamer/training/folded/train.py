"""From the recipe of a model of whole packets to a bundle, its card and its report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from streamer.classify.manifest import MANIFEST, Manifest
from streamer.data.arrays import Float64s
from streamer.training.candidates import htru2
from streamer.training.candidates.htru2 import FeatureTable
from streamer.training.folded.anchor import Simulated
from streamer.training.folded.evaluate import distance, on_real, on_simulated
from streamer.training.folded.fit import LEAVES, bundle, cross_validated, drawn, fit
from streamer.training.folded.recipe import FoldedRecipe, read_folded_recipe
from streamer.training.folded.report import card, write_report
from streamer.training.folders import RECIPE, delivered, told


def train_folded(recipe_path: Path, data: Path, out: Path, progress: Callable[[str], None]) -> Path:
    """Train, evaluate and write a model; the same recipe and data give the same bytes.

    Parameters
    ----------
    recipe_path : Path
        A TOML file, see :class:`streamer.training.folded.recipe.FoldedRecipe`.
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
    text, recipe = read_folded_recipe(recipe_path)
    table = htru2.read(data)
    progress("simulating")
    some = drawn(recipe)
    *held, temperature = cross_validated(recipe, table, some, progress)
    progress("comparing simulation and reality")
    evaluation = evaluated(recipe, table, some, *held)
    progress("fitting all rows")
    found = fit(recipe, table, some, temperature)
    files = told(partial(bundle, recipe, table, found), text, evaluation, headline(evaluation), card)
    progress("writing bundle and report")
    return delivered(files, evaluation, write_report, out)


def evaluate_folded(folder: Path, data: Path) -> dict[str, Any]:
    """What the evaluation of a bundle's recipe says, done again; can be written as JSON."""
    _, recipe = read_folded_recipe(folder / RECIPE)
    table, some = htru2.read(data), drawn(recipe)
    manifest = Manifest.of_json((folder / MANIFEST).read_bytes())
    *held, _ = cross_validated(recipe, table, some, lambda _: None)
    return {**evaluated(recipe, table, some, *held), "same_data": table.sha256 == manifest.data_hash}


def evaluated(
    recipe: FoldedRecipe, table: FeatureTable, some: Simulated, probability: Float64s, without: Float64s
) -> dict[str, Any]:
    """What is known of the model; can be written as JSON."""
    test = drawn(recipe, test=True)
    return {
        "name": recipe.name,
        "version": recipe.version,
        "survey": recipe.survey,
        "leaves": [leaf.name for leaf in LEAVES],
        "data": {
            "sha256": table.sha256,
            "rows": len(table),
            "pulsars": int(np.count_nonzero(table.is_pulsar)),
            "simulated": len(some),
            "simulated_for_tests": len(test),
        },
        "validation": recipe.validation.model_dump(),
        "real": on_real(recipe, table, probability, without),
        "anchor": distance(recipe, table, some, test),
        "simulated": on_simulated(recipe, table, some, test),
    }


def headline(evaluation: dict[str, Any]) -> dict[str, float]:
    """What the manifest says of the model's quality."""
    real, told = evaluation["real"]["as_answered"], evaluation["anchor"]["two_sample_auc"]
    return {
        **{f"real_cross_validated_{name}": float(real[name]["value"]) for name in ("f1", "average_precision", "auc", "ece")},
        "two_sample_auc_pulsars": float(told["pulsar"]["after"]),
        "two_sample_auc_others": float(told["other"]["after"]),
        "simulated_rfi_or_noise_auc": float(evaluation["simulated"]["rfi_or_noise_auc"]),
    }
