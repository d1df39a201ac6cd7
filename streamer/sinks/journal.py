"""The append-only journal of an archive folder: one line for each commit, and the line is the commit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
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

    Attributes
    ----------
    last : Entry or None
        The latest commit.
    next : Cursor
        Where to go on reading, of every file or partition that was begun.

    Raises
    ------
    InvalidData
        If the journal is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.last: Entry | None = None
        self.next: Cursor = {}
        self._file = (folder / JOURNAL).open("ab", buffering=0)
        try:
            self._recall(folder / JOURNAL)
        except BaseException:
            self._file.close()
            raise

    def append(self, entry: Entry, step: Callable[[str], None]) -> None:
        """Write `entry` and wait until the disk has it: from then on the commit is made."""
        line = entry.line()
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
            for line in file:
                entry = _entry(line)
                if entry is None:
                    break
                self._remember(entry)
                whole += len(line)
                lines += 1
            if file.read(1):
                raise InvalidData(f"{path}: line {lines + 1} is damaged, and lines follow it; the folder cannot be continued")
        self._file.truncate(whole)
        os.fsync(self._file.fileno())


def _entry(line: bytes) -> Entry | None:
    """The entry of a line; None if it was not written to its end."""
    if not line.endswith(b"\n"):
        return None
    try:
        return Entry.parse(line)
    except (ValueError, KeyError, TypeError):
        return None
