"""Doubles that keep the promises of the real things: a broker in memory, doors on it, faults by script, a clock moved by hand.

The contract suites run against these and against the real ones alike, so what a test learns here holds there.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from streamer.data.arrays import Float64s
from streamer.data.batch import NO_TIME, Cursor, Positions, RawBatch
from streamer.data.message import Channel, Message
from streamer.data.tally import Tally
from streamer.errors import Fatal, MustAbort, Stage
from streamer.ports import Clock


class Crash(BaseException):
    """The process dies here, as under kill −9: no door does anything any more."""


Event = BaseException | Callable[[], None] | None
"""What happens at a step: it fails so, something is called (pause, stop, crash somebody else), or all goes well."""


class Script:
    """What happens at each step of a door, one entry for each time it comes there; after the last entry all goes well."""

    def __init__(self, events: Mapping[str, Sequence[Event]] | None = None) -> None:
        self._events = {step: list(each) for step, each in (events or {}).items()}
        self.is_dead = False

    def plan(self, step: str, event: Event) -> None:
        """Let `event` happen the next time but those already planned."""
        self._events.setdefault(step, []).append(event)

    def at(self, step: str) -> None:
        """The door is at `step`."""
        if self.is_dead:
            raise Crash
        event = self._events[step].pop(0) if self._events.get(step) else None
        if isinstance(event, Crash):
            self.is_dead = True
        if isinstance(event, BaseException):
            raise event
        if event is not None:
            event()


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = now_ms
        self._seconds = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._start_ms + round(self._seconds * 1000)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._seconds


@dataclass(slots=True)
class RecordingTelemetry:
    """Keeps all it is told."""

    turns: int = 0
    aborts: int = 0
    seen_again: int = 0
    tallies: list[Tally] = field(default_factory=list)
    seconds: list[Mapping[Stage, float]] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    lags: list[Mapping[tuple[str, int], int]] = field(default_factory=list)

    def turned(self) -> None:
        """Count it."""
        self.turns += 1

    def committed(self, tally: Tally, seconds: Mapping[Stage, float], latency: Float64s) -> None:
        """Keep it."""
        self.tallies.append(tally)
        self.seconds.append(dict(seconds))
        self.latencies.extend(latency.tolist())

    def aborted(self) -> None:
        """Count it."""
        self.aborts += 1

    def lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """Keep it."""
        self.lags.append(dict(lag))

    def duplicates(self, count: int) -> None:
        """Add it."""
        self.seen_again += count


@dataclass(frozen=True, slots=True)
class Record:
    """A message in the memory broker."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int


@dataclass(frozen=True, slots=True)
class Membership:
    """Who a member of a consumer group is, as long as the group does not change."""

    group: str
    member: str
    generation: int


@dataclass(slots=True)
class _Group:
    members: list[str] = field(default_factory=list)
    topics: tuple[str, ...] = ()
    generation: int = 0
    committed: Cursor = field(default_factory=dict)


class MemoryBroker:
    """Topics with partitions, consumer groups that rebalance, and transactions that fence zombies."""

    def __init__(self) -> None:
        self._topics: dict[str, list[list[Record]]] = {}
        self._groups: dict[str, _Group] = defaultdict(_Group)
        self._epochs: dict[str, int] = {}

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """An empty topic; the groups that read it rebalance."""
        self._topics[name] = [[] for _ in range(partitions)]
        for group in self._groups.values():
            group.generation += _is_one_of(name, group.topics)

    def produce(
        self,
        topic: str,
        value: bytes,
        key: bytes = b"",
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int = NO_TIME,
    ) -> Record:
        """Append a message to the partition of its key; a topic that is not there is created."""
        if topic not in self._topics:
            self.create_topic(topic)
        partitions = self._topics[topic]
        number = zlib.crc32(key or value) % len(partitions)
        record = Record(topic, number, len(partitions[number]), key, value, tuple(headers), timestamp)
        partitions[number].append(record)
        return record

    def records(self, topic: str) -> list[Record]:
        """All that a reader of committed messages sees, partition by partition."""
        return [record for partition in self._topics.get(topic, ()) for record in partition]

    def partition(self, topic: str, number: int) -> Sequence[Record]:
        """The messages of one partition."""
        return self._topics[topic][number]

    def committed(self, group: str) -> Cursor:
        """The positions that a group committed."""
        return dict(self._groups[group].committed)

    def join(self, group: str, member: str, topics: Sequence[str]) -> None:
        """Make `member` one of the group; a name that is there already is taken over, as by a static member."""
        self._groups[group].topics = tuple(topics)
        if member not in self._groups[group].members:
            self._groups[group].members.append(member)
        self._groups[group].generation += 1

    def leave(self, group: str, member: str) -> None:
        """Take `member` out of the group."""
        if member in self._groups[group].members:
            self._groups[group].members.remove(member)
            self._groups[group].generation += 1

    def membership(self, group: str, member: str) -> Membership:
        """Who `member` is now."""
        return Membership(group, member, self._groups[group].generation)

    def assignment(self, membership: Membership) -> list[tuple[str, int]]:
        """The partitions of a member, dealt out in turn."""
        group = self._groups[membership.group]
        if membership.member not in group.members:
            return []
        names = sorted(name for name in self._topics if _is_one_of(name, group.topics))
        places = [(name, number) for name in names for number in range(len(self._topics[name]))]
        return places[group.members.index(membership.member) :: len(group.members)]

    def fence(self, transactional_id: str) -> int:
        """Begin an epoch of a transactional id; the epochs before it end."""
        self._epochs[transactional_id] = self._epochs.get(transactional_id, -1) + 1
        return self._epochs[transactional_id]

    def transact(
        self,
        transactional_id: str,
        epoch: int,
        messages: Sequence[tuple[str, Message]],
        membership: Membership | None,
        cursor: Cursor,
    ) -> None:
        """Append all (topic, message) and move the group to `cursor`, both or neither."""
        if epoch != self._epochs[transactional_id]:
            raise Fatal(f"fenced: {transactional_id} has begun a new epoch")
        if membership is not None and cursor:
            group = self._groups[membership.group]
            if membership.generation != group.generation or membership.member not in group.members:
                raise MustAbort("the group has rebalanced")
            group.committed.update(cursor)
        for topic, message in messages:
            self.produce(topic, message.value, message.key, message.headers)


def _is_one_of(name: str, topics: Sequence[str]) -> bool:
    return any(re.search(topic, name) if topic.startswith("^") else name == topic for topic in topics)


class MemorySource:
    """A :class:`streamer.ports.Source` on a memory broker. Steps of its script: ``read``, ``rewind``, ``close``.

    Parameters
    ----------
    broker : MemoryBroker
    topics : sequence of str
        Names, or patterns that begin with ``^``.
    group, member : str
    clock : Clock
    script : Script, optional
    ends : bool
        Whether the source has an end where the messages have one.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        topics: Sequence[str],
        group: str,
        member: str,
        clock: Clock,
        script: Script | None = None,
        ends: bool = False,
    ) -> None:
        self._broker = broker
        self._group = group
        self._member = member
        self._clock = clock
        self._script = script or Script()
        self._ends = ends
        self._positions: Cursor = {}
        broker.join(group, member, topics)
        self._membership: Membership | None = None

    def read(self, limit: int, wait: float) -> RawBatch | None:  # noqa: ARG002  # nothing comes while a test waits
        """Up to `limit` messages of the assigned partitions."""
        self._script.at("read")
        if self._membership != self._broker.membership(self._group, self._member):
            self.rewind()
        found = [record for place in self._positions for record in self._unread(place)][:limit]
        for record in found:
            self._positions[record.topic, record.partition] = record.offset + 1
        return None if self._ends and not found else self._batch(found)

    def _unread(self, place: tuple[str, int]) -> Sequence[Record]:
        return self._broker.partition(*place)[self._positions[place] :]

    def _batch(self, records: Sequence[Record]) -> RawBatch:
        return RawBatch(
            [record.value for record in records],
            Positions.of([(record.topic, record.partition, record.offset, 1) for record in records]),
            np.array([record.timestamp for record in records], dtype=np.int64),
            np.full(len(records), self._clock.now_ms(), dtype=np.int64),
        )

    def rewind(self) -> None:
        """Go to the committed positions of what is assigned now."""
        self._script.at("rewind")
        self._membership = self._broker.membership(self._group, self._member)
        committed = self._broker.committed(self._group)
        self._positions = {place: committed.get(place, 0) for place in self._broker.assignment(self._membership)}

    def lag(self) -> Cursor:
        """Messages not yet read, by partition."""
        return {place: len(self._unread(place)) for place in self._positions}

    def group_metadata(self) -> Membership | None:
        """Who this member was when it last looked."""
        return self._membership

    def close(self) -> None:
        """Leave the group."""
        if not self._script.is_dead:
            self._script.at("close")
            self._broker.leave(self._group, self._member)


class MemorySink:
    """A :class:`streamer.ports.Sink` on a memory broker.

    Steps of its script: ``begin``, ``produce`` (each message), ``offsets``, ``commit`` (nothing is visible yet), ``committed``
    (all is), ``close``.

    Parameters
    ----------
    broker : MemoryBroker
    transactional_id : str
    group : callable
        The membership of the source's consumer group.
    topics : mapping of Channel to str
        Where messages go; by default topics named like the channels.
    script : Script, optional
    """

    def __init__(
        self,
        broker: MemoryBroker,
        transactional_id: str,
        group: Callable[[], Membership | None],
        topics: Mapping[Channel, str] | None = None,
        script: Script | None = None,
    ) -> None:
        self._broker = broker
        self._id = transactional_id
        self._group = group
        self._topics = topics or {channel: channel.value for channel in Channel}
        self._script = script or Script()
        self._epoch = broker.fence(transactional_id)

    def commit(self, messages: Sequence[Message], positions: Positions) -> None:
        """One transaction."""
        self._script.at("begin")
        pending = []
        for message in messages:
            self._script.at("produce")
            pending.append((self._topics[message.channel], message))
        self._script.at("offsets")
        membership = self._group()
        self._script.at("commit")
        self._broker.transact(self._id, self._epoch, pending, membership, positions.next())
        self._script.at("committed")

    def close(self) -> None:
        """Nothing is held."""
        if not self._script.is_dead:
            self._script.at("close")
