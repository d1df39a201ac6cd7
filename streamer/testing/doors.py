"""Source and sink on the broker in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from streamer.data.batch import Cursor, Positions, RawBatch
from streamer.data.message import Channel, Message
from streamer.ports import Clock
from streamer.testing.broker import Membership, MemoryBroker, Record
from streamer.testing.faults import Script


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
