"""A name that at most one process of this machine has."""

from __future__ import annotations

import hashlib
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from streamer.errors import InvalidConfig
from streamer.ports import Clock

log = logging.getLogger(__name__)

PATIENCE_S = 12.0
"""How long the one before may take to end: a little longer than it may drain."""
_PAUSE_S = 0.1


@contextmanager
def claimed(name: str, clock: Clock, sleep: Callable[[float], None], patience: float = PATIENCE_S) -> Iterator[None]:
    """Within the block `name` is this process's; it is given back when the process ends, however that happens.

    Two workers with one transactional id would fence each other for ever, each started again by its own supervisor. The claim
    is a socket in Linux' abstract name space, which leaves no file behind; elsewhere nothing is claimed.

    Raises
    ------
    InvalidConfig
        If another process still has it after `patience` seconds.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    address = b"\0streamer-" + hashlib.sha256(name.encode()).hexdigest().encode()  # any name, but 107 bytes at most
    deadline = clock.monotonic() + patience
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        tries = 0
        while not _is_bound(claim, address):
            if clock.monotonic() >= deadline:
                raise InvalidConfig(
                    f"worker.instance: a worker on this machine has the transactional id {name} already; give each service "
                    "of a group an instance name of its own, or one of them more workers"
                )
            tries += 1
            if tries == 1:
                log.warning("waiting for the worker before this one to end", extra={"transactional_id": name})
            sleep(_PAUSE_S)
        yield


def _is_bound(claim: socket.socket, address: bytes) -> bool:
    try:
        claim.bind(address)
    except OSError:
        return False
    return True
