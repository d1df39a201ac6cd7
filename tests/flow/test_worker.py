"""The worker's loop over the memory broker: one behaviour at a time."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence

import pytest

from streamer.data.batch import NO_TIME, RawBatch, State, Why
from streamer.data.message import Message
from streamer.data.tally import Tally
from streamer.errors import Fatal, MustAbort, Reason, Stage
from streamer.testing import Event, HandClock, MemoryBroker, MemorySink, MemorySource, RecordingTelemetry, Script
from streamer.worker import Lap, Limits, Recent, Worker, stopped_by_signals
from tests.flow.trivial import TrivialOutcome, encode, pipeline

FOURS = Limits(messages=4, aborts=3)


class Scene:
    """A worker on a memory broker, and what to ask of it afterwards."""

    def __init__(
        self,
        source_script: Mapping[str, Sequence[Event]] | None = None,
        sink_script: Mapping[str, Sequence[Event]] | None = None,
        ends: bool = True,
    ) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topic("alerts", 3)
        self.clock = HandClock()
        self.telemetry = RecordingTelemetry()
        self.source_script = Script(source_script)
        self.sink_script = Script(sink_script)
        self.source = MemorySource(self.broker, ["alerts"], "group", "one", self.clock, self.source_script, ends)
        self.sink = MemorySink(self.broker, "group-one", self.source.group_metadata, script=self.sink_script)

    def worker(self, limits: Limits = FOURS) -> Worker[TrivialOutcome]:
        return Worker(self.source, pipeline, encode, self.sink, self.telemetry, self.clock, limits)

    def feed(self, *payloads: bytes, timestamp: int = NO_TIME) -> None:
        for payload in payloads:
            self.broker.produce("alerts", payload, timestamp=timestamp)

    def tagged(self) -> list[bytes]:
        return sorted(record.value for record in self.broker.records("tagged"))

    def dead_letters(self) -> list[bytes]:
        return sorted(record.value for record in self.broker.records("dead-letter"))

    def committed(self) -> int:
        return sum(self.broker.committed("group").values())


def test_every_message_becomes_a_tagged_alert_or_a_dead_letter() -> None:
    scene = Scene()
    scene.feed(*(b"%d" % i for i in range(10)), b"poison")
    scene.worker().run()
    assert scene.tagged() == sorted(b"%d" % i for i in range(10))
    assert scene.dead_letters() == [b"poison"]
    assert scene.committed() == 11
    total = sum(scene.telemetry.tallies, Tally())
    assert (total.messages, total.classified, total.rejected_by_reason, total.imbalance) == (11, 10, {Reason.MALFORMED: 1}, 0)


def test_no_batch_is_larger_than_the_limit() -> None:
    scene = Scene()
    scene.feed(*(b"%d" % i for i in range(10)))
    seen: list[int] = []
    scene.worker().run(lambda tally: seen.append(tally.messages))
    assert seen == [4, 4, 2]


def test_stop_finishes_the_batch_in_hand_and_leaves_the_rest() -> None:
    scene = Scene()
    scene.feed(*(b"%d" % i for i in range(10)))
    worker = scene.worker()
    scene.sink_script.plan("commit", worker.stop)
    worker.run()
    assert len(scene.tagged()) == scene.committed() == 4


def test_an_aborted_commit_is_read_again_and_nothing_is_doubled() -> None:
    scene = Scene(sink_script={"commit": [None, MustAbort("rebalanced"), MustAbort("again")]})
    scene.feed(*(b"%d" % i for i in range(10)))
    scene.worker().run()
    assert scene.tagged() == sorted(b"%d" % i for i in range(10))
    assert scene.telemetry.aborts == 2
    assert scene.telemetry.seen_again == 0


def test_commits_that_abort_again_and_again_end_the_worker() -> None:
    scene = Scene(sink_script={"commit": [MustAbort("no"), MustAbort("no"), MustAbort("no")]})
    scene.feed(b"1")
    with pytest.raises(Fatal, match="3 commits in a row"):
        scene.worker().run()
    assert scene.committed() == 0


def test_a_success_between_aborts_starts_the_count_again() -> None:
    scene = Scene(sink_script={"commit": [MustAbort("no"), MustAbort("no"), None, MustAbort("no"), MustAbort("no")]})
    scene.feed(*(b"%d" % i for i in range(8)))
    scene.worker().run()
    assert scene.committed() == 8


@pytest.mark.parametrize("culprit", ["pipeline", "encode"])
def test_a_failure_of_our_own_stops_the_worker_with_positions_untouched(culprit: str) -> None:
    scene = Scene()
    scene.feed(b"1", b"2")

    def broken_pipeline(raw: RawBatch, lap: Lap) -> TrivialOutcome:
        if culprit == "pipeline":
            raise ZeroDivisionError("our mistake")
        return pipeline(raw, lap)

    def broken_encode(outcome: TrivialOutcome) -> list[Message]:
        raise ZeroDivisionError("our mistake")

    worker = Worker(scene.source, broken_pipeline, broken_encode, scene.sink, scene.telemetry, scene.clock)
    with pytest.raises(ZeroDivisionError):
        worker.run()
    assert scene.committed() == 0
    assert scene.tagged() == scene.dead_letters() == []


@pytest.mark.parametrize("step", ["begin", "produce", "offsets", "commit"])
def test_a_fatal_sink_at_any_step_makes_nothing_visible(step: str) -> None:
    scene = Scene(sink_script={step: [Fatal("gone")]})
    scene.feed(b"1", b"poison")
    with pytest.raises(Fatal, match="gone"):
        scene.worker().run()
    assert scene.committed() == 0
    assert scene.tagged() == scene.dead_letters() == []


def test_the_doors_are_closed_sink_first_even_after_a_failure() -> None:
    order: list[str] = []
    scene = Scene(
        source_script={"read": [Fatal("gone")], "close": [lambda: order.append("source")]},
        sink_script={"close": [lambda: order.append("sink")]},
    )
    with pytest.raises(Fatal):
        scene.worker().run()
    assert order == ["sink", "source"]


def test_stage_seconds_are_what_the_clock_says_each_stage_took() -> None:
    scene = Scene()
    scene.feed(b"1")

    def slow(raw: RawBatch, lap: Lap) -> TrivialOutcome:
        for stage, seconds in ((Stage.CODEC, 1.0), (Stage.FEATURES, 2.0), (Stage.CODEC, 0.5)):
            scene.clock.advance(seconds)
            lap(stage)
        return TrivialOutcome(raw)

    scene.source_script.plan("read", lambda: scene.clock.advance(0.25))
    scene.sink_script.plan("commit", lambda: scene.clock.advance(4.0))
    Worker(scene.source, slow, encode, scene.sink, scene.telemetry, scene.clock).run()
    [seconds] = scene.telemetry.seconds
    assert seconds == {Stage.SOURCES: 0.25, Stage.CODEC: 1.5, Stage.FEATURES: 2.0, Stage.MESSAGES: 0.0, Stage.SINKS: 4.0}


def test_latency_is_counted_from_the_surveys_stamp_for_messages_that_have_one() -> None:
    scene = Scene()
    scene.feed(b"1", timestamp=scene.clock.now_ms() - 1500)
    scene.feed(b"2")
    scene.worker().run()
    assert scene.telemetry.latencies == [1.5]


def test_alerts_that_come_again_are_tagged_again_and_counted() -> None:
    scene = Scene()
    scene.feed(b"7", b"8", b"7", b"7")
    scene.worker().run()
    assert scene.tagged() == [b"7", b"7", b"7", b"8"]
    assert scene.telemetry.seen_again == 2


def test_the_memory_of_recent_alerts_is_bounded() -> None:
    recent = Recent(2)
    assert recent.seen_again([("ztf", 1), ("ztf", 2), ("lsst", 1)]) == 0
    assert recent.seen_again([("ztf", 1)]) == 0  # forgotten
    assert recent.seen_again([("lsst", 1), ("ztf", 1)]) == 2


def test_an_idle_worker_shows_signs_of_life_and_its_lag() -> None:
    scene = Scene(ends=False)
    worker = scene.worker(Limits(messages=4, lag_every=2.0))
    assert worker.turn()
    scene.feed(b"1")
    assert worker.turn()
    scene.clock.advance(2.0)
    assert worker.turn()
    assert scene.telemetry.turns == 3
    assert [sum(lag.values()) for lag in scene.telemetry.lags] == [0, 0]


def test_a_worker_without_an_assignment_soon_looks_again() -> None:
    scene = Scene(ends=False)
    scene.source = MemorySource(scene.broker, ["later"], "latecomers", "one", scene.clock)
    worker = scene.worker(Limits(messages=4, lag_every=2.0))
    assert worker.turn()
    scene.broker.create_topic("later", 2)
    for seconds in (0.2, 0.2, 1.8):
        scene.clock.advance(seconds)
        assert worker.turn()
    assert [len(lag) for lag in scene.telemetry.lags] == [0, 2, 2]


def test_a_stopped_worker_reads_nothing_more() -> None:
    scene = Scene()
    scene.feed(b"1")
    worker = scene.worker()
    worker.stop()
    worker.run()
    assert scene.committed() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_worker(number: signal.Signals) -> None:
    scene = Scene(ends=False)
    scene.feed(*(b"%d" % i for i in range(10)))
    worker = scene.worker()
    scene.sink_script.plan("commit", lambda: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    with stopped_by_signals(worker.stop):
        worker.run()
    assert len(scene.tagged()) == scene.committed() == 4
    assert signal.getsignal(number) is before


def test_the_outcomes_answers_reach_the_telemetry() -> None:
    scene = Scene()
    scene.feed(b"1", b"2")
    scene.worker().run()
    assert scene.telemetry.tallies[0].answers == {("ztf", State.CLASSIFIED, Why.NONE): 2}
