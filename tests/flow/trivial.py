"""The smallest pipeline that keeps the promises: a message is an alert number as text, and anything else is poison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from streamer.data.batch import RawBatch, State, Why
from streamer.data.message import Channel, Message
from streamer.data.schema import WriterSchema
from streamer.data.tally import Tally
from streamer.errors import Reason, Stage

SCHEMA = WriterSchema.of({"type": "record", "name": "trivial", "fields": []})
SURVEY = "ztf"


@dataclass(frozen=True, slots=True)
class TrivialOutcome:
    """Alert numbers and poison of a batch."""

    raw: RawBatch

    @property
    def tally(self) -> Tally:
        good = len(self.alert_ids())
        bad = Counter(dict.fromkeys([("unknown", Stage.CODEC, Reason.MALFORMED)], len(self.raw) - good))
        return Tally(len(self.raw), len(self.raw), {(SURVEY, State.CLASSIFIED, Why.NONE): good}, +bad)

    def alert_ids(self) -> list[tuple[str, int]]:
        return [(SURVEY, int(payload)) for payload in self.raw.payloads if payload.isdigit()]


def pipeline(raw: RawBatch, lap: Callable[[Stage], None]) -> TrivialOutcome:
    lap(Stage.CODEC)
    lap(Stage.CLASSIFY)
    return TrivialOutcome(raw)


def encode(outcome: TrivialOutcome) -> list[Message]:
    return [message(payload) for payload in outcome.raw.payloads]


def message(payload: bytes) -> Message:
    channel = Channel.TAGGED if payload.isdigit() else Channel.DEAD_LETTER
    return Message(channel, SURVEY, payload, (payload,), SCHEMA, (("made-by", b"test"),))
