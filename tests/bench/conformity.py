"""Which number conformal sets should be made of: size, named classes and missing answers at the same coverage, by several of them.

    python -m tests.bench.conformity RECIPE --data FOLDER --out FOLDER-OF-A-TRAINING

Answers are cross-fitted: trees that never saw the object, thresholds from the other slices. Kept steps of a training with the same
`--out` are used again. One random alert of each object in each bin of detections counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from streamer.classify.conformal import FEWEST, LEVEL
from streamer.classify.conformity import Branches, branches
from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.training.crossfit import calibrations, grown, maturity_bins, unseen
from streamer.training.fit import Examples, examples_of, read_sets
from streamer.training.kept import Kept
from streamer.training.recipe import Recipe, read_recipe
from streamer.training.selection import selected
from streamer.training.train import PROGRESS
from streamer.training.tuning import tuned

Score = Callable[[Float64s, Branches], Float64s]


def _cumulative(p: Float64s, _: Branches) -> Float64s:
    """Minus the probability of all likelier classes and half the class's own (Romano, Sesia & Candès 2020)."""
    order = np.argsort(-p, axis=1)
    ranked = np.take_along_axis(p, order, axis=1)
    score = np.empty_like(p)
    np.put_along_axis(score, order, ranked / 2 - np.cumsum(ranked, axis=1), axis=1)
    return score


def _near(power: float) -> Score:
    def score(p: Float64s, of_branches: Branches) -> Float64s:
        found: Float64s = p / p.max(axis=1, keepdims=True)
        for columns in of_branches:
            found[:, columns] *= p[:, columns].sum(axis=1, keepdims=True) ** power
        return found

    return score


SCORES: dict[str, Score] = {
    "probability": lambda p, _: p,
    "cumulative probability": _cumulative,
    "nearness to the best class": _near(0.0),
    "nearness · branch^½": _near(0.5),
    "nearness · branch": _near(1.0),
}


def _row(name: str, score: Score, recipe: Recipe, examples: Examples, p: Float64s) -> str:
    of_branches = branches(examples.leaves)
    scores = score(p, of_branches)
    truth, slice_number = examples.truth[examples.picks.row], examples.slice_number[examples.picks.row]
    size, covered, silent = [], [], []
    for inside in maturity_bins(examples.n_detections):
        for number in range(recipe.split.slices):
            others = examples.one_each(inside & examples.first_hand & (slice_number != number), recipe.seed)
            alerts = examples.one_each(inside & examples.first_hand & (slice_number == number), recipe.seed)
            possible = scores[alerts] >= _thresholds(scores[others], truth[others], scores, truth, slice_number != number)
            possible[np.arange(len(alerts)), p[alerts].argmax(axis=1)] |= possible.any(axis=1)
            in_branch = np.stack([possible[:, columns].any(axis=1) for columns in of_branches])
            size += possible.sum(axis=1).tolist()
            covered += possible[np.arange(len(alerts)), truth[alerts]].tolist()
            silent += (in_branch.sum(axis=0) != 1).tolist()
    named = np.mean(np.array(size) == 1)
    return f"{name:28s} {np.mean(covered):8.3f} {np.mean(size):6.2f} {named:7.1%} {np.mean(silent):10.1%}"


def _thresholds(of_bin: Float64s, truth: Int64s, every: Float64s, its_truth: Int64s, known: Bools) -> Float64s:
    """float64[k]: for a class with few objects in the bin, from all its alerts of the other slices."""
    found = np.full(of_bin.shape[1], -np.inf)
    for leaf in range(of_bin.shape[1]):
        values = np.sort(of_bin[truth == leaf, leaf])
        if len(values) < FEWEST:
            values = np.sort(every[known & (its_truth == leaf), leaf])
        if (place := int((len(values) + 1) * (1 - LEVEL))) > 0:
            found[leaf] = values[place - 1]
    return found


def main() -> None:
    """Print a line for each number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    recipe = read_recipe(asked.recipe)[1]
    kept = Kept(asked.out / PROGRESS)
    examples = examples_of(recipe, read_sets(recipe, asked.data))
    examples, _ = selected(recipe, examples, kept, lambda _: None)
    recipe, _ = tuned(recipe, examples, kept, print)
    models = grown(recipe, examples, recipe.split.rotations, kept, print)
    raw = unseen(recipe, examples, models)
    p = np.full_like(raw, np.nan)
    for number, calibrated in enumerate(calibrations(recipe, examples, models)):
        rows = examples.slice_number[examples.picks.row] == number
        p[rows] = calibrated.probabilities(raw[rows], examples.n_detections[rows])
    print(f"{'':28s} coverage   size   named  no answer")
    for name, score in SCORES.items():
        print(_row(name, score, recipe, examples, p))


if __name__ == "__main__":
    main()
