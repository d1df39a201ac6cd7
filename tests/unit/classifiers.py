"""A classifier for tests: no model, fixed probabilities, and a fault on alerts of a certain magnitude of features."""

from __future__ import annotations

import numpy as np

from streamer.classify.taxonomy import LEAVES, Class, parents_of
from streamer.data.arrays import Float32s, Int64s
from streamer.data.batch import Scores, State, Why


class FixedClassifier:
    """Answers the first leaf for everything with enough detections; raises where the first input is above `limit`."""

    name, version, checksum, feature_set = "fixed", "1", "c" * 64, "f" * 16
    leaves: tuple[Class, ...] = LEAVES
    parents: tuple[Class, ...] = parents_of(LEAVES)
    period_budget: int | None = None

    def __init__(self, survey: str = "ztf", inputs: tuple[str, ...] = (), limit: float = np.inf, needed: int = 1) -> None:
        self.survey = survey
        self.inputs = inputs
        self._limit = limit
        self._needed = needed

    def scores(self, matrix: Float32s, n_detections: Int64s) -> Scores:
        if matrix.shape[1] and np.any(matrix[:, 0] > self._limit):
            raise RuntimeError("an alert that nobody foresaw \ud800")
        enough = n_detections >= self._needed
        one = np.linspace(1.0, 2.0, len(self.leaves))
        leaves = np.where(enough[:, None], one / one.sum(), np.nan)
        return Scores(
            np.where(enough, State.CLASSIFIED, State.NOT_CLASSIFIED).astype(np.int8),
            tuple(Why.NONE if each else Why.TOO_FEW_POINTS for each in enough.tolist()),
            np.where(enough, self.leaves[0].id, 300).astype(np.int32),
            leaves,
        )
