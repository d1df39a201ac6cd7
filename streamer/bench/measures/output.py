"""What goes out: tags and whole packets in each framing, against encoding the same again with fastavro."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from typing import Any

import fastavro
import numpy as np

from streamer import __version__
from streamer.bench.measures.whole import OWN, frame, written
from streamer.bench.models import Model
from streamer.bench.packets import BATCH, Sample
from streamer.bench.result import Cell, Measured, Table
from streamer.bench.turns import Work, in_turn
from streamer.codec.container import MAGIC
from streamer.codec.framing import Framing
from streamer.data.message import Message
from streamer.messages import Encoder, Shape
from streamer.pipeline import Outcome, Pipeline


def measure(models: Sequence[tuple[Model, Sample]], rounds: int, batch: int = BATCH) -> Measured:
    """Each survey, both shapes, both framings; no key of its own."""
    rows: list[list[Cell]] = []
    for model, sample in models:
        pipeline = Pipeline(Framing(sample.schemas), {sample.survey: model.classifier}, allow_private=True)
        outcome = pipeline(sample.batches(max(batch, len(sample.payloads)))[0])
        for shape in Shape:
            for framing in ("container", "registry"):
                encode = Encoder(OWN, shape, frame(framing), frame(framing), __version__)
                messages = encode(outcome, 0)
                sides: dict[str, Work] = {
                    "fastavro": _again(messages[: len(sample.payloads)], framing),
                    "streamer": partial(_encoded, encode, outcome),
                }
                turns = in_turn(sides, rounds)
                size = float(np.mean([len(message.value) for message in messages]))
                ratio = turns.ratio("fastavro", "streamer")
                rows.append([sample.survey, shape.value, framing, size, turns.median("fastavro"), turns.median("streamer"), ratio])
    columns = ("survey", "shape", "framing", "bytes", "fastavro µs", "streamer µs", "ratio")
    note = (
        "µs of CPU per message; ours includes keys and headers of the messages; fastavro writes the ready record with its schema "
        "parsed once (container: fastavro.writer, registry: fastavro.schemaless_writer)"
    )
    return Measured({}, {}, {"output": Table("output", columns, rows, note)})


def _encoded(encode: Encoder, outcome: Outcome) -> int:
    return written(encode(outcome, 0))


def _again(messages: Sequence[Message], framing: str) -> Work:
    """The same messages written by fastavro."""
    parsed = {message.schema: fastavro.parse_schema(message.schema.tree) for message in messages}
    ready = [(parsed[message.schema], _record(message, parsed[message.schema])) for message in messages]

    def work() -> int:
        for schema, record in ready:
            stream = io.BytesIO()
            if framing == "container":
                fastavro.writer(stream, schema, [record])
            else:
                stream.write(b"\x00\x00\x00\x00\x01")
                fastavro.schemaless_writer(stream, schema, record)
        return len(ready)

    return work


def _record(message: Message, parsed: Any) -> Any:
    if message.value.startswith(MAGIC):
        return next(fastavro.reader(io.BytesIO(message.value)))
    return fastavro.schemaless_reader(io.BytesIO(message.value[5:]), parsed, None)
