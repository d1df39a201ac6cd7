"""Pulsar candidates in memory, packets in and tags out, against good libraries; and what all of their features cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from streamer import wiring
from streamer.bench.candidates import GoodCandidates
from streamer.bench.measures.whole import ours
from streamer.bench.models import model_named
from streamer.bench.packets import BATCH, Sample
from streamer.bench.result import Cell, Measured, Table
from streamer.bench.turns import Work, in_turn
from streamer.codec.framing import Framing
from streamer.data.batch import RawBatch
from streamer.features import compute, features_of
from streamer.messages import Shape
from streamer.pipeline import Pipeline

KEYS = ("candidates_per_s", "candidates_over_good")
OF_EIGHT, OF_ALL = "pulsar-candidate-8", "pulsar-candidate"
"""The model of HTRU2's eight features, and the one that reads whole candidates."""


def measure(sample: Sample, rounds: int, batch: int = BATCH) -> Measured:
    """The keys are those of the model of eight features.

    Parameters
    ----------
    sample : Sample
        Candidates.
    rounds : int
    batch : int
        Candidates that our pipeline takes at a time.
    """
    names = wiring.model_store(None).names()
    models = [model_named(name) for name in (OF_EIGHT, OF_ALL) if name in names]
    sides: dict[str, Work] = {model.described: ours(model, sample, Shape.TAG, "registry", batch) for model in models}
    features = [feature.name for feature in features_of(())]
    everything = f"all {len(features)} features, no trees, no tags"
    sides[everything] = partial(
        _features, Pipeline(Framing(sample.schemas), {}, allow_private=True), features, sample.batches(batch)
    )
    good = f"good libraries, one by one: {models[0].described}"
    sides[good] = partial(_each, GoodCandidates(models[0], sample.schemas), sample.payloads)
    turns = in_turn(sides, rounds)
    rows: list[list[Cell]] = [[side, turns.median(side), 1e6 / turns.median(side), turns.ratio(good, side)] for side in sides]
    note = f"µs of CPU of one core, packet bytes to tag in registry frames, ours in batches of {batch}; {sample.described}"
    columns = ("what", "µs per candidate", "candidates/s and core", "over good libraries")
    values = {"candidates_per_s": rows[0][2], "candidates_over_good": rows[0][3]}
    return Measured(values, {}, {"candidates": Table("pulsar candidates in memory", columns, rows, note)})  # type: ignore[arg-type]  # both are floats


def _features(pipeline: Pipeline, names: Sequence[str], batches: Sequence[RawBatch]) -> int:
    return sum(len(compute(part.alerts, names)) for raw in batches for part in pipeline(raw).scored)


def _each(baseline: GoodCandidates, payloads: Sequence[bytes]) -> int:
    for payload in payloads:
        baseline(payload)
    return len(payloads)
