"""Packets to columns: our decoder against ``fastavro.reader``."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import fastavro
import numpy as np

from streamer.bench.packets import BATCH, Sample
from streamer.bench.result import Cell, Measured, Table
from streamer.bench.turns import Work, in_turn
from streamer.codec.decode import Program
from streamer.codec.framing import Framing
from streamer.codec.types import root_of
from streamer.data.schema import WriterSchema
from streamer.surveys import survey_of

KEYS = ("decode_ratio_ztf", "decode_ratio_lsst")


def measure(samples: Sequence[Sample], rounds: int, batch: int = BATCH) -> Measured:
    """Both surveys in both framings; the keys are the ratios to ``fastavro.reader``, which reads container files."""
    values: dict[str, float] = {}
    rows: list[list[Cell]] = []
    for sample in samples:
        container, registry = sample.in_containers(), sample.in_registry_frames()
        for framing, framed, library in (
            ("container", container, _reader(container)),
            ("registry", registry, _schemaless(registry)),
        ):
            turns = in_turn({"fastavro": library, "streamer": _ours(framed, batch)}, rounds)
            ratio = turns.ratio("fastavro", "streamer")
            rows.append([sample.survey, framing, turns.median("fastavro"), turns.median("streamer"), ratio])
            if framing == "container":
                values[f"decode_ratio_{sample.survey}"] = ratio
    note = (
        "µs of CPU per packet; container: fastavro.reader on each file; registry: fastavro.schemaless_reader with the schema "
        f"parsed once. Ours takes the framing off and decodes {batch} packets a time, checked to their last byte. "
        + "; ".join(sample.described for sample in samples)
    )
    table = Table("decoding", ("survey", "framing", "fastavro µs", "streamer µs", "ratio"), rows, note)
    return Measured(values, {}, {"decode": table})


def _ours(sample: Sample, batch: int) -> Work:
    framing, batches = Framing(sample.schemas), sample.batches(batch)
    programs: dict[WriterSchema, Program] = {}

    def work() -> int:
        done = 0
        for raw in batches:
            rows, _ = framing.rows(raw)
            for number, schema in enumerate(rows.schemas):
                if schema not in programs:
                    programs[schema] = Program(schema, survey_of(root_of(schema)).projection)
                programs[schema].decode(rows.bodies.take(np.flatnonzero(rows.schema == number)))
            done += len(rows)
        return done

    return work


def _reader(sample: Sample) -> Work:
    return _each(sample.payloads, lambda payload: next(fastavro.reader(io.BytesIO(payload))))


def _schemaless(sample: Sample) -> Work:
    ids = {int.from_bytes(payload[1:5], "big") for payload in sample.payloads}
    parsed = {number: fastavro.parse_schema(sample.schemas.by_id(number).tree) for number in ids}

    def read(payload: bytes) -> Any:
        return fastavro.schemaless_reader(io.BytesIO(payload[5:]), parsed[int.from_bytes(payload[1:5], "big")], None)

    return _each(sample.payloads, read)


def _each(payloads: Sequence[bytes], read: Callable[[bytes], Any]) -> Work:
    def work() -> int:
        for payload in payloads:
            read(payload)
        return len(payloads)

    return work
