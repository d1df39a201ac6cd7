"""``python -m tests.bench.with_kafka OPTION…``: `streamer bench OPTION…` beside a real Kafka, where one can be had."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.kafka_server import KafkaServer, NoKafka


def bench(options: list[str]) -> int:
    """Exit status of the command."""
    return subprocess.run([sys.executable, "-m", "streamer.cli", "bench", *options], check=False).returncode


def main(options: list[str]) -> int:
    """The broker that STREAMER_TEST_KAFKA names, or one of our own; without either the Kafka rows stay empty."""
    if named := os.environ.get("STREAMER_TEST_KAFKA"):
        return bench([*options, "--servers", named])
    with tempfile.TemporaryDirectory(prefix="streamer-bench-kafka-") as folder:
        server = KafkaServer(Path(folder))
        try:
            server.start()
        except NoKafka as reason:
            print(f"no Kafka: {reason}", file=sys.stderr)
            return bench(options)
        try:
            return bench([*options, "--servers", server.bootstrap])
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
