"""Scores of a classifier that says pulsar or not, from labels and probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.training.metrics import LEVELS

RESAMPLES = 300
BINS = 15
RECALL = 0.95
"""The recall at which the rate of false positives is quoted."""

Score = Callable[[Int64s, Float64s, Bools], float]
"""A figure of labels int64[n], probabilities float64[n] and answers bool[n]."""
Figure = dict[str, float]


def f1(truth: Int64s, _probability: Float64s, answer: Bools) -> float:
    """2 TP / (2 TP + FP + FN)."""
    return float(2 * np.count_nonzero(answer & (truth == 1)) / (np.count_nonzero(answer) + truth.sum()))


def precision(truth: Int64s, _probability: Float64s, answer: Bools) -> float:
    """Share of pulsars among what is called one."""
    said = int(np.count_nonzero(answer))
    return float(np.count_nonzero(answer & (truth == 1)) / said) if said else 0.0


def recall(truth: Int64s, _probability: Float64s, answer: Bools) -> float:
    """Share of the pulsars that are called one."""
    return float(np.count_nonzero(answer & (truth == 1)) / truth.sum())


def average_precision(truth: Int64s, probability: Float64s, _answer: Bools) -> float:
    """Mean of the precision at each pulsar, from the most probable down; equal probabilities count at their last."""
    precisions, recalls = curve(truth, probability)
    return float(np.sum(np.diff(recalls, prepend=0.0) * precisions))


def area(truth: Int64s, probability: Float64s, _answer: Bools) -> float:
    """Area under the ROC curve: how often a pulsar is more probable than what is none, ties counting half."""
    _, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    positive = truth.sum()
    return float((rank[truth == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))


def false_positives_at_recall(truth: Int64s, probability: Float64s, _answer: Bools) -> float:
    """Share of the others called pulsar where 95 % of the pulsars are."""
    ordered = np.sort(probability[truth == 1])[::-1]
    threshold = ordered[int(np.ceil(RECALL * len(ordered))) - 1]
    return float(np.mean(probability[truth == 0] >= threshold))


def calibration_error(truth: Int64s, probability: Float64s, _answer: Bools) -> float:
    """Mean distance of P(pulsar) from the share of pulsars, in equally filled bins of P(pulsar)."""
    return float(sum(len(p) * abs(p.mean() - t.mean()) for p, t in _bins(truth, probability)) / len(truth))


def reliability(truth: Int64s, probability: Float64s) -> list[Figure]:
    """Mean P(pulsar) and share of pulsars, in tenths of P(pulsar)."""
    tenth = np.minimum((probability * 10).astype(np.int64), 9)
    return [
        {
            "rows": int(np.count_nonzero(tenth == k)),
            "probability": round(float(probability[tenth == k].mean()), 4),
            "share": round(float(truth[tenth == k].mean()), 4),
        }
        for k in np.unique(tenth)
    ]


def best_threshold(truth: Int64s, probability: Float64s) -> float:
    """The P(pulsar) from which on to say pulsar so that F1 is largest."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(truth[order])
    return float(probability[order[int(np.argmax(2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())))]])


def expected_best_threshold(probability: Float64s) -> float:
    """The P(pulsar) from which on to say pulsar so that F1 is expected to be largest, if the probabilities are right.

    It needs no labels, and so depends less on which few pulsars lie about the threshold than :func:`best_threshold` does.
    """
    ordered = np.sort(probability)[::-1]
    expected = 2.0 * np.cumsum(ordered) / (np.arange(1, len(ordered) + 1) + ordered.sum())
    return float(ordered[int(np.argmax(expected))])


def curve(truth: Int64s, probability: Float64s) -> tuple[Float64s, Float64s]:
    """Precision and recall at each different probability, from the largest down."""
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.diff(probability[order]) != 0, True)  # of several equal ones
    hits = np.cumsum(truth[order])
    return (hits / np.arange(1, len(truth) + 1))[last], (hits / max(truth.sum(), 1))[last]


SCORES: Mapping[str, Score] = {
    "f1": f1,
    "precision": precision,
    "recall": recall,
    "average_precision": average_precision,
    "auc": area,
    "false_positives_at_95_recall": false_positives_at_recall,
    "ece": calibration_error,
}


def figures(truth: Int64s, probability: Float64s, answer: Bools, seed: int) -> dict[str, Figure]:
    """Each score, mean over the repeats, with the interval that redrawing the candidates gives it.

    Parameters
    ----------
    truth : int64[n]
    probability : float64[repeats, n]
    answer : bool[repeats, n]
    """
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES)]
    return {name: _figure(score, truth, probability, answer, drawn) for name, score in SCORES.items()}


def noise_floor(probability: Float64s, seed: int) -> float:
    """The calibration error that labels drawn from the probabilities themselves (float64[n]) would show."""
    rng = np.random.default_rng(seed)
    nothing = np.zeros(len(probability), dtype=np.bool_)
    chance = [(rng.random(len(probability)) < probability).astype(np.int64) for _ in range(RESAMPLES // 5)]
    return round(float(np.mean([calibration_error(truth, probability, nothing) for truth in chance])), 4)


def _figure(score: Score, truth: Int64s, probability: Float64s, answer: Bools, drawn: list[Int64s]) -> Figure:
    def mean(rows: Int64s) -> float:
        each = [score(truth[rows], p[rows], a[rows]) for p, a in zip(probability, answer, strict=True)]
        return float(np.mean(each))

    low, high = np.percentile([mean(rows) for rows in drawn], LEVELS)
    return {
        "value": round(mean(np.arange(len(truth))), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


def _bins(truth: Int64s, probability: Float64s) -> list[tuple[Float64s, Int64s]]:
    order = np.argsort(probability, kind="stable")
    return [(probability[part], truth[part]) for part in np.array_split(order, min(BINS, len(order)))]
