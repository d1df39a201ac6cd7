"""What the pipeline asks of a classifier."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from streamer.classify.taxonomy import NOT_CLASSIFIED, Class
from streamer.data.arrays import Float32s, Int64s
from streamer.data.batch import Scores, State, Why


class Classifier(Protocol):
    """A trained model behind its decision rule."""

    @property
    def name(self) -> str:
        """Name of the bundle."""

    @property
    def version(self) -> str:
        """Version of the bundle."""

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) over the bundle's files: what exactly gave the scores."""

    @property
    def survey(self) -> str:
        """The survey whose alerts it classifies."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features it reads, in the order of the matrix columns."""

    @property
    def feature_set(self) -> str:
        """Hash of `inputs`, first 16 hex digits of SHA-256."""

    @property
    def period_budget(self) -> int | None:
        """Most points × frequencies of a period search that it was trained with; None for the features' own."""

    @property
    def leaves(self) -> tuple[Class, ...]:
        """Leaf classes, in the order of the columns of the probabilities."""

    @property
    def parents(self) -> tuple[Class, ...]:
        """Inner classes above the leaves, the root first; the probability of each is the sum of its leaves."""

    def scores(self, matrix: Float32s, n_detections: Int64s) -> Scores:
        """Scores of n alerts.

        Parameters
        ----------
        matrix : float32[n, len(inputs)]
            Features; NaN where undefined.
        n_detections : int64[n]
            Detections in each light curve, all bands.
        """


def unasked(n: int, why: Why, leaves: int = 0) -> Scores:
    """Scores of n alerts that no model of so many leaves was asked about; the arrays are new and may be written to."""
    return Scores(
        state=np.full(n, int(State.NOT_CLASSIFIED), dtype=np.int8),
        why=(why,) * n,
        class_id=np.full(n, NOT_CLASSIFIED, dtype=np.int32),
        leaves=np.full((n, leaves), np.nan),
    )
