"""A writer schema: the JSON that says how a packet's bytes are to be read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from streamer.errors import InvalidSchema


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """An Avro schema as it came, with its parsed JSON.

    Two schemas are equal if their texts are. `tree` is the parsed JSON; nothing in it is checked yet beyond being a record.
    """

    text: str
    tree: Any = field(compare=False, repr=False)
    fingerprint: str = field(compare=False)
    """First 16 hex digits of the SHA-256 of the text."""

    @classmethod
    def parse(cls, text: str | bytes) -> WriterSchema:
        """The schema written in `text`; InvalidSchema if that is not JSON of a record."""
        try:
            raw = text.encode() if isinstance(text, str) else text
            readable = raw.decode()  # Avro wants UTF-8, where JSON's own reader would take UTF-16 as well
            tree = json.loads(readable)
        except (ValueError, RecursionError) as error:
            raise InvalidSchema(f"not JSON in UTF-8: {str(error)[:100]}") from error
        if not isinstance(tree, dict) or tree.get("type") != "record" or not isinstance(tree.get("fields"), list):
            raise InvalidSchema("not a record")
        return cls(readable, tree, hashlib.sha256(raw).hexdigest()[:16])

    @classmethod
    def of(cls, tree: Any) -> WriterSchema:
        """The schema of a JSON tree."""
        return cls.parse(json.dumps(tree, separators=(",", ":")))
