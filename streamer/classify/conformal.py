"""Which classes an alert may be of at a stated level: class-conditional (Mondrian) conformal sets, and the answer that each gives.

A class is in the set of an alert unless its conformity (:mod:`streamer.classify.conformity`) is lower than that of nearly all
calibration objects of the class. If alert and calibration objects of the class are exchangeable, at least `level` of the class's
alerts have it in their set, whatever the model is worth (Vovk, Gammerman & Shafer 2005, chapter 4; Sadinle, Lei & Wasserman 2019):
a bad model gives large sets.

To fit one, with the probabilities that the calibrated model gives to one alert of each calibration object and maturity bin::

    conformal = Conformal.of(probabilities, truth, n_detections, leaves, first, owner)
    calibration = Calibration(first, temperatures, conformal)           # goes into ``bundle_files``
    rule = conformal.rule(0.9)                                          # what the service does; coverage is judged with it
    possible = rule.possible(test_probabilities, test_n_detections)     # bool[n, k]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from streamer.classify.conformity import Branches, branches, conformity
from streamer.classify.maturity import bin_of
from streamer.classify.taxonomy import CLASSES, NOT_CLASSIFIED, Class, ancestors, parents_of
from streamer.data.arrays import Bools, Float64s, Int8s, Int32s, Int64s
from streamer.data.batch import State, Why
from streamer.errors import InvalidBundle

FEWEST = 20
"""Calibration objects without which a class does not answer for itself."""
LEVEL = 0.9
"""Level of the sets unless the settings say otherwise."""
MOST = 2000
"""Numbers kept for one class and bin: from there on more of them move a threshold by less than .01."""
DIGITS = 6
"""Decimal places that are kept; cut off, not rounded, so that sets never get smaller by it."""

Cells = tuple[tuple[float, ...], ...]
"""For each bin the conformities that calibration objects of one class have to their class, rising."""


@dataclass(frozen=True, slots=True)
class Conformal:
    """What sets of any level are made from.

    Parameters
    ----------
    leaves : tuple of Class
        The classes of the model, in the order of its probabilities.
    first : tuple of int
        The smallest number of detections of each maturity bin, rising.
    objects : tuple of int
        Independent calibration objects of each class; an object may be in several bins, and those that owe what the model sees of
        them to one another count as one.
    cells : tuple of Cells
        For each class and bin, the conformities of its calibration objects.
    """

    leaves: tuple[Class, ...]
    first: tuple[int, ...]
    objects: tuple[int, ...]
    cells: tuple[Cells, ...]

    @classmethod
    def of(
        cls,
        probabilities: Float64s,
        truth: Int64s,
        n_detections: Int64s,
        leaves: Sequence[Class],
        first: Sequence[int],
        owner: Int64s | None = None,
    ) -> Conformal:
        """From m alerts of calibration objects.

        Parameters
        ----------
        probabilities : float64[m, k]
            Of each class, calibrated, from a model that saw neither these objects nor their kin.
        truth : int64[m]
            Column of the true class.
        n_detections : int64[m]
        leaves : sequence of k Class
        first : sequence of int
            Maturity bins, those of the temperatures.
        owner : int64[m], optional
            Which object each alert is of, or which of several dependent ones: they count as one. Of an object, at most one alert
            should be in a bin; without `owner` all are different.
        """
        scores = conformity(probabilities, branches(leaves))
        of_truth = np.floor(scores[np.arange(len(truth)), truth] * 10**DIGITS) / 10**DIGITS
        place = bin_of(n_detections, first)
        who = np.arange(len(truth)) if owner is None else owner
        cells = tuple(
            tuple(_kept(of_truth[(truth == leaf) & (place == number)]) for number in range(len(first)))
            for leaf in range(len(leaves))
        )
        objects = tuple(len(np.unique(who[truth == leaf])) for leaf in range(len(leaves)))
        return cls(tuple(leaves), tuple(first), objects, cells)

    def rule(self, level: float) -> Rule:
        """The sets at one level, 0 < level < 1."""
        exact = Fraction(str(level))  # .9 is meant as nine tenths, not as the double below it
        thresholds = [
            [self._threshold(leaf, number, exact) for leaf in range(len(self.leaves))] for number in range(len(self.first))
        ]
        answers = [self.answer_of(leaf) for leaf in range(len(self.leaves))]
        return Rule.of(level, self.leaves, answers, self.first, np.array(thresholds))

    def answer_of(self, leaf: int) -> Class:
        """The class that answers for the class of this column: itself, or its nearest ancestor with enough calibration objects."""
        return next(
            (each for each in (self.leaves[leaf], *ancestors(self.leaves[leaf])) if self._objects_below(each) >= FEWEST),
            ancestors(self.leaves[leaf])[-1],
        )

    def _threshold(self, leaf: int, number: int, level: Fraction) -> float:
        """The smallest conformity with which the class is in the set.

        From the objects of the class in the bin; where they are fewer than ``FEWEST``, those of the nearest bins are added until
        they are not, of two equally near ones the younger first. A class that does not answer for itself shares the objects of all
        classes below the ancestor that does. Those may be much better known than it is, so its own objects may lower the threshold,
        as far as the highest level that so few support.
        """
        answer = self.answer_of(leaf)
        below = [cells for each, cells in zip(self.leaves, self.cells, strict=True) if _is_or_is_below(each, answer)]
        shared = self._threshold_from(below, self._objects_below(answer), FEWEST, number, level)
        own = self.objects[leaf]
        if answer is self.leaves[leaf] or own == 0:
            return shared
        return min(shared, self._threshold_from([self.cells[leaf]], own, own, number, min(level, Fraction(own, own + 1))))

    def _threshold_from(self, below: Sequence[Cells], objects: int, fewest: int, number: int, level: Fraction) -> float:
        """The threshold from the alerts of so many objects in the nearest bins that have `fewest`; −inf if all have fewer."""
        rows: list[float] = []
        for other in sorted(range(len(self.first)), key=lambda other: (abs(other - number), other)):
            rows += [value for cells in below for value in cells[other]]
            if min(len(rows), objects) >= fewest:
                return threshold(np.sort(np.array(rows)), objects, level)
        return -math.inf

    def _objects_below(self, answer: Class) -> int:
        return sum(n for each, n in zip(self.leaves, self.objects, strict=True) if _is_or_is_below(each, answer))

    def to_json(self) -> list[dict[str, Any]]:
        """The entry of the calibration's file: a list of classes."""
        return [
            {"class_id": leaf.id, "objects": objects, "conformities": [list(cell) for cell in cells]}
            for leaf, objects, cells in zip(self.leaves, self.objects, self.cells, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the sets of n alerts say.

    Parameters
    ----------
    possible : bool[n, k]
        The sets.
    state : int8[n]
    why : tuple of n Why
    class_id : int32[n]
    """

    possible: Bools
    state: Int8s
    why: tuple[Why, ...]
    class_id: Int32s


@dataclass(frozen=True, slots=True)
class Rule:
    """Conformal sets at one level, and the answer that each gives.

    Parameters
    ----------
    level : float
    first : tuple of int
        Maturity bins.
    thresholds : float64[bins, k]
        A class is in the set if its conformity is not below; −inf puts it into every set.
    of_branches : Branches
        As from :func:`streamer.classify.conformity.branches`.
    nodes : int32[m]
        Ids of the classes that can answer, the deepest first; the last is above all.
    is_leaf : bool[m]
        Which of them are classes of the model.
    misses : float64[k, m]
        1 where a node does not stand for what answers for the class, else 0.
    """

    level: float
    first: tuple[int, ...]
    thresholds: Float64s
    of_branches: Branches
    nodes: Int32s
    is_leaf: Bools
    misses: Float64s

    @classmethod
    def of(
        cls, level: float, leaves: Sequence[Class], answers: Sequence[Class], first: Sequence[int], thresholds: Float64s
    ) -> Rule:
        """The rule for classes that are answered for by `answers`: themselves, or ancestors of theirs."""
        nodes = sorted({*answers, *parents_of(leaves)}, key=lambda each: -len(ancestors(each)))
        common = next(node for node in nodes if all(_is_or_is_below(leaf, node) for leaf in leaves))
        nodes = [*nodes[: nodes.index(common)], common]
        misses = np.array([[not _is_or_is_below(answer, node) for node in nodes] for answer in answers], dtype=np.float64)
        misses[:, -1] = 0.0  # what answers from above all classes says as little as the class above them all
        return cls(
            level=level,
            first=tuple(first),
            thresholds=thresholds,
            of_branches=branches(leaves),
            nodes=np.array([node.id for node in nodes], dtype=np.int32),
            is_leaf=np.isin([node.id for node in nodes], [leaf.id for leaf in leaves]),
            misses=misses,
        )

    def possible(self, probabilities: Float64s, n_detections: Int64s) -> Bools:
        """bool[n, k], the set of each alert from float64[n, k] probabilities and int64[n] detections.

        A set that holds anything holds the most probable class too. Where the thresholds of the classes differ much, it could lack
        it, and an unlikely class would be named; a set that is larger covers no less.
        """
        members: Bools = conformity(probabilities, self.of_branches) >= self.thresholds[bin_of(n_detections, self.first)]
        some = members.any(axis=1)
        members[some, probabilities[some].argmax(axis=1)] = True
        return members

    def answers(self, probabilities: Float64s, n_detections: Int64s) -> Answers:
        """The answer for each alert.

        A set of one class that answers for itself is CLASSIFIED. Of several classes the lowest common ancestor answers, and of one
        that does not answer for itself the ancestor that does: PARENT_ONLY. If that is above all classes of the model, the answer
        would say nothing: NOT_CLASSIFIED. An empty set is NOT_CLASSIFIED too.
        """
        possible = self.possible(probabilities, n_detections)
        node = (possible @ self.misses == 0).argmax(axis=1)
        size = np.count_nonzero(possible, axis=1)
        says = (size > 0) & (node < len(self.nodes) - 1)
        named = says & self.is_leaf[node]
        reason = np.where(size == 0, _ATYPICAL, np.where(named, _NONE, np.where(size == 1, _FEW_EXAMPLES, _AMBIGUOUS)))
        return Answers(
            possible=possible,
            state=np.where(named, State.CLASSIFIED, np.where(says, State.PARENT_ONLY, State.NOT_CLASSIFIED)).astype(np.int8),
            why=tuple(map(_WHYS.__getitem__, reason.tolist())),
            class_id=np.where(says, self.nodes[node], NOT_CLASSIFIED).astype(np.int32),
        )


_WHYS = (Why.NONE, Why.AMBIGUOUS, Why.ATYPICAL, Why.FEW_EXAMPLES)
_NONE, _AMBIGUOUS, _ATYPICAL, _FEW_EXAMPLES = range(len(_WHYS))


def threshold(rising: Float64s, objects: int, level: Fraction) -> float:
    """The largest value that ``ceil((n + 1) level) / n`` of the calibration values are not below; −inf if that is more than all.

    Parameters
    ----------
    rising : float64[m]
        Conformities of calibration alerts to their class, rising.
    objects : int
        Of how many objects they are, n = min(m, objects): several alerts of one object tell less than as many of different ones.
    level : Fraction
        The share of the class's alerts that shall not be below.
    """
    n = min(len(rising), objects)
    share = Fraction(math.ceil((n + 1) * level), n)
    return -math.inf if share > 1 else float(rising[len(rising) - math.ceil(share * len(rising))])


def conformal_of(entry: Any, first: Sequence[int], where: str) -> Conformal:
    """What the list `entry` of a calibration's file says; InvalidBundle naming what is wrong."""
    if not isinstance(entry, list) or not entry:
        raise InvalidBundle(f"{where} must be a list of classes")
    leaves = tuple(_checked_class(each, len(first), f"{where}[{number}]") for number, each in enumerate(entry))
    cells = tuple(tuple(tuple(map(float, cell)) for cell in each["conformities"]) for each in entry)
    return Conformal(leaves, tuple(first), tuple(each["objects"] for each in entry), cells)


def _checked_class(each: Any, bins: int, where: str) -> Class:
    known = {cls.id: cls for cls in CLASSES}
    if not isinstance(each, dict) or type(each.get("class_id")) is not int or each["class_id"] not in known:
        raise InvalidBundle(f"{where} must be an object with the class_id of a class of the taxonomy")
    cells = each.get("conformities")
    if not isinstance(cells, list) or len(cells) != bins:
        raise InvalidBundle(f"{where}.conformities must be {bins} lists, one for each bin of temperature")
    for number, cell in enumerate(cells):
        if not _is_rising_share(cell):
            raise InvalidBundle(f"{where}.conformities[{number}] must be numbers from 0 to 1, none smaller than the one before")
    objects = each.get("objects")
    if type(objects) is not int or objects < 0 or (objects > 0) != any(cells):
        raise InvalidBundle(f"{where}.objects is {objects!r:.80}; it must be the number of objects that the conformities are of")
    return known[each["class_id"]]


def _is_rising_share(cell: Any) -> bool:
    if not isinstance(cell, list) or not all(type(value) in (int, float) for value in cell):
        return False
    return all(0 <= value <= 1 for value in cell) and all(before <= after for before, after in pairwise(cell))


def _is_or_is_below(each: Class, other: Class) -> bool:
    return each == other or other in ancestors(each)


def _kept(values: Float64s) -> tuple[float, ...]:
    """The values, rising; of too many, as many as are kept, evenly from the order in which they came."""
    chosen = np.arange(min(len(values), MOST)) * len(values) // max(min(len(values), MOST), 1)
    return tuple(np.sort(values[chosen]).tolist())
