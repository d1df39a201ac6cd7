"""What is constructed from settings, and how a worker is made ready."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from streamer import config, wiring
from streamer.pipeline import Pipeline
from streamer.telemetry import SystemClock

ROOT = Path(__file__).parents[2]
WORKERS = st.builds(config.Worker, workers=st.integers(1, 64), instance=st.none() | st.text("ab.0", min_size=1, max_size=4))


@given(WORKERS, st.sets(st.integers(0, 63), min_size=2))
def test_each_slot_of_a_service_has_its_own_transactional_id_and_place_in_the_group(worker: config.Worker, slots: set[int]) -> None:
    assert len({wiring.transactional_id("group", worker, slot) for slot in slots}) == len(slots)
    members = {wiring.member(worker, slot) for slot in slots}
    assert members == {None} if worker.instance is None and worker.workers == 1 else len(members) == len(slots)


def test_a_worker_that_nobody_named_has_no_fixed_place_in_the_group_unless_it_is_supervised() -> None:
    assert wiring.member(config.Worker()) is None
    assert wiring.member(config.Worker(instance="a")) == "a.0"
    assert str(wiring.member(config.Worker(workers=2), 1)).endswith(".1")


def test_after_the_warm_up_nothing_is_compiled_or_loaded_any_more() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tests.unit.warm_process"], cwd=ROOT, capture_output=True, text=True, timeout=200, check=True
    )
    before, after = (int(word) for word in said.stdout.split())
    assert before > 0
    assert after == before


def test_the_warm_up_without_any_model_still_makes_the_decoder_ready() -> None:
    clock = SystemClock()
    pipeline = Pipeline(wiring.framing(config.SimulatorSource(kind="simulator"), clock), {}, allow_private=True)
    wiring.warm_up(pipeline, (), clock)


def test_whole_packets_are_compressed_few_at_a_time_and_tags_as_the_client_likes() -> None:
    sink = config.KafkaSink.model_validate({"kind": "kafka", "servers": ["localhost:1"]})
    whole = sink.model_copy(update={"shape": "full"})
    assert wiring.destination(whole).client["batch.size"] == wiring.WHOLE_PACKETS_TOGETHER
    assert "batch.size" not in wiring.destination(sink).client
