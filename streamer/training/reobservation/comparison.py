"""With and without re-observed light curves, scored on objects of the survey itself: the comparison that decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import lightgbm
import numpy as np
from pydantic import Field

from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.training.fit import Examples, examples_of, read_sets, shares
from streamer.training.folders import RECIPE, noted
from streamer.training.labels import Provenance
from streamer.training.metrics import LEVELS, Answers, Figures, figures, rates
from streamer.training.pitfalls import told_apart
from streamer.training.recipe import RECIPES, Recipe, Reobserved, read_recipe
from streamer.training.reobservation.report import write_report
from streamer.training.toml_file import Name, Section, read_toml
from streamer.training.trees import dataset, tree_settings

_RESAMPLES = 300
_ENOUGH = 8
"""Objects that each side must have to be told apart."""


class Arm(Section):
    """What one of the models compared is trained with, besides the survey's own objects."""

    classes: tuple[str, ...]
    """Classes whose re-observed light curves are added."""
    alone: bool = False
    """Whether the survey's own objects of these classes are left out of training."""


class Comparison(Section):
    """Models of one recipe with and without re-observed light curves; no model that serves comes of it."""

    comparison: Name
    what: str
    base: str
    """The recipe of ours whose data, inputs, split and trees are taken."""
    rounds: Annotated[int, Field(ge=1)]
    """Trees of each class: fixed, so that no validation object decides when to stop."""
    folds: Annotated[int, Field(ge=2)]
    """Into how many the validation slices are put; the slice that tests the base recipe's model is in none."""
    seeds: Annotated[int, Field(ge=1)] = 1
    """Models with different seeds whose probabilities are averaged."""
    min_objects: Annotated[int, Field(ge=1)]
    judged_from: Annotated[int, Field(ge=1)] = 30
    reobserved: Reobserved
    shares: dict[str, Annotated[float, Field(gt=0)]] = Field(default={})
    """Priors of classes that the base recipe lacks, in its unit."""
    arms: Annotated[dict[str, Arm], Field(min_length=2)]
    """The models, the one without anything re-observed first."""


def read_comparison(path: Path) -> Comparison:
    """The comparison in a TOML file; InvalidConfig naming the file and every wrong setting."""
    return read_toml(path, Comparison)[1]


def run_comparison(path: Path, data: Path, out: Path, progress: Callable[[str], None]) -> Path:
    """Compare and report into ``benchmarks/<name>/`` below `out`; the same recipe and data give the same bytes.

    InvalidConfig or InvalidData if recipe or data cannot be used; nothing is written then.
    """
    comparison = read_comparison(path)
    evaluation = compared(comparison, base_of(comparison), data, progress)
    folder = out / "benchmarks" / str(evaluation["name"])
    noted(path, evaluation, folder)
    write_report(evaluation, folder)
    return folder


def evaluate_comparison(folder: Path, data: Path) -> dict[str, Any]:
    """What the comparison of a folder's recipe says, done again; can be written as JSON."""
    comparison = read_comparison(folder / RECIPE)
    return compared(comparison, base_of(comparison), data, lambda _: None)


def base_of(comparison: Comparison) -> Recipe:
    """The recipe of ours that all arms share; InvalidConfig if there is none of that name."""
    return read_recipe(RECIPES / f"{comparison.base}.toml")[1]


def with_reobserved(comparison: Comparison, base: Recipe) -> Recipe:
    """The base recipe with all that any arm needs."""
    return base.model_copy(
        update={
            "data": base.data.model_copy(update={"min_objects": comparison.min_objects}),
            "priors": base.priors.model_copy(update={"shares": {**comparison.shares, **base.priors.shares}}),
            "reobserved": comparison.reobserved,
        }
    )


def compared(comparison: Comparison, base: Recipe, data: Path, progress: Callable[[str], None]) -> Figures:
    """What the comparison says; can be written as JSON."""
    recipe = with_reobserved(comparison, base)
    progress(f"reading {', '.join(recipe.data.sets)} and re-observing {', '.join(comparison.reobserved.sets)}")
    examples = examples_of(recipe, read_sets(recipe, data))
    progress(f"{len(examples.table)} objects, {len(examples.picks)} examples, {len(examples.inputs)} inputs")
    chosen = judged(recipe, examples)
    names = [leaf.name for leaf in examples.leaves]
    answers = {}
    for name, arm in comparison.arms.items():
        progress(f"model: {name}")
        answers[name] = answered(comparison, recipe, examples, arm, chosen)
    first = next(iter(answers.values()))
    table = examples.table
    return {
        "name": comparison.comparison,
        "what": comparison.what,
        "base": recipe.name,
        "version": recipe.version,
        "inputs": len(examples.inputs),
        "survey": recipe.survey,
        "view": recipe.view,
        "settings": comparison.model_dump(include={"rounds", "folds", "seeds", "min_objects", "judged_from"}),
        "slices": recipe.split.slices,
        "reobserved": comparison.reobserved.model_dump(),
        "arms": {name: arm.model_dump() for name, arm in comparison.arms.items()},
        "sha256": table.digest(),
        "objects": {
            name: {
                "own": int(((table.label == name) & (table.provenance != Provenance.REOBSERVED)).sum()),
                "re_observed": int(((table.label == name) & (table.provenance == Provenance.REOBSERVED)).sum()),
            }
            for name in names
        },
        "figures": {name: figures(said, names, comparison.judged_from, recipe.seed) for name, said in answers.items()},
        "differences": {
            name: _difference(said, first, names, comparison.judged_from, recipe.seed)
            for name, said in answers.items()
            if said is not first
        },
        "told_apart": _told_apart(recipe, examples),
        "dropped": [
            {"set": entry.source, "what": entry.what, "reason": entry.reason, "count": entry.count}
            for entry in table.dropped
            if entry.source in comparison.reobserved.sets and entry.count
        ],
    }


def judged(recipe: Recipe, examples: Examples) -> Int64s:
    """int64[…] one random alert of each object of the survey itself, without the slice that tests the base recipe's model."""
    validates = examples.slice_number[examples.picks.row] != 0
    enough = examples.n_detections >= recipe.min_detections
    return examples.one_each(examples.first_hand & validates & enough, recipe.seed)


def answered(comparison: Comparison, recipe: Recipe, examples: Examples, arm: Arm, chosen: Int64s) -> Answers:
    """What models of one arm say of the `chosen` alerts, each by a model that saw nothing of their slices."""
    row = examples.picks.row
    fold = (examples.slice_number - 1) % comparison.folds
    used = used_by(arm, examples)
    names = [leaf.name for leaf in examples.leaves]
    probability = np.zeros((len(chosen), len(names)))
    for number in range(comparison.folds):
        train = used & (examples.slice_number[row] != 0) & (fold[row] != number)
        held = fold[row[chosen]] == number
        for seed in range(comparison.seeds):
            booster = lightgbm.train(
                tree_settings(recipe.trees, recipe.seed + seed) | {"num_class": len(names)},
                dataset(examples, _weights(recipe, examples, train), train),
                num_boost_round=comparison.rounds,
            )
            probability[held] += np.asarray(booster.predict(examples.matrix[chosen[held]], num_threads=1)) / comparison.seeds
    return Answers(examples.truth[row[chosen]], probability, np.ones(len(chosen)), np.ones(len(chosen)))


def used_by(arm: Arm, examples: Examples) -> Bools:
    """bool[m], the alerts that an arm may train with."""
    added = np.isin(examples.table.label, arm.classes)[examples.picks.row]
    own = examples.first_hand & ~added if arm.alone else examples.first_hand
    used: Bools = own | (added & ~examples.first_hand)
    return used


def _weights(recipe: Recipe, examples: Examples, train: Bools) -> Float64s:
    """float64[m] weights as training gives them to the objects that an arm has."""
    row = examples.picks.row
    alerts = np.bincount(row[train], minlength=len(examples.table))
    counts = np.bincount(examples.truth[alerts > 0], minlength=len(examples.leaves)).astype(np.float64)
    per_object = (shares(recipe, examples.leaves) / np.maximum(counts, 1.0)) ** recipe.priors.pull
    weight: Float64s = (per_object[examples.truth] / np.maximum(alerts, 1))[row]
    normalised: Float64s = weight / weight[train].mean()
    return normalised


def _difference(one: Answers, other: Answers, names: list[str], judged_from: int, seed: int) -> Figures:
    """F1 of `one` less that of `other`, by class and in the mean of the judged classes; intervals over the same drawn objects."""
    rng = np.random.default_rng(seed)
    n = len(one)
    drawn = [np.arange(n), *(rng.integers(0, n, n) for _ in range(_RESAMPLES))]
    change = np.nan_to_num(_f1(one, drawn, len(names))) - np.nan_to_num(_f1(other, drawn, len(names)))
    counts = np.bincount(one.truth, minlength=len(names))
    return {
        "macro_f1_judged": _spread(change[:, counts >= judged_from].mean(axis=1)),
        "classes": {name: _spread(change[:, place]) for place, name in enumerate(names) if counts[place]},
    }


def _f1(answers: Answers, drawn: list[Int64s], n_leaves: int) -> Float64s:
    cell = answers.truth * n_leaves + answers.answer
    tables = [np.bincount(cell[rows], minlength=n_leaves**2).reshape(n_leaves, n_leaves) for rows in drawn]
    return rates(np.array(tables, dtype=np.float64))[2]


def _spread(values: Float64s) -> Figures:
    low, high = np.percentile(values[1:], LEVELS)
    return {"value": round(float(values[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _told_apart(recipe: Recipe, examples: Examples) -> list[Figures]:
    """For each class how well a model tells the survey's own objects from the re-observed ones (two-sample test)."""
    alerts = examples.one_each(examples.slice_number[examples.picks.row] != 0, recipe.seed)
    found: list[Figures] = []
    for place, leaf in enumerate(examples.leaves):
        here = alerts[examples.truth[examples.picks.row[alerts]] == place]
        own = examples.first_hand[here]
        if own.all() or not own.any():
            continue
        enough = min(own.sum(), (~own).sum()) >= _ENOUGH
        found.append(
            {
                "class": leaf.name,
                "own": int(own.sum()),
                "re_observed": int((~own).sum()),
                "auc": told_apart(examples.matrix[here], own, recipe.seed) if enough else None,
            }
        )
    return found
