"""What a process claims and sets for itself before it works."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from numba import njit

from streamer import compile_cache
from streamer.claim import claimed
from streamer.errors import InvalidConfig
from streamer.memory import spare_what_stays
from streamer.telemetry import SystemClock
from streamer.testing import HandClock
from tests.kafka_server import free_ports

ROOT = Path(__file__).parents[2]
HOLD = "import sys, time; from streamer.claim import claimed; from streamer.telemetry import SystemClock as C\n"
HOLD += "with claimed(sys.argv[1], C(), time.sleep): print('held', flush=True); time.sleep(600)"


@pytest.fixture
def holder() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A name, and a process that has claimed it."""
    name = uuid.uuid4().hex
    with subprocess.Popen([sys.executable, "-c", HOLD, name], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield name, process
        process.kill()


def test_a_name_that_another_process_has_is_refused_in_one_line_that_names_the_setting(
    holder: tuple[str, subprocess.Popen[str]],
) -> None:
    name, _ = holder
    clock = HandClock()
    with pytest.raises(InvalidConfig) as caught, claimed(name, clock, clock.advance, patience=3.0):
        raise AssertionError("two have the name")
    assert str(caught.value).startswith(f"worker.instance: a worker on this machine has the transactional id {name} already")
    assert clock.monotonic() >= 3.0


def test_a_name_is_free_again_when_its_process_was_killed(holder: tuple[str, subprocess.Popen[str]]) -> None:
    name, process = holder
    waited: list[float] = []

    def kill_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        process.kill()
        process.wait()

    with claimed(name, SystemClock(), kill_meanwhile):
        assert len(waited) == 1


def test_a_service_that_is_told_to_end_while_it_waits_for_its_name_ends_with_status_0(tmp_path: Path) -> None:
    (port,), instance = free_ports(1), uuid.uuid4().hex
    (tmp_path / "streamer.toml").write_text(
        f"""
        [source]
        kind = "kafka"
        servers = "127.0.0.1:1"
        topics = ["t"]
        group = "g"
        [sink]
        kind = "kafka"
        servers = "127.0.0.1:1"
        [model]
        name = []
        [telemetry]
        port = {port}
        [worker]
        instance = "{instance}"
        """
    )
    command = [sys.executable, "-m", "streamer.cli", "run", str(tmp_path / "streamer.toml")]
    clock = SystemClock()
    with (
        claimed(f"streamer.g.{instance}.0", clock, time.sleep),
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as service,
    ):
        assert service.stderr is not None
        try:
            assert any("waiting for the worker before this one to end" in line for line in service.stderr)
            service.send_signal(signal.SIGTERM)
            assert service.wait(timeout=30) == 0
        finally:
            service.kill()


def test_a_name_can_be_claimed_again_and_different_names_at_once() -> None:
    name, clock = uuid.uuid4().hex, HandClock()
    for _ in range(2):
        with claimed(name, clock, clock.advance), claimed(f"{name}.1", clock, clock.advance):
            pass
    assert clock.monotonic() == HandClock().monotonic()


def test_the_compile_cache_is_the_setting_then_the_environment_then_numbas_own(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    compile_cache.choose(None, environ, (tmp_path / "package", tmp_path / "user"))
    assert environ == {}
    environ[compile_cache.VARIABLE] = str(tmp_path / "elsewhere")
    assert compile_cache.choose(None, environ, (tmp_path / "package",)) is None
    assert environ[compile_cache.VARIABLE] == str(tmp_path / "elsewhere")
    compile_cache.choose(tmp_path / "new" / "folder", environ)
    assert environ[compile_cache.VARIABLE] == str(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()


def without_a_writable_home(tmp_path: Path, environ: dict[str, str]) -> Path | None:
    (tmp_path / "file").write_text("")
    return compile_cache.choose(None, environ, (tmp_path / "file" / "package", tmp_path / "file" / "user"))


def test_without_any_writable_folder_the_compile_cache_is_a_private_temporary_one_that_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environ = {compile_cache.VARIABLE: str(tmp_path / "file" / "named")}
    folder = without_a_writable_home(tmp_path, environ)
    assert folder is not None
    assert environ[compile_cache.VARIABLE] == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == os.getuid()
    assert "NUMBA_CACHE_DIR" in compile_cache.told(folder)
    assert without_a_writable_home(tmp_path, environ) is None, "child processes say nothing more"
    assert without_a_writable_home(tmp_path, {}) == folder


@pytest.mark.parametrize("trap", ["open to others", "a link"])
def test_a_temporary_folder_that_others_can_write_to_is_no_compile_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    taken = tmp_path / f"streamer-compiled-{os.getuid()}"
    if trap == "a link":
        taken.symlink_to(tmp_path)
    else:
        taken.mkdir()
        taken.chmod(0o777)
    folder = without_a_writable_home(tmp_path, {})
    assert folder not in (None, taken)


def test_without_any_place_for_compiled_kernels_one_line_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(InvalidConfig, match="STREAMER_WORKER__COMPILE_CACHE") as caught:
        without_a_writable_home(tmp_path, {})
    assert "\n" not in str(caught.value)


def test_a_compile_cache_that_cannot_be_written_to_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidConfig, match=r"^worker\.compile_cache: "):
        compile_cache.choose(tmp_path / "file" / "folder", {})


def test_kernels_that_have_to_be_compiled_are_announced_once_and_kept_ones_never() -> None:
    kernels = [njit(lambda x, n=n: x + n) for n in range(3)]
    told: list[str] = []
    with compile_cache.announced(told.append):
        assert [kernels[0](1), kernels[1](1)] == [1, 2]
    assert told == [compile_cache.COMPILING]
    with compile_cache.announced(told.append):
        assert [kernels[0](2), kernels[1](2)] == [2, 3]
    assert kernels[2](1) == 3, "compiled, but nobody asked to be told"
    assert told == [compile_cache.COMPILING]


def test_malloc_takes_the_settings_where_the_c_library_is_glibc() -> None:
    code = "import os; from streamer.memory import keep_freed_memory; kept = keep_freed_memory()\n"
    code += "print(kept == ('glibc' in (os.confstr('CS_GNU_LIBC_VERSION') or '')))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "True\n"


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_the_collector_spares_what_was_there_and_finds_cycles_made_later() -> None:
    before = Knot()
    try:
        spare_what_stays()
        assert not any(each is before for each in gc.get_objects())
        later = weakref.ref(Knot())
        gc.collect()
        assert later() is None
    finally:
        gc.unfreeze()
