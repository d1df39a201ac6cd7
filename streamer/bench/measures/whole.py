"""The whole pipeline in memory, framed packets in and framed results out, against the two baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streamer import __version__
from streamer.bench.baselines import GoodLibraries, Naive
from streamer.bench.models import Model
from streamer.bench.packets import BATCH, Sample
from streamer.bench.result import Cell, Measured, Table
from streamer.bench.turns import Work, in_turn
from streamer.codec.encode import ContainerFrame, Frame, RegistryFrame
from streamer.codec.framing import Framing
from streamer.data.message import Message
from streamer.data.schema import WriterSchema
from streamer.messages import Encoder, OwnSchemas, Shape
from streamer.pipeline import Pipeline
from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION

KEYS = ("pipeline_over_naive", "pipeline_over_good")
OWN = OwnSchemas(bundled_schema("tagged", VERSION), bundled_schema("dead_letter", "1.0"))
"""The schemas of what goes out."""


class OneId:
    """A registry (port ``SchemaIds``) that knows every schema under the same id."""

    def id_of(self, _subject: str, _schema: WriterSchema) -> int:
        """Always 1."""
        return 1


def frame(name: str) -> Frame:
    """The framing ``container`` or ``registry``."""
    return ContainerFrame() if name == "container" else RegistryFrame(OneId(), "bench")


def ours(model: Model, sample: Sample, shape: Shape, framing: str, batch: int) -> Work:
    """Packets to the values of messages, `batch` at a time."""
    pipeline = Pipeline(Framing(sample.schemas), {sample.survey: model.classifier}, allow_private=True)
    encode = Encoder(OWN, shape, frame(framing), frame(framing), __version__)
    batches = sample.batches(batch)
    return lambda: sum(written(encode(pipeline(raw), 1_700_000_002_000)) for raw in batches)


def written(messages: Sequence[Message]) -> int:
    """How many messages have a value, all of them made: a message joins its value when it is asked for."""
    return sum(bool(message.value) for message in messages)


def measure(models: Sequence[tuple[Model, Sample]], rounds: int, batch: int = BATCH) -> Measured:
    """Each model on its sample; the keys are the least ratios of the shipped models.

    Parameters
    ----------
    models : sequence of (Model, Sample)
    rounds : int
    batch : int
        Alerts that our pipeline takes at a time.
    """
    rows: list[list[Cell]] = []
    naive_ratios, good_ratios = [], []
    for model, sample in models:
        wire = "container" if sample.survey == "ztf" else "registry"
        sides = {
            "naive": _each(Naive(model, sample.schemas), sample.payloads),
            "good": _each(GoodLibraries(model, sample.schemas), sample.payloads),
            "tag": ours(model, sample, Shape.TAG, "registry", batch),
            "full": ours(model, sample, Shape.FULL, wire, batch),
        }
        turns = in_turn(sides, rounds)
        over_naive, over_good = turns.ratio("naive", "full"), turns.ratio("good", "tag")
        if model.origin == "shipped" or all(each.origin != "shipped" for each, _ in models):
            naive_ratios.append(over_naive)
            good_ratios.append(over_good)
        period = "yes" if any(name.startswith("period_") for name in model.classifier.inputs) else "no"
        costs = [turns.median(side) for side in ("naive", "full", "good", "tag")]
        rows.append([sample.survey, model.described, period, costs[0], costs[1], over_naive, costs[2], costs[3], over_good])
    columns = (
        "survey", "model", "period search", "naive µs", "streamer, whole packet µs", "over naive",
        "good libraries µs", "streamer, tag µs", "over good libraries",
    )  # fmt: skip
    note = (
        f"µs of CPU per alert, ours in batches of {batch}; naive encodes the whole packet again and is compared with our whole "
        "packet in the packet's own framing, good libraries write a tag in a registry frame and are compared with ours; "
        + "; ".join(dict.fromkeys(sample.described for _, sample in models))
    )
    values = {"pipeline_over_naive": min(naive_ratios), "pipeline_over_good": min(good_ratios)}
    return Measured(values, {}, {"pipeline": Table("whole pipeline in memory", columns, rows, note)})


def _each(baseline: Callable[[bytes], bytes], payloads: Sequence[bytes]) -> Work:
    def work() -> int:
        for payload in payloads:
            baseline(payload)
        return len(payloads)

    return work
