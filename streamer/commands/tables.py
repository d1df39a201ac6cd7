"""What is printed of light-curve tables."""

from __future__ import annotations

import json
from dataclasses import asdict

from streamer.training.prepare import Outcome


def outcome_text(outcome: Outcome) -> str:
    """What was prepared and what was left out, a line each."""
    table = outcome.table
    labelled, points = int((table.label != "").sum()), int(table.curves.offsets[-1])
    head = f"{outcome.folder}: {len(table)} objects, {labelled} with a label, {points} points; content {outcome.content}"
    return "\n".join([head, *(f"  left out: {entry.count} {entry.what}, {entry.reason}" for entry in table.dropped)])


def outcome_line(outcome: Outcome) -> str:
    """The same as one JSON object."""
    table = outcome.table
    facts = {
        "folder": str(outcome.folder),
        "content": outcome.content,
        "objects": len(table),
        "labelled": int((table.label != "").sum()),
        "points": int(table.curves.offsets[-1]),
        "dropped": [asdict(entry) for entry in table.dropped],
    }
    return json.dumps(facts, ensure_ascii=False)
