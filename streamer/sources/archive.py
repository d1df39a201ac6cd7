"""Files as a source: ``.avro`` files, folders of them, and tarballs."""

from __future__ import annotations

import tarfile
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from streamer.data.batch import NO_PARTITION, NO_TIME, Cursor, Positions, RawBatch
from streamer.errors import InvalidData
from streamer.ports import Clock
from streamer.sources.slices import READ_ERRORS, Slice, slices

BATCH_BYTES = 64 << 20
"""A batch is full when its messages hold this much, whatever the limit on their number."""

_PACKETS = ".avro"
_TARBALLS = (".tar", ".tar.gz", ".tgz")


class ArchiveSource:
    """Reads alerts from files, one batch at a time, in an order that depends on their names alone.

    A file is read forwards and in slices, so memory does not grow with its size. A message is a whole file or a slice of a
    container file; its position is (file, −1, number of its first record). A file is named by its resolved path, however it was
    reached; a member of a tarball is named ``/data/night.tar.gz/x.avro``.

    Parameters
    ----------
    paths : sequence of Path
        Files, or folders that are searched with all their subfolders. Of two ways to the same file the first counts.
    clock : Clock
        Stamps what was received.
    start : Cursor
        The next record to read of each file that was begun: what the sink says is committed.
    results : Path, optional
        The folder that results go to: what lies in it is no input.

    Attributes
    ----------
    done_before : int
        Records that were passed over because they are committed; grows while reading.
    ignored : list of str
        Files that are neither packets nor tarballs; complete as soon as the source exists.
    problems : list of str
        One sentence for each file that could not be read to its end; grows while reading.

    Raises
    ------
    InvalidData
        If a path does not exist, or lies in the folder that results go to.
    """

    def __init__(self, paths: Sequence[Path], clock: Clock, start: Cursor | None = None, results: Path | None = None) -> None:
        self.done_before = 0
        self.ignored: list[str] = []
        self.problems: list[str] = []
        self._paths = tuple(paths)
        self._gave_any = self._ended = False
        self._clock = clock
        self._start = dict(start or {})
        self._found = self._messages(self._files(paths, results.resolve() if results else None))
        self._last: RawBatch | None = None
        self._again = False

    def read(self, limit: int, wait: float) -> RawBatch | None:  # noqa: ARG002  # files are there or not: nothing to wait for
        """Up to `limit` messages, fewer if they hold many records or bytes; None at the end."""
        if self._again:
            self._again = False
            return self._last
        self._last = self._batch(limit)
        return self._last

    def rewind(self) -> None:
        """Let the next `read` return the last batch once more.

        A worker reads on only when the batch before is committed, so nothing older can be uncommitted.
        """
        self._again = self._last is not None

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Nothing: how many records wait in a file is known only when it is read."""
        return {}

    @property
    def is_empty(self) -> bool:
        """Whether it was read to its end, and there was neither a packet, done or not, nor a file that could not be read."""
        return self._ended and not (self._gave_any or self.done_before or self.problems)

    def nothing_found(self) -> str:
        """What to say if it is empty: what it looked for and where, and what was there instead."""
        number = len(self.ignored)
        others = f"; {number:,} other file{'s are' if number > 1 else ' is'} ignored" if number else ""
        return f"no packets ({', '.join(f'*{ending}' for ending in (_PACKETS, *_TARBALLS))}) in {_listed(self._paths)}{others}"

    def close(self) -> None:
        """Close the file that is open."""
        self._found.close()

    def _batch(self, limit: int) -> RawBatch | None:
        payloads: list[bytes] = []
        entries: list[tuple[str, int, int, int]] = []
        records = size = 0
        while len(payloads) < limit and records < limit and size < BATCH_BYTES:
            found = next(self._found, None)
            if found is None:
                self._ended = True
                break
            name, piece = found
            payloads.append(piece.payload)
            entries.append((name, NO_PARTITION, piece.first, piece.count))
            records += piece.count
            size += len(piece.payload)
        if not payloads:
            return None
        self._gave_any = True
        times = np.full(len(payloads), NO_TIME, dtype=np.int64)
        return RawBatch(payloads, Positions.of(entries), times, np.full_like(times, self._clock.now_ms()))

    def _files(self, paths: Sequence[Path], results: Path | None) -> list[Path]:
        """All packet files and tarballs below `paths`, each once; the other files are remembered as ignored."""
        seen: dict[Path, Path] = {}
        for path in paths:
            if not path.exists():
                raise InvalidData(f"{path}: no such file or folder")
            if _lies_in(path.resolve(), results):
                raise InvalidData(f"{path}: lies in the folder that results go to; choose another --out (sink.folder)")
            below = sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
            for file in below:
                if not _lies_in(file.resolve(), results):
                    seen.setdefault(file.resolve(), file)
        files = []
        for file in seen.values():
            if file.name.endswith((_PACKETS, *_TARBALLS)):
                files.append(file)
            else:
                self.ignored.append(_readable(str(file)))
        return files

    def _messages(self, files: list[Path]) -> _Messages:
        for path in files:
            pieces = _of_file(path) if path.name.endswith(_PACKETS) else _of_tarball(path)
            try:
                for name, piece in pieces:
                    if piece.first + piece.count > self._start.get((name, NO_PARTITION), 0):
                        yield _Found(name, piece)
                    else:
                        self.done_before += piece.count
            except READ_ERRORS as error:
                self.problems.append(_readable(f"{path}: {error}"))


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(_readable(str(path)) for path in paths)


def _lies_in(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.is_relative_to(folder)


class _Found(NamedTuple):
    name: str
    piece: Slice


_Messages = Generator[_Found, None, None]


def _of_file(path: Path) -> _Messages:
    with path.open("rb") as file:
        name = _readable(str(path.resolve()))
        for piece in slices(file):
            yield _Found(name, piece)


def _of_tarball(path: Path) -> _Messages:
    with tarfile.open(path, "r|*") as tarball:
        for member in tarball:
            stream = tarball.extractfile(member) if member.isfile() and member.name.endswith(_PACKETS) else None
            if stream is not None:
                name = _readable(f"{path.resolve()}/{member.name}")
                for piece in slices(stream):
                    yield _Found(name, piece)


def _readable(name: str) -> str:
    """The name without what is not text: file names are bytes, and ours go into packets and logs."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
