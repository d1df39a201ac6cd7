"""Packets to a topic as a survey sends them: no transaction, one time stamp each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamer.errors import Fatal
from streamer.ports import Clock

ANSWER_S = 30.0
"""How long the last packets may take to arrive."""

Item = TypeVar("Item")


def feed(
    packets: Iterable[bytes], servers: str, topic: str, clock: Clock, progress: Callable[[int], None] = lambda _sent: None
) -> int:
    """Send each packet with the header ``producer_timestamp``; returns how many arrived.

    Raises
    ------
    Fatal
        If the broker cannot be reached or refuses a packet.
    """
    refused: list[str] = []

    def on_delivery(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            refused.append(error.str())

    producer = Producer(_settings(servers))
    _answering(producer, servers)
    sent = 0
    for packet in packets:
        _produce(producer, topic, packet, [("producer_timestamp", str(clock.now_ms()).encode())], on_delivery)
        producer.poll(0)
        sent += 1
        progress(sent)
        if refused:
            break
    waiting = producer.flush(ANSWER_S)
    if refused or waiting:
        raise Fatal(
            f"topic {topic} at {servers}: {refused[0] if refused else f'{waiting} packets were not taken in {ANSWER_S:.0f} s'}"
        )
    return sent


def paced(items: Iterable[Item], rate: float | None, clock: Clock, sleep: Callable[[float], None]) -> Iterator[Item]:
    """The same items, at most `rate` of them per second on average."""
    began = clock.monotonic()
    for number, item in enumerate(items):
        if rate is not None and (early := number / rate - (clock.monotonic() - began)) > 0:
            sleep(early)
        yield item


def _settings(servers: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": servers,
        "client.id": "streamer-simulator",
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 20,
        "log_level": 0,  # failures are told once, by feed
    }


def _answering(producer: Producer, servers: str) -> None:
    try:
        producer.list_topics(timeout=10.0)
    except KafkaException as error:
        raise Fatal(f"no Kafka broker answers at {servers}: {error.args[0].str()}") from error


def _produce(
    producer: Producer, topic: str, packet: bytes, headers: list[tuple[str, str | bytes | None]], on_delivery: Callable[..., None]
) -> None:
    while True:
        try:
            producer.produce(topic, packet, headers=headers, on_delivery=on_delivery)
        except BufferError:  # the queue is full: wait until the broker has taken some
            producer.poll(0.1)
        else:
            return
