"""A supervisor of two trivial workers in a process of its own: ``python -m tests.unit.supervisor_process FOLDER MANNER``."""

from __future__ import annotations

import sys

from streamer.supervisor import Supervisor
from streamer.telemetry import SystemClock
from streamer.worker import stopped_by_signals


def main(folder: str, manner: str) -> int:
    """Supervise until stopped."""

    def command(slot: int, descriptor: int) -> list[str]:
        return [sys.executable, "-m", "tests.unit.supervised", str(slot), str(descriptor), folder, manner]

    supervisor = Supervisor(command, 2, SystemClock())
    with stopped_by_signals(supervisor.stop):
        return supervisor.run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
