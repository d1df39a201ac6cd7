"""Where compiled kernels are kept between runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from streamer.errors import InvalidConfig

VARIABLE = "NUMBA_CACHE_DIR"


def choose(setting: Path | None, environ: MutableMapping[str, str], homes: tuple[Path, ...] | None = None) -> None:
    """Tell numba where to keep what it compiles; call this before the first kernel is imported, or it has no effect.

    The setting wins over the environment; without either numba writes beside the package, else to the user's cache folder. If
    it can write to neither (a container with a read-only file system and no home) it refuses to import the kernels at all; then the
    cache is a new folder for temporary files, private to the user, that the workers of a supervisor share.

    Parameters
    ----------
    setting : Path or None
    environ : mapping
        The environment that numba will read and that child processes inherit.
    homes : paths, optional
        Where numba writes by itself.

    Raises
    ------
    InvalidConfig
        If the named folder cannot be written to: each start would compile everything.
    """
    if setting is not None:
        if not _is_writable(setting):
            raise InvalidConfig(f"worker.compile_cache: {setting} cannot be written to")
        environ[VARIABLE] = str(setting)
    elif not environ.get(VARIABLE):
        package = Path(__file__).parent
        by_itself = homes or (package / "codec" / "__pycache__", Path.home() / ".cache" / "numba")
        if not any(_is_writable(folder) for folder in by_itself):
            environ[VARIABLE] = tempfile.mkdtemp(prefix="streamer-compiled-")


def _is_writable(folder: Path) -> bool:
    """Whether `folder` can be written to, after making it if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
