"""Scores of a classifier: every figure with its interval, and what ignorance would score beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamer.data.arrays import Bools, Float64s, Int64s

RESAMPLES = 500
"""Bootstrap resamples behind each interval."""
LEVELS = (2.5, 97.5)
"""Percentiles of the intervals: 95 %."""
RELIABILITY_BINS = 15

Figures = dict[str, Any]  # JSON


@dataclass(frozen=True, slots=True)
class Answers:
    """What a classifier said of n objects, each once.

    Parameters
    ----------
    truth : int64[n]
        Index of the true leaf.
    probability : float64[n, number of leaves]
    weight : float64[n]
        How much each object counts in precision, recall and F1; all 1 where the labelled sets speak for themselves.
    assumed : float64[n]
        How much each object counts where calibration is judged: the mixture of classes that the probabilities assume.
    """

    truth: Int64s
    probability: Float64s
    weight: Float64s
    assumed: Float64s

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def answer(self) -> Int64s:
        """int64[n] the most probable leaf."""
        answer: Int64s = self.probability.argmax(axis=1)
        return answer


def figures(answers: Answers, leaves: Sequence[str], judged_from: int, seed: int) -> Figures:
    """Accuracy, macro-F1, per-class precision, recall and F1 with bootstrap intervals over objects, and calibration; JSON-able."""
    n_leaves = len(leaves)
    counts = np.bincount(answers.truth, minlength=n_leaves)
    judged = counts >= judged_from
    tables = np.concatenate([_confusion(answers, n_leaves)[None], _resampled(answers, n_leaves, seed)])
    precision, recall, f1 = rates(tables)
    present = counts > 0
    return {
        "objects": len(answers),
        "accuracy": _interval(_share(np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2)))),
        "macro_f1": _interval(_mean(f1, present)),
        "macro_f1_classes": [leaf for leaf, here in zip(leaves, present, strict=True) if here],
        "macro_f1_judged": _interval(_mean(f1, judged)),
        "judged_classes": [leaf for leaf, here in zip(leaves, judged, strict=True) if here],
        "ece": calibration_error(answers, seed),
        "classes": {
            leaf: {
                "objects": int(counts[place]),
                "precision": _interval(precision[:, place]),
                "recall": _interval(recall[:, place]),
                "f1": _interval(f1[:, place]),
            }
            for place, leaf in enumerate(leaves)
        },
    }


def macro_f1(answers: Answers, n_leaves: int) -> float:
    """Mean F1 over the classes that occur."""
    _, _, f1 = rates(_confusion(answers, n_leaves)[None])
    return round(float(_mean(f1, np.bincount(answers.truth, minlength=n_leaves) > 0)[0]), 4)


def f1_gained(answers: Answers, other: Answers, leaves: Sequence[str], seed: int) -> Figures:
    """By how much F1 is above that of other answers for the same objects: of each class, and their mean over those that occur.

    Intervals are of pairs: each resample draws the same objects for both. JSON-able.
    """
    n_leaves = len(leaves)
    ours, theirs = (
        np.nan_to_num(rates(np.concatenate([_confusion(some, n_leaves)[None], _resampled(some, n_leaves, seed)]))[2])
        for some in (answers, other)
    )
    present = np.bincount(answers.truth, minlength=n_leaves) > 0
    return {
        "macro_f1": _interval(_mean(ours - theirs, present)),
        "classes": {leaf: _interval((ours - theirs)[:, place]) for place, leaf in enumerate(leaves)},
    }


def of_all_alerts(answers: Answers, owner: Int64s, n_leaves: int, seed: int) -> Figures:
    """Accuracy and macro-F1 over all alerts of objects, an object's alerts sharing its one vote; intervals over objects; JSON-able.

    Parameters
    ----------
    answers : Answers
        Of m alerts; their weights are not asked.
    owner : int64[m]
        The object of each.
    n_leaves : int
    seed : int
    """
    _, place, alerts = np.unique(owner, return_inverse=True, return_counts=True)
    votes = np.zeros((len(alerts), n_leaves * n_leaves))
    np.add.at(votes, (place, answers.truth * n_leaves + answers.answer), 1.0 / alerts[place])
    drawn = np.random.default_rng(seed).multinomial(len(alerts), np.full(len(alerts), 1.0 / len(alerts)), RESAMPLES)
    tables = np.concatenate([votes.sum(axis=0)[None], drawn @ votes]).reshape(-1, n_leaves, n_leaves)
    present = tables[0].sum(axis=1) > 0
    return {
        "objects": len(alerts),
        "alerts": len(owner),
        "accuracy": _interval(_share(np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2)))),
        "macro_f1": _interval(_mean(rates(tables)[2], present)),
    }


def confusion(answers: Answers, n_leaves: int) -> list[list[int]]:
    """Objects by true leaf (rows) and answer (columns)."""
    table = np.zeros((n_leaves, n_leaves), dtype=np.int64)
    np.add.at(table, (answers.truth, answers.answer), 1)
    rows: list[list[int]] = table.tolist()
    return rows


def rates(tables: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """float64[k, number of leaves] precision, recall and F1 of k confusion tables; precision is NaN for a class never answered."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    said, true = tables.sum(axis=1), tables.sum(axis=2)
    return _share(hits, said), _share(hits, true), _share(2 * hits, said + true)


def calibration_error(answers: Answers, seed: int) -> Figures:
    """Expected calibration error of the answer in equal-mass bins, and the error that perfect calibration would show by chance."""
    if not len(answers):
        return {"value": None, "noise_floor": None}
    confidence = answers.probability.max(axis=1)
    right = (answers.answer == answers.truth).astype(np.float64)
    bins = _equal_mass(confidence, answers.assumed, RELIABILITY_BINS)
    chance = np.random.default_rng(seed).random((RESAMPLES // 5, len(confidence))) < confidence
    floor = np.mean([_ece(confidence, hit.astype(np.float64), answers.assumed, bins) for hit in chance])
    return {"value": _rounded(_ece(confidence, right, answers.assumed, bins)), "noise_floor": _rounded(float(floor))}


def reliability(answers: Answers) -> list[Figures]:
    """Mean confidence and accuracy of the answers in equal-mass bins of confidence."""
    if not len(answers):
        return []
    confidence = answers.probability.max(axis=1)
    right = answers.answer == answers.truth
    bins = _equal_mass(confidence, answers.assumed, RELIABILITY_BINS)
    return [
        {
            "objects": int((bins == b).sum()),
            "confidence": _rounded(float(np.average(confidence[bins == b], weights=answers.assumed[bins == b]))),
            "accuracy": _rounded(float(np.average(right[bins == b], weights=answers.assumed[bins == b]))),
        }
        for b in np.unique(bins)
    ]


def average_precision(score: Float64s, is_one: Bools, seed: int) -> Figures:
    """Mean precision over the recalls as the threshold falls, with its bootstrap interval, and that of chance; JSON-able."""
    n = len(score)
    if not is_one.any():
        return {"objects": n, "ones": 0, "chance": None, "value": None, "low": None, "high": None}
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(0, n, n) for _ in range(RESAMPLES // 5)]
    values = np.array([_precision(score, is_one), *(_precision(score[rows], is_one[rows]) for rows in drawn)])
    return {"objects": n, "ones": int(is_one.sum()), "chance": _rounded(float(is_one.mean())), **_interval(values)}


def _precision(score: Float64s, is_one: Bools) -> float:
    """Average precision; of equal scores none is before another."""
    if not is_one.any():
        return np.nan
    values, inverse = np.unique(-score, return_inverse=True)
    ones = np.bincount(inverse, weights=is_one, minlength=len(values))
    found, taken = np.cumsum(ones), np.cumsum(np.bincount(inverse, minlength=len(values)))
    return float((ones * found / taken).sum() / ones.sum())


def _confusion(answers: Answers, n_leaves: int) -> Float64s:
    table = np.zeros((n_leaves, n_leaves))
    np.add.at(table, (answers.truth, answers.answer), answers.weight)
    return table


def _resampled(answers: Answers, n_leaves: int, seed: int) -> Float64s:
    """float64[RESAMPLES, leaves, leaves] confusion tables of objects drawn with replacement."""
    rng = np.random.default_rng(seed)
    n = len(answers)
    cell = answers.truth * n_leaves + answers.answer
    tables = np.empty((RESAMPLES, n_leaves * n_leaves))
    for k in range(RESAMPLES):
        drawn = rng.integers(0, n, n) if n else np.zeros(0, dtype=np.int64)
        tables[k] = np.bincount(cell[drawn], weights=answers.weight[drawn], minlength=n_leaves * n_leaves)
    return tables.reshape(RESAMPLES, n_leaves, n_leaves)


def _equal_mass(confidence: Float64s, weight: Float64s, n: int) -> Int64s:
    order = np.argsort(confidence, kind="stable")
    mass = np.cumsum(weight[order]) - weight[order] / 2
    bins = np.empty(len(confidence), dtype=np.int64)
    bins[order] = np.minimum(mass / weight.sum() * n, n - 1).astype(np.int64)
    return bins


def _ece(confidence: Float64s, right: Float64s, weight: Float64s, bins: Int64s) -> float:
    gap = np.bincount(bins, weights=weight * (right - confidence))
    return float(np.abs(gap).sum() / weight.sum())


def _mean(values: Float64s, classes: Bools) -> Float64s:
    """float64[k] mean over `classes`; a class that a resample misses counts as 0, as in the full table."""
    if not classes.any():
        return np.full(len(values), np.nan)
    mean: Float64s = np.nan_to_num(values[:, classes]).mean(axis=1)
    return mean


def _share(part: Float64s, whole: Float64s) -> Float64s:
    """The quotient, NaN where the whole is 0."""
    return part / np.where(whole > 0, whole, np.nan)


def _interval(values: Float64s) -> Figures:
    """The first value, and the interval that the others span; None where undefined."""
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = np.percentile(drawn, LEVELS) if len(drawn) else (np.nan, np.nan)
    return {"value": _rounded(float(values[0])), "low": _rounded(float(low)), "high": _rounded(float(high))}


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
