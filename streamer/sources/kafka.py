"""Alerts from Kafka topics, as one member of a consumer group that commits nothing itself.

Positions are committed by the sink, inside its transaction; this side only says who it is (:meth:`KafkaSource.group_metadata`)
and goes back to what was committed when a transaction failed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from streamer.data.batch import NO_TIME, Positions, RawBatch
from streamer.errors import Fatal, InvalidConfig
from streamer.ports import Clock
from streamer.sources.beginnings import Beginnings

log = logging.getLogger(__name__)

PRODUCER_TIMESTAMP = "producer_timestamp"
"""Header in which the surveys' brokers write when they sent an alert: milliseconds since 1970 UTC as text."""

BATCH_BYTES = 64 << 20
"""A batch is full when its messages hold this much, whatever the limit on their number."""
CHUNK = 64
"""Messages taken from the client at a time, and so by how many a batch may exceed its bytes."""

_POLL_S = 0.05  # one consume call; messages that came before a rebalance are never kept longer than this unnoticed
_ANSWER_S = 5.0  # patience with one question to the group coordinator
_BEGIN_S = 2.0  # patience with the question where reading begins, which only the lag needs
_LONGEST_STAMP = 15  # digits; a header is anybody's text
_NO_TIMESTAMP = 0  # librdkafka's timestamp type "not available"

_SETTINGS: Mapping[str, str | int | bool] = {
    "enable.auto.commit": False,  # positions travel in the sink's transaction
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",  # or a new daily topic loses its first alerts
    "isolation.level": "read_committed",  # what a producer took back is no alert
    "topic.metadata.refresh.interval.ms": 20_000,  # a new daily topic is found within this
    "fetch.queue.backoff.ms": 100,  # the default, 1 s, starves a worker whose packets fill the queue
    "fetch.message.max.bytes": 4_194_304,  # of a partition in one answer; with the default, 1 MB, receiving takes a quarter more
    "queued.max.messages.kbytes": 65_536,  # memory of the queue; the default of 1 GB a worker is too much for one per core
    "receive.message.max.bytes": 512 * 1024 * 1024,  # a message above it would be asked for again and again for ever
    "log_level": 2,  # librdkafka's own lines are repeated by the error callback, once each
}

_CLASSIC: Mapping[str, str | int | bool] = {  # the broker decides both in the newer group protocol (KIP-848)
    "partition.assignment.strategy": "cooperative-sticky",  # a rebalance stops only the partitions that move
    "heartbeat.interval.ms": 1_000,  # how soon a member hears of a rebalance (the default is 3 s), and each takes two such rounds
    "session.timeout.ms": 10_000,  # how long the partitions of a dead worker rest if it does not come back
}


@dataclass(frozen=True, slots=True)
class Subscription:
    r"""What to read, and as whom.

    Parameters
    ----------
    servers : str
        ``host:port``, several with commas.
    topics : tuple of str
        Names, or patterns that begin with ``^`` (``^ztf_\d{8}_programid1$``): new topics that match are read as they appear.
    group : str
        The consumer group.
    instance : str, optional
        Stable name of this worker in the group (KIP-345): started again under the same name, it takes its partitions back at
        once instead of waiting for its dead predecessor's session to end. Never shared by two live workers.
    client : mapping
        Further librdkafka settings (SASL, TLS, group protocol); they win over streamer's own. Never shown or logged.
    """

    servers: str
    topics: tuple[str, ...]
    group: str
    instance: str | None = None
    client: Mapping[str, str | int | bool] = field(default_factory=dict, repr=False)


def consumer_settings(subscription: Subscription) -> dict[str, Any]:
    """What librdkafka's consumer is told."""
    return {
        **_SETTINGS,
        **({} if subscription.client.get("group.protocol") == "consumer" else _CLASSIC),
        "bootstrap.servers": subscription.servers,
        "group.id": subscription.group,
        "client.id": "streamer",
        **({"group.instance.id": subscription.instance} if subscription.instance else {}),
        **subscription.client,
    }


def check_topics(topics: Sequence[str]) -> None:
    """InvalidConfig if the client library cannot read one of the patterns; asks no broker."""
    consumer = Consumer({"group.id": "streamer", "log_level": 0})
    try:
        consumer.subscribe([_posix(topic) for topic in topics])
    except KafkaException as error:
        raise InvalidConfig(_not_subscribed(topics, error)) from error
    finally:
        consumer.close()


class KafkaSource:
    """A :class:`streamer.ports.Source` over a consumer group.

    Parameters
    ----------
    subscription : Subscription
    clock : Clock
    batch_bytes : int
        A batch is full when its messages hold this much.

    Raises
    ------
    InvalidConfig
        If the client library refuses a setting (a file of certificates that is none) or a pattern. Whether a broker answers shows
        later.
    """

    def __init__(self, subscription: Subscription, clock: Clock, batch_bytes: int = BATCH_BYTES) -> None:
        self._clock = clock
        self._batch_bytes = batch_bytes
        self._membership: Any = None  # opaque to everybody but the producer
        self._revoked = False
        self._must_rewind = False
        self._failure: KafkaError | None = None
        self._complaints: set[int] = set()
        try:
            self._consumer = Consumer({**consumer_settings(subscription), "error_cb": self._on_error})
        except KafkaException as error:
            raise InvalidConfig(f"source: not good for a Kafka client: {error.args[0].str()}") from error
        self._begins = Beginnings(lambda places: self._consumer.committed(places, timeout=_BEGIN_S), clock)
        try:
            self._consumer.subscribe(
                [_posix(topic) for topic in subscription.topics],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_revoke,
            )
        except KafkaException as error:
            self._consumer.close()
            raise InvalidConfig(_not_subscribed(subscription.topics, error)) from error

    def read(self, limit: int, wait: float) -> RawBatch:
        """Up to `limit` messages that came within about `wait` seconds, fewer if they are large; never None: a topic has no end."""
        deadline = self._clock.monotonic() + wait
        messages: list[KafkaMessage] = []
        size = 0
        if self._must_rewind:
            self.rewind()
        while not self._must_rewind:
            left = max(deadline - self._clock.monotonic(), 0.0)
            came = self._sound(self._consumer.consume(min(limit - len(messages), CHUNK), min(left, _POLL_S)))
            messages += came
            size += sum(len(message.value() or b"") for message in came)
            if self._revoked:  # what was read before belongs to somebody else now, or is read again
                messages.clear()
                size = 0
                self.rewind()
            if len(messages) >= limit or size >= self._batch_bytes or self._clock.monotonic() >= deadline:
                break
        return self._batch(messages)

    def rewind(self) -> None:
        """Seek what is still assigned to its committed position; if the broker does not say it now, the next read asks again."""
        self._revoked = False
        self._must_rewind = True
        try:
            committed = self._consumer.committed(self._consumer.assignment(), timeout=_ANSWER_S)
            if any(place.error for place in committed):
                return
            for place in committed:
                self._seek(place)
        except KafkaException as error:
            self._on_error(error.args[0])
            return
        self._must_rewind = False
        self._join()

    def _seek(self, committed: TopicPartition) -> None:
        offset = committed.offset if committed.offset >= 0 else OFFSET_BEGINNING
        try:
            self._consumer.seek(TopicPartition(committed.topic, committed.partition, offset))
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001  # librdkafka's codes are named so: not being fetched yet
                raise

    def lag(self) -> dict[tuple[str, int], int]:
        """Messages between the position and the end of each assigned partition, as far as the last fetches told.

        The marks that transactions leave count as messages, so an idle partition may show one or two.
        """
        places = self._consumer.position(self._consumer.assignment())
        begins = self._begins.of([place for place in places if place.offset < 0])
        found: dict[tuple[str, int], int] = {}
        for place in places:
            low, high = self._consumer.get_watermark_offsets(place, cached=True)
            offset = place.offset if place.offset >= 0 else begins.get((place.topic, place.partition))
            if offset is not None and offset < 0:  # nothing was committed: from the first message that there is
                offset = low if low >= 0 else None
            if high >= 0 and offset is not None:
                found[(place.topic, place.partition)] = max(high - offset, 0)
        return found

    def group_metadata(self) -> Any:
        """Who this member was when the last assignment was made: a commit by a member that was replaced since is refused."""
        return self._membership

    def close(self) -> None:
        """Leave the group (a worker with an instance name keeps its place for the time of a session)."""
        self._consumer.close()

    def _join(self) -> None:
        """Take down the membership, unless there is none now: a commit without one would not be checked at all."""
        membership = self._consumer.consumer_group_metadata()
        if self._consumer.memberid():
            self._membership = membership

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._join()
        log.info("assigned", extra={"partitions": _names(partitions)})

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._revoked = True
        self._begins.forget()
        log.info("revoked", extra={"partitions": _names(partitions)})

    def _on_error(self, error: KafkaError) -> None:
        """Note a failure that the client repeats by itself, once until things go well again."""
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001  # librdkafka's codes are named so
            self._failure = error
        elif error.code() not in self._complaints:
            self._complaints.add(error.code())
            log.warning("kafka: %s", error.str(), extra={"code": error.name()})

    def _sound(self, messages: Sequence[KafkaMessage]) -> list[KafkaMessage]:
        """The messages that carry data; raises Fatal if the client says that it cannot go on."""
        sound = []
        for message in messages:
            error = message.error()
            if error is None:
                sound.append(message)
            elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # librdkafka's codes are named so
                self._on_error(error)
        if self._failure is not None:
            raise Fatal(f"the Kafka consumer cannot go on: {self._failure.str()}")
        if sound:
            self._complaints.clear()
        return sound

    def _batch(self, messages: Sequence[KafkaMessage]) -> RawBatch:
        places = [(message.topic() or "", message.partition() or 0, message.offset() or 0, 1) for message in messages]
        return RawBatch(
            [message.value() or b"" for message in messages],
            Positions.of(places),
            np.array([_produced(message) for message in messages], dtype=np.int64),
            np.full(len(messages), self._clock.now_ms(), dtype=np.int64),
        )


def _not_subscribed(topics: Sequence[str], error: KafkaException) -> str:
    return (
        f"source: Kafka cannot read {', '.join(topics)} as topics or patterns (POSIX extended regular expressions): "
        f"{error.args[0].str()}"
    )


def _posix(topic: str) -> str:
    r"""The pattern as librdkafka's regular expressions know it: they have no ``\d``."""
    return topic.replace(r"\d", "[0-9]") if topic.startswith("^") else topic


def _produced(message: KafkaMessage) -> int:
    """When the survey sent it, ms: its header, else Kafka's own time stamp, else NO_TIME."""
    stated = dict(message.headers() or {}).get(PRODUCER_TIMESTAMP)
    if stated is not None and stated.isdigit() and len(stated) <= _LONGEST_STAMP:
        return int(stated)
    kind, stamp = message.timestamp()
    return NO_TIME if kind == _NO_TIMESTAMP else stamp


def _names(partitions: Sequence[TopicPartition]) -> list[str]:
    return [f"{place.topic}[{place.partition}]" for place in partitions]
