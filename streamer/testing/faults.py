"""Faults that happen when a script says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


class Crash(BaseException):
    """The process dies here, as under kill −9: no door does anything any more."""


Event = BaseException | Callable[[], None] | None
"""What happens at a step: it fails so, something is called (pause, stop, crash somebody else), or all goes well."""


class Script:
    """What happens at each step of a door, one entry for each time it comes there; after the last entry all goes well."""

    def __init__(self, events: Mapping[str, Sequence[Event]] | None = None) -> None:
        self._events = {step: list(each) for step, each in (events or {}).items()}
        self.is_dead = False

    def plan(self, step: str, event: Event) -> None:
        """Let `event` happen the next time but those already planned."""
        self._events.setdefault(step, []).append(event)

    def at(self, step: str) -> None:
        """The door is at `step`."""
        if self.is_dead:
            raise Crash
        event = self._events[step].pop(0) if self._events.get(step) else None
        if isinstance(event, Crash):
            self.is_dead = True
        if isinstance(event, BaseException):
            raise event
        if event is not None:
            event()
