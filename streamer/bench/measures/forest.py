"""The trees: our evaluator against ``Booster.predict``, for cost and for every bit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import lightgbm
import numpy as np

from streamer.bench.models import Model
from streamer.bench.packets import Sample
from streamer.bench.result import Cell, Measured, Table
from streamer.bench.turns import Work, in_turn
from streamer.classify.forest import Forest, booster_scores, hard_rows, proven_forest, same_bits
from streamer.classify.trees import Ensemble, read_trees
from streamer.codec.framing import Framing
from streamer.data.arrays import Float32s
from streamer.features import compute
from streamer.pipeline import Pipeline

KEYS = ("forest_ratio", "forest_identical")
BATCH = 64
IDENTICAL_ROWS = 20_000
_CHUNK = 2_000


def measure(models: Sequence[tuple[Model, Sample]], rounds: int, rows: int = IDENTICAL_ROWS, batch: int = BATCH) -> Measured:
    """Each model on the features of its sample; the ratio is the least of the shipped models, identity is that of all.

    Parameters
    ----------
    models : sequence of (Model, Sample)
    rounds : int
    rows : int
        How many hard rows are compared bit by bit for each model.
    batch : int
        Rows evaluated together.
    """
    table: list[list[Cell]] = []
    ratios: list[float] = []
    identical = True
    for model, sample in models:
        ensemble = read_trees(model.trees)
        booster = lightgbm.Booster(model_str=model.trees)
        forest = proven_forest(ensemble, booster)
        if forest is None:
            table.append([model.described, batch, None, None, None, None, "fall-back: the Booster itself"])
            ratios.append(1.0)
            continue
        matrix = feature_rows(model, sample, batch)
        sides: dict[str, Work] = {
            "row": partial(_by_row, booster, matrix),
            "batch": partial(_in_batch, booster, matrix),
            "forest": partial(_by_forest, forest, matrix),
        }
        turns = in_turn(sides, rounds)
        same = _same_bits(forest, booster, ensemble, rows)
        identical &= same
        if model.origin == "shipped" or all(each.origin != "shipped" for each, _ in models):
            ratios.append(turns.ratio("batch", "forest"))
        costs = [turns.median(side) for side in ("row", "batch", "forest")]
        table.append(
            [model.described, batch, *costs, turns.ratio("batch", "forest"), f"{rows:,} rows {'equal' if same else 'DIFFER'}"]
        )
    columns = ("model", "batch", "Booster one row µs", "Booster in batch µs", "streamer µs", "ratio in batch", "bits")
    note = (
        "µs of CPU per row, one thread, rows being features of the sample's packets; bits are compared on rows full of NaN, ±0, "
        "infinities and thresholds"
    )
    return Measured(
        {"forest_ratio": min(ratios), "forest_identical": identical}, {}, {"forest": Table("trees", columns, table, note)}
    )


def feature_rows(model: Model, sample: Sample, n: int) -> Float32s:
    """float32[n, inputs] features of the sample's alerts, over and over."""
    outcome = Pipeline(Framing(sample.schemas), {}, allow_private=True)(sample.batch(n))
    parts = [compute(part.alerts, model.classifier.inputs) for part in outcome.scored]
    return np.resize(np.concatenate(parts), (n, len(model.classifier.inputs)))


def _by_row(booster: lightgbm.Booster, matrix: Float32s) -> int:
    for row in matrix:
        booster_scores(booster, row[None])
    return len(matrix)


def _in_batch(booster: lightgbm.Booster, matrix: Float32s) -> int:
    return len(booster_scores(booster, matrix))


def _by_forest(forest: Forest, matrix: Float32s) -> int:
    return len(forest.raw_scores(matrix))


def _same_bits(forest: Forest, booster: lightgbm.Booster, ensemble: Ensemble, rows: int) -> bool:
    chunks = [hard_rows(ensemble, min(_CHUNK, rows - start), seed=1 + start) for start in range(0, rows, _CHUNK)]
    return all(same_bits(forest.raw_scores(chunk), booster_scores(booster, chunk)) for chunk in chunks)
