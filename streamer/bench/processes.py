"""Starting the processes of :mod:`streamer.bench.child`, and reading what they tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from streamer.bench.child import Timeline
from streamer.errors import Fatal

LIMIT_S = 3600.0
"""No process runs longer."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is to do.

    Parameters
    ----------
    kind : ``bare``, ``worker``, ``memory`` or ``start``
    settings : mapping
        As in a configuration file.
    count : int
        Messages after which it ends.
    further : mapping
        More arguments of that kind.
    environment : mapping
        Variables of the process beside our own.
    """

    kind: str
    settings: Mapping[str, Any]
    count: int
    further: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)


def timelines(tasks: Sequence[Task], while_they_run: Callable[[], object] = lambda: None) -> list[Timeline]:
    """What each task did; all begin together when all are ready, and `while_they_run` is called then.

    Raises
    ------
    Fatal
        If a process fails; the message ends with the last lines that it wrote.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(_process(task)) for task in tasks]
        for process, errors in running:
            _expect_ready(process, errors)
        for process, _ in running:
            _send(process, "go")
        while_they_run()
        return [_timeline(process, errors) for process, errors in running]


@contextmanager
def _process(task: Task) -> Iterator[tuple[subprocess.Popen[str], IO[bytes]]]:
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", "streamer.bench.child"]
        process = subprocess.Popen(  # noqa: S603  # ourselves
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **task.environment},
        )
        overdue = threading.Timer(LIMIT_S, process.kill)
        overdue.start()
        try:
            _send(
                process,
                json.dumps({"kind": task.kind, "settings": task.settings, "count": task.count, "further": dict(task.further)}),
            )
            yield process, errors
        finally:
            overdue.cancel()
            process.kill()
            process.communicate()


def _send(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _read(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline() if process.stdout is not None else ""


def _expect_ready(process: subprocess.Popen[str], errors: IO[bytes]) -> None:
    if _read(process).strip() != "ready":
        raise _failure(errors)


def _timeline(process: subprocess.Popen[str], errors: IO[bytes]) -> Timeline:
    line = _read(process)
    if not line:
        raise _failure(errors)
    return Timeline(**json.loads(line))


def _failure(errors: IO[bytes]) -> Fatal:
    errors.seek(0)
    return Fatal(f"a process of the bench failed: {errors.read().decode(errors='replace')[-800:].strip()}")
