"""How long a worker takes until it is ready: with kernels to compile, with compiled ones, and two at once."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamer.bench.processes import Task, timelines
from streamer.bench.result import Cell, Measured, Table
from streamer.compile_cache import VARIABLE

KEYS = ("start_cold_s", "start_warm_s", "start_warm_two_s")


def measure(rounds: int, is_cold: bool = True) -> Measured:
    """Starts with all the shipped models.

    Parameters
    ----------
    rounds : int
        Warm starts, of one worker and of two in turn.
    is_cold : bool
        Begin with a start that compiles everything, in a new cache folder; else use what this machine has compiled already.
    """
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as folder:
        environment = {VARIABLE: folder} if is_cold else {}
        cold = _seconds(Path(folder), environment, workers=1) if is_cold else None
        warm = [tuple(_seconds(Path(folder), environment, workers) for workers in (1, 2)) for _ in range(rounds)]
    one, two = (statistics.median(each) for each in zip(*warm, strict=True))
    rows: list[list[Cell]] = [["cold", 1, cold], ["warm", 1, one], ["warm", 2, two]]
    note = (
        "s from the start of the process until it has loaded and proved the shipped models and has classified the first alerts of "
        "each survey; joining a consumer group comes on top"
    )
    values = {"start_cold_s": cold, "start_warm_s": one, "start_warm_two_s": two}
    missing = {} if is_cold else {"start_cold_s": "not asked for"}
    return Measured(values, missing, {"start": Table("start", ("cache", "workers", "s"), rows, note)})


def _seconds(folder: Path, environment: Mapping[str, str], workers: int) -> float:
    settings: dict[str, Any] = {
        "source": {"kind": "simulator"},
        "sink": {"kind": "archive", "folder": str(folder / "never-written")},
        "telemetry": {"port": 0},
    }
    ready: list[float] = []
    began = time.monotonic()
    timelines([Task("start", settings, 0, {}, environment)] * workers, lambda: ready.append(time.monotonic()))
    return ready[0] - began
