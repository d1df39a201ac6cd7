"""A forest laid out for bit vectors: the raw scores of LightGBM's predictor, to the last bit, at a fraction of its cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from streamer.classify import forest_kernel as kernel
from streamer.classify.trees import DEFAULT_LEFT, MISSING_NAN, MISSING_NONE, MISSING_ZERO, Ensemble, Tree
from streamer.data.arrays import Float32s, Float64s
from streamer.errors import StreamerError

MAX_LEAVES = 64
"""A tree's leaves are the bits of one word."""

_MAX_THRESHOLDS = {np.dtype(kind): np.iinfo(kind).max for kind in (np.uint8, np.uint16)}
_MAX_LINES = np.iinfo(np.uint16).max + 1
_CHECKED_ROWS = 256

_MISSING = {
    MISSING_NONE: kernel.PLAIN,
    MISSING_NONE | DEFAULT_LEFT: kernel.PLAIN,
    MISSING_NAN: kernel.NAN_RIGHT,
    MISSING_NAN | DEFAULT_LEFT: kernel.NAN_LEFT,
    MISSING_ZERO: kernel.ZERO_RIGHT,
    MISSING_ZERO | DEFAULT_LEFT: kernel.ZERO_LEFT,
}


class CannotRepresent(StreamerError):
    """A sound model that is no forest of words of bits; LightGBM must evaluate it."""


class Forest:
    """Evaluates an ensemble; holds at most 12 bytes for each node, 8 for each leaf and 16 for each different threshold.

    That is always less than the text of the trees. Faster than LightGBM's predictor from two rows on, and about equal for one.

    Parameters
    ----------
    ensemble : Ensemble

    Raises
    ------
    CannotRepresent
        If a tree has more than 64 leaves, an input more than 65,535 different thresholds, a threshold is NaN, or the outputs are
        means.
    """

    __slots__ = ("_inputs", "_leaf_values", "_n_inputs", "_n_outputs", "_nodes", "_thresholds", "_trees")

    def __init__(self, ensemble: Ensemble) -> None:
        trees = ensemble.trees
        most_leaves = max(len(tree.leaf_values) for tree in trees)
        if ensemble.averaged or most_leaves > MAX_LEAVES:
            raise CannotRepresent(f"averaged outputs, or {most_leaves} leaves in a tree where {MAX_LEAVES} are possible")
        column = _flat((tree.inputs for tree in trees), np.int64)
        threshold = _flat((tree.thresholds for tree in trees), np.float64)
        missing = _flat(([_MISSING[decision] for decision in tree.decisions] for tree in trees), np.int64)
        if np.isnan(threshold).any():
            raise CannotRepresent("a threshold is NaN")
        word = np.dtype(np.uint32 if most_leaves <= np.iinfo(np.uint32).bits else np.uint64)
        layouts = [_left_to_right(tree) for tree in trees]
        columns, tables = _threshold_tables(column, threshold)
        lines, line = np.unique(column * len(_MISSING) + missing, return_inverse=True)
        if len(lines) > _MAX_LINES:
            raise CannotRepresent(f"{len(lines)} ways to read the inputs where {_MAX_LINES} are possible")
        self._n_inputs = len(ensemble.input_names)
        self._n_outputs = ensemble.n_outputs
        self._inputs = _search_plan(columns, tables, lines)
        self._thresholds = np.concatenate([np.zeros(0), *(_padded(table) for table in tables)])
        self._nodes = (
            line.astype(np.uint16),
            _ranked(column, threshold, columns, tables),
            _flat((masks for masks, _ in layouts), np.uint64).astype(word),  # the lower half is the narrow mask
        )
        self._trees = (_offsets(len(tree.inputs) for tree in trees), _offsets(len(tree.leaf_values) for tree in trees))
        self._leaf_values = _flat(
            ([tree.leaf_values[leaf] for leaf in order] for tree, (_, order) in zip(trees, layouts, strict=True)), np.float64
        )

    @property
    def nbytes(self) -> int:
        """Bytes of its tables."""
        arrays = (*self._inputs, self._thresholds, *self._nodes, *self._trees, self._leaf_values)
        return sum(array.nbytes for array in arrays)

    def raw_scores(self, matrix: Float32s | Float64s) -> Float64s:
        """float64[n, outputs] raw scores of n rows, equal to ``Booster.predict(raw_score=True)``.

        Parameters
        ----------
        matrix : float32[n, inputs] or float64[n, inputs]
            Any values; NaN where undefined.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self._n_inputs:
            raise ValueError(f"matrix of shape {matrix.shape} for {self._n_inputs} inputs")
        scores: Float64s = np.zeros((len(matrix), self._n_outputs))
        kernel.raw_scores(
            np.ascontiguousarray(matrix), self._inputs, self._thresholds, self._nodes, self._trees, self._leaf_values, scores
        )
        return scores


def proven_forest(ensemble: Ensemble, booster: lightgbm.Booster) -> Forest | None:
    """The forest of an ensemble, if it gives the bits of LightGBM's predictor on hard rows; else None."""
    try:
        forest = Forest(ensemble)
    except CannotRepresent:
        return None
    matrix = hard_rows(ensemble, _CHECKED_ROWS)
    return forest if same_bits(forest.raw_scores(matrix), booster_scores(booster, matrix)) else None


def booster_scores(booster: lightgbm.Booster, matrix: Float32s | Float64s) -> Float64s:
    """float64[n, outputs] raw scores by LightGBM's own predictor, on one core."""
    raw = np.asarray(booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)
    return raw.reshape(len(matrix), -1)


def same_bits(one: Float64s, other: Float64s) -> bool:
    """Whether two arrays have the same shape and the same bits (0 and −0 differ, NaN equals itself)."""
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def hard_rows(ensemble: Ensemble, n: int, seed: int = 0) -> Float32s:
    """float32[n, inputs] rows full of what evaluators get wrong: NaN, ±0, infinities, thresholds and their neighbours."""
    special = np.array(
        [np.nan, np.nan, 0.0, -0.0, np.inf, -np.inf, kernel.ZERO, -kernel.ZERO, 2e-35, -2e-35, 1e-42], dtype=np.float32
    )
    random = np.random.default_rng(seed)
    columns, tables = _threshold_tables(
        _flat((tree.inputs for tree in ensemble.trees), np.int64), _flat((tree.thresholds for tree in ensemble.trees), np.float64)
    )
    rows = random.normal(scale=3.0, size=(n, len(ensemble.input_names))).astype(np.float32)
    with np.errstate(over="ignore"):
        for column, table in zip(columns.tolist(), tables, strict=True):
            exact = random.choice(table, n).astype(np.float32)
            side = random.choice(np.array([-np.inf, np.inf], dtype=np.float32), n)
            rows[:, column] = np.select(
                [kind == random.integers(0, 5, n) for kind in range(3)],
                [exact, np.nextafter(exact, side), exact + random.normal(size=n).astype(np.float32)],
                default=rows[:, column],
            )
    return np.where(random.random(rows.shape) < 0.15, random.choice(special, rows.shape), rows)


def _left_to_right(tree: Tree) -> tuple[list[int], list[int]]:
    """For each node the 64-bit word without the leaves on its left, and the leaves from left to right."""
    n_nodes = len(tree.inputs)
    below = [0] * n_nodes  # leaves below each node; children come after their parents
    for node in range(n_nodes - 1, -1, -1):
        below[node] = sum(1 if child < 0 else below[child] for child in (tree.left[node], tree.right[node]))
    order = [0] * (n_nodes + 1)
    first = [0] * n_nodes  # the leftmost leaf below each node
    masks = []
    for node in range(n_nodes):
        left, right = tree.left[node], tree.right[node]
        middle = first[node] + (1 if left < 0 else below[left])
        masks.append(((1 << MAX_LEAVES) - 1) ^ ((1 << middle) - (1 << first[node])))
        for child, begin in ((left, first[node]), (right, middle)):
            if child < 0:
                order[begin] = ~child
            else:
                first[child] = begin
    return masks, order


def _threshold_tables(column: npt.NDArray[np.int64], threshold: Float64s) -> tuple[npt.NDArray[np.int64], list[Float64s]]:
    """The columns that are split, rising, and the different thresholds of each, rising."""
    columns = np.unique(column)
    return columns, [np.unique(threshold[column == each]) for each in columns]


def _padded(table: Float64s) -> Float64s:
    """The thresholds filled up with infinity, below which is nothing, to one less than a power of two."""
    return np.pad(table, (0, (1 << len(table).bit_length()) - 1 - len(table)), constant_values=np.inf)


def _search_plan(
    columns: npt.NDArray[np.int64], tables: Sequence[Float64s], lines: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[Any], ...]:
    line_column, missing = np.divmod(lines, len(_MISSING))
    return (
        columns,
        np.array([(1 << len(table).bit_length()) >> 1 for table in tables], dtype=np.uint64),
        _offsets((1 << len(table).bit_length()) - 1 for table in tables),
        np.append(np.searchsorted(line_column, columns), len(lines)),
        missing,
    )


def _ranked(
    column: npt.NDArray[np.int64], threshold: Float64s, columns: npt.NDArray[np.int64], tables: Sequence[Float64s]
) -> npt.NDArray[Any]:
    """Each node's threshold as its place in the table; the type leaves the highest number free for what goes to the right."""
    most = max((len(table) for table in tables), default=0)
    fitting = [kind for kind, limit in _MAX_THRESHOLDS.items() if most <= limit]
    if not fitting:
        raise CannotRepresent(f"{most} different thresholds of one input")
    ranked = np.zeros(len(column), dtype=fitting[0])
    for each, table in zip(columns.tolist(), tables, strict=True):
        chosen = column == each
        ranked[chosen] = np.searchsorted(table, threshold[chosen])
    return ranked


def _flat(parts: Iterable[Sequence[float]], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.array(list(chain.from_iterable(parts)), dtype=kind)


def _offsets(lengths: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.array([0, *accumulate(lengths)], dtype=np.int64)
