"""Why an answer is what it is: exact TreeSHAP values of the inputs, from LightGBM's own implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np

from streamer.classify.taxonomy import Class, ancestors
from streamer.data.arrays import Bools, Float32s, Float64s, Int32s
from streamer.data.batch import Contribution

MOST = 5
"""Inputs that are named for one alert."""

Describe = Callable[[str, float], str]
"""An input's name and value as a text for people."""


@dataclass(frozen=True, slots=True)
class Explainer:
    """Names the inputs that weigh most.

    A value of TreeSHAP (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9) is an input's fair share of what the raw score of a
    class differs from its mean over the training data; with that mean the values of all inputs add up to the score.

    Parameters
    ----------
    booster : lightgbm.Booster
    leaves : tuple of Class
        In the order of its outputs.
    inputs : tuple of str
    describe : callable of (name, value) to str
    """

    booster: lightgbm.Booster
    leaves: tuple[Class, ...]
    inputs: tuple[str, ...]
    describe: Describe

    def reasons(self, matrix: Float32s, class_id: Int32s, probabilities: Float64s) -> tuple[tuple[Contribution, ...], ...]:
        """For each of n alerts its weightiest inputs, the weightiest first; inputs that weigh nothing are not among them.

        Parameters
        ----------
        matrix : float32[n, inputs]
        class_id : int32[n]
            The answers. For an inner class the values of its leaves are added; where there is none, the most probable leaf counts.
        probabilities : float64[n, leaves]
        """
        values = self._values(matrix)
        weight: Float64s = np.einsum("nk,nkd->nd", self._members(class_id, probabilities).astype(np.float64), values)
        order = np.argsort(-np.abs(weight), axis=1, kind="stable")[:, :MOST]
        return tuple(
            self._named(row, of_row, chosen)
            for row, of_row, chosen in zip(matrix.tolist(), weight.tolist(), order.tolist(), strict=True)
        )

    def _values(self, matrix: Float32s) -> Float64s:
        """float64[n, leaves, inputs], what each input adds to each raw score."""
        flat = np.asarray(self.booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)
        values: Float64s = flat.reshape(len(matrix), len(self.leaves), len(self.inputs) + 1)[:, :, :-1]  # the last is the mean
        return values

    def _members(self, class_id: Int32s, probabilities: Float64s) -> Bools:
        """bool[n, leaves], the leaves that each answer stands for."""
        above = [{leaf.id, *(each.id for each in ancestors(leaf))} for leaf in self.leaves]
        members: Bools = np.array([[number in ids for ids in above] for number in class_id.tolist()], dtype=np.bool_)
        nothing = ~members.any(axis=1)
        members[nothing, probabilities[nothing].argmax(axis=1)] = True
        return members

    def _named(self, row: Sequence[float], weight: Sequence[float], chosen: Sequence[int]) -> tuple[Contribution, ...]:
        return tuple(
            Contribution(self.inputs[i], row[i], weight[i], self.describe(self.inputs[i], row[i])) for i in chosen if weight[i]
        )
