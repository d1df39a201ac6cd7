"""Where compiled kernels are kept between runs, and telling a person when they are not there yet."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.errors import InvalidConfig

if TYPE_CHECKING:
    from numba.core.event import Event

VARIABLE = "NUMBA_CACHE_DIR"
COMPILING = "compiling kernels that were not needed on this machine before; this may take a minute, and they are kept"
_REMEDY = f"name one with {VARIABLE}, or for the service with worker.compile_cache (STREAMER_WORKER__COMPILE_CACHE)"


def choose(setting: Path | None, environ: MutableMapping[str, str], homes: tuple[Path, ...] | None = None) -> Path | None:
    """Tell numba where to keep what it compiles; call this before the first kernel is imported, or it has no effect.

    The setting wins over the environment; without either numba writes beside the package, else to the user's cache folder. If
    it can write to none of them (a container with a read-only file system and no home) it refuses to import the kernels at all;
    then the cache is a folder among the temporary files, private to the user, that later processes find again.

    Parameters
    ----------
    setting : Path or None
    environ : mapping
        The environment that numba will read and that child processes inherit.
    homes : paths, optional
        Where numba writes by itself.

    Returns
    -------
    Path or None
        The folder for temporary files, if it had to be that.

    Raises
    ------
    InvalidConfig
        If the named folder cannot be written to: each start would compile everything. Or if there is no place at all.
    """
    if setting is not None:
        if not _is_writable(setting):
            raise InvalidConfig(f"worker.compile_cache: {setting} cannot be written to")
        environ[VARIABLE] = str(setting)
        return None
    named = environ.get(VARIABLE)
    if (named and _is_writable(Path(named))) or any(_is_writable(folder) for folder in homes or _homes()):
        return None
    stopgap = _temporary()
    environ[VARIABLE] = str(stopgap)
    return stopgap


def told(stopgap: Path) -> str:
    """The sentence that says where compiled kernels are kept, and how that is changed."""
    return f"no folder for compiled kernels can be written to, so they are kept in {stopgap}; {_REMEDY}"


@contextlib.contextmanager
def announced(tell: Callable[[str], None]) -> Iterator[None]:
    """Within the block `tell` hears, once, that kernels are being compiled; nothing where all of them were kept by an earlier run.

    Call `choose` first: this imports numba.
    """
    from numba.core import event  # noqa: PLC0415  # its import reads the environment that `choose` writes

    class _First(event.Listener):
        def __init__(self) -> None:
            self._told = False

        def on_start(self, event: Event) -> None:  # noqa: ARG002  # whichever kernel it is
            if not self._told:
                self._told = True
                tell(COMPILING)

        def on_end(self, event: Event) -> None:
            """Nothing: another may follow."""

    with event.install_listener("numba:compile", _First()):
        yield


def _homes() -> Iterator[Path]:
    """Where numba writes by itself."""
    yield Path(__file__).parent / "codec" / "__pycache__"
    with contextlib.suppress(RuntimeError):  # a user whom the system does not know has no home
        yield Path.home() / ".cache" / "numba"


def _temporary() -> Path:
    """The user's folder of compiled kernels among the temporary files, where nobody else can write; made if it is missing.

    A kernel that somebody else put there would be run. So a folder of that name that is not ours alone is left aside for a new one.
    """
    try:
        folder = Path(tempfile.gettempdir()) / f"streamer-compiled-{os.getuid()}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
        return folder if is_ours else Path(tempfile.mkdtemp(prefix="streamer-compiled-"))
    except OSError as error:
        raise InvalidConfig(f"no folder for compiled kernels can be written to; {_REMEDY}") from error


def _is_writable(folder: Path) -> bool:
    """Whether `folder` can be written to, after making it if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
