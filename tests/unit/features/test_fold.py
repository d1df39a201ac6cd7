"""What the packet says of a candidate, and how near the mains are."""

import math

import pytest

from streamer.features import fold
from tests.unit.features.candidates import candidates, named

NAN = math.nan


def features(**context: float) -> dict[str, float]:
    [found] = named(fold.FAMILY, candidates(context={name: [value] for name, value in context.items()}))
    return found


def slow(frequency: float, mains: float) -> float:
    distances = [abs(frequency * q / (p * mains) - 1) for p in range(1, 17) for q in range(1, 9)]
    return math.log10(max(min(distances), 1e-6))


@pytest.mark.parametrize("period", [0.02, 0.0199, 1 / 60, 0.01, 0.16, 1 / 57.3, 0.0015, 1.0, 12.0, 0.033392])
def test_the_distance_to_the_mains_is_that_of_all_fractions(period: float) -> None:
    found = features(period=period, p_topo=period)
    assert found["fold_mains_50"] == pytest.approx(slow(1 / period, 50.0), abs=0.03 if found["fold_mains_50"] < -5 else 1e-3)
    assert found["fold_mains_60"] == pytest.approx(slow(1 / period, 60.0), abs=0.03 if found["fold_mains_60"] < -5 else 1e-3)


def test_the_mains_are_heard_at_the_telescope() -> None:
    moved = features(period=0.0200016, p_topo=0.02)
    assert moved["fold_mains_50"] == -6.0
    assert features(period=0.0200016, p_topo=NAN)["fold_mains_50"] == pytest.approx(math.log10(8e-5), abs=0.01)


def test_numbers_come_from_the_packet() -> None:
    found = features(period=0.1, p_topo=0.2, dm=99.0, snr=12.5, width=0.005, beams_seen=3)
    assert found["fold_log_period"] == pytest.approx(-1.0)
    assert found["fold_log_dm"] == pytest.approx(2.0)
    assert (found["fold_snr"], found["fold_beams"]) == (12.5, 3.0)
    assert found["fold_duty"] == pytest.approx(0.05)


def test_what_is_not_said_is_undefined() -> None:
    assert all(math.isnan(value) for value in features(row=0.0).values())
    assert math.isnan(features(period=0.1, dm=-1.0)["fold_log_dm"])
    assert math.isnan(features(period=0.1, width=0.0)["fold_duty"])
    assert math.isnan(features(period=-0.1)["fold_log_period"])
