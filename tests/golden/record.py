"""What streamer makes of a few simulated packets, written down.

``python -m tests.golden.record`` records again: only after a change that was meant to change the answers, and the difference of the
files is part of its review. The packets themselves stay as they are; ``--packets`` simulates new ones first.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamer.codec.columns import Decoded
from streamer.codec.container import written
from streamer.codec.decode import Program
from streamer.codec.framing import Framing
from streamer.codec.reader import RecordReader
from streamer.data.arrays import Column
from streamer.data.schema import WriterSchema
from streamer.features import compute, features_of
from streamer.pipeline import Outcome, Pipeline
from streamer.sources.simulator import simulate
from streamer.stores.bundled import bundled_schema
from streamer.surveys import SURVEYS
from streamer.surveys.survey import Survey
from streamer.tagged import VERSION, broker_bytes, tags
from tests.packets import LSST, LSST_ID, SYNC, ZTF, TableOfSchemas, raw_batch, registry_frame
from tests.unit.classifiers import FixedClassifier

FOLDER = Path(__file__).parent
PUBLISHED = 1_800_000_000_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A survey whose packets are recorded."""

    survey: Survey
    schema: WriterSchema
    framed: Callable[[bytes], bytes]


_SURVEY = {survey.name: survey for survey in SURVEYS}
RECORDED = {
    "ztf": Recorded(_SURVEY["ztf"], ZTF, lambda body: written(ZTF, 1, body, SYNC)),
    "lsst": Recorded(_SURVEY["lsst"], LSST, lambda body: registry_frame(LSST_ID, body)),
}


def outcome_of(name: str, bodies: list[bytes]) -> Outcome:
    """What the pipeline makes of packets with these bodies; two of three detections are too few for its classifier."""
    framing = Framing(TableOfSchemas({LSST_ID: LSST}))
    pipeline = Pipeline(framing, {name: FixedClassifier(name, needed=4)}, allow_private=True)
    return pipeline(raw_batch([RECORDED[name].framed(body) for body in bodies]))


def answers(name: str, bodies: list[bytes]) -> dict[str, Any]:
    """Columns, features and tags of packets with these bodies, as JSON has them."""
    recorded = RECORDED[name]
    outcome = outcome_of(name, bodies)
    [part] = outcome.scored
    names = [feature.name for feature in features_of(part.alerts.bands)]
    matrix = compute(part.alerts, names)
    decoded = Program(recorded.schema, recorded.survey.projection).decode(outcome.rows.bodies)
    reader = RecordReader(bundled_schema("tagged", VERSION))
    datums = tags(outcome.rows, part, broker_bytes("streamer", "golden"), PUBLISHED)
    return {
        "columns": _columns(decoded),
        "features": {feature: _values(matrix[:, i]) for i, feature in enumerate(names)},
        "tags": [_plain(reader.read(datum, 0)[0]) for datum in datums],
    }


def _columns(decoded: Decoded) -> dict[str, Any]:
    tables = {
        name: {"lengths": table.lengths.tolist(), **{column: _values(values) for column, values in table.columns.items()}}
        for name, table in decoded.tables.items()
    }
    return {"alert": {name: _values(column) for name, column in decoded.columns.items()}, **tables}


def _values(column: Column) -> list[Any]:
    """The values; float32 in as many digits as it has."""
    if column.dtype == np.float32:
        return [_plain(float(np.format_float_positional(value, unique=True))) for value in column]
    return [_plain(value) for value in column.tolist()]


def _plain(value: Any) -> Any:
    """The value as JSON has it: text for bytes, null for NaN."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def simulated(name: str) -> list[bytes]:
    """The bodies of a few packets: one without a history, three that differ in how long it is."""
    payloads = [alert.payload for alert in simulate(name, 2000, seed=20, cutout_bytes=0)]
    rows, _ = Framing(TableOfSchemas({int.from_bytes(payloads[0][1:5], "big"): LSST})).rows(raw_batch(payloads))
    bodies = sorted((rows.bodies.bytes_of(i) for i in range(len(rows))), key=lambda body: (len(body), body))
    return [bodies[0], *(bodies[int(len(bodies) * share)] for share in (0.2, 0.4, 0.6))]


def file_of(name: str) -> Path:
    """Where the packets and answers of a survey are recorded."""
    return FOLDER / f"{name}.json"


def packets(name: str) -> list[bytes]:
    """The recorded bodies."""
    return [base64.b64decode(text) for text in json.loads(file_of(name).read_text())["packets"]]


def main() -> None:
    """Record the answers again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", action="store_true", help="simulate new packets first")
    renewed = parser.parse_args().packets
    for name in RECORDED:
        bodies = simulated(name) if renewed else packets(name)
        content = {"packets": [base64.b64encode(body).decode() for body in bodies], **answers(name, bodies)}
        file_of(name).write_text(_json(content))


def _json(content: Mapping[str, Any]) -> str:
    """JSON with a line for each column, so that a difference shows which one changed."""
    parts = []
    for key, part in content.items():
        lines = (
            [f"{json.dumps(inner)}: {json.dumps(value)}" for inner, value in part.items()]
            if isinstance(part, dict)
            else [json.dumps(value) for value in part]
        )
        opening, closing = "{}" if isinstance(part, dict) else "[]"
        parts.append(f"{json.dumps(key)}: {opening}\n  " + ",\n  ".join(lines) + f"\n{closing}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
