"""What goes out: one message for each row, with the place it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from streamer.data.schema import WriterSchema


class Channel(StrEnum):
    """Which of a sink's outputs a message belongs to."""

    TAGGED = "tagged"
    DEAD_LETTER = "dead-letter"
    PRIVATE = "private"
    """A tagged alert that is not public; a sink without a private output never gets one."""


@dataclass(frozen=True, slots=True)
class Message:
    """An encoded tagged alert or dead letter.

    Parameters
    ----------
    channel : Channel
    survey : str
        Name of the survey, for the topic; ``unknown`` on a dead letter whose survey could not be told.
    key : bytes
        Kafka key: the object id with its name space; empty on a dead letter without one.
    value : bytes
        The record in the framing that the encoder was given.
    schema : WriterSchema
        What `value` was written with.
    headers : tuple of (name, bytes)
    """

    channel: Channel
    survey: str
    key: bytes
    value: bytes
    schema: WriterSchema
    headers: tuple[tuple[str, bytes], ...] = ()
