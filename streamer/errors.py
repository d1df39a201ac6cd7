"""What can go wrong, and who deals with it.

    StreamerError
    ├── MustAbort          the open transaction cannot go on: abort it, rewind the source, try again
    ├── Fatal              this process cannot go on: stop with the input positions untouched
    ├── SchemaProblem      a writer schema cannot be had or used: the rows that need it are rejected
    │   ├── UnknownSchema      nobody knows the id
    │   ├── SchemaUnavailable  somebody may know it, but does not answer now
    │   ├── InvalidSchema      what came is not an Avro schema
    │   └── UnsupportedSchema  a valid schema that lacks what a survey needs
    └── Invalid            a person gave us something wrong: one clear message, before anything is consumed
        ├── InvalidConfig      a setting
        ├── InvalidBundle      a model bundle
        └── InvalidData        a file of labels, light curves, features …

A bad *row* is none of these: it is a value, :class:`streamer.data.batch.Rejections`, with a :class:`Reason`.
"""

import difflib
from collections.abc import Iterable
from enum import StrEnum


class StreamerError(Exception):
    """Root of every error that streamer raises on purpose."""


class MustAbort(StreamerError):
    """The open transaction cannot be committed; abort, seek back to the committed offsets, and read again."""


class Fatal(StreamerError):
    """The process cannot do its work any more and must be started again; no position was committed."""


class SchemaProblem(StreamerError):
    """A writer schema cannot be had or used."""


class UnknownSchema(SchemaProblem):
    """No store knows this schema id."""


class SchemaUnavailable(SchemaProblem):
    """The store that may know the schema does not answer now."""


class InvalidSchema(SchemaProblem):
    """The text that should be an Avro schema is none."""


class UnsupportedSchema(SchemaProblem):
    """A valid schema that belongs to no survey, or lacks a field which its survey needs."""


class Invalid(StreamerError):
    """Something a person gave us is wrong; the message says what, where, and what is allowed."""


class InvalidConfig(Invalid):
    """A setting is unknown, missing or wrong."""


class InvalidBundle(Invalid):
    """A model bundle is missing, incomplete or does not match its checksums."""


class InvalidData(Invalid):
    """A file of labels, light curves or features cannot be used as it is."""


def guess(given: str, known: Iterable[str], prefix: str = "") -> str:
    """A question, after a space, whether the known name (behind `prefix`) that comes nearest was meant; empty if none is near."""
    near = difflib.get_close_matches(given, list(known), n=1)
    return f" did you mean {prefix}{near[0]}?" if near else ""


def why(error: Exception) -> str:
    """What an error says, an operating system's without its number and the name of the file, which the sentence around it has."""
    return getattr(error, "strerror", None) or str(error)


class Stage(StrEnum):
    """The stages of the pipeline, in order; metric label, config section and folder name alike."""

    SOURCES = "sources"
    CODEC = "codec"
    SURVEYS = "surveys"
    FEATURES = "features"
    CLASSIFY = "classify"
    MESSAGES = "messages"
    SINKS = "sinks"


class Reason(StrEnum):
    """Why an alert became a dead letter: a closed set, since it labels metrics."""

    UNKNOWN_FRAMING = "UNKNOWN_FRAMING"
    """Neither a container file, nor a registry frame, nor a bare datum of a schema that was named."""
    UNKNOWN_SCHEMA = "UNKNOWN_SCHEMA"
    """No schema store knows the id."""
    SCHEMA_UNAVAILABLE = "SCHEMA_UNAVAILABLE"
    """The schema store did not answer in time and the disk cache does not hold the schema."""
    INVALID_SCHEMA = "INVALID_SCHEMA"
    """The writer schema is not valid Avro."""
    UNSUPPORTED_SCHEMA = "UNSUPPORTED_SCHEMA"
    """The writer schema fits no survey, or lacks a field that its survey needs."""
    TRUNCATED = "TRUNCATED"
    """The bytes end before the record does."""
    MALFORMED = "MALFORMED"
    """The bytes cannot be what the writer schema says."""
    TRAILING_BYTES = "TRAILING_BYTES"
    """The record ends before the bytes do."""
    EMPTY = "EMPTY"
    """A message or container file without any record."""
    TOO_LARGE = "TOO_LARGE"
    """Larger than the limit for one message, before or after decompression."""
    INVALID_VALUE = "INVALID_VALUE"
    """A value without which an alert means nothing (id, position, epoch) is missing or impossible."""
    PRIVATE = "PRIVATE"
    """Not public, and no private topic is set; the dead letter withholds the bytes."""
    INTERNAL_ERROR = "INTERNAL_ERROR"
    """Our own code failed on this alert alone; the detail names the exception."""
