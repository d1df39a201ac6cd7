"""Results to Kafka topics: messages, dead letters and input positions in one transaction.

References: KIP-98 (transactions), KIP-360 (recoverable producers), KIP-447 (fencing by group membership).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from streamer.data.batch import Positions
from streamer.data.message import Channel, Message
from streamer.errors import Fatal, InvalidConfig, MustAbort
from streamer.ports import Clock

log = logging.getLogger(__name__)

_CALL_S = 5.0  # one call to the transaction coordinator
_STUCK_S = 15.0  # a call that has not come back by then never will
_PAUSE_S = 0.1  # between two tries of the same call
_HEARD_EVERY = 16  # messages; what was delivered of them keeps its memory until the client is heard

_SETTINGS: Mapping[str, str | int | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    # in turn on real ZTF packets: whole ones shrink to 0.64 (zstd 0.54 for 1.4 times the client's CPU; snappy 0.64 for 1.2 times),
    # tags in container files to a tenth; without compression the client is a quarter cheaper, and both take half as long again
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # an object's alerts stay together, and where the Java clients would put them
    "transaction.timeout.ms": 15_000,  # what a dead worker leaves open blocks read_committed readers no longer than this
    "queue.buffering.max.kbytes": 131_072,  # memory; a fuller queue makes `produce` wait
    "delivery.report.only.error": True,  # a call of Python for each message is 2–5 µs, and the commit says that all went well
    "log_level": 2,  # failures surface as exceptions of the calls
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where results go.

    Parameters
    ----------
    servers : str
        ``host:port``, several with commas.
    topic : str
        For tagged alerts; ``{survey}`` stands for the survey's name, here and in the other topics.
    dead_letter_topic : str
    private_topic : str, optional
        For tagged alerts that are not public.
    largest : int, bytes
        The largest message that the topics take (their ``max.message.bytes``).
    client : mapping
        Further librdkafka settings (SASL, TLS); they win over streamer's own. Never shown or logged.
    """

    servers: str
    topic: str
    dead_letter_topic: str
    private_topic: str | None = None
    largest: int = 1_000_000
    client: Mapping[str, str | int | bool] = field(default_factory=dict, repr=False)

    def topic_of(self, channel: Channel, survey: str) -> str:
        """The topic of a survey's messages."""
        match channel:
            case Channel.TAGGED:
                template = self.topic
            case Channel.DEAD_LETTER:
                template = self.dead_letter_topic
            case Channel.PRIVATE:
                if self.private_topic is None:
                    raise Fatal("a private alert reached a sink without a private topic")
                template = self.private_topic
        return template.replace("{survey}", survey)


class _RequiresAbort(Exception):
    """The open transaction is lost, the producer is not."""


class _Caller:
    """Makes calls in a thread of its own, so that one which never returns can be given up.

    librdkafka's own time-outs do not hold when its only broker vanished from the metadata for a moment (a single node that starts
    again): it goes on waiting for a broker that it has struck off.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._results: SimpleQueue[Exception | None] = SimpleQueue()
        self.is_stuck = False
        threading.Thread(target=self._serve, name="kafka-sink", daemon=True).start()

    def __call__(self, call: Callable[[], None]) -> None:
        """Call, and raise what it raises; Fatal if it does not return."""
        self._calls.put(call)
        try:
            failure = self._results.get(timeout=_STUCK_S)
        except Empty:
            self.is_stuck = True
            raise Fatal(f"the Kafka producer has not answered for {_STUCK_S:.0f} s") from None
        if failure is not None:
            raise failure

    def _serve(self) -> None:
        while (call := self._calls.get()) != self.end:
            try:
                call()
            except Exception as error:  # noqa: BLE001  # raised again in the caller's thread
                self._results.put(error)
            else:
                self._results.put(None)

    def end(self) -> None:
        """Let the thread end when it comes back."""
        self._calls.put(self.end)


class KafkaSink:
    """A :class:`streamer.ports.Sink`: one transaction for each commit.

    Building it ends the open transaction of a dead predecessor with the same id; raises Fatal if the broker cannot be reached
    or does not take the password, InvalidConfig if the client library refuses a setting.

    Parameters
    ----------
    destination : Destination
    transactional_id : str
        Names this worker's slot (group, instance, slot): the same after a restart, never shared by two live workers.
    clock : Clock
    group : callable, optional
        The current membership of the source's consumer group; None if the input is not Kafka, and positions mean nothing here.
    patience : float, s
        How long a call that fails retriably is repeated.
    """

    def __init__(
        self,
        destination: Destination,
        transactional_id: str,
        clock: Clock,
        group: Callable[[], Any] | None = None,
        patience: float = 30.0,
    ) -> None:
        self._destination = destination
        self._topic_of = cache(destination.topic_of)
        self._clock = clock
        self._group = group
        self._patience = patience
        self._is_open = False
        self._refused: KafkaError | None = None
        self._complaint: KafkaError | None = None
        settings = {
            **_SETTINGS,
            "bootstrap.servers": destination.servers,
            "client.id": "streamer",
            "transactional.id": transactional_id,
            "message.max.bytes": destination.largest,
            "error_cb": self._on_error,
            "on_delivery": self._on_delivery,
            **destination.client,
        }
        try:
            self._producer = Producer(settings)
        except KafkaException as error:
            raise InvalidConfig(f"sink: not good for a Kafka client: {error.args[0].str()}") from error
        self._caller = _Caller()
        try:
            self._repeated("init_transactions", lambda: self._producer.init_transactions(_CALL_S))
        except _RequiresAbort as error:
            raise Fatal(str(error)) from error

    def commit(self, messages: Sequence[Message], positions: Positions) -> None:
        """Write `messages` and the positions after `positions`, both or neither."""
        offsets = [TopicPartition(*place, offset) for place, offset in positions.next().items()] if self._group else []
        if not messages and not offsets:
            return
        self._refused = None
        try:
            self._repeated("begin_transaction", self._producer.begin_transaction)
            self._is_open = True
            for number, message in enumerate(messages):
                self._produce(message)
                if number % _HEARD_EVERY == 0:
                    self._poll(0)
            if self._group and offsets:
                membership = self._group()
                self._repeated(
                    "send_offsets_to_transaction",
                    lambda: self._producer.send_offsets_to_transaction(offsets, membership, _CALL_S),
                )
            self._repeated("commit_transaction", lambda: self._producer.commit_transaction(_CALL_S))
            self._is_open = False
        except _RequiresAbort as error:
            self._abort()
            raise MustAbort(str(error)) from error

    def close(self) -> None:
        """Abort what is open, as far as the broker answers; what it does not hear of it aborts by itself."""
        self._caller.end()
        if self._caller.is_stuck:
            return  # asking again would get stuck too; the broker ends the transaction by itself
        try:
            if self._is_open:
                self._is_open = False
                self._producer.abort_transaction(_CALL_S)
            self._producer.purge()  # or closing would wait for what can no longer be committed
            self._producer.close()
        except KafkaException as error:
            log.warning("closed without an answer: %s", error.args[0].str())

    def _produce(self, message: Message) -> None:
        topic, value = self._topic_of(message.channel, message.survey), message.value
        headers: list[tuple[str, str | bytes | None]] = list(message.headers)
        deadline: float | None = None
        while True:
            try:
                self._producer.produce(topic, value, message.key or None, headers=headers)
            except BufferError:
                deadline = deadline or self._clock.monotonic() + self._patience
                if self._clock.monotonic() > deadline:
                    raise Fatal(f"the producer's queue stayed full for {self._patience:.0f} s") from None
                self._poll(_PAUSE_S)
            except KafkaException as error:
                self._refuse(error.args[0], topic)
                raise _RequiresAbort(error.args[0].str()) from error
            else:
                return

    def _poll(self, seconds: float) -> None:
        """Hear what the client has to say; raises Fatal if it cannot go on."""
        try:
            self._producer.poll(seconds)
        except KafkaException as error:
            raise Fatal(f"the Kafka producer cannot go on: {error.args[0].str()}") from error

    def _on_error(self, error: KafkaError) -> None:
        """Keep what the client says of its connections: a call that times out does not say why."""
        if self._complaint is None or error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # librdkafka's codes are named so
            self._complaint = error

    def _on_delivery(self, error: KafkaError | None, message: KafkaMessage) -> None:
        """Keep why a message failed: the commit only says that some have."""
        if error is not None and self._refused is None:
            self._refused = error
            log.warning("message refused: %s", error.str(), extra={"topic": message.topic()})

    def _refuse(self, error: KafkaError, topic: str) -> None:
        """Raise Fatal for what would fail again however often it is tried."""
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001  # librdkafka's codes are named so
            raise Fatal(f"the Kafka producer cannot go on: {error.str()}")
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            limit = self._destination.largest
            raise Fatal(f"a message for {topic} is larger than {limit} bytes; raise that limit here and in the topic's settings")

    def _abort(self) -> None:
        try:
            self._repeated("abort_transaction", lambda: self._producer.abort_transaction(_CALL_S))
        except _RequiresAbort as error:
            raise Fatal(f"the transaction can be neither committed nor aborted: {error}") from error
        self._is_open = False
        if self._refused is not None:
            self._refuse(self._refused, self._destination.topic)

    def _repeated(self, name: str, call: Callable[[], None]) -> None:
        """Call until it succeeds; a call that timed out may have succeeded, and repeating the same one is safe."""
        deadline = self._clock.monotonic() + self._patience
        tries = 0
        self._complaint = None
        while True:
            tries += 1
            try:
                self._caller(call)
            except KafkaException as exception:
                error: KafkaError = exception.args[0]
                if error.txn_requires_abort():
                    raise _RequiresAbort(f"{name}: {error.str()}") from exception
                if error.retriable():
                    self._poll(_PAUSE_S)
                if not error.retriable() or self._is_locked_out() or self._clock.monotonic() > deadline:
                    raise Fatal(f"{name} failed (tried {tries}×): {self._why(error)}") from exception
                if tries == 1:
                    log.warning("%s is repeated: %s", name, self._why(error))
            else:
                return

    def _is_locked_out(self) -> bool:
        """The broker does not take the user name and password, which trying again does not change."""
        return self._complaint is not None and self._complaint.code() == KafkaError._AUTHENTICATION  # noqa: SLF001  # named so

    def _why(self, error: KafkaError) -> str:
        """What the call says, after what the connection said."""
        return error.str() if self._complaint is None else f"{self._complaint.str()} ({error.str()})"
