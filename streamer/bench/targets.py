"""What the figures should be, and whether they have become worse than those recorded last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from streamer.bench.result import Measured
from streamer.errors import InvalidData

RECORDED = Path(__file__).parent / "recorded.json"
LOSS = 0.25
"""A ratio may be worse than the recorded one by this share; beyond, the check fails."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a figure.

    Parameters
    ----------
    key : str
    meaning : str
    bound : float
    is_least : bool
        The figure must be at least the bound; else at most.
    is_ratio : bool
        A ratio of runs taken in turn, which another machine gives too; rates and times are this machine's.
    """

    key: str
    meaning: str
    bound: float
    is_least: bool = True
    is_ratio: bool = True

    def is_met(self, value: float) -> bool:
        """Whether `value` is on the right side of the bound."""
        return value >= self.bound if self.is_least else value <= self.bound

    def loss(self, value: float, recorded: float) -> float:
        """Share by which `value` is worse than `recorded`; negative if better."""
        return 1.0 - (value / recorded if self.is_least else recorded / value)


TARGETS = (
    Target("decode_ratio_ztf", "decoding against fastavro.reader, ZTF", 100),
    Target("decode_ratio_lsst", "decoding against fastavro.reader, LSST", 100),
    Target("forest_ratio", "trees against Booster.predict, per row in a batch of 64", 20),
    Target("pipeline_over_naive", "whole pipeline against the naive one", 200),
    Target("pipeline_over_good", "whole pipeline against the one of good libraries", 40),
    Target("candidates_over_good", "pulsar candidates against good libraries, eight features", 40),
    Target("candidates_per_s", "pulsar candidates/s and core in memory, eight features", 10_000, is_ratio=False),
    Target("worker_cpu_over_bare", "CPU of a worker against a bare consumer, ZTF tags", 3.0, is_least=False),
    Target("tags_per_s", "ZTF tags/s through Kafka", 10_000, is_ratio=False),
    Target("whole_packets_per_s", "ZTF whole packets/s through Kafka", 3_000, is_ratio=False),
    Target("lsst_tags_per_s", "LSST tags/s through Kafka", 2_500, is_ratio=False),
    Target("candidate_tags_per_s", "pulsar candidates/s through Kafka", 8_333, is_ratio=False),
    Target("latency_p99_s", "p99 latency at 1,000 alerts/s, s", 1.0, is_least=False, is_ratio=False),
    Target("start_warm_s", "start of a worker with compiled kernels, s", 5.0, is_least=False, is_ratio=False),
    Target("start_warm_two_s", "start of two workers with compiled kernels, s", 5.0, is_least=False, is_ratio=False),
    Target("start_cold_s", "start of a worker that compiles its kernels, s", 60.0, is_least=False, is_ratio=False),
    Target("rss_mb_end", "resident memory at the end, MB", 600, is_least=False, is_ratio=False),
)
OTHER_KEYS = ("forest_identical", "rss_mb_start", "memory_alerts", "latency_p50_s")


def losses(found: Measured, conditions: Mapping[str, Any], recorded: Path = RECORDED) -> Iterator[str]:
    """One sentence for each ratio that is more than 25 % worse than recorded, and for bits that differ."""
    if found.values.get("forest_identical") is False:
        yield "forest_identical: the trees give other scores than LightGBM"
    before = read_record(recorded)
    if before is None or before["packets"] != conditions["packets"]:
        return  # ratios on other packets say nothing about these
    for target in TARGETS:
        value, old = found.values.get(target.key), before["figures"].get(target.key)
        if target.is_ratio and _is_number(value) and _is_number(old) and target.loss(float(value), float(old)) > LOSS:
            yield f"{target.key}: {value:.3g}, recorded {old:.3g}: worse by {target.loss(float(value), float(old)):.0%}"


def record(found: Measured, conditions: Mapping[str, Any], recorded: Path = RECORDED) -> None:
    """Make these the figures that are quoted, and whose ratios later runs are compared with.

    Those that are missing now keep their place if the packets agree, and so does memory over more alerts than now.
    """
    before = read_record(recorded)
    figures = dict(before["figures"]) if before and before["packets"] == conditions["packets"] else {}
    values = {key: found.values.get(key) for key in (*(target.key for target in TARGETS), *OTHER_KEYS)}
    if (values["memory_alerts"] or 0) < figures.get("memory_alerts", 0):
        values = {key: value for key, value in values.items() if not key.startswith(("rss_", "memory_"))}
    figures |= {
        key: value if isinstance(value, (bool, int)) else round(value, 3) for key, value in values.items() if value is not None
    }
    recorded.write_text(json.dumps({**conditions, "figures": figures}, indent=2) + "\n")


def read_record(path: Path = RECORDED) -> Any:
    """What was recorded last: ``packets``, ``figures`` and the other conditions; None if nothing was.

    Raises
    ------
    InvalidData
        If the file holds something else.
    """
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
        _ = found["packets"], found["figures"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidData(f"{path}: not a record of figures: {error}") from error
    return found


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
