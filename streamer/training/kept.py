"""Results of steps that were done before, so that an interrupted training goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray[Any, np.dtype[Any]]]


class Kept:
    """A folder with one file for each step, named by a hash of all that the step depends on: what has changed is done again.

    Parameters
    ----------
    folder : Path or None
        Made when the first step is kept; None keeps nothing.
    """

    __slots__ = ("_folder",)

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def of(self, step: str, depends_on: Mapping[str, object], make: Callable[[], Arrays]) -> Arrays:
        """The arrays that `make` gives, from the folder if they are there; a file that cannot be read is made again.

        Parameters
        ----------
        step : str
            What is done; begins the file's name.
        depends_on : mapping, JSON-able
            All that the result depends on.
        make : callable
            Gives arrays without objects in them.
        """
        if self._folder is None:
            return make()
        digest = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:20]
        path = self._folder / f"{step}-{digest}.npz"
        if (found := _read(path)) is not None:
            return found
        made = make()
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.stem}.unfinished.npz")
        np.savez(unfinished, **dict(made))  # type: ignore[arg-type]  # the keywords are names of arrays
        unfinished.rename(path)
        return made


def _read(path: Path) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
