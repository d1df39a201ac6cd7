"""The recorded figures as a table in a text, between two marks: what is quoted is what was recorded, and nothing is typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streamer.bench.run import MEASURES
from streamer.bench.targets import RECORDED, TARGETS, Target, read_record
from streamer.errors import InvalidData

BEGIN = "<!-- bench: written by `streamer bench --quote FILE` -->"
END = "<!-- bench: end -->"


def with_quote(text: str, recorded: Path = RECORDED) -> str:
    """`text` with the recorded figures between its marks in place of what was there; InvalidData without figures or marks."""
    record = read_record(recorded)
    if record is None:
        raise InvalidData(f"{recorded}: nothing was recorded; streamer bench --record does it")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InvalidData(f"no place for the figures: the text needs the lines {BEGIN!r} and {END!r}")
    return before + "\n".join([BEGIN, *_lines(record), END]) + after


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    figures = record["figures"]
    yield "| measure | recorded | target | measured again by |"
    yield "|---|---:|---:|---|"
    for target in TARGETS:
        bound = f"{'≥' if target.is_least else '≤'} {target.bound:,g}"
        again = f"`streamer bench --only {_measure(target.key)}`"
        yield f"| {_meaning(target, figures)} | {_value(target, figures)} | {bound} | {again} |"
    packets = ", ".join(f"{origin} {survey.upper()} packets" for survey, origin in record["packets"].items())
    models = "; ".join(record.get("models", {}).values())
    yield ""
    yield f"Recorded with {packets} on {record.get('cores', '?')} cores, the broker's among them."
    if models:
        yield f"Models: {models}."


def _meaning(target: Target, figures: Mapping[str, Any]) -> str:
    over = figures.get("memory_alerts")
    return f"{target.meaning}, after {over:,} alerts" if target.key == "rss_mb_end" and over else target.meaning


def _value(target: Target, figures: Mapping[str, Any]) -> str:
    value = figures.get(target.key)
    if value is None:
        return "–"
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return shown if target.is_met(float(value)) else f"{shown} (missed)"


def _measure(key: str) -> str:
    return next(name for name, keys in MEASURES.items() if key in keys)
