"""Mutated packets: nothing crashes, nothing is read out of bounds, nothing is accepted that the library reads differently."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing import Counts, fuzz, real_targets, simulated_targets


def test_of_a_hundred_thousand_mutated_packets_none_is_accepted_wrongly() -> None:
    counts = Counts()
    for target in simulated_targets():
        counts.add(fuzz(target, 50_000, seed=7))
    assert counts.packets == 100_000
    assert counts.packets == counts.accepted + counts.truncated + counts.malformed + counts.trailing
    assert min(counts.accepted - counts.unchanged, counts.truncated, counts.malformed) > 10_000  # each way is really gone
    assert counts.trailing > 0
    assert counts.only_library < 0.05 * counts.asked


@pytest.mark.real_data
def test_of_mutated_real_packets_none_is_accepted_wrongly(real_data: Path) -> None:
    targets = real_targets(real_data)
    assert len(targets) > 20
    for target in targets:
        counts = fuzz(target, 200, seed=7)
        assert counts.packets > counts.accepted > counts.unchanged


def guarded(argument: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.unit.codec.guarded", argument]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False)


def test_no_byte_outside_a_packet_is_touched() -> None:
    run = guarded("4000")
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 3


def test_touching_a_byte_outside_would_have_been_noticed() -> None:
    assert guarded("beyond").returncode == -signal.SIGSEGV
