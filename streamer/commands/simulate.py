"""`streamer simulate`: made-up packets to a folder or a topic, and what is said of it at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from streamer.ports import Clock
from streamer.sinks.feed import feed
from streamer.sources.simulator import SimulatedAlert, write_files


class _Counted:
    """The same alerts, counted on their way, and how many of them are broken."""

    __slots__ = ("_alerts", "broken", "passed")

    def __init__(self, alerts: Iterable[SimulatedAlert]) -> None:
        self._alerts = alerts
        self.passed = self.broken = 0

    def __iter__(self) -> Iterator[SimulatedAlert]:
        for alert in self._alerts:
            self.passed += 1
            self.broken += alert.broken
            yield alert


def to_files(alerts: Iterable[SimulatedAlert], folder: Path, told: Callable[[int], None]) -> str:
    """Write a file for each; what was written, and what lay there before. InvalidData where another packet has the name."""
    before = {path.name for path in folder.glob("*.avro")}
    counted = _Counted(alerts)
    write_files(counted, folder, told)
    now = sum(1 for _ in folder.glob("*.avro"))
    again = counted.passed - (now - len(before))
    others = len(before) - again
    notes = [f"{again:,} of them {'were' if again > 1 else 'was'} there already"] if again else []
    notes += [f"beside {others:,} other file{'s' if others > 1 else ''} from before"] if others else []
    return "; ".join([f"{_said(counted)} in {folder}", *notes])


def to_topic(alerts: Iterable[SimulatedAlert], servers: str, topic: str, clock: Clock, told: Callable[[int], None]) -> str:
    """Send each; what was sent. Fatal if the broker cannot be reached or refuses one."""
    counted = _Counted(alerts)
    feed((alert.payload for alert in counted), servers, topic, clock, told)
    return f"{_said(counted)} sent to {topic}"


def _said(counted: _Counted) -> str:
    packets = f"{counted.passed:,} packet{'s' if counted.passed != 1 else ''}"
    return f"{packets}, {counted.broken:,} of them broken," if counted.broken else packets
