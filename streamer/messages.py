"""Outcome to outgoing messages: a tagged alert or a dead letter for every row.

A tag goes out alone (`tag`), or as one more field at the end of the original packet (`full`): the packet's own bytes are not
touched, so a reader that has only the survey's schema still reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np

from streamer.classify.taxonomy import by_id
from streamer.codec.encode import MAX_REMEMBERED, Frame, RecordWriter, extended
from streamer.codec.rows import Rows
from streamer.codec.types import root_of
from streamer.data.batch import NO_PARTITION, NO_TIME
from streamer.data.message import Channel, Message, Pieces
from streamer.data.schema import WriterSchema
from streamer.errors import Reason
from streamer.pipeline import Outcome, Scored
from streamer.tagged import VERSION, broker_bytes, tags

BROKER = "streamer"
TAG_FIELD = "streamer_tag"
"""Name of the field that the `full` shape appends."""

MAX_PAYLOADS = 256 << 20
"""Bytes that the dead letters of one batch carry, after which they withhold them: of a container file with many records each brings
the header again, so that a hundred kilobytes of deflated file could become gigabytes."""

Fields = dict[str, Any]


class Shape(StrEnum):
    """What a tagged message holds."""

    TAG = "tag"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class OwnSchemas:
    """The schemas of what goes out."""

    tagged: WriterSchema
    dead_letter: WriterSchema


class Encoder:
    """Encodes outcomes.

    Parameters
    ----------
    schemas : OwnSchemas
    shape : Shape
    frame_tagged, frame_dead_letter : Frame
        The framing of each kind of message.
    version : str
        Version of streamer, for the records.
    largest : int or None, bytes
        A dead letter withholds a payload larger than this, since the sink could not take it. None takes all.
    """

    def __init__(
        self,
        schemas: OwnSchemas,
        shape: Shape,
        frame_tagged: Frame,
        frame_dead_letter: Frame,
        version: str,
        largest: int | None = None,
    ) -> None:
        self._shape = shape
        self._frame_tagged = frame_tagged
        self._frame_dead_letter = frame_dead_letter
        self._broker = {"name": BROKER, "version": version}
        self._largest = largest
        self._broker_bytes = broker_bytes(BROKER, version)
        self._tagged_schema = schemas.tagged
        self._write_dead_letter = RecordWriter(schemas.dead_letter)
        self._extended = lru_cache(MAX_REMEMBERED)(lambda original: extended(original, *_tag_field(original, schemas.tagged)))

    def __call__(self, outcome: Outcome, published: int) -> list[Message]:
        """One message for each row of `outcome`, stamped with `published` (ms since 1970 UTC)."""
        messages = [message for part in outcome.scored for message in self._tagged(outcome.rows, part, published)]
        messages += self._dead_letters(outcome, published)
        return messages

    def _tagged(self, rows: Rows, part: Scored, published: int) -> Iterator[Message]:
        alerts, classifier = part.alerts, part.classifier
        survey = alerts.survey
        schema = self._schema(rows, part)
        framed = self._frame_tagged(schema)
        data = self._shaped(rows, part, tags(rows, part, self._broker_bytes, published))
        produced = rows.raw.produced[rows.message[alerts.row]]
        columns = (alerts.key, alerts.public, alerts.alert_id, alerts.night, part.scores.class_id, produced)
        fixed = (
            ("survey", survey.encode()),
            ("schema", f"tagged/{VERSION}".encode()),
            ("model", f"{classifier.name}/{classifier.version}".encode() if classifier else b"none"),
        )
        answers = {number: ("class", by_id(number).name.encode()) for number in np.unique(part.scores.class_id).tolist()}
        for datum, key, is_public, alert_id, night, class_id, stamp in zip(
            data, *(column.tolist() for column in columns), strict=True
        ):
            headers = (*fixed, ("alert_id", b"%d" % alert_id), ("night", night), answers[class_id], *_producer_timestamp(stamp))
            channel = Channel.TAGGED if is_public else Channel.PRIVATE
            yield Message(channel, survey, key, framed(datum), schema, headers)

    def _schema(self, rows: Rows, part: Scored) -> WriterSchema:
        """What the messages of `part` are written with: the tag's schema, or the packets' own with the tag at its end."""
        if self._shape is Shape.TAG:
            return self._tagged_schema
        return self._extended(rows.schemas[rows.schema[part.alerts.row[0]]])

    def _shaped(self, rows: Rows, part: Scored, data: Sequence[bytes]) -> list[Pieces]:
        """The datums to send: the tags, or the original bodies with the tags' bytes behind them."""
        if self._shape is Shape.TAG:
            return [(datum,) for datum in data]
        return list(zip(rows.bodies.take(part.alerts.row).views(), data, strict=True))

    def _dead_letters(self, outcome: Outcome, published: int) -> Iterator[Message]:
        rejections = outcome.rejections
        schema = self._write_dead_letter.schema
        framed = self._frame_dead_letter(schema)
        numbers = rejections.row.tolist()
        room = MAX_PAYLOADS
        for row, survey, stage, reason, detail in zip(
            numbers, outcome.survey_of_rejected, rejections.stage, rejections.reason, rejections.detail, strict=True
        ):
            payload = b"" if reason is Reason.PRIVATE or room <= 0 else outcome.rows.original(row)
            withheld = reason is Reason.PRIVATE or room <= 0 or (self._largest is not None and len(payload) > self._largest)
            room -= 0 if withheld else len(payload)
            fields = {
                "survey": survey,
                "stage": stage.name,
                "reason": reason.value,
                "detail": _printable(detail),
                "payload": b"" if withheld else payload,
                "is_withheld": withheld,
            }
            datum = self._write_dead_letter(fields | self._provenance(outcome.rows, row, published))
            yield Message(
                Channel.DEAD_LETTER,
                survey,
                b"",
                framed((datum,)),
                schema,
                (
                    ("survey", survey.encode()),
                    ("stage", stage.value.encode()),
                    ("reason", reason.value.encode()),
                    ("schema", b"dead_letter/1.0"),
                    *_producer_timestamp(int(outcome.rows.raw.produced[outcome.rows.message[row]])),
                ),
            )

    def _provenance(self, rows: Rows, row: int, published: int) -> Fields:
        """The fields that tags and dead letters have in common."""
        message = int(rows.message[row])
        positions = rows.raw.positions
        partition = int(positions.partition[message])
        offset = int(positions.offset[message])
        from_file = partition == NO_PARTITION
        produced = int(rows.raw.produced[message])
        return {
            "input": {
                "source": _printable(positions.names[positions.name[message]]),
                "partition": None if from_file else partition,
                "offset": None if from_file else offset,
                "record": int(rows.record[row]) + (offset if from_file else 0),
            },
            "broker": self._broker,
            "produced": None if produced == NO_TIME else produced,
            "ingested": int(rows.raw.received[message]),
            "published": published,
        }


def _tag_field(original: WriterSchema, tagged: WriterSchema) -> tuple[str, WriterSchema]:
    """A field name that the packet does not have yet, and the tag's schema in a name space of its own if it was tagged before."""
    taken = root_of(original).fields
    if TAG_FIELD not in taken:
        return TAG_FIELD, tagged
    again = next(n for n in range(2, len(taken) + 3) if f"{TAG_FIELD}_{n}" not in taken)
    return f"{TAG_FIELD}_{again}", WriterSchema.of({**tagged.tree, "namespace": f"{tagged.tree['namespace']}.again_{again}"})


def _producer_timestamp(produced: int) -> tuple[tuple[str, bytes], ...]:
    return () if produced == NO_TIME else (("producer_timestamp", b"%d" % produced),)


def _printable(text: str) -> str:
    """`text` with what UTF-8 cannot carry (parts of file names, bytes that came from outside) replaced by question marks."""
    return text.encode("utf-8", "replace").decode()
