"""Placeholder until the taxonomy is written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Class:
    """One class of the taxonomy."""

    id: int
    name: str
