"""The eight HTRU2 features against plain Python, for series of any length."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.data.arrays import Float32s
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.features import compute, features_of
from streamer.features.profile import DM_TRIALS, FEATURES, PROFILE_BINS
from tests.builders import alert_batch

NAMES = [feature.name for feature in FEATURES]
EPSILON = 1e-9


def ragged(rows: Sequence[Sequence[float]], name: str) -> Ragged:
    flat = np.array([value for row in rows for value in row], dtype=np.float64)
    return Ragged(offsets_from_lengths(np.array([len(row) for row in rows], dtype=np.int64)), {name: flat})


def features(profiles: Sequence[Sequence[float]], curves: Sequence[Sequence[float]] | None = None) -> Float32s:
    """float32[n, 8] of n candidates."""
    series = {"profile": ragged(profiles, "value"), "dm_curve": ragged(profiles if curves is None else curves, "snr")}
    return compute(alert_batch([{}] * len(profiles), survey="pulsar", bands=(), series=series), NAMES)


def oracle(values: Sequence[float], size: int) -> list[float] | None:
    """Mean, standard deviation, skewness, excess kurtosis, slowly and exactly up to the square root; None where undefined."""
    measured = [Fraction(value) for value in values if math.isfinite(value)]
    m = len(measured)
    if m < 2 or len(set(measured)) < 2:
        return None
    fine = [value for value in measured for _ in range(size)]  # m × size pieces
    grid = [sum(fine[j * m : (j + 1) * m]) / m for j in range(size)]
    low, high = min(grid), max(grid)
    if high - low <= Fraction(EPSILON) * (max(measured) - min(measured)):
        return None
    levels = [math.floor(255 * (value - low) / (high - low) + Fraction(1, 2)) for value in grid]
    mean = Fraction(sum(levels), size)
    m2, m3, m4 = (float(sum((level - mean) ** power for level in levels) / size) for power in (2, 3, 4))
    return [float(mean), math.sqrt(m2), m3 / m2**1.5, m4 / m2**2 - 3]


def expected(values: Sequence[float], size: int) -> list[float]:
    return oracle(values, size) or [math.nan] * 4


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(-1000, 1000).map(float), max_size=9), max_size=4))
def test_features_are_those_of_the_oracle(rows: list[list[float]]) -> None:
    found = features(rows)
    for row, values in zip(found, rows, strict=True):
        np.testing.assert_allclose(row[:4], expected(values, PROFILE_BINS), rtol=1e-5, atol=1e-5)
    if rows:
        np.testing.assert_allclose(found[0, 4:], expected(rows[0], DM_TRIALS), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length", [2, 7, 100, 127, 128, 129, 300])
def test_profiles_of_any_length_are_rebinned(length: int) -> None:
    values = np.random.default_rng(length).integers(-500, 500, length).astype(float).tolist()
    np.testing.assert_allclose(features([values])[0, :4], expected(values, PROFILE_BINS), rtol=1e-5, atol=1e-5)


def test_dm_curves_of_other_lengths_keep_their_moments() -> None:
    curve = np.random.default_rng(3).integers(0, 50, DM_TRIALS).astype(float)
    same, twice, long = features([[1.0, 2.0]] * 3, [curve.tolist(), np.repeat(curve, 2).tolist(), np.repeat(curve, 7).tolist()])
    np.testing.assert_array_equal(same, twice)
    np.testing.assert_array_equal(same, long)


@pytest.mark.parametrize(
    "values",
    [[], [3.0], [2.0] * 7, [2.0] * 4096, [math.nan] * 128, [math.inf, 1.0], [math.nan, 1.0, 1.0], [0.1] * 100, [1e308, -1e308],
     [0.0, 1.0] * 2048],
)  # fmt: skip
def test_a_series_without_two_different_values_has_no_features(values: list[float]) -> None:
    found = features([values], [[1.0, 2.0, 4.0]])
    assert np.isnan(found[0, :4]).all()
    assert np.isfinite(found[0, 4:]).all()


def test_what_was_not_measured_is_left_out() -> None:
    values = [5.0, 1.0, 2.0, 9.0]
    whole, holed = features([values, [math.nan, 5.0, 1.0, math.inf, 2.0, -math.inf, 9.0]])
    np.testing.assert_array_equal(whole, holed)


@settings(deadline=None, max_examples=50)
@given(
    values=st.lists(st.integers(-100, 100).map(float), min_size=2, max_size=200), k=st.integers(-20, 20), zero=st.integers(-99, 99)
)
def test_scale_and_zero_of_a_profile_do_not_matter(values: list[float], k: int, zero: int) -> None:
    plain, other = features([values, [(value + zero) * 2.0**k for value in values]])
    np.testing.assert_allclose(plain, other, rtol=1e-3, atol=0.02)  # a value at a half may round the other way


def test_turning_a_profile_changes_nothing_and_turning_it_over_turns_the_skewness() -> None:
    profile = np.random.default_rng(5).integers(0, 256, PROFILE_BINS).astype(float)
    profile[:2] = 0.0, 255.0
    plain, turned, over = features([profile.tolist(), np.roll(profile, 37).tolist(), (255.0 - profile).tolist()])
    np.testing.assert_allclose(turned[:4], plain[:4], rtol=1e-6)
    np.testing.assert_allclose(over[:4], [255 - plain[0], plain[1], -plain[2], plain[3]], rtol=1e-4, atol=1e-5)


def test_halves_are_rounded_upwards() -> None:
    values = [0.0, 0.5, 1.5, 255.0] * 32
    assert features([values])[0, 0] == pytest.approx((0 + 1 + 2 + 255) / 4)


def test_a_survey_without_bands_has_these_features_first() -> None:
    assert [feature.name for feature in features_of(())][: len(NAMES)] == NAMES
    assert not set(NAMES) & {feature.name for feature in features_of(("g", "r", "i"))}
