"""Headers of container files that were seen before: each is read once, and recognised by all of its bytes."""

from __future__ import annotations

from streamer.codec.container import Header, read_header
from streamer.codec.usual import Headers

MAX_HEADERS = 64
"""Remembered; a survey has one, a stream of copies by other brokers a handful."""

DEAD_LETTER = ("streamer.dead_letter", "DeadLetter")
"""Name space and name of the record whose ``payload`` is taken in its place."""


class KnownHeaders:
    """The headers seen last, the one used last first."""

    def __init__(self) -> None:
        self._headers: list[Header] = []
        self._plain = Headers()
        self._recognised = b""
        """The payload whose header stands first."""

    @property
    def plain(self) -> Headers:
        """Those of files that are not compressed and hold no dead letters."""
        return self._plain

    def of(self, payload: bytes) -> Header:
        """The header of a container file, known or not; raises BadContainer or InvalidSchema.

        Asked twice for the same message, since dead letters are looked for first.
        """
        if payload is not self._recognised:
            known = next((header for header in self._headers if payload.startswith(header.prefix)), None)
            self.use(read_header(payload) if known is None else known)
            self._recognised = payload
        return self._headers[0]

    def use(self, header: Header) -> None:
        """Put a header, new or not, in the first place."""
        if self._headers and self._headers[0] is header:
            return
        self._headers = [header, *(other for other in self._headers if other is not header)][:MAX_HEADERS]
        self._plain = Headers(tuple(each for each in self._headers if each.codec == "null" and not is_of_dead_letters(each)))

    def forget_payload(self) -> None:
        """Keep no message alive."""
        self._recognised = b""


def is_of_dead_letters(header: Header) -> bool:
    """Whether the file's records stand for the payloads in them."""
    tree = header.schema.tree
    return (tree.get("namespace"), tree.get("name")) == DEAD_LETTER
