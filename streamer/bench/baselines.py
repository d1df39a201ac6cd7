"""What streamer is compared with: the same work, written one alert at a time as a competent person would.

* :class:`Naive`: ``fastavro.reader`` for each packet, features in NumPy and SciPy with astropy's period search, one row at a time
  to LightGBM, and the whole packet encoded again with its tag.
* :class:`GoodLibraries`: the writer schema parsed once, ``fastavro.schemaless_reader``, features by the compiled `light-curve`
  library, one row at a time to LightGBM, and a small tag record out.

Both use the trees of the very model that streamer uses, with one thread (which is faster for single rows), and compute the features
that it reads; of the stand-in's, which reads every feature there is, those that a shipped model of the survey reads. Periods are
searched only if it reads them. Novelty and conformal sets, which streamer computes as well, they leave out.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping
from typing import Any

import fastavro
import lightgbm
import numpy as np

from streamer.bench.alerts import Alert, Features, alert_of
from streamer.bench.light_curves import library_features, numpy_features
from streamer.bench.models import Model
from streamer.classify.taxonomy import Class
from streamer.codec.container import MAGIC, Header, read_blocks, read_header
from streamer.data.arrays import Float64s
from streamer.data.photometry import BANDS
from streamer.pipeline import period_work
from streamer.ports import Schemas
from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION

REGISTRY_ID = 1
"""Schema id in the frames that the baselines write."""

_TAGGED = bundled_schema("tagged", VERSION).tree


class Scorer:
    """One alert to its calibrated probabilities."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._booster = lightgbm.Booster(model_str=model.trees)
        self._calibration = model.calibration
        self._inputs = model.classifier.inputs
        reads_period = any(name.startswith("period_") for name in self._inputs)
        self.budget = period_work(model.classifier, None) if reads_period else None
        """Points × frequencies of a period search; None if the model reads no period."""

    def __call__(self, features: Features, n_detections: int) -> Float64s:
        """float64[leaves]; features that the baseline does not know are NaN."""
        row = np.array([[features.get(name, np.nan) for name in self._inputs]], dtype=np.float32)
        return self.row(row, n_detections)

    def row(self, row: Any, n_detections: int) -> Float64s:
        """float64[leaves] of float32[1, inputs]."""
        raw = np.asarray(self._booster.predict(row, raw_score=True, num_threads=1))
        probabilities: Float64s = self._calibration.probabilities(raw, np.array([n_detections]))[0]
        return probabilities


class Naive:
    """The straightforward pipeline.

    Parameters
    ----------
    model : Model
    schemas : Schemas
        Writer schemas of registry frames.
    """

    def __init__(self, model: Model, schemas: Schemas) -> None:
        self._score = Scorer(model)
        self._schemas = schemas
        self._parsed: dict[object, tuple[Any, Any]] = {}

    def __call__(self, payload: bytes) -> bytes:
        """The whole packet with its tag, in the framing in which it came."""
        key, record = self._read(payload)
        alert = alert_of(record)
        probabilities = self._score(numpy_features(alert, self._score.budget), alert.n_detections)
        record["streamer_tag"] = tag_record(alert, probabilities, self._score.model)
        stream = io.BytesIO()
        if isinstance(key, int):
            stream.write(b"\x00" + REGISTRY_ID.to_bytes(4, "big"))
            fastavro.schemaless_writer(stream, self._parsed[key][1], record)
        else:
            fastavro.writer(stream, self._parsed[key][1], [record])
        return stream.getvalue()

    def _read(self, payload: bytes) -> tuple[object, dict[str, Any]]:
        if payload.startswith(MAGIC):
            reader = fastavro.reader(io.BytesIO(payload))
            text = reader.metadata["avro.schema"]
            if text not in self._parsed:
                self._parsed[text] = None, _with_tag(read_header(payload).schema.tree)
            return text, _record(next(reader))
        number = int.from_bytes(payload[1:5], "big")
        if number not in self._parsed:
            tree = self._schemas.by_id(number).tree
            self._parsed[number] = fastavro.parse_schema(tree), _with_tag(tree)
        return number, _record(fastavro.schemaless_reader(io.BytesIO(payload[5:]), self._parsed[number][0], None))


class GoodLibraries:
    """The pipeline of someone who knows the libraries and has profiled once.

    Parameters
    ----------
    model : Model
    schemas : Schemas
        Writer schemas of registry frames.
    """

    def __init__(self, model: Model, schemas: Schemas) -> None:
        self._score = Scorer(model)
        self._read = CachedReader(schemas)
        self._tagged = fastavro.parse_schema(_TAGGED)

    def __call__(self, payload: bytes) -> bytes:
        """A tag record in a registry frame."""
        alert = alert_of(self._read(payload))
        probabilities = self._score(library_features(alert, self._score.budget), alert.n_detections)
        stream = io.BytesIO()
        stream.write(b"\x00" + REGISTRY_ID.to_bytes(4, "big"))
        fastavro.schemaless_writer(stream, self._tagged, tag_record(alert, probabilities, self._score.model))
        return stream.getvalue()


class CachedReader:
    """Packets to records by fastavro, with each writer schema parsed once and container headers recognised by their bytes."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._by_id: dict[int, Any] = {}
        self._headers: list[tuple[Header, Any]] = []

    def __call__(self, payload: bytes) -> dict[str, Any]:
        """The one record of a packet."""
        if not payload.startswith(MAGIC):
            number = int.from_bytes(payload[1:5], "big")
            if number not in self._by_id:
                self._by_id[number] = fastavro.parse_schema(self._schemas.by_id(number).tree)
            return _record(fastavro.schemaless_reader(io.BytesIO(payload[5:]), self._by_id[number], None))
        known = next((known for known in self._headers if payload.startswith(known[0].prefix)), None)
        if known is None:
            header = read_header(payload)
            known = header, fastavro.parse_schema(header.schema.tree)
            self._headers.append(known)
        header, schema = known
        block = next(read_blocks(payload, header))
        return _record(fastavro.schemaless_reader(io.BytesIO(payload[block.start : block.end]), schema, None))


def tag_record(alert: Alert, probabilities: Float64s, model: Model) -> dict[str, Any]:
    """A record of our schema ``tagged``."""
    classifier = model.classifier
    leaves = classifier.leaves
    best = leaves[int(probabilities.argmax())]
    return {
        "tag_id": uuid.uuid5(uuid.NAMESPACE_OID, f"{alert.survey} {alert.alert_id}").hex,
        "survey": alert.survey,
        "alert_id": alert.alert_id,
        "object_id": alert.object_id,
        "ra": alert.ra,
        "dec": alert.dec,
        "epoch": alert.epoch,
        "night": str(int(alert.epoch)),
        "band": alert.band if alert.band in BANDS else None,
        "flux": alert.flux,
        "flux_err": alert.flux_err,
        "real_bogus": None,
        "is_public": True,
        "input": {"source": "bench", "partition": 0, "offset": 0, "record": 0},
        "state": "CLASSIFIED",
        "reason": "NONE",
        **_class(best),
        "classifications": [_class(leaf) | {"probability": p} for leaf, p in zip(leaves, probabilities.tolist(), strict=True)],
        "parents": [],
        "n_detections": {band: len(time) for band, (time, _, _) in alert.curves.items() if len(time)},
        "broker": {"name": "bench", "version": "0"},
        "model": {
            "name": classifier.name,
            "version": classifier.version,
            "checksum": classifier.checksum,
            "feature_set": classifier.feature_set,
        },
        "produced": None,
        "ingested": 0,
        "published": 0,
    }


def _record(read: Any) -> dict[str, Any]:
    """What fastavro read, which is a record since its schema is one."""
    record: dict[str, Any] = read
    return record


def _class(leaf: Class) -> dict[str, Any]:
    return {"class_id": leaf.id, "class_name": leaf.name}


def _with_tag(tree: Mapping[str, Any]) -> Any:
    return fastavro.parse_schema({**tree, "fields": [*tree["fields"], {"name": "streamer_tag", "type": _TAGGED}]})
