"""The append-only journal of an archive folder: what makes its output, and a line for each commit; the line is the commit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from streamer.data.batch import Cursor
from streamer.errors import InvalidData

JOURNAL = ".journal.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit.

    Parameters
    ----------
    part : int
        Its number, from 1.
    files : tuple of str
        Names of the files that it made visible.
    next : Cursor
        Where to go on reading.
    """

    part: int
    files: tuple[str, ...]
    next: Cursor

    def line(self) -> bytes:
        """The entry as a line of JSON."""
        places = [[name, partition, position] for (name, partition), position in sorted(self.next.items())]
        return json.dumps({"part": self.part, "files": self.files, "next": places}).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Entry:
        """The entry written in `line`; ValueError, KeyError or TypeError if there is none."""
        tree = json.loads(line)
        cursor = {(str(name), int(partition)): int(position) for name, partition, position in tree["next"]}
        return cls(int(tree["part"]), tuple(str(name) for name in tree["files"]), cursor)


class Journal:
    """What a folder's commits were, and the file that new ones are appended to.

    A last line that is not whole was never committed: it is cut off. Any other line that cannot be read means that the file was
    changed by somebody else, and nothing is guessed.

    Parameters
    ----------
    folder : Path
        Holds the journal, or will.
    made : mapping of str to str, optional
        What makes the output (models, shape …), for people to read. It is the first line of a journal, and whoever continues the
        folder must say the same, or its files would be of two kinds. None: it is not written, and not compared.

    Attributes
    ----------
    last : Entry or None
        The latest commit.
    next : Cursor
        Where to go on reading, of every file or partition that was begun.

    Raises
    ------
    InvalidData
        If the journal is damaged, or the folder holds what was made otherwise.
    """

    def __init__(self, folder: Path, made: Mapping[str, str] | None = None) -> None:
        self.last: Entry | None = None
        self.next: Cursor = {}
        self._made = made
        self._file = (folder / JOURNAL).open("ab", buffering=0)
        try:
            self._recall(folder / JOURNAL)
        except BaseException:
            self._file.close()
            raise

    def append(self, entry: Entry, step: Callable[[str], None]) -> None:
        """Write `entry` and wait until the disk has it: from then on the commit is made."""
        line = entry.line() if self.last or self._made is None else _head(self._made) + entry.line()
        step("write journal")
        half = len(line) // 2
        self._write(line[:half])
        step("write the rest of the journal line")
        self._write(line[half:])
        step("sync journal")
        os.fsync(self._file.fileno())
        self._remember(entry)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, piece: bytes) -> None:
        """Write all of `piece`; unbuffered, so that nothing of a failed commit is left to be written by `close`."""
        while piece:
            piece = piece[os.write(self._file.fileno(), piece) :]

    def _remember(self, entry: Entry) -> None:
        self.last = entry
        self.next.update(entry.next)

    def _recall(self, path: Path) -> None:
        whole = lines = 0
        with path.open("rb") as file:
            head = _made(file.readline())
            if head is None:
                file.seek(0)
            else:
                whole, lines = file.tell(), 1
            for line in file:
                entry = _entry(line)
                if entry is None:
                    break
                self._remember(entry)
                whole += len(line)
                lines += 1
            if file.read(1):
                raise InvalidData(f"{path}: line {lines + 1} is damaged, and lines follow it; the folder cannot be continued")
        if self.last is not None and self._made not in (None, head):
            raise InvalidData(_difference(path.parent, head or {}, self._made or {}))
        self._file.truncate(whole if self.last else 0)  # without a commit the first one writes what makes the output anew
        os.fsync(self._file.fileno())


def _head(made: Mapping[str, str]) -> bytes:
    return json.dumps({"made": dict(made)}).encode() + b"\n"


def _made(line: bytes) -> dict[str, str] | None:
    """What a journal's first line says of the making; None if it says nothing."""
    if not line.endswith(b"\n"):
        return None
    try:
        return {str(name): str(value) for name, value in json.loads(line)["made"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _difference(folder: Path, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in now if before.get(name) != now[name]] or sorted(set(before) - set(now))
    held = ", ".join(f"{name} {before.get(name) or 'unknown'}" for name in names)
    other = ", ".join(f"{name} {now.get(name) or 'none'}" for name in names)
    return f"{folder}: this folder holds results made with {held}, not {other}; choose another --out (sink.folder)"


def _entry(line: bytes) -> Entry | None:
    """The entry of a line; None if it was not written to its end."""
    if not line.endswith(b"\n"):
        return None
    try:
        return Entry.parse(line)
    except (ValueError, KeyError, TypeError):
        return None
