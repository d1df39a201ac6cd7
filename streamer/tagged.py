"""The tag of each alert as an Avro datum of ``schemas/tagged/1.1``, a whole group of alerts at once.

The fields stand here in the schema's order; a test reads the datums back with the schema and compares every field.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from streamer.classify.classifier import Classifier
from streamer.classify.taxonomy import Class, by_id, parent_sums
from streamer.codec.container import write_long
from streamer.codec.rows import Rows
from streamer.codec.write import RecordColumns, double_bytes, float_bytes, text_bytes
from streamer.data.arrays import MISSING, Bools, Float64s, Int64s
from streamer.data.batch import NO_PARTITION, NO_TIME, AlertBatch, Contribution, KnownObject, Scores, State, Why
from streamer.data.photometry import BANDS, Kind
from streamer.pipeline import Scored

VERSION = "1.1"
"""Of the schema ``tagged`` that is written."""

_NULL, _VALUE = b"\x00", b"\x02"
"""The branches of a union of null and something."""

_FALSE_OR_TRUE = (b"\x00", b"\x01")
_EMPTY = b"\x00"
"""An array or map without items, or the end of one with items."""

_NUMBER_OF_WHY = {why: number for number, why in enumerate(Why)}
_WHY = [write_long(number) for number in _NUMBER_OF_WHY.values()]
_STATE = [write_long(int(state)) for state in State]
_BAND = [*(_VALUE + text_bytes(band) for band in BANDS), _NULL]  # code −1 finds the last


def tag_id(survey: str, alert_id: int, classifier: Classifier | None) -> str:
    """32 hexadecimal digits that are the same whenever the same model sees the same alert (BLAKE2b)."""
    return _tag_ids(survey, [alert_id], classifier)[0].decode()


def tags(rows: Rows, part: Scored, broker: bytes, published: int) -> list[bytes]:
    """The tag of each alert of `part`.

    Parameters
    ----------
    rows : Rows
        Where the alerts were read.
    part : Scored
        n alerts with their scores.
    broker : bytes
        The broker's record, encoded (:func:`broker_bytes`).
    published : int, ms since 1970 UTC
    """
    alerts, scores, classifier = part.alerts, part.scores, part.classifier
    columns = RecordColumns(len(alerts))
    columns.text(np.array(_tag_ids(alerts.survey, alerts.alert_id.tolist(), classifier), dtype="S32"))
    columns.same(text_bytes(alerts.survey)).long(alerts.alert_id).text(alerts.object_id)
    columns.double(alerts.ra).double(alerts.dec).double(alerts.epoch).text(alerts.night)
    columns.choice(_BAND, alerts.band.astype(np.int64)).nullable_float(alerts.flux).nullable_float(alerts.flux_err)
    columns.nullable_float(alerts.context.get("real_bogus", np.full(len(alerts), np.nan, dtype=np.float32)))
    columns.choice(_FALSE_OR_TRUE, alerts.public.astype(np.int64))
    _add_input(columns, rows, alerts.row)
    _add_answer(columns, scores)
    _add_probabilities(columns, scores, classifier)
    _add_detections(columns, alerts)
    columns.same(broker + _model_bytes(classifier))
    message = rows.message[alerts.row]
    produced = rows.raw.produced[message]
    columns.nullable_long(np.where(produced == NO_TIME, MISSING, produced))
    columns.long(rows.raw.received[message]).long(np.full(len(alerts), published))
    _add_honesty(columns, scores, classifier)
    _add_further(columns, scores)
    return columns.records()


def broker_bytes(name: str, version: str) -> bytes:
    """The record that says who made a message."""
    return text_bytes(name) + text_bytes(version)


def _tag_ids(survey: str, alert_ids: Sequence[int], classifier: Classifier | None) -> list[bytes]:
    model = (classifier.name, classifier.version, classifier.checksum) if classifier else ("", "", "")
    before, after = f"{survey}\0".encode(), "\0".join(("", *model)).encode()
    return [hashlib.blake2b(b"%b%d%b" % (before, number, after), digest_size=16).hexdigest().encode() for number in alert_ids]


def _add_input(columns: RecordColumns, rows: Rows, row: Int64s) -> None:
    """Source, partition, offset and record; a file has neither partition nor offset, its records count through the whole file."""
    positions, message = rows.raw.positions, rows.message[row]
    partition, offset = positions.partition[message].astype(np.int64), positions.offset[message]
    is_file = partition == NO_PARTITION
    columns.choice([text_bytes(name) for name in positions.names], positions.name[message].astype(np.int64))
    columns.nullable_long(np.where(is_file, MISSING, partition)).nullable_long(np.where(is_file, MISSING, offset))
    columns.long(rows.record[row] + np.where(is_file, offset, 0))


def _add_answer(columns: RecordColumns, scores: Scores) -> None:
    ids, answer = np.unique(scores.class_id, return_inverse=True)
    columns.choice(_STATE, scores.state.astype(np.int64))
    columns.choice(_WHY, np.fromiter(map(_NUMBER_OF_WHY.__getitem__, scores.why), dtype=np.int64, count=len(scores)))
    columns.choice([_class_bytes(by_id(number)) for number in ids.tolist()], answer)


def _add_probabilities(columns: RecordColumns, scores: Scores, classifier: Classifier | None) -> None:
    """Leaves and inner classes; both arrays are empty where the model was not asked."""
    if classifier is None:
        columns.same(_EMPTY + _EMPTY)
        return
    was_asked = np.isfinite(scores.leaves[:, 0])
    sums = parent_sums(classifier.leaves, scores.leaves)
    _add_array(columns, was_asked, classifier.leaves, scores.leaves)
    _add_array(columns, was_asked, classifier.parents, sums)


def _add_honesty(columns: RecordColumns, scores: Scores, classifier: Classifier | None) -> None:
    """What else may be true, how strange the alert is, and why the answer is what it is."""
    if classifier is None or scores.possible is None or scores.level is None:
        columns.same(_EMPTY + _NULL)
    else:
        _add_count(columns, np.count_nonzero(scores.possible, axis=1))
        for leaf, is_possible in zip(classifier.leaves, scores.possible.T, strict=True):
            columns.when(is_possible, 1).same(write_long(leaf.id))
        columns.same(_EMPTY + _VALUE + double_bytes(scores.level))
    columns.nullable_float(np.full(len(scores), np.nan, dtype=np.float32) if scores.novelty is None else scores.novelty)
    _add_rare(columns, {row: _contributions_bytes(reasons) for row, reasons in scores.reasons.items()}, _EMPTY)


def _add_further(columns: RecordColumns, scores: Scores) -> None:
    """Answers to other questions, and the known object that the alert is."""
    defined = [np.isfinite(score.value) for score in scores.further]
    if defined:
        _add_count(columns, np.sum(defined, axis=0))
    for score, has_value in zip(scores.further, defined, strict=True):
        epochs = np.full(len(scores), MISSING) if score.epochs is None else score.epochs
        columns.when(has_value, 4).same(text_bytes(score.name)).double(score.value)
        columns.nullable_long(epochs).same(write_long(int(score.basis)))
    columns.same(_EMPTY)
    _add_rare(columns, {row: _known_object_bytes(known) for row, known in scores.known.items()}, _NULL)


def _add_count(columns: RecordColumns, count: Int64s) -> None:
    """The number of items that begins the only block of an array; an array without items has no block."""
    columns.when(count > 0, 1).long(count)


def _add_rare(columns: RecordColumns, data: Mapping[int, bytes], otherwise: bytes) -> None:
    """The bytes of the few records that have any, by index, and those of all others."""
    if not data:
        columns.same(otherwise)
        return
    which = np.zeros(columns.n, dtype=np.int64)
    which[list(data)] = np.arange(1, len(data) + 1)
    columns.choice([otherwise, *data.values()], which)


def _add_array(columns: RecordColumns, was_asked: Bools, classes: Sequence[Class], values: Float64s) -> None:
    columns.when(was_asked, 1 + 2 * len(classes)).same(write_long(len(classes)))
    for number, each in enumerate(classes):
        columns.same(_class_bytes(each)).double(values[:, number])
    columns.same(_EMPTY)


def _add_detections(columns: RecordColumns, alerts: AlertBatch) -> None:
    """A map from band to number of detections, without the bands that have none."""
    counts = detections_by_band(alerts)
    some = counts > 0
    _add_count(columns, some.sum(axis=1))
    for code, band in enumerate(BANDS):
        columns.when(some[:, code], 2).same(text_bytes(band)).long(counts[:, code])
    columns.same(_EMPTY)


def detections_by_band(alerts: AlertBatch) -> Int64s:
    """int64[n, bands] detections in each light curve, in the order of ``BANDS``."""
    curves = alerts.light_curves
    found = curves["kind"] == Kind.DETECTION
    place = curves.rows[found] * len(BANDS) + curves["band"][found]
    return np.bincount(place, minlength=len(alerts) * len(BANDS)).reshape(len(alerts), len(BANDS))


def _contributions_bytes(reasons: Sequence[Contribution]) -> bytes:
    items = [
        text_bytes(each.input)
        + (_VALUE + float_bytes(each.value) if math.isfinite(each.value) else _NULL)
        + double_bytes(each.contribution)
        + text_bytes(each.text)
        for each in reasons
    ]
    return write_long(len(items)) + b"".join(items) + _EMPTY if items else _EMPTY


def _known_object_bytes(known: KnownObject) -> bytes:
    harmonic = _NULL if known.harmonic is None else _VALUE + text_bytes(known.harmonic)
    return _VALUE + text_bytes(known.catalogue) + text_bytes(known.name) + double_bytes(known.separation) + harmonic


@cache
def _class_bytes(each: Class) -> bytes:
    return write_long(each.id) + text_bytes(each.name)


def _model_bytes(classifier: Classifier | None) -> bytes:
    if classifier is None:
        return _NULL
    names = (classifier.name, classifier.version, classifier.checksum, classifier.feature_set)
    return _VALUE + b"".join(map(text_bytes, names))
