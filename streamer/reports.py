"""The line from a worker to its supervisor: once a second, one line of JSON that says how the worker is."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from dataclasses import dataclass

from streamer.ports import Probed

EVERY_S = 1.0
"""Seconds from one report to the next; metrics are no older than this."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a worker is.

    Parameters
    ----------
    is_alive, is_ready : bool
        As :class:`streamer.ports.Probed` says.
    metrics : str
        Its metrics, in Prometheus' text format.
    """

    is_alive: bool
    is_ready: bool
    metrics: str

    def line(self) -> bytes:
        """The report as it is sent."""
        return json.dumps([self.is_alive, self.is_ready, self.metrics]).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> Report:
        """The report that was sent; ValueError if the sender died over it."""
        is_alive, is_ready, metrics = json.loads(line)
        return cls(is_alive, is_ready, metrics)


STARTING_S = 120.0
"""Seconds that loading and compiling may take; a worker that is then still not at work hangs."""


class Reporter:
    """Sends reports from a thread of its own, and ends the process in order when nobody reads them any more.

    That is how a worker notices that its supervisor is gone, however that ended: the last reading end of the pipe is closed
    with it. (The parent-death signal of Linux tells of the thread that started the worker, not of its process.)

    Parameters
    ----------
    descriptor : int
        Writing end of the pipe; owned from now on.
    grace : float, s
        How long an orphan may take to drain.
    every : float, s
    """

    def __init__(self, descriptor: int, grace: float, every: float = EVERY_S) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._grace = grace
        self._every = every
        self._began = time.monotonic()
        self._probed: Probed | None = None
        threading.Thread(target=self._run, name="reports", daemon=True).start()

    def about(self, probed: Probed) -> None:
        """From now on report what `probed` says; until then, that the worker is starting."""
        self._probed = probed

    def _run(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            while True:
                self._send(self._report().line())
                time.sleep(self._every)
        os.kill(os.getpid(), signal.SIGTERM)  # before the handlers are in place this ends the process, afterwards it drains
        time.sleep(self._grace)
        os._exit(1)  # what hangs in foreign code runs no signal handler

    def _report(self) -> Report:
        probed = self._probed
        if probed is None:
            return Report(is_alive=time.monotonic() - self._began <= STARTING_S, is_ready=False, metrics="")
        return Report(probed.is_alive(), probed.is_ready(), probed.metrics().decode())

    def _send(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[os.write(self._descriptor, left) :]
