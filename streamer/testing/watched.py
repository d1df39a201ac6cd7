"""A clock that is moved by hand, and a telemetry that remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamer.data.arrays import Float64s
from streamer.data.tally import Tally
from streamer.errors import Stage


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = now_ms
        self._seconds = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._start_ms + round(self._seconds * 1000)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._seconds


@dataclass(slots=True)
class RecordingTelemetry:
    """Keeps all it is told."""

    turns: int = 0
    aborts: int = 0
    seen_again: int = 0
    tallies: list[Tally] = field(default_factory=list)
    seconds: list[Mapping[Stage, float]] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    lags: list[Mapping[tuple[str, int], int]] = field(default_factory=list)

    def turned(self) -> None:
        """Count it."""
        self.turns += 1

    def committed(self, tally: Tally, seconds: Mapping[Stage, float], latency: Float64s) -> None:
        """Keep it."""
        self.tallies.append(tally)
        self.seconds.append(dict(seconds))
        self.latencies.extend(latency.tolist())

    def aborted(self) -> None:
        """Count it."""
        self.aborts += 1

    def lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """Keep it."""
        self.lags.append(dict(lag))

    def duplicates(self, count: int) -> None:
        """Add it."""
        self.seen_again += count
