"""The doors of the core: what it asks of the world, as protocols of two or three methods.

Implementations are in ``sources``, ``sinks``, ``stores`` and ``telemetry``; fakes that keep the same promises are in ``testing``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from streamer.data.arrays import Float64s
from streamer.data.batch import Cursor, Positions, RawBatch
from streamer.data.message import Message
from streamer.data.schema import WriterSchema
from streamer.data.tally import Tally
from streamer.errors import Stage


class Source(Protocol):
    """Where messages come from."""

    def read(self, limit: int, wait: float) -> RawBatch | None:
        """Up to `limit` messages, waiting at most about `wait` seconds; an empty batch if none came, None at the end.

        The only place where rebalance callbacks run. Raises Fatal when the source cannot go on.
        """

    def rewind(self) -> None:
        """Go back to the last committed positions of what is still assigned, after an aborted commit."""

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Messages not yet read, by (topic, partition); empty where the notion means nothing."""

    def close(self) -> None:
        """Leave; nothing is committed here."""


class Sink(Protocol):
    """Where results go."""

    def commit(self, messages: Sequence[Message], positions: Positions) -> None:
        """Make `messages` visible and `positions` done, both or neither.

        Raises MustAbort after the open transaction was aborted (rewind the source and read again), Fatal when the process
        cannot go on.
        """

    def close(self) -> None:
        """Release what is held; nothing uncommitted becomes visible."""


class Resumable(Protocol):
    """A sink that remembers, across processes, what it committed (Kafka does that in the consumer group instead)."""

    def committed(self) -> Cursor:
        """The next position to read of each file that was begun."""


class Schemas(Protocol):
    """Writer schemas by registry id."""

    def by_id(self, number: int) -> WriterSchema:
        """The schema; raises UnknownSchema, SchemaUnavailable or InvalidSchema. Cheap when asked again."""


class SchemaIds(Protocol):
    """Registry ids of our own output schemas."""

    def id_of(self, subject: str, schema: WriterSchema) -> int:
        """The id under which readers find `schema`, registering it if need be; raises SchemaUnavailable. Cheap when asked again."""


class Models(Protocol):
    """Model bundles by name."""

    def files(self, name: str) -> Mapping[str, bytes]:
        """The files of a bundle, by file name; raises InvalidBundle."""

    def names(self) -> tuple[str, ...]:
        """All bundles that can be loaded."""


class Telemetry(Protocol):
    """Who wants to know; called once per batch, never per alert."""

    def turned(self) -> None:
        """The worker's loop went round, with or without a batch: a sign of life."""

    def committed(self, tally: Tally, seconds: Mapping[Stage, float], latency: Float64s) -> None:
        """A batch is out.

        Parameters
        ----------
        tally : Tally
        seconds : mapping of Stage to float
            Time spent in each stage.
        latency : float64[m], s
            From the survey's time stamp to the commit, for the messages that have one.
        """

    def aborted(self) -> None:
        """A transaction was aborted and its batch will be read again."""

    def lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """Messages still to read, by (topic, partition)."""

    def duplicates(self, count: int) -> None:
        """Alerts that were seen before, lately; they were tagged again."""


class Probed(Protocol):
    """What an operator's probes are told."""

    def is_alive(self) -> bool:
        """It works, or has just been started."""

    def is_ready(self) -> bool:
        """It takes part in the work, and succeeds."""

    def metrics(self) -> bytes:
        """All metrics, in Prometheus' text format."""


class Clock(Protocol):
    """What time it is."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, for stamps."""

    def monotonic(self) -> float:
        """Seconds that never run backwards, for durations and deadlines."""
