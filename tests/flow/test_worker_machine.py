"""Whatever happens in whatever order: every alert ends exactly once as a tagged alert or a dead letter."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamer.errors import Fatal, MustAbort
from streamer.testing import Crash, HandClock, MemoryBroker, MemorySink, MemorySource, RecordingTelemetry, Script
from streamer.worker import Limits, Worker
from tests.flow.trivial import TrivialOutcome, encode, pipeline

SLOTS = ("slot-0", "slot-1")
TOPICS = r"^night_\d+$"
STEPS = st.sampled_from(
    [("source", "read"), ("sink", "begin"), ("sink", "produce"), ("sink", "offsets"), ("sink", "commit"), ("sink", "committed")]
)


class Process:
    """A worker process in its slot."""

    def __init__(self, broker: MemoryBroker, slot: str) -> None:
        self.scripts = {"source": Script(), "sink": Script()}
        clock = HandClock()
        source = MemorySource(broker, [TOPICS], "group", slot, clock, self.scripts["source"])
        sink = MemorySink(broker, f"group-{slot}", source.group_metadata, script=self.scripts["sink"])
        self.worker: Worker[TrivialOutcome] = Worker(
            source, pipeline, encode, sink, RecordingTelemetry(), clock, Limits(messages=3, aborts=2)
        )

    def turn(self) -> bool:
        """One round; False if the process died of it."""
        try:
            self.worker.turn()
        except (Crash, Fatal):
            return False
        return True


class Delivery(RuleBasedStateMachine):
    """Alerts and poison come in, topics appear, workers join, crash, abort, hang, are fenced and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.broker = MemoryBroker()
        self.broker.create_topic("night_0", 2)
        self.topics = 1
        self.processes = {slot: Process(self.broker, slot) for slot in SLOTS}
        self.produced: list[bytes] = []

    @rule(count=st.integers(1, 7), topic=st.integers(0, 3))
    def alerts_arrive(self, count: int, topic: int) -> None:
        for _ in range(count):
            self._produce(b"%d" % len(self.produced), topic)

    @rule(topic=st.integers(0, 3))
    def poison_arrives(self, topic: int) -> None:
        self._produce(b"poison-%d" % len(self.produced), topic)

    def _produce(self, payload: bytes, topic: int) -> None:
        self.broker.produce(f"night_{topic % self.topics}", payload)
        self.produced.append(payload)

    @precondition(lambda self: self.topics < 4)
    @rule()
    def a_new_night_begins(self) -> None:
        self.broker.create_topic(f"night_{self.topics}", 2)
        self.topics += 1

    @rule(slot=st.sampled_from(SLOTS))
    def a_worker_starts_or_takes_over_its_slot(self, slot: str) -> None:
        self.processes[slot] = Process(self.broker, slot)

    @rule(slot=st.sampled_from(SLOTS))
    def a_worker_leaves(self, slot: str) -> None:
        self.processes.pop(slot, None)
        self.broker.leave("group", slot)

    @rule(slot=st.sampled_from(SLOTS))
    def a_worker_turns(self, slot: str) -> None:
        self._turn(slot)

    @rule(slot=st.sampled_from(SLOTS), step=STEPS)
    def a_worker_crashes_at_any_step(self, slot: str, step: tuple[str, str]) -> None:
        if process := self.processes.get(slot):
            process.scripts[step[0]].plan(step[1], Crash())
            self._turn(slot)

    @rule(slot=st.sampled_from(SLOTS), step=st.sampled_from(["begin", "produce", "offsets", "commit"]))
    def a_transaction_must_be_aborted(self, slot: str, step: str) -> None:
        if process := self.processes.get(slot):
            process.scripts["sink"].plan(step, MustAbort("by script"))
            self._turn(slot)

    @rule(slot=st.sampled_from(SLOTS), newcomer=st.sampled_from(SLOTS), step=st.sampled_from(["produce", "offsets", "commit"]))
    def the_group_rebalances_under_an_open_transaction(self, slot: str, newcomer: str, step: str) -> None:
        if process := self.processes.get(slot):
            process.scripts["sink"].plan(step, lambda: self._take_over(newcomer))
            self._turn(slot)

    def _take_over(self, slot: str) -> None:
        """A new process in `slot` turns once while the others' transactions are open; the old one there is a zombie now."""
        self.processes[slot] = Process(self.broker, slot)
        self._turn(slot)

    def _turn(self, slot: str) -> None:
        process = self.processes.get(slot)
        if process and not process.turn() and self.processes.get(slot) is process:
            del self.processes[slot]  # its partitions rest until it is started again or leaves

    def _results(self) -> Counter[bytes]:
        return Counter(record.value for topic in ("tagged", "dead-letter") for record in self.broker.records(topic))

    @invariant()
    def nothing_comes_out_twice_or_from_nowhere(self) -> None:
        assert self._results() <= Counter(self.produced)

    @invariant()
    def what_is_committed_is_out_and_nothing_else(self) -> None:
        assert self._results().total() == sum(self.broker.committed("group").values())

    def teardown(self) -> None:
        for slot in SLOTS[1:]:
            self.broker.leave("group", slot)
        last = Process(self.broker, SLOTS[0])
        for _ in range(len(self.produced) + 2):
            assert last.turn()
        assert self._results() == Counter(self.produced)
        assert all(record.value.isdigit() for record in self.broker.records("tagged"))
        assert not any(record.value.isdigit() for record in self.broker.records("dead-letter"))


Delivery.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestDelivery = Delivery.TestCase
