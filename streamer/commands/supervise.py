"""`streamer run` with several workers."""

from __future__ import annotations

import sys
from pathlib import Path

from streamer import config
from streamer.supervisor import Supervisor
from streamer.telemetry import SystemClock, serving
from streamer.worker import stopped_by_signals


def supervise(settings: config.Config, path: Path) -> int:
    """Run the workers of `settings`, which stand in the file `path`, until stopped; the exit status."""
    here = {"", str(Path.cwd())} & set(sys.path)
    python = [sys.executable, *([] if here else ["-P"])]  # look for modules where this process does, and not in the current folder

    def command(slot: int, descriptor: int) -> list[str]:
        return [*python, "-m", "streamer.cli", "run", str(path), "--slot", str(slot), "--report-to", str(descriptor)]

    supervisor = Supervisor(command, settings.worker.workers, SystemClock(), settings.worker.drain)
    with (
        serving(supervisor, settings.telemetry.port, settings.telemetry.address),
        stopped_by_signals(supervisor.stop, settings.worker.drain + 1.0),
    ):
        return supervisor.run()
