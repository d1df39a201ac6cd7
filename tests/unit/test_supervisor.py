"""Several workers: started, watched, started again, stopped together, and never left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from streamer.data.batch import State, Why
from streamer.data.tally import Tally
from streamer.errors import Stage
from streamer.supervisor import Restarts, Supervisor, labelled
from streamer.telemetry import MetricsServer, PrometheusTelemetry, SystemClock
from tests.kafka_server import eventually
from tests.unit.supervised import DEAF, FAILING, IDLE, METRICS, STEADY

ROOT = Path(__file__).parents[2]
SOON = 20.0
QUICK = Restarts(first=0.01, longest=0.02, settled=3600.0, deaths=50)


class Scene:
    """A supervisor at work in a thread, and what its workers leave behind."""

    def __init__(self, folder: Path, manners: tuple[str, ...], restarts: Restarts = QUICK, grace: float = SOON) -> None:
        self.folder = folder
        self._manners = manners
        self.statuses: list[int] = []
        self.supervisor = Supervisor(self._command, len(manners), SystemClock(), grace, restarts)
        self.thread = threading.Thread(target=lambda: self.statuses.append(self.supervisor.run()))
        self.thread.start()

    def _command(self, slot: int, descriptor: int) -> list[str]:
        worker = [sys.executable, "-m", "tests.unit.supervised"]
        return [*worker, str(slot), str(descriptor), str(self.folder), self._manners[slot]]

    def starts(self) -> list[tuple[int, int]]:
        return starts(self.folder)

    def ended(self) -> int:
        self.supervisor.stop()
        self.thread.join(SOON)
        assert not self.thread.is_alive()
        return self.statuses[0]


def starts(folder: Path) -> list[tuple[int, int]]:
    """(slot, process id) of every worker that was started, in order."""
    path = folder / "starts"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(slot), int(pid)) for slot, pid in (line.split() for line in lines if line.count(" ") == 1)]


def runs(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def scenes() -> Iterator[list[Scene]]:
    made: list[Scene] = []
    yield made
    for scene in made:
        scene.ended()


def test_workers_run_in_numbered_slots_and_drain_together(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, (STEADY, STEADY, STEADY)))
    eventually(SOON, scene.supervisor.is_ready, "all ready")
    assert scene.supervisor.is_alive()
    assert sorted(slot for slot, _ in scene.starts()) == [0, 1, 2]
    assert scene.ended() == 0
    assert sorted((tmp_path / "drained").read_text().split()) == ["0", "1", "2"]
    assert not any(runs(pid) for _, pid in scene.starts())


def test_a_killed_worker_is_started_again_in_its_slot_and_the_others_go_on(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, (STEADY, STEADY)))
    eventually(SOON, scene.supervisor.is_ready, "all ready")
    (other,) = [pid for slot, pid in scene.starts() if slot == 0]
    for kills in range(1, 4):
        (*_, victim) = [pid for slot, pid in scene.starts() if slot == 1]
        os.kill(victim, signal.SIGKILL)
        eventually(SOON, lambda n=kills: [slot for slot, _ in scene.starts()].count(1) == n + 1, "started again")  # type: ignore[misc]  # a default binds it
    eventually(SOON, scene.supervisor.is_ready, "all ready again")
    assert [pid for slot, pid in scene.starts() if slot == 0] == [other]
    assert runs(other)
    assert 'streamer_worker_restarts_total{worker="1"} 3.0' in scene.supervisor.metrics().decode()
    assert scene.ended() == 0


def test_a_worker_that_fails_again_and_again_ends_the_service(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, (STEADY, FAILING), Restarts(first=0.01, longest=0.01, settled=3600.0, deaths=3)))
    scene.thread.join(SOON)
    assert scene.statuses == [1]
    assert [slot for slot, _ in scene.starts()].count(1) == 3
    assert (tmp_path / "drained").read_text() == "0\n"
    assert not scene.supervisor.is_alive()


def test_a_worker_that_does_not_drain_is_killed_and_the_status_says_so(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, (STEADY, DEAF), grace=0.2))
    eventually(SOON, scene.supervisor.is_ready, "all ready")
    assert scene.ended() == 1
    assert not any(runs(pid) for _, pid in scene.starts())


def test_one_worker_that_is_not_ready_makes_the_service_not_ready(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, (STEADY, IDLE)))
    eventually(SOON, lambda: b'streamer_messages_total{worker="1"}' in scene.supervisor.metrics(), "both report")
    assert scene.supervisor.is_alive()
    assert not scene.supervisor.is_ready()


def test_a_dead_worker_makes_the_service_not_alive_and_takes_its_series_with_it(tmp_path: Path, scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(tmp_path, (STEADY, STEADY), Restarts(first=3600.0, longest=3600.0)))
    eventually(SOON, scene.supervisor.is_ready, "all ready")
    server = MetricsServer(scene.supervisor, 0, "127.0.0.1")
    try:
        (victim,) = [pid for slot, pid in scene.starts() if slot == 1]
        os.kill(victim, signal.SIGKILL)
        eventually(SOON, lambda: not scene.supervisor.is_alive(), "the death is noticed")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=10)
        caught.value.close()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        server.close()
    assert caught.value.code == 503
    assert 'streamer_worker_up{worker="0"} 1.0' in text
    assert 'streamer_worker_up{worker="1"} 0.0' in text
    assert 'streamer_consumer_lag{partition="0",topic="t",worker="0"} 7.0' in text
    assert 'partition="1"' not in text


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_supervisor_drains_all(tmp_path: Path, how: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-m", "tests.unit.supervisor_process", str(tmp_path), STEADY], cwd=ROOT)
    eventually(SOON, lambda: len(starts(tmp_path)) == 2, "both started")
    process.send_signal(how)
    assert process.wait(10) == 0
    assert not any(runs(pid) for _, pid in starts(tmp_path))


@pytest.mark.parametrize("manner", [STEADY, DEAF])
def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path, manner: str) -> None:
    process = subprocess.Popen([sys.executable, "-m", "tests.unit.supervisor_process", str(tmp_path), manner], cwd=ROOT)
    eventually(SOON, lambda: len(starts(tmp_path)) == 2, "both started")
    process.kill()
    process.wait()
    eventually(SOON, lambda: not any(runs(pid) for _, pid in starts(tmp_path)), "the orphans end")


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_pauses_grow_with_rapid_deaths_and_begin_anew_after_a_long_life(lives: list[float]) -> None:
    restarts = Restarts(first=0.5, longest=30.0, settled=30.0, deaths=8)
    rapid = 0
    for lived in lives:
        before, rapid = rapid, restarts.rapid(rapid, lived)
        assert restarts.first <= restarts.pause(rapid) <= restarts.longest
        assert rapid == (0 if lived >= 30.0 else before + 1)
        assert restarts.pause(rapid + 1) >= restarts.pause(rapid)
    assert restarts.pause(0) == restarts.first


def test_the_metrics_of_all_workers_are_one_exposition_with_each_family_once() -> None:
    families = {family.name: family for family in labelled({0: METRICS.format(slot=0), 3: METRICS.format(slot=3)})}
    assert {name: family.type for name, family in families.items()} == {
        "streamer_messages": "counter",
        "streamer_consumer_lag": "gauge",
    }
    assert [(sample.labels, sample.value) for sample in families["streamer_messages"].samples] == [
        ({"worker": "0"}, 0.0),
        ({"worker": "3"}, 3.0),
    ]


def test_what_the_service_exports_passes_through_unchanged_but_for_the_label() -> None:
    telemetry = PrometheusTelemetry(SystemClock())
    telemetry.model("ztf", "m", "1.0", "00", "forest")
    telemetry.lag({("topic", 0): 3, ("topic", 1): 4})
    telemetry.committed(
        Tally(messages=2, read=2, answers={("ztf", State.NOT_CLASSIFIED, Why.NO_MODEL): 2}), {Stage.CODEC: 0.1}, np.array([1.0])
    )
    text = telemetry.metrics().decode()

    def samples(metrics: Iterable[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        found = [sample for family in metrics for sample in family.samples]
        return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in found}

    merged = samples(labelled({0: text, 1: text}))
    alone = samples(text_string_to_metric_families(text))
    assert len(merged) == 2 * len(alone) > 40
    for (name, labels), value in alone.items():
        for worker in ("0", "1"):
            assert merged[name, tuple(sorted((*labels, ("worker", worker))))] == value
