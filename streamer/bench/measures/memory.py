"""Resident memory of a worker from its first alerts to its last."""

from __future__ import annotations

import tempfile
from pathlib import Path

from streamer.bench.child import Timeline
from streamer.bench.models import Model, write_bundle
from streamer.bench.processes import Task, timelines
from streamer.bench.result import Cell, Measured, Table

KEYS = ("rss_mb_start", "rss_mb_end", "memory_alerts")
WARM_ALERTS = 5_000
POINTS = 10


def measure(model: Model, alerts: int) -> Measured:
    """A worker over `alerts` simulated packets of 70 kB, each different; into files, which it does not keep open."""
    survey = model.classifier.survey
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as folder:
        write_bundle(model, Path(folder) / "models")
        settings = {
            "source": {"kind": "simulator", "survey": survey},
            "sink": {"kind": "archive", "folder": str(Path(folder) / "out")},
            "model": {"name": [model.classifier.name], "folder": str(Path(folder) / "models")},
            "telemetry": {"port": 0},
        }
        (found,) = timelines([Task("memory", settings, alerts, {"survey": survey})])
    if not found.rss_mb:
        return Measured.without(KEYS, "this system does not tell the resident memory in /proc")
    return _measured(found, model)


def _measured(found: Timeline, model: Model) -> Measured:
    warm = next((i for i, done in enumerate(found.messages) if done >= WARM_ALERTS), 0)
    last = len(found.messages) - 1
    places = sorted({warm + round(k * (last - warm) / POINTS) for k in range(POINTS + 1)})
    rows: list[list[Cell]] = [[found.messages[i], found.rss_mb[i]] for i in places]
    note = (
        f"MB resident of a process with {model.described}; simulated packets of some 70 kB, made by the same process; "
        f"start is after {WARM_ALERTS:,} alerts"
    )
    values = {"rss_mb_start": found.rss_mb[warm], "rss_mb_end": found.rss_mb[last], "memory_alerts": found.messages[last]}
    return Measured(values, {}, {"memory": Table("memory", ("alerts", "resident MB"), rows, note)})
