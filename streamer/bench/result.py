"""What a measure gives: named figures, why some are missing, and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NOT_ASKED = "not asked for"
"""Why a figure is missing that nobody wanted in this run."""

Value = float | int | bool | None
Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures.

    Parameters
    ----------
    title : str
    columns : sequence of str
        With units.
    rows : sequence of rows
    note : str
        What was run, in one or two sentences.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        return {"title": self.title, "columns": list(self.columns), "rows": [list(row) for row in self.rows], "note": self.note}


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of one measure, or of all.

    Parameters
    ----------
    values : mapping of key to figure
        None where it could not be measured.
    missing : mapping of key to sentence
        Why a figure is None.
    tables : mapping of name to Table
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)

    @classmethod
    def without(cls, keys: Sequence[str], reason: str) -> Measured:
        """Nothing could be measured."""
        return cls(dict.fromkeys(keys), dict.fromkeys(keys, reason))

    def __or__(self, other: Measured) -> Measured:
        return Measured({**self.values, **other.values}, {**self.missing, **other.missing}, {**self.tables, **other.tables})

    def as_object(self) -> dict[str, Any]:
        """The one JSON object: the keys, ``missing`` and ``tables``."""
        tables = {name: table.as_object() for name, table in self.tables.items()}
        return {**self.values, "missing": dict(self.missing), "tables": tables}
