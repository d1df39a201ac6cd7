"""What goes out: one message for each row, with the place it belongs to."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from streamer.data.schema import WriterSchema

Pieces: TypeAlias = tuple[bytes | memoryview, ...]
"""Bytes that are not joined yet, since joining copies them."""


class Channel(StrEnum):
    """Which of a sink's outputs a message belongs to."""

    TAGGED = "tagged"
    DEAD_LETTER = "dead-letter"
    PRIVATE = "private"
    """A tagged alert that is not public; a sink without a private output never gets one."""


class Message(NamedTuple):
    """An encoded tagged alert or dead letter.

    Parameters
    ----------
    channel : Channel
    survey : str
        Name of the survey, for the topic; ``unknown`` on a dead letter whose survey could not be told.
    key : bytes
        Kafka key: the object id with its name space; empty on a dead letter without one.
    pieces : Pieces
        The record in the framing that the encoder was given.
    schema : WriterSchema
        What the record was written with.
    headers : tuple of (name, bytes)
    """

    channel: Channel
    survey: str
    key: bytes
    pieces: Pieces
    schema: WriterSchema
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def value(self) -> bytes:
        """All bytes, joined anew each time: a sink takes one message after the other, and the same memory serves them all."""
        return b"".join(self.pieces)
