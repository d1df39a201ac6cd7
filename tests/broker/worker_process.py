"""A worker process with the smallest pipeline, to be killed.

``python -m tests.broker.worker_process SERVERS INPUT TAGGED DEAD GROUP``
"""

from __future__ import annotations

import sys

from streamer.sinks.kafka import Destination, KafkaSink
from streamer.sources.kafka import KafkaSource, Subscription
from streamer.telemetry import NoTelemetry, SystemClock
from streamer.worker import Limits, Worker, stopped_by_signals
from tests.flow.trivial import encode, pipeline


def main(servers: str, topic: str, tagged: str, dead: str, group: str) -> None:
    """Work until stopped."""
    clock = SystemClock()
    source = KafkaSource(Subscription(servers, (topic,), group, instance="slot-0"), clock)
    sink = KafkaSink(Destination(servers, tagged, dead), f"{group}.slot-0", clock, source.group_metadata)
    worker = Worker(source, pipeline, encode, sink, NoTelemetry(), clock, Limits(messages=10, wait=0.05))
    with stopped_by_signals(worker.stop):
        worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
