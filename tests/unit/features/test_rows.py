"""Sub-integrations and sub-bands against plain Python and against pulses that are known."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features import subbands, subints
from tests.unit.features.candidates import candidates, named, pulse
from tests.unit.features.curves import assert_close

NAN = math.nan
SPEED_OF_LIGHT = 299_792_458.0
Rows = Sequence[Sequence[float]]


def through_time(rows: Rows, **context: float) -> dict[str, float]:
    """Features of sub-integrations."""
    numbers = {"n_subints": float(len(rows)), "period": 0.005, "t_obs": 600.0} | context
    flat = [value for row in rows for value in row]
    [found] = named(subints.FAMILY, candidates(subints=[flat], context={name: [value] for name, value in numbers.items()}))
    return found


def through_band(rows: Rows, **context: float) -> dict[str, float]:
    """Features of sub-bands."""
    numbers = {"n_subbands": float(len(rows)), "centre_frequency": 1400.0, "bandwidth": 300.0} | context
    flat = [value for row in rows for value in row]
    [found] = named(subbands.FAMILY, candidates(subbands=[flat], context={name: [value] for name, value in numbers.items()}))
    return found


def unit(row: Sequence[float]) -> list[float] | None:
    """The row with its mean off and of length 1; None if it was not measured."""
    if not all(math.isfinite(value) for value in row) or max(row) == min(row):
        return None
    mean = sum(row) / len(row)
    length = math.sqrt(sum((value - mean) ** 2 for value in row))
    return [(value - mean) / length for value in row]


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def correlations(rows: Rows) -> list[float]:
    """Of each measured row with the sum of the other measured rows, slowly; NaN where that sum is nothing."""
    units = [u for u in map(unit, rows) if u is not None]
    found = []
    for i, row in enumerate(units):
        others = [sum(other[j] for k, other in enumerate(units) if k != i) for j in range(len(row))]
        size = math.sqrt(dot(others, others))
        found.append(dot(row, others) / size if size > 1e-6 else NAN)
    return found


@settings(deadline=None, max_examples=80)
@given(rows=st.integers(2, 6), bins=st.integers(8, 20), seed=st.integers(0, 9999), dead=st.integers(0, 3))
def test_correlations_are_those_of_the_oracle(rows: int, bins: int, seed: int, dead: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(-50, 50, (rows, bins)).astype(float)
    table[:, 2] += 200.0
    table[rng.integers(rows, size=dead)] = rng.choice([0.0, NAN, 7.0])
    values = correlations(table.tolist())
    late, wide = through_time(table.tolist()), through_band(table.tolist())
    assert wide["subband_measured"] == pytest.approx(len(values) / rows)
    if len(values) < 2:
        assert math.isnan(late["subint_correlation"])
        assert math.isnan(wide["subband_correlation"])
        return
    assert_close(late["subint_correlation"], float(np.mean(values)), "mean")
    assert_close(late["subint_correlation_std"], float(np.std(values)), "std", absolute=1e-5)
    assert_close(late["subint_fraction"], float(np.mean([v * math.sqrt(bins - 1) > 2 for v in values])), "fraction")
    assert_close(wide["subband_correlation_min"], min(values), "least")
    assert_close(wide["subband_fraction"], late["subint_fraction"], "fraction")


@pytest.mark.parametrize(
    ("flat", "count"),
    [([], 4.0), ([1.0] * 64, 0.0), ([1.0] * 64, -4.0), ([1.0] * 64, NAN), ([1.0] * 64, 3.0), ([1.0] * 64, 2.5), ([1.0] * 64, 1e30),
     ([1.0] * 64, 1.0), ([float(i) for i in range(64)], 16.0), ([1.0] * 64, 4.0), ([NAN] * 64, 4.0)],
)  # fmt: skip
def test_what_are_no_rows_has_no_features(flat: list[float], count: float) -> None:
    [late] = named(subints.FAMILY, candidates(subints=[flat], context={"n_subints": [count]}))
    [wide] = named(subbands.FAMILY, candidates(subbands=[flat], context={"n_subbands": [count]}))
    assert all(math.isnan(value) for value in late.values())
    assert all(math.isnan(value) for name, value in wide.items() if name != "subband_measured")


def test_without_the_series_nothing_is_defined() -> None:
    for family in (subints.FAMILY, subbands.FAMILY):
        assert all(math.isnan(value) for value in named(family, candidates(context={"n_subints": [4.0]}))[0].values())


def observed(
    phase: Sequence[float], height: Sequence[float] | float = 1.0, noise: float = 0.02, bins: int = 64
) -> list[list[float]]:
    """A row with a pulse at each phase, and a little noise."""
    rng = np.random.default_rng(len(phase))
    heights = np.broadcast_to(height, len(phase)).tolist()
    return [
        (np.array(pulse(bins, p, 0.03, h)) + noise * rng.normal(size=bins)).tolist() for p, h in zip(phase, heights, strict=True)
    ]


TIMES = [(2 * r + 1) / 32 - 1 for r in range(32)]


@pytest.mark.parametrize(("drift", "bend"), [(0.0, 0.0), (0.1, 0.0), (-0.3, 0.0), (0.0, 0.2), (0.05, -0.1), (1.4, 0.3)])
def test_drift_and_bend_are_those_that_were_put_in(drift: float, bend: float) -> None:
    found = through_time(observed([0.4 + drift / 2 * t + bend * t * t for t in TIMES]))
    assert found["subint_drift"] == pytest.approx(drift, abs=0.02)
    assert found["subint_bend"] == pytest.approx(bend, abs=0.02)
    acceleration = 8 * SPEED_OF_LIGHT * 0.005 * found["subint_bend"] / 600.0**2
    assert found["subint_acceleration"] == pytest.approx(acceleration, rel=1e-5)


def test_a_steady_pulse_is_in_every_row() -> None:
    found = through_time(observed([0.4] * 32))
    assert (found["subint_fraction"], found["subint_gap"]) == (1.0, 0.0)
    assert found["subint_correlation"] > 0.95
    assert found["subint_modulation"] < 0.1
    assert found["subint_jitter"] < 0.01
    assert found["subint_trend"] == pytest.approx(0.0, abs=0.02)


def test_interference_that_comes_once_has_gaps_and_one_strong_row() -> None:
    found = through_time(observed([0.4] * 32, [0.0] * 20 + [5.0, 5.0] + [0.0] * 10))
    assert found["subint_fraction"] < 0.4
    assert found["subint_gap"] > 0.25
    assert found["subint_strongest"] > 5.0
    assert found["subint_trend"] > 0.5


def test_noise_has_neither_persistence_nor_drift() -> None:
    rows = np.random.default_rng(1).normal(size=(32, 64)).tolist()
    found = through_time(rows)
    assert found["subint_fraction"] < 0.25
    assert abs(found["subint_correlation"]) < 0.1
    assert math.isnan(found["subint_drift"])


def test_without_the_length_of_the_observation_there_is_no_acceleration() -> None:
    rows = observed([0.4] * 8)
    for length in (NAN, 0.0, -1.0):
        assert math.isnan(through_time(rows, t_obs=length)["subint_acceleration"])


def test_a_pulse_fills_the_band_and_narrow_interference_does_not() -> None:
    pulsar, narrow = through_band(observed([0.4] * 16)), through_band(observed([0.4] * 16, [0.0] * 15 + [9.0]))
    assert (pulsar["subband_fraction"], pulsar["subband_measured"]) == (1.0, 1.0)
    assert narrow["subband_fraction"] < 0.4
    assert narrow["subband_strongest"] > 2 * pulsar["subband_strongest"]
    assert narrow["subband_modulation"] > pulsar["subband_modulation"]


@pytest.mark.parametrize("index", [-2.0, -0.5, 0.0, 1.0])
def test_the_slope_is_about_the_spectral_index(index: float) -> None:
    frequency = [1.0 + 300 / 1400 * ((r + 0.5) / 16 - 0.5) for r in range(16)]
    found = through_band(observed([0.4] * 16, [nu**index for nu in frequency]))
    assert found["subband_slope"] == pytest.approx(index, abs=0.15)
    assert math.isnan(through_band(observed([0.4] * 16), centre_frequency=NAN)["subband_slope"])


def test_a_wrong_dispersion_measure_turns_the_band() -> None:
    assert through_band(observed([0.4 + 0.01 * r for r in range(16)]))["subband_drift"] == pytest.approx(0.16, abs=0.02)


def test_each_rows_gain_and_zero_do_not_matter_for_its_correlation() -> None:
    rows = observed([0.4] * 8, noise=0.3)
    gained = [[(2.0 + r) * value + 100.0 * r for value in row] for r, row in enumerate(rows)]
    for name in ("subint_correlation", "subint_fraction", "subint_drift"):
        assert_close(through_time(gained)[name], through_time(rows)[name], name)
