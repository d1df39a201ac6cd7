"""How conformal sets and abstention do: coverage with exact intervals, sizes of the sets, and what is left to answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import lgamma

import numpy as np

from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.data.batch import State
from streamer.training.metrics import Answers, Figures, calibration_error

_TAIL = 0.025
"""Probability beyond either end of an interval: 95 % are inside."""


def exact_interval(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share seen as `hits` of `n` (Clopper & Pearson 1934, Biometrika 26, 404); 0 to 1 if n is 0."""
    low = 0.0 if hits == 0 else _where(lambda p: 1.0 - _at_most(hits - 1, n, p) - _TAIL)
    high = 1.0 if hits == n else _where(lambda p: _TAIL - _at_most(hits, n, p))
    return low, high


def sets(possible: Bools, truth: Int64s, leaves: Sequence[str]) -> Figures:
    """Coverage and mean size of the sets of n objects, over all and by true class; JSON-able.

    Parameters
    ----------
    possible : bool[n, k]
    truth : int64[n]
    leaves : sequence of str
        The k classes.
    """
    covered = possible[np.arange(len(truth)), truth]
    size = possible.sum(axis=1)
    classes = {leaf: _set_figures(covered[truth == place], size[truth == place]) for place, leaf in enumerate(leaves)}
    return {"overall": _set_figures(covered, size), "classes": classes}


def answered(answers: Answers, state: Int64s, class_id: Int64s, leaf_ids: Sequence[int], seed: int) -> Figures:
    """How much is answered with a leaf, how often rightly, and whether the probability of the answer means what it says; JSON-able.

    Parameters
    ----------
    answers : Answers
        Of n objects.
    state, class_id : int64[n]
        What the service would answer.
    leaf_ids : sequence of int
        Taxonomy ids of the k classes.
    seed : int
    """
    place = np.searchsorted(np.sort(leaf_ids), class_id)
    order = np.argsort(leaf_ids)
    leaf = order[np.minimum(place, len(leaf_ids) - 1)]
    named = state == State.CLASSIFIED
    some = Answers(
        answers.truth[named], _only(answers.probability[named], leaf[named]), answers.weight[named], answers.assumed[named]
    )
    right = int(np.count_nonzero(leaf[named] == some.truth))
    states = Counter(State(value).name for value in state.tolist())
    return {
        "objects": len(answers),
        "states": {name: states.get(name, 0) for name in ("CLASSIFIED", "PARENT_ONLY", "NOT_CLASSIFIED")},
        "share": round(float(named.mean()), 4) if len(answers) else None,
        "accuracy": _share(right, int(named.sum())),
        "ece": calibration_error(some, seed),
        "ece_of_all": calibration_error(answers, seed),
    }


def _only(probability: Float64s, leaf: Int64s) -> Float64s:
    """The probabilities with those of all leaves but the answer set to 0: what is asked is whether the answer is right."""
    kept = np.zeros_like(probability)
    rows = np.arange(len(leaf))
    kept[rows, leaf] = probability[rows, leaf]
    return kept


def _set_figures(covered: Bools, size: Int64s) -> Figures:
    return {
        "objects": len(covered),
        "coverage": _share(int(covered.sum()), len(covered)),
        "size": round(float(size.mean()), 4) if len(size) else None,
        "empty": int(np.count_nonzero(size == 0)),
        "single": int(np.count_nonzero(size == 1)),
    }


def _share(hits: int, n: int) -> Figures:
    if not n:
        return {"value": None, "low": None, "high": None}
    low, high = exact_interval(hits, n)
    return {"value": round(hits / n, 4), "low": round(low, 4), "high": round(high, 4)}


def _at_most(hits: int, n: int, p: float) -> float:
    """Probability of at most `hits` successes of `n` with probability 0 < p < 1 each."""
    k = np.arange(hits + 1)
    logs = np.array([lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) for i in range(hits + 1)])
    return float(np.exp(logs + k * np.log(p) + (n - k) * np.log1p(-p)).sum())


def _where(rising: Callable[[float], float]) -> float:
    """Where the rising function crosses 0 between 0 and 1, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
