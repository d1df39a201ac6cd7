"""Simulated candidates whose eight features are distributed as those of real ones, and how much is left between them.

The density ratio of real to simulated rows is what a classifier of the two says, p / (1 − p); drawing simulated rows again with
that probability brings one distribution to the other as far as the simulation reaches. It is done for pulsars and for the rest
apart, and with one half of the real rows; the other half judges it: a fresh classifier shall not tell them from the simulated
ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import lightgbm
import numpy as np

from streamer.codec.framing import Framing
from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.data.batch import NO_PARTITION, Positions, RawBatch
from streamer.features import compute
from streamer.pipeline import Pipeline
from streamer.sources.simulated.pulsar import SHARES
from streamer.sources.simulator import SimulatedAlert, simulate_kind
from streamer.stores.bundled import BundledSchemas
from streamer.training.candidates import scores
from streamer.training.candidates.fit import stratified

KINDS = tuple(SHARES)
"""``pulsar``, ``rfi``, ``noise``: the numbers of the kinds."""
PULSAR = KINDS.index("pulsar")
_BATCH = 500
_FOLDS = 4
_TELLER = {
    "objective": "binary",
    "num_leaves": 8,
    "learning_rate": 0.05,
    "min_data_in_leaf": 40,
    "lambda_l2": 5.0,
    "feature_fraction": 0.75,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_ROUNDS = 150


@dataclass(frozen=True, slots=True)
class Simulated:
    """n simulated candidates through the code that serves.

    Parameters
    ----------
    matrix : float32[n, inputs]
    kind : int64[n]
        Index into :data:`KINDS`.
    """

    matrix: Float32s
    kind: Int64s

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: Int64s) -> Simulated:
        """The given rows; they may repeat."""
        return Simulated(self.matrix[rows], self.kind[rows])

    @property
    def is_pulsar(self) -> Int64s:
        """int64[n], 1 for a pulsar."""
        return np.asarray(self.kind == PULSAR, dtype=np.int64)


def simulated(inputs: tuple[str, ...], per_kind: int, seed: int) -> Simulated:
    """So many candidates of each kind, as packets, decoded and measured as in the service."""
    parts = [_measured(simulate_kind(kind, per_kind, seed), inputs) for kind in KINDS]
    return Simulated(np.concatenate(parts), np.repeat(np.arange(len(KINDS)), [len(part) for part in parts]))


def _measured(alerts: Iterable[SimulatedAlert], inputs: tuple[str, ...]) -> Float32s:
    pipeline = Pipeline(Framing(BundledSchemas()), {}, allow_private=False)
    packets = [alert.payload for alert in alerts]
    found = []
    for start in range(0, len(packets), _BATCH):
        some = packets[start : start + _BATCH]
        positions = Positions.of(("simulated", NO_PARTITION, i, 1) for i in range(len(some)))
        nothing = np.zeros(len(some), dtype=np.int64)
        (part,) = pipeline(RawBatch(some, positions, nothing, nothing)).scored
        found.append(compute(part.alerts, inputs))
    return np.concatenate(found)


def anchored(drawn: Simulated, real: Float32s, real_is_pulsar: Int64s, rng: np.random.Generator, n: int, largest: float) -> Int64s:
    """int64[n] rows of `drawn` that together look like the real ones: the first columns of its matrix are theirs."""
    usable = np.isfinite(drawn.matrix[:, : real.shape[1]]).all(axis=1)
    share = float(real_is_pulsar.mean())
    rows = []
    for label, count in ((1, round(n * share)), (0, n - round(n * share))):
        mine = np.flatnonzero(usable & (drawn.is_pulsar == label))
        weight = _ratio(drawn.matrix[mine, : real.shape[1]], real[real_is_pulsar == label], rng)
        weight = np.minimum(weight, largest * weight.mean())
        rows.append(rng.choice(mine, count, p=weight / weight.sum()))
    found: Int64s = np.concatenate(rows)
    return found


def mismatch(real: Float32s, drawn: Float32s, rows: Int64s, rng: np.random.Generator) -> float:
    """Area under the ROC curve of a classifier that tells real rows from simulated ones, on rows it did not see.

    Parameters
    ----------
    real : float32[n, k]
    drawn : float32[m, k]
    rows : int64[l]
        Those of `drawn` that are meant; all copies of one are on the same side of each split.
    rng : Generator
    """
    matrix = np.concatenate([real, drawn[rows]])
    truth = np.repeat([1, 0], [len(real), len(rows)])
    fold = np.concatenate([rng.integers(0, _FOLDS, len(real)), rng.integers(0, _FOLDS, len(drawn))[rows]])
    weight = np.repeat([1.0 / len(real), 1.0 / len(rows)], [len(real), len(rows)])
    return scores.area(truth, _told(matrix, truth, fold, weight / weight.mean()), _NO_ANSWER)


def _ratio(some: Float32s, real: Float32s, rng: np.random.Generator) -> Float64s:
    """float64[n] how much more common rows like these are among the real ones."""
    matrix, truth = np.concatenate([some, real]), np.repeat([0, 1], [len(some), len(real)])
    p = np.clip(_told(matrix, truth, stratified(truth, _FOLDS, rng))[: len(some)], 1e-6, 1 - 1e-6)
    ratio: Float64s = p / (1 - p)
    return ratio


def _told(matrix: Float32s, truth: Int64s, fold: Int64s, weight: Float64s | None = None) -> Float64s:
    """float64[n] probability of 1, each row by a model of the other folds."""
    p = np.empty(len(truth))
    for number in range(_FOLDS):
        train = fold != number
        data = lightgbm.Dataset(matrix[train], truth[train], weight=None if weight is None else weight[train])
        p[~train] = lightgbm.train(_TELLER, data, num_boost_round=_ROUNDS).predict(matrix[~train], num_threads=1)
    return p


_NO_ANSWER: Bools = np.zeros(0, dtype=np.bool_)
