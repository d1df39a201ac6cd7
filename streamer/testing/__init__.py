"""Doubles that keep the promises of the real things: a broker in memory, doors on it, faults by script, a clock moved by hand.

The contract suites run against these and against the real ones alike, so what a test learns here holds there.
"""

from streamer.testing.broker import MemoryBroker
from streamer.testing.doors import MemorySink, MemorySource
from streamer.testing.faults import Crash, Event, Script
from streamer.testing.watched import HandClock, RecordingTelemetry

__all__ = ["Crash", "Event", "HandClock", "MemoryBroker", "MemorySink", "MemorySource", "RecordingTelemetry", "Script"]
