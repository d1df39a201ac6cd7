"""Files as a sink: each commit adds Avro container files to a folder, all of them or none."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

from streamer.codec.container import SYNC_BYTES, block_bytes, header_bytes
from streamer.data.batch import Cursor, Positions
from streamer.data.message import Channel, Message
from streamer.data.schema import WriterSchema
from streamer.errors import Fatal, InvalidData
from streamer.sinks.journal import Entry, Journal

LOCK = ".lock"
BLOCK_BYTES = 1 << 20
"""A block of an output file is closed when it holds this much, before compression."""

_STEMS = {Channel.TAGGED: "tagged", Channel.DEAD_LETTER: "dead-letters", Channel.PRIVATE: "private"}

Codec = Literal["null", "deflate"]


def _go_on(step: str) -> None:
    """Do nothing before `step`."""


class ArchiveSink:
    """Writes ``tagged-000001.avro``, ``dead-letters-000001.avro``, ``private-000001.avro`` … into a folder.

    A commit writes its files under hidden names, appends one line to the journal, and gives the files their visible names. The
    line is the commit: what was hidden before it is deleted at the next start, what was still hidden after it becomes visible then.
    The same messages in the same commits give the same bytes. Where one commit has records of several schemas, each has its own
    file, with the first 8 digits of the schema's fingerprint in its name.

    Parameters
    ----------
    folder : Path
        Made if need be; may hold earlier commits, which are continued.
    codec : ``null`` or ``deflate``
        Compression of the blocks.
    step : function of a text
        Called with its name before each step that touches the disk; a test makes it raise to see what a crash would leave.
    made : mapping of str to str, optional
        What makes the output; a folder of another making is not continued (:class:`Journal`).

    Raises
    ------
    InvalidData
        If another process writes to the folder, its journal is damaged, or it holds what was made otherwise.
    """

    def __init__(
        self,
        folder: Path,
        codec: Codec = "deflate",
        step: Callable[[str], None] = _go_on,
        made: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._codec = codec
        self._step = step
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder)
        self._closed = False
        self._whole = True
        try:
            self._journal = Journal(folder, made)
        except BaseException:
            os.close(self._lock)
            raise
        try:
            self._recover()
        except BaseException:
            self.close()
            raise

    def commit(self, messages: Sequence[Message], positions: Positions) -> None:
        """Make `messages` visible and `positions` done; Fatal if the disk does not let us."""
        if not self._whole:
            raise Fatal(f"{self._folder}: an earlier commit failed half-way; start again to finish or undo it")
        self._whole = False
        part = 1 if self._journal.last is None else self._journal.last.part + 1
        try:
            files = self._write(part, messages)
            self._journal.append(Entry(part, files, positions.next()), self._step)
            self._show(files)
        except OSError as error:
            raise Fatal(f"{self._folder}: {error}") from error
        self._whole = True

    def committed(self) -> Cursor:
        """The next position to read of each file that was begun."""
        return dict(self._journal.next)

    def close(self) -> None:
        """Let others use the folder."""
        if not self._closed:
            self._closed = True
            self._journal.close()
            os.close(self._lock)

    def _write(self, part: int, messages: Sequence[Message]) -> tuple[str, ...]:
        files = _by_file(part, messages)
        for name, rows in files.items():
            schema = rows[0].schema
            self._write_hidden(name, _container(schema, [row.value for row in rows], _sync(part, schema), self._codec))
        if files:
            self._sync_folder()
        return tuple(files)

    def _write_hidden(self, name: str, content: list[bytes]) -> None:
        self._step(f"write {name}")
        with _hidden(self._folder, name).open("wb") as file:
            for piece in content:
                file.write(piece)
            file.flush()
            self._step(f"sync {name}")
            os.fsync(file.fileno())

    def _show(self, files: Sequence[str]) -> None:
        for name in files:
            self._step(f"rename {name}")
            _hidden(self._folder, name).replace(self._folder / name)
        if files:
            self._sync_folder()

    def _recover(self) -> None:
        """Finish the last commit if it was made, and delete what belongs to none."""
        last = self._journal.last
        files = () if last is None else last.files
        self._show([name for name in files if _hidden(self._folder, name).exists()])
        for leftover in sorted(self._folder.glob(".*.part")):
            self._step(f"delete {leftover.name}")
            leftover.unlink()
        self._sync_folder()

    def _sync_folder(self) -> None:
        self._step("sync folder")
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _locked(folder: Path) -> int:
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise InvalidData(f"{folder}: another streamer process writes to this folder") from error
    return lock


def _hidden(folder: Path, name: str) -> Path:
    return folder / f".{name}.part"


def _by_file(part: int, messages: Sequence[Message]) -> dict[str, list[Message]]:
    """The messages of each file of a commit, in their order."""
    groups: dict[tuple[Channel, WriterSchema], list[Message]] = {}
    for message in messages:
        groups.setdefault((message.channel, message.schema), []).append(message)
    files = {}
    for (channel, schema), rows in groups.items():
        alone = sum(other is channel for other, _ in groups) == 1
        suffix = "" if alone else f"-{schema.fingerprint[:8]}"
        files[f"{_STEMS[channel]}-{part:06d}{suffix}.avro"] = rows
    return files


def _sync(part: int, schema: WriterSchema) -> bytes:
    """A marker that differs from file to file but not from run to run."""
    return sha256(f"{part} {schema.fingerprint}".encode()).digest()[:SYNC_BYTES]


def _container(schema: WriterSchema, datums: Sequence[bytes], sync: bytes, codec: Codec) -> list[bytes]:
    """A container file, in pieces."""
    pieces = [header_bytes(schema, codec.encode()), sync]
    block: list[bytes] = []
    size = 0
    for number, datum in enumerate(datums, 1):
        block.append(datum)
        size += len(datum)
        if size >= BLOCK_BYTES or number == len(datums):
            pieces.append(block_bytes(len(block), _packed(b"".join(block), codec), sync))
            block, size = [], 0
    return pieces


def _packed(body: bytes, codec: Codec) -> bytes:
    if codec == "null":
        return body
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(body) + deflate.flush()
