"""Where a consumer group's reading begins, asked sparingly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import KafkaException, TopicPartition

from streamer.ports import Clock

_PAUSE_S = 10.0  # after a question was not answered, so that an outage does not hold the loop up again and again


class Beginnings:
    """Where reading begins in the partitions of which nothing was read yet; all of them are asked for at once.

    Parameters
    ----------
    ask : callable
        Places → the same with the offsets that the group committed, negative if none; KafkaException if nobody answers.
    clock : Clock
        After a failure nobody is asked for a while.
    """

    def __init__(self, ask: Callable[[list[TopicPartition]], list[TopicPartition]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[tuple[str, int], int] = {}
        self._pause_ends: float | None = None

    def of(self, places: Sequence[TopicPartition]) -> Mapping[tuple[str, int], int]:
        """The committed offset, negative if there is none, of each place that is known."""
        unknown = [TopicPartition(place.topic, place.partition) for place in places if _key(place) not in self._known]
        paused = self._pause_ends is not None and self._clock.monotonic() < self._pause_ends
        if unknown and not paused:
            try:
                found = self._ask(unknown)
            except KafkaException:
                self._pause_ends = self._clock.monotonic() + _PAUSE_S
            else:
                self._known |= {_key(place): place.offset for place in found if place.error is None}
        return self._known

    def forget(self) -> None:
        """Partitions were taken away: their committed offsets may change."""
        self._known.clear()


def _key(place: TopicPartition) -> tuple[str, int]:
    return place.topic, place.partition
