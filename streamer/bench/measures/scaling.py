"""Cost against the length of the history, and against the size of the batch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from streamer import __version__
from streamer.bench.measures.whole import OWN, frame, written
from streamer.bench.models import Model
from streamer.bench.packets import Sample, with_history
from streamer.bench.result import Cell, Measured, Table
from streamer.codec.framing import Framing
from streamer.data.batch import RawBatch
from streamer.errors import Stage
from streamer.features.spectrum import PERIOD_BUDGET
from streamer.messages import Encoder, Shape
from streamer.pipeline import Pipeline

HISTORIES = (10, 20, 50, 100, 200, 500, 1000)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
HISTORY_BATCH = 64
AT_LEAST_S = 0.03
STAGES = (Stage.CODEC, Stage.SURVEYS, Stage.FEATURES, Stage.CLASSIFY, Stage.MESSAGES)


def measure(
    models: Sequence[tuple[Model, Sample]], rounds: int, histories: Sequence[int] = HISTORIES, batches: Sequence[int] = BATCHES
) -> Measured:
    """Two tables with the cost by stage; no key of its own."""
    return _against_history([model for model, _ in models], rounds, histories) | _against_batch(models, rounds, batches)


def _against_history(models: Sequence[Model], rounds: int, histories: Sequence[int]) -> Measured:
    staged = [(model, n, _Staged(model, with_history(model.classifier.survey, n))) for model in models for n in histories]
    batches = [each.sample.batches(HISTORY_BATCH) for _, _, each in staged]
    costs = _in_turn([(each, raw) for (_, _, each), raw in zip(staged, batches, strict=True)], rounds)
    rows: list[list[Cell]] = [
        [model.described, n, *stages, sum(stages)] for (model, n, _), stages in zip(staged, costs, strict=True)
    ]
    note = (
        f"µs of CPU per alert in batches of {HISTORY_BATCH}; simulated packets with so many earlier detections, one every third "
        f"night; a period search takes at most {PERIOD_BUDGET:,} detections × frequencies"
    )
    columns = ("model", "detections", *(f"{stage.value} µs" for stage in STAGES), "total µs")
    return Measured({}, {}, {"history": Table("cost against history length", columns, rows, note)})


def _against_batch(models: Sequence[tuple[Model, Sample]], rounds: int, batches: Sequence[int]) -> Measured:
    staged = [(sample, n, _Staged(model, sample), sample.batches(n)) for model, sample in models for n in batches]
    costs = _in_turn([(each, raw) for _, _, each, raw in staged], rounds)
    rows: list[list[Cell]] = [
        [sample.survey, n, *stages, sum(stages)] for (sample, n, _, _), stages in zip(staged, costs, strict=True)
    ]
    note = "µs of CPU per alert; " + "; ".join(sample.described for _, sample in models)
    columns = ("survey", "batch", *(f"{stage.value} µs" for stage in STAGES), "total µs")
    return Measured({}, {}, {"batch": Table("cost against batch size", columns, rows, note)})


class _Staged:
    """Our pipeline with a stop-watch for each stage."""

    def __init__(self, model: Model, sample: Sample) -> None:
        self.sample = sample
        self._pipeline = Pipeline(Framing(sample.schemas), {sample.survey: model.classifier}, allow_private=True)
        self._encode = Encoder(OWN, Shape.TAG, frame("registry"), frame("registry"), __version__)
        self._spent = dict.fromkeys(STAGES, 0.0)
        self._last = 0.0

    def _lap(self, stage: Stage) -> None:
        now = time.process_time()
        self._spent[stage] += now - self._last
        self._last = now

    def __call__(self, batches: Sequence[RawBatch], at_least: float = AT_LEAST_S) -> list[float]:
        """µs per alert in each stage."""
        self._spent = dict.fromkeys(STAGES, 0.0)
        alerts = 0
        while alerts == 0 or sum(self._spent.values()) < at_least:
            for raw in batches:
                self._last = time.process_time()
                outcome = self._pipeline(raw, self._lap)
                written(self._encode(outcome, 0))
                self._lap(Stage.MESSAGES)
                alerts += len(raw)
        return [1e6 * self._spent[stage] / alerts for stage in STAGES]


def _in_turn(runs: Sequence[tuple[_Staged, Sequence[RawBatch]]], rounds: int) -> list[list[float]]:
    """Median cost of each stage of each run, in the runs' order, after a round that does not count."""
    found: list[list[list[float]]] = [[] for _ in runs]
    for staged, raw in runs:
        staged(raw, 0.0)
    for _ in range(rounds):
        for place, (staged, raw) in enumerate(runs):
            found[place].append(staged(raw))
    return [[statistics.median(stage) for stage in zip(*each, strict=True)] for each in found]
