"""What the Kafka doors are told: clusters, topics, and as whom they come."""

from __future__ import annotations

import socket
from typing import Any

from streamer import config
from streamer.sinks.kafka import Destination
from streamer.sources.kafka import Subscription

WHOLE_PACKETS_TOGETHER = 262_144
"""bytes; whole packets that librdkafka compresses together. In runs taken in turn (real ZTF packets with their tags, lz4,
transactions of 256) the client's CPU time for a packet was half of that with the default of 1 MB, and two thirds of that with
64 kB. Tags are cheapest with the default."""


def transactional_id(group: str, worker: config.Worker, slot: int = 0) -> str:
    """The same after a restart, and never shared by two live workers."""
    return f"streamer.{group}.{worker.instance or socket.gethostname()}.{slot}"


def member(worker: config.Worker, slot: int = 0) -> str | None:
    """Name by which a worker keeps its place in the group while it restarts; None if nobody will start it again in its place."""
    if worker.instance is None and worker.workers == 1:
        return None
    return f"{worker.instance or socket.gethostname()}.{slot}"


def subscription(source: config.KafkaSource, worker: config.Worker, slot: int = 0) -> Subscription:
    """What the Kafka source reads, and as whom."""
    client = {
        **client_settings(source),
        "queued.max.messages.kbytes": source.queue_mib * 1024,
    }
    return Subscription(",".join(source.servers), topics(source), source.group, member(worker, slot), client)


def topics(source: config.KafkaSource) -> tuple[str, ...]:
    """The topics to read, or the pattern of their names as the Kafka client knows patterns."""
    return source.topics if source.pattern is None else (f"^({source.pattern})$",)


def destination(sink: config.KafkaSink) -> Destination:
    """Where the Kafka sink writes."""
    client = {**client_settings(sink), "transaction.timeout.ms": round(sink.transaction_timeout * 1000)}
    if sink.shape == "full":
        client["batch.size"] = WHOLE_PACKETS_TOGETHER
    return Destination(",".join(sink.servers), sink.topic, sink.dead_letter_topic, sink.private_topic, sink.largest, client)


def client_settings(broker: config.Broker) -> dict[str, str | int | bool]:
    """How librdkafka reaches a cluster; holds the password in clear."""
    settings: dict[str, Any] = {"security.protocol": broker.security_protocol}
    if broker.security_protocol.startswith("SASL"):
        settings |= {"sasl.mechanism": broker.sasl_mechanism, "sasl.username": broker.username, "sasl.password": broker.secret()}
    if broker.ca_file is not None:
        settings["ssl.ca.location"] = str(broker.ca_file)
    return settings
