"""A worker without Kafka, to be supervised: ``python -m tests.unit.supervised SLOT DESCRIPTOR FOLDER MANNER``.

It appends its slot and process id to ``FOLDER/starts``, and then does as its manner says.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from streamer.reports import Reporter

STEADY, FAILING, DEAF, IDLE = "steady", "failing", "deaf", "idle"
"""Works until told to end; fails at once; does not listen to SIGTERM; works, but is not ready."""

METRICS = """\
# HELP streamer_messages_total Messages read and committed
# TYPE streamer_messages_total counter
streamer_messages_total {slot}.0
# HELP streamer_consumer_lag Messages still to read
# TYPE streamer_consumer_lag gauge
streamer_consumer_lag{{topic="t",partition="{slot}"}} 7.0
"""


class Trivial:
    """What the worker says of itself."""

    def __init__(self, slot: int, manner: str) -> None:
        self._slot = slot
        self._manner = manner

    def is_alive(self) -> bool:
        return True

    def is_ready(self) -> bool:
        return self._manner != IDLE

    def metrics(self) -> bytes:
        return METRICS.format(slot=self._slot).encode()


def main(slot: int, descriptor: int, folder: Path, manner: str) -> None:
    """Work until told to end."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    reporter = Reporter(descriptor, grace=0.2, every=0.05)
    with (folder / "starts").open("a") as starts:
        starts.write(f"{slot} {os.getpid()}\n")
    if manner == FAILING:
        sys.exit(3)
    reporter.about(Trivial(slot, manner))
    while not stopped or manner == DEAF:
        time.sleep(0.01)
    with (folder / "drained").open("a") as drained:
        drained.write(f"{slot}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
