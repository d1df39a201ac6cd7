"""A broker in memory: topics, groups with generations, and transactions that are seen whole or not at all."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from streamer.data.batch import NO_TIME, Cursor
from streamer.data.message import Message
from streamer.errors import Fatal, MustAbort


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
