"""What a model may have learned instead of the classes, asked of the training data themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import lightgbm
import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s
from streamer.errors import InvalidConfig
from streamer.training.datasets import LightCurves
from streamer.training.fit import Examples
from streamer.training.kin import near_duplicates
from streamer.training.metrics import Figures
from streamer.training.recipe import Recipe
from streamer.training.split import Part

FORBIDDEN: dict[str, str] = {
    "ra": "position",
    "dec": "position",
    "galactic_latitude": "position: labels found in catalogues by position leak through it",
    "galactic_longitude": "position",
    "ecliptic_latitude": "position",
    "epoch": "absolute time",
    "mjd": "absolute time",
    "field": "the survey's field",
    "detector": "the survey's detector",
    "broker_score": "another broker's score",
}
"""Inputs that no variability model may have, and why."""

_ENOUGH = 8
"""Objects of a class that each of two sets must have for them to be told apart."""
_FOLDS = 5


def check_allowed(inputs: Sequence[str], where: str) -> None:
    """InvalidConfig if an input is forbidden, whatever its band."""
    for name in inputs:
        for stem, why in FORBIDDEN.items():
            if name == stem or name.startswith(f"{stem}_"):
                raise InvalidConfig(f"{where}: {name} may be no input: {why}")


def pitfalls(recipe: Recipe, examples: Examples, progress: Callable[[str], None]) -> Figures:
    """What betrays a set or a part of the split, and which objects are the same; JSON-able."""
    progress("pitfalls")
    return {
        "origin": origins(recipe, examples),
        "split": _split_membership(recipe, examples),
        "duplicates": duplicates(examples.table),
        "forbidden": sorted(FORBIDDEN),
    }


def origins(recipe: Recipe, examples: Examples) -> list[Figures]:
    """For each class with objects of two sets: how well a model tells the sets apart within the class."""
    alerts = examples.one_each(np.ones(len(examples.picks), dtype=np.bool_), recipe.seed)
    row = examples.picks.row[alerts]
    source = examples.table.source[row]
    found: list[Figures] = []
    for place, leaf in enumerate(examples.leaves):
        of_class = examples.truth[row] == place
        for one, other in combinations(sorted(set(source.tolist())), 2):
            here = of_class & np.isin(source, (one, other))
            is_one = source[here] == one
            if min(is_one.sum(), (~is_one).sum()) >= _ENOUGH:
                auc = told_apart(examples.matrix[alerts[here]], is_one, recipe.seed)
                counts = {one: int(is_one.sum()), other: int((~is_one).sum())}
                found.append({"class": leaf.name, "objects": counts, "auc": auc})
    return found


def _split_membership(recipe: Recipe, examples: Examples) -> Figures:
    """How well a model tells the test part from the others: .5 if the split is by chance.

    Objects with borrowed context are left out, since those of one slice share a few lenders.
    """
    alerts = examples.one_each(examples.first_hand & ~examples.borrowed[examples.picks.row], recipe.seed)
    is_test = examples.of_part(recipe, Part.TEST, 0)[alerts]
    return {
        "test": int(is_test.sum()),
        "others": int((~is_test).sum()),
        "auc": told_apart(examples.matrix[alerts], is_test, recipe.seed),
    }


def told_apart(matrix: Float32s, is_one: Bools, seed: int) -> Figures:
    """Cross-validated AUC of a small model (two-sample test of Lopez-Paz & Oquab 2017); interval of Hanley & McNeil 1982."""
    order = np.random.default_rng(seed).permutation(len(is_one))
    fold = np.empty(len(is_one), dtype=np.int64)
    for truth in (True, False):  # stratified: each fold has its share of both
        rows = order[is_one[order] == truth]
        fold[rows] = np.arange(len(rows)) % _FOLDS
    score = np.empty(len(is_one))
    for number in range(_FOLDS):
        train = fold != number
        data = lightgbm.Dataset(matrix[train], is_one[train].astype(np.float64))
        score[~train] = lightgbm.train(_small(seed), data, num_boost_round=60).predict(matrix[~train], num_threads=1)
    return separation(score, is_one)


def separation(score: Float64s, is_one: Bools) -> Figures:
    """The area under the curve of a score, both kinds being there; interval of Hanley & McNeil 1982; JSON-able."""
    auc = area(score, is_one)
    spread = _auc_error(auc, int(is_one.sum()), int((~is_one).sum()))
    return {
        "value": round(auc, 4),
        "low": round(max(0.0, auc - 1.96 * spread), 4),
        "high": round(min(1.0, auc + 1.96 * spread), 4),
    }


def area(score: Float64s, is_one: Bools) -> float:
    """Probability that a random one scores higher than a random other, ties half (Mann & Whitney)."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones, others = int(is_one.sum()), int((~is_one).sum())
    return float((rank[is_one].sum() - ones * (ones + 1) / 2) / (ones * others))


def duplicates(table: LightCurves) -> Figures:
    """Pairs of objects of different groups with three or more points at the same time, in the same band, of the same flux."""
    pairs = [pair for pair in near_duplicates(table) if table.group[pair[0]] != table.group[pair[1]]]
    return {"pairs": len(pairs), "first": [[str(table.object_id[i]) for i in pair] for pair in pairs[:5]]}


def _small(seed: int) -> dict[str, object]:
    return {
        "objective": "binary", "num_leaves": 7, "learning_rate": 0.1, "min_data_in_leaf": 5, "feature_fraction": 0.5,
        "is_unbalance": True, "deterministic": True, "force_row_wise": True, "num_threads": 1, "seed": seed, "verbosity": -1,
    }  # fmt: skip


def _auc_error(auc: float, ones: int, others: int) -> float:
    """Standard error of an area (Hanley & McNeil 1982, Radiology 143, 29)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (ones - 1) * (q1 - auc**2) + (others - 1) * (q2 - auc**2)
    return float(np.sqrt(max(0.0, variance) / (ones * others)))
