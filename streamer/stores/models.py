"""Model bundles in folders; the ones that travel with the package are found last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from streamer.classify.manifest import CHECKED, MANIFEST, OPTIONAL
from streamer.errors import InvalidBundle, guess

PACKAGED = Path(__file__).parent.parent / "models"
"""The bundles that the package ships."""

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Largest file of a bundle that is read."""

TABLE = ("points.parquet", "points.csv")
"""Files by which a light-curve table is known, which a person may take for a bundle."""


class ModelStore:
    """Bundles by name; a bundle is a folder with a manifest, and the folder's name is its name.

    Parameters
    ----------
    folders : sequence of paths
        Searched in this order, then the package's own folder. A bundle found earlier hides one of the same name.
    packaged : path
        The package's own folder.
    """

    __slots__ = ("_folders",)

    def __init__(self, folders: Sequence[Path] = (), packaged: Path = PACKAGED) -> None:
        self._folders = (*folders, packaged)

    def files(self, name: str) -> Mapping[str, bytes]:
        """The files of a bundle, by file name; InvalidBundle if there is no such bundle or a file cannot be read."""
        folder = self.folder(name)
        there = [file for file in OPTIONAL if (folder / file).exists()]
        return {file: _read(folder / file) for file in (MANIFEST, *CHECKED, *there)}

    def folder(self, name: str) -> Path:
        """Where a bundle lies; InvalidBundle if there is none of this name."""
        for folder in self._bundles():
            if folder.name == name:
                return folder
        for place in (place for folder in self._folders if folder.is_dir() for place in folder.iterdir()):
            if place.name == name and place.is_dir():
                raise InvalidBundle(f"{place}: no bundle, since there is no {MANIFEST} in it{_table_told(place)}")
        known = self.names()
        places = ", ".join(map(str, self._folders))
        raise InvalidBundle(f"no model {name!r} in {places};{guess(name, known)} known are {', '.join(known) or 'none'}")

    def names(self) -> tuple[str, ...]:
        """All bundles that can be loaded, sorted."""
        return tuple(sorted({folder.name for folder in self._bundles()}))

    def _bundles(self) -> Iterator[Path]:
        for parent in self._folders:
            if parent.is_dir():
                yield from (manifest.parent for manifest in sorted(parent.glob(f"*/{MANIFEST}")))


def _table_told(folder: Path) -> str:
    """What a light-curve table is for, if that is what lies in the folder."""
    if not any((folder / points).is_file() for points in TABLE):
        return ""
    return f"; it holds a light-curve table ({' or '.join(TABLE)}), of which streamer train --table makes a bundle"


def _read(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            raise InvalidBundle(f"{path}: {size} bytes are more than the {MAX_FILE_BYTES} that a bundle's file may have")
        return path.read_bytes()
    except OSError as error:
        raise InvalidBundle(f"{path}: cannot be read: {error.strerror}") from error
