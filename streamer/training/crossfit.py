"""Models with rotated parts, so that every object is scored, and calibrates, by a model that never saw it.

With as many rotations as slices, temperatures and conformal sets come from all slices but the one that is tested: classes with few
objects then calibrate with nearly all of them instead of a tenth. The slice that would calibrate helps to train. With fewer
rotations each model has a calibration part of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import lightgbm
import numpy as np

from streamer.classify.calibration import Calibration
from streamer.classify.conformal import LEVEL, Answers, Conformal
from streamer.classify.novelty import Novelty
from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.training.fit import MATURITY, Examples, shares, temperature
from streamer.training.kept import Arrays, Kept
from streamer.training.recipe import Recipe
from streamer.training.split import Part
from streamer.training.trees import grown_trees, tree_settings


@dataclass(frozen=True, slots=True)
class Grown:
    """The trees of one rotation.

    Parameters
    ----------
    trees : str
        LightGBM's text.
    rounds : int
    raw : float64[m, k]
        Raw scores of all m alerts that the trees were not grown with; NaN for the others.
    """

    trees: str
    rounds: int
    raw: Float64s


def grow(recipe: Recipe, examples: Examples, rotation: int) -> Grown:
    """Trees from the training part, stopped by the validation part."""
    validation = examples.of_part(recipe, Part.VALIDATION, rotation)
    train = examples.of_part(recipe, Part.TRAIN, rotation)
    if is_crossed(recipe):
        train |= examples.of_part(recipe, Part.CALIBRATION, rotation)
    booster, rounds = grown_trees(recipe, examples, train, validation)
    raw = np.full((len(examples.picks), len(examples.leaves)), np.nan)
    raw[~train] = booster.predict(examples.matrix[~train], raw_score=True, num_iteration=rounds, num_threads=1)
    return Grown(booster.model_to_string(num_iteration=rounds), rounds, raw)


def _as_arrays(recipe: Recipe, examples: Examples, rotation: int) -> Arrays:
    made = grow(recipe, examples, rotation)
    return {"trees": np.frombuffer(made.trees.encode(), dtype=np.uint8), "rounds": np.array(made.rounds), "raw": made.raw}


def is_crossed(recipe: Recipe) -> bool:
    """Whether every slice is tested once, so that all of them can calibrate."""
    return recipe.split.rotations >= recipe.split.slices


def grown(recipe: Recipe, examples: Examples, rotations: int, kept: Kept, progress: Callable[[str], None]) -> list[Grown]:
    """The trees of the first `rotations` rotations."""
    found = []
    for rotation in range(min(rotations, recipe.split.slices)):
        progress(f"rotation {rotation + 1} of {rotations}")
        what = depends_on(recipe, examples) | {"rotation": rotation}
        parts = kept.of(f"trees-{rotation}", what, partial(_as_arrays, recipe, examples, rotation))
        found.append(Grown(parts["trees"].tobytes().decode(), int(parts["rounds"]), parts["raw"]))
    return found


def depends_on(recipe: Recipe, examples: Examples) -> dict[str, object]:
    """All that trees depend on, JSON-able."""
    sha = hashlib.sha256(examples.matrix.tobytes())
    for array in (examples.picks.row, examples.truth, examples.weight, examples.slice_number):
        sha.update(array.tobytes())
    return {
        "data": sha.hexdigest(),
        "inputs": list(examples.inputs),
        "trees": tree_settings(recipe.trees, recipe.seed),
        "rounds": [recipe.trees.rounds, recipe.trees.patience],
        "split": recipe.split.model_dump(),
        "library": lightgbm.__version__,
        **({"sometimes": list(examples.sometimes)} if examples.sometimes else {}),
    }


def calibration(recipe: Recipe, examples: Examples, raw: Float64s, among: Bools) -> Calibration:
    """A temperature for each maturity bin and what conformal sets are made of, from one random alert of each object in each bin.

    Objects that stand in one borrowed neighbourhood are right or wrong together: for the sets they count as one.
    """
    chosen = [examples.one_each(among & inside, recipe.seed) for inside in maturity_bins(examples.n_detections)]
    rows = [examples.picks.row[alerts] for alerts in chosen]
    temperatures = tuple(
        temperature(raw[alerts], examples.truth[row], examples.weight[row]) for alerts, row in zip(chosen, rows, strict=True)
    )
    plain = Calibration(MATURITY, temperatures)
    alerts, row = np.concatenate(chosen), np.concatenate(rows)
    detections = examples.n_detections[alerts]
    probability = plain.probabilities(raw[alerts], detections)
    owner = examples.neighbourhood[row]
    return replace(plain, conformal=Conformal.of(probability, examples.truth[row], detections, examples.leaves, MATURITY, owner))


def novelty(recipe: Recipe, examples: Examples) -> Novelty:
    """What measures the distance from all alerts but those of the test part; its scale is set by alerts as the stream brings them.

    Of each bin: one alert of each object, drawn so often that the classes have the recipe's shares.
    """
    known = examples.slice_number[examples.picks.row] != 0  # not what tests the shipped model
    judged = known & examples.first_hand
    rng = np.random.default_rng(recipe.seed)
    bins = [examples.one_each(judged & inside, recipe.seed) for inside in maturity_bins(examples.n_detections)]
    reference = np.concatenate([_in_stream_mixture(recipe, examples, alerts, rng) for alerts in bins])
    return Novelty.of(examples.matrix[known], examples.matrix[reference], examples.n_detections[reference], MATURITY, recipe.seed)


def _in_stream_mixture(recipe: Recipe, examples: Examples, alerts: Int64s, rng: np.random.Generator) -> Int64s:
    """As many of the alerts, drawn with repetition so that each class comes as often as the recipe says; in rising order."""
    if not len(alerts):
        return alerts
    truth = examples.truth[examples.picks.row[alerts]]
    weight = shares(recipe, examples.leaves)[truth] / np.bincount(truth, minlength=len(examples.leaves))[truth]
    drawn: Int64s = np.sort(rng.choice(alerts, size=len(alerts), p=weight / weight.sum()))
    return drawn


def maturity_bins(n_detections: Int64s) -> list[Bools]:
    """For each maturity bin bool[m], which alerts are in it."""
    ends = (*MATURITY[1:], np.iinfo(np.int64).max)
    return [(n_detections >= first) & (n_detections < end) for first, end in zip(MATURITY, ends, strict=True)]


def calibrations(recipe: Recipe, examples: Examples, models: list[Grown]) -> list[Calibration]:
    """The calibration of each rotation's model, from objects that it does not test, each scored by a model that did not see it."""
    if not is_crossed(recipe):
        parts = [examples.of_part(recipe, Part.CALIBRATION, rotation) for rotation in range(len(models))]
        return [calibration(recipe, examples, model.raw, part) for model, part in zip(models, parts, strict=True)]
    raw = unseen(recipe, examples, models)
    tested = [examples.of_part(recipe, Part.TEST, rotation) for rotation in range(len(models))]
    return [calibration(recipe, examples, raw, examples.first_hand & ~test) for test in tested]


def unseen(recipe: Recipe, examples: Examples, models: list[Grown]) -> Float64s:
    """float64[m, k] raw scores of each alert by the model that tests its slice; NaN where none does."""
    raw = np.full((len(examples.picks), len(examples.leaves)), np.nan)
    for rotation, model in enumerate(models):
        test = examples.of_part(recipe, Part.TEST, rotation)
        raw[test] = model.raw[test]
    return raw


@dataclass(frozen=True, slots=True)
class Said:
    """What models said of m alerts that they never saw.

    Parameters
    ----------
    among : bool[m]
        Which alerts were scored.
    probability : float64[m, k]
        NaN for the others.
    possible : bool[m, k]
        Conformal sets.
    state : int8[m]
        A :class:`streamer.data.batch.State`.
    class_id : int32[m]
    """

    among: Bools
    probability: Float64s
    possible: Bools
    state: np.ndarray[tuple[int], np.dtype[np.int8]]
    class_id: np.ndarray[tuple[int], np.dtype[np.int32]]

    @classmethod
    def nothing(cls, m: int, k: int) -> Said:
        """Nothing said yet."""
        return cls(
            np.zeros(m, dtype=np.bool_),
            np.full((m, k), np.nan),
            np.zeros((m, k), dtype=np.bool_),
            np.zeros(m, dtype=np.int8),
            np.zeros(m, dtype=np.int32),
        )

    def add(self, rows: Int64s, probability: Float64s, answers: Answers) -> None:
        """Fill in what was said of the alerts at `rows`."""
        self.among[rows] = True
        self.probability[rows] = probability
        self.possible[rows] = answers.possible
        self.state[rows] = answers.state
        self.class_id[rows] = answers.class_id


def said(recipe: Recipe, examples: Examples, models: list[Grown]) -> Said:
    """What each rotation's model says of its test part."""
    result = Said.nothing(len(examples.picks), len(examples.leaves))
    for rotation, (model, calibrated) in enumerate(zip(models, calibrations(recipe, examples, models), strict=True)):
        rows = np.flatnonzero(examples.of_part(recipe, Part.TEST, rotation))
        if not len(rows):
            continue
        detections = examples.n_detections[rows]
        probability = calibrated.probabilities(model.raw[rows], detections)
        if calibrated.conformal is not None:
            result.add(rows, probability, calibrated.conformal.rule(LEVEL).answers(probability, detections))
    return result
