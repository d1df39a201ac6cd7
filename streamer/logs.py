"""Where log lines go: standard error, for people on a terminal, as JSON lines otherwise."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

_STANDARD = {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName"}


class Lines(logging.Formatter):
    """One line for each record, with its extra fields; an exception follows in lines of its own.

    Parameters
    ----------
    as_json : bool
        JSON objects (then the exception is a field) or text.
    """

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if self._as_json:
            facts = {"time": moment, "level": record.levelname, "logger": record.name, "event": record.getMessage(), **extra}
            return json.dumps(facts | ({"trace": trace} if trace else {}), default=str, ensure_ascii=False)
        words = " ".join(f"{name}={value}" for name, value in extra.items())
        line = f"{moment[11:23]} {record.levelname:<7} {record.name.removeprefix('streamer.')}: {record.getMessage()}"
        return "\n".join(part for part in (f"{line}  {words}".rstrip(), trace) if part)


def configure(level: str, stream: TextIO | None = None, facts: Mapping[str, object] | None = None) -> None:
    """Send streamer's log from `level` (DEBUG, INFO, WARNING, ERROR) up to `stream`, standard error by default.

    Parameters
    ----------
    level : str
    stream : text file, optional
    facts : mapping, optional
        Fields of every line, such as which worker of several writes it.
    """

    def with_facts(record: logging.LogRecord) -> bool:
        vars(record).update(facts or {})
        return True

    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.addFilter(with_facts)
    handler.setFormatter(Lines(as_json=not out.isatty()))
    logger = logging.getLogger("streamer")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
