"""How far an alert is from the training data: an isolation forest, and where its answer lies among those of the training alerts.

An isolation forest (Liu, Ting & Zhou 2008, doi:10.1109/ICDM.2008.17) cuts a small sample of the training alerts at random until
each is alone; what is unlike the others is alone after few cuts. The mean number of cuts is not told: novelty is the share of the
training alerts with as many detections that are not farther out, so that it means the same for every model and maturity.

To fit one, with the features of the training part, and for `reference` those of alerts that count each object once::

    novelty = Novelty.of(matrix, reference, n_detections_of_reference, first, seed)
    files = bundle_files(manifest, trees, calibration, card, novelty)
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from streamer.classify.forest import Forest
from streamer.classify.manifest import NOVELTY, json_object
from streamer.classify.maturity import bin_of
from streamer.classify.trees import DEFAULT_LEFT, MISSING_NAN, Ensemble, Tree
from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.errors import InvalidBundle

TREES = 100
DEPTH = 6
LEAVES = 1 << DEPTH
"""Of each tree, and alerts in its sample: the depth is the mean one of a tree over so many."""
NODES = LEAVES - 1
MOST = 1000
"""Reference alerts kept for each bin."""
FEWEST = 100
"""A bin with fewer reference alerts takes those of the nearest bins too, of two equally near ones the younger first."""
_EULER = 0.5772156649
_CLIP = 1e-4
"""A rank so near to an end is taken for this one."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """One tree, complete and in the order of a heap: node i has the children 2i + 1 and 2i + 2.

    Parameters
    ----------
    inputs : tuple of 63 int
        The column that each node cuts.
    thresholds : tuple of 63 float
        Values up to it go to the left.
    nan_left : tuple of 63 bool
        Whether undefined values go to the left.
    depths : tuple of 64 float
        Cuts until an alert of each leaf is alone.
    """

    inputs: tuple[int, ...]
    thresholds: tuple[float, ...]
    nan_left: tuple[bool, ...]
    depths: tuple[float, ...]

    def tree(self) -> Tree:
        """The same as a tree of a forest."""
        decisions = [MISSING_NAN | (DEFAULT_LEFT if left else 0) for left in self.nan_left]
        left, right = ([_child(2 * node + side) for node in range(NODES)] for side in (1, 2))
        return Tree(list(self.inputs), list(self.thresholds), decisions, left, right, list(self.depths))


@dataclass(frozen=True, slots=True)
class Novelty:
    """The forest of a model, and the depths of its training alerts.

    Parameters
    ----------
    cuts : tuple of Cuts
    first : tuple of int
        The smallest number of detections of each maturity bin.
    reference : tuple of tuple of float
        For each bin the mean depths of training alerts, rising, at most ``MOST``.
    """

    cuts: tuple[Cuts, ...]
    first: tuple[int, ...]
    reference: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, matrix: Float32s, reference: Float32s, n_detections: Int64s, first: Sequence[int], seed: int) -> Novelty:
        """From m training alerts; the same arguments always give the same forest.

        Parameters
        ----------
        matrix : float32[m, d]
            Features of training alerts, as the model reads them; NaN where undefined.
        reference : float32[k, d]
            Features of the alerts that set the scale: at most one of each object in each bin, and the classes in the shares that
            the stream brings (draw them by weight), or a class with few examples looks strange however well it is known.
        n_detections : int64[k]
            Detections in the light curves of those.
        first : sequence of int
            Maturity bins.
        seed : int
        """
        rng = np.random.default_rng(seed)
        ranks = _Ranks.of(matrix)
        cuts = tuple(_cuts(ranks, rng) for _ in range(TREES))
        depths = mean_depths(_forest(cuts, matrix.shape[1]), reference)
        place = bin_of(n_detections, first)
        return cls(cuts, tuple(first), tuple(_reference(depths, place, number, len(first)) for number in range(len(first))))

    def measure(self, n_inputs: int) -> Measure:
        """What measures alerts with so many inputs; InvalidBundle if the forest reads others."""
        if any(column >= n_inputs for cuts in self.cuts for column in cuts.inputs):
            raise InvalidBundle(f"{NOVELTY}: a tree reads an input that the model does not have")
        return Measure(_forest(self.cuts, n_inputs), self.first, tuple(np.array(depths) for depths in self.reference))

    def to_json(self) -> bytes:
        """The file; each tree and bin has a line."""
        trees = [
            json.dumps(
                {
                    "inputs": each.inputs,
                    "thresholds": each.thresholds,
                    "nan_left": list(map(int, each.nan_left)),
                    "depths": each.depths,
                }
            )
            for each in self.cuts
        ]
        bins = [
            json.dumps({"min_detections": low, "depths": depths}) for low, depths in zip(self.first, self.reference, strict=True)
        ]
        return "".join(
            ['{\n "bins": [\n  ', ",\n  ".join(bins), '\n ],\n "trees": [\n  ', ",\n  ".join(trees), "\n ]\n}\n"]
        ).encode()

    @classmethod
    def of_json(cls, raw: bytes) -> Novelty:
        """What is written in `raw`; InvalidBundle naming what is wrong."""
        tree = json_object(raw, NOVELTY)
        bins, trees = (_listed(tree, name) for name in ("bins", "trees"))
        first = tuple(_first(each, f"bins[{number}]") for number, each in enumerate(bins))
        if any(after <= before for before, after in pairwise(first)):
            raise InvalidBundle(f"{NOVELTY}: bins: min_detections must rise")
        reference = tuple(_numbers(each, "depths", f"bins[{number}]") for number, each in enumerate(bins))
        for number, depths in enumerate(reference):
            if not depths or any(after < before for before, after in pairwise(depths)):
                raise InvalidBundle(
                    f"{NOVELTY}: bins[{number}].depths must be one or more numbers, none smaller than the one before"
                )
        if len(trees) != TREES:
            raise InvalidBundle(f"{NOVELTY}: trees are {len(trees)} instead of {TREES}")
        return cls(tuple(_cuts_of_json(each, f"trees[{number}]") for number, each in enumerate(trees)), first, reference)


@dataclass(frozen=True, slots=True)
class Measure:
    """Measures alerts.

    Parameters
    ----------
    forest : Forest
        One output, the sum of the depths.
    first : tuple of int
    reference : tuple of float64[…]
    """

    forest: Forest
    first: tuple[int, ...]
    reference: tuple[Float64s, ...]

    def __call__(self, matrix: Float32s, n_detections: Int64s) -> Float32s:
        """float32[n], the share of the reference alerts of the same maturity that are not farther out than each alert.

        Parameters
        ----------
        matrix : float32[n, d]
        n_detections : int64[n]
        """
        depths = mean_depths(self.forest, matrix)
        place = bin_of(n_detections, self.first)
        novelty = np.empty(len(matrix), dtype=np.float32)
        for number, reference in enumerate(self.reference):
            inside = place == number
            novelty[inside] = 1.0 - np.searchsorted(reference, depths[inside], side="left") / len(reference)
        return novelty


@dataclass(frozen=True, slots=True)
class _Ranks:
    """The training alerts by the logit of their rank in each input, so that a few wild values do not decide where is cut.

    Parameters
    ----------
    logit : float64[m, d]
        0 is the median; NaN where undefined.
    rising : tuple of d float64[…]
        The defined values of each input.
    """

    logit: Float64s
    rising: tuple[Float64s, ...]

    @classmethod
    def of(cls, matrix: Float32s) -> _Ranks:
        values = matrix.astype(np.float64)
        rising = tuple(np.sort(column[np.isfinite(column)]) for column in values.T)
        logit = np.full(values.shape, np.nan)
        for j, known in enumerate(rising):
            defined = np.isfinite(values[:, j])
            below = sum(np.searchsorted(known, values[defined, j], side=side) for side in ("left", "right")) / 2
            rank = np.clip((below + 0.5) / (len(known) + 1), _CLIP, 1 - _CLIP)
            logit[defined, j] = np.log(rank / (1 - rank))
        return cls(logit, rising)

    def value(self, column: int, logit: float) -> float:
        """The input's value at this rank, to six digits."""
        return float(f"{np.quantile(self.rising[column], 1 / (1 + np.exp(-logit))):.6g}")


def _child(place: int) -> int:
    """A place of the heap as a forest's tree names it: a node, or ~leaf."""
    return place if place < NODES else ~(place - NODES)


def mean_depths(forest: Forest, matrix: Float32s) -> Float64s:
    """float64[n], the mean over all trees of the cuts until an alert is alone, to as many digits as it has."""
    depths: Float64s = np.round(forest.raw_scores(matrix)[:, 0] / TREES, 4)
    return depths


def _cuts(ranks: _Ranks, rng: np.random.Generator) -> Cuts:
    """A tree over a random sample; where nothing is left to cut, both sides are the same."""
    inputs, thresholds, nan_left, depths = [0] * NODES, [0.0] * NODES, [False] * NODES, [0.0] * LEAVES

    def grow(node: int, rows: Int64s, depth: int, done: bool) -> None:
        if node >= NODES:
            depths[node - NODES] = round(depth + _further_depth(len(rows)), 2)
            return
        sample = ranks.logit[rows]
        is_nan = np.isnan(sample)
        low = np.where(is_nan, np.inf, sample).min(axis=0, initial=np.inf)
        high = np.where(is_nan, -np.inf, sample).max(axis=0, initial=-np.inf)
        possible = np.flatnonzero(high > low)
        if done or len(possible) == 0:
            grow(2 * node + 1, rows, depth, done=True)
            grow(2 * node + 2, rows, depth, done=True)
            return
        column = int(rng.choice(possible))
        cut = float(rng.uniform(low[column], high[column]))
        inputs[node], nan_left[node] = column, bool(rng.random() < 0.5)
        thresholds[node] = ranks.value(column, cut)
        goes_left = np.where(is_nan[:, column], nan_left[node], sample[:, column] <= cut)
        grow(2 * node + 1, rows[goes_left], depth + 1, done=False)
        grow(2 * node + 2, rows[~goes_left], depth + 1, done=False)

    grow(0, rng.choice(len(ranks.logit), min(LEAVES, len(ranks.logit)), replace=False), 0, done=False)
    return Cuts(tuple(inputs), tuple(thresholds), tuple(nan_left), tuple(depths))


def _further_depth(size: int) -> float:
    """The mean number of cuts until one of so many alerts is alone (equation 1 of the paper)."""
    if size <= 2:
        return float(size == 2)
    return 2 * (math.log(size - 1) + _EULER) - 2 * (size - 1) / size


def _forest(cuts: Sequence[Cuts], n_inputs: int) -> Forest:
    names = tuple(f"input {number}" for number in range(n_inputs))
    return Forest(Ensemble(1, 1, names, "isolation", averaged=False, trees=tuple(each.tree() for each in cuts)))


def _reference(depths: Float64s, place: Int64s, number: int, bins: int) -> tuple[float, ...]:
    """The depths of the reference alerts of a bin, rising, at most ``MOST`` evenly from all."""
    found = np.zeros(0)
    for other in sorted(range(bins), key=lambda other: (abs(other - number), other)):
        found = np.concatenate([found, depths[place == other]])
        if len(found) >= FEWEST:
            break
    kept = min(len(found), MOST)
    return tuple(np.sort(found)[np.arange(kept) * len(found) // max(kept, 1)].tolist())


def _listed(tree: dict[str, Any], name: str) -> list[Any]:
    entry = tree.get(name)
    if not isinstance(entry, list) or not entry:
        raise InvalidBundle(f"{NOVELTY}: {name} must be a list that is not empty")
    return entry


def _first(entry: Any, where: str) -> int:
    if not isinstance(entry, dict) or type(entry.get("min_detections")) is not int:
        raise InvalidBundle(f"{NOVELTY}: {where}.min_detections must be a whole number")
    return int(entry["min_detections"])


def _numbers(
    entry: Any, name: str, where: str, expected: int | None = None, kind: tuple[type, ...] = (int, float)
) -> tuple[Any, ...]:
    values = entry.get(name) if isinstance(entry, dict) else None
    if (
        not isinstance(values, list)
        or len(values) != (len(values) if expected is None else expected)
        or not all(type(value) in kind and math.isfinite(value) for value in values)
    ):
        raise InvalidBundle(f"{NOVELTY}: {where}.{name} must be {'' if expected is None else f'{expected} '}numbers")
    return tuple(values)


def _cuts_of_json(entry: Any, where: str) -> Cuts:
    inputs = _numbers(entry, "inputs", where, NODES, (int,))
    sides = _numbers(entry, "nan_left", where, NODES, (int,))
    if min(inputs) < 0 or not {0, 1}.issuperset(sides):
        raise InvalidBundle(f"{NOVELTY}: {where}: inputs must not be negative, and nan_left 0 or 1")
    return Cuts(
        inputs=inputs,
        thresholds=tuple(map(float, _numbers(entry, "thresholds", where, NODES))),
        nan_left=tuple(map(bool, sides)),
        depths=tuple(map(float, _numbers(entry, "depths", where, LEAVES))),
    )
