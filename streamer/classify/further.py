"""Answers to other questions than the class: further scores of the same alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from streamer.classify.classifier import Classifier
from streamer.classify.taxonomy import Class, by_name
from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.data.batch import AlertBatch, Basis, FurtherScore, Scores

MILLISECOND = 0.03
"""s; a pulsar that turns faster is a millisecond pulsar."""
EPOCHS = "orbit_epochs"
"""The feature that counts the epochs that a score rests on."""
_PULSAR, _RFI, _NOISE = (by_name(name) for name in ("Pulsar", "RFI", "Noise"))


class Question(Protocol):
    """Something else to ask of every alert of a survey."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features that it needs."""

    def answer(self, alerts: AlertBatch, matrix: Float32s, scores: Scores, classifier: Classifier | None) -> FurtherScore:
        """The score of each of n alerts.

        Parameters
        ----------
        alerts : AlertBatch
        matrix : float32[n, len(inputs)]
        scores : Scores
            What the survey's classifier says of them.
        classifier : Classifier or None
            That classifier.
        """


class ModelQuestion:
    """A second model, whose probability of its first leaf is the score; undefined where its alerts have too few epochs.

    Parameters
    ----------
    model : Classifier
    score, basis : str
        As its manifest says.
    """

    __slots__ = ("_basis", "_epochs", "_model", "_score")

    def __init__(self, model: Classifier, score: str, basis: str) -> None:
        self._model = model
        self._score = score
        self._basis = Basis[basis]
        self._epochs = model.inputs.index(EPOCHS) if EPOCHS in model.inputs else None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The model's inputs."""
        return self._model.inputs

    def answer(self, alerts: AlertBatch, matrix: Float32s, scores: Scores, classifier: Classifier | None) -> FurtherScore:  # noqa: ARG002 - the protocol's
        """The model's probability of its first leaf."""
        epochs = np.zeros(len(alerts), dtype=np.int64) if self._epochs is None else _counts(matrix[:, self._epochs])
        return FurtherScore(self._score, self._model.scores(matrix, epochs).leaves[:, 0], self._basis, epochs)


class MillisecondQuestion:
    """P(millisecond pulsar): the probability of a pulsar where the candidate's period is one of a millisecond pulsar, else 0."""

    __slots__ = ("_basis",)

    def __init__(self, basis: str) -> None:
        self._basis = Basis[basis]

    @property
    def inputs(self) -> tuple[str, ...]:
        """None."""
        return ()

    def answer(self, alerts: AlertBatch, matrix: Float32s, scores: Scores, classifier: Classifier | None) -> FurtherScore:  # noqa: ARG002 - the protocol's
        """P(pulsar) of fast candidates, 0 of slow ones."""
        fast = alerts.context["period"] < MILLISECOND
        pulsar = _probability(scores, classifier, _PULSAR)
        return FurtherScore("millisecond_pulsar", np.where(fast, pulsar, 0.0 * pulsar), self._basis)


class InterferenceQuestion:
    """P(RFI | no pulsar): how a model divides what is no pulsar, apart from the rest, since nobody has labelled it: simulated."""

    __slots__ = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """None."""
        return ()

    def answer(self, alerts: AlertBatch, matrix: Float32s, scores: Scores, classifier: Classifier | None) -> FurtherScore:  # noqa: ARG002 - the protocol's
        """P(RFI) / (P(RFI) + P(noise))."""
        rfi, noise = (_probability(scores, classifier, leaf) for leaf in (_RFI, _NOISE))
        return FurtherScore("rfi_if_no_pulsar", rfi / np.maximum(rfi + noise, np.finfo(np.float64).tiny), Basis.SIMULATED)


def questions_of(leaves: Sequence[Class], basis: str) -> tuple[Question, ...]:
    """What a classifier with these leaves, learned from `basis`, answers besides the class."""
    found: list[Question] = []
    if _PULSAR in leaves:
        found.append(MillisecondQuestion(basis))
    if _RFI in leaves and _NOISE in leaves:
        found.append(InterferenceQuestion())
    return tuple(found)


def _probability(scores: Scores, classifier: Classifier | None, leaf: Class) -> Float64s:
    """float64[n] probability of a leaf, NaN where the model was not asked or does not know it."""
    if classifier is None or leaf not in classifier.leaves:
        return np.full(len(scores), np.nan)
    return scores.leaves[:, classifier.leaves.index(leaf)]


def _counts(column: Float32s) -> Int64s:
    return np.nan_to_num(column).astype(np.int64)
