"""The functions that kernels compute in vectors against those of the mathematical library."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.features.kernel import cosine_and_sine, fading


@given(x=st.floats(0.0, 700.0))
def test_fading_is_the_exponential_function(x: float) -> None:
    assert fading(x) == pytest.approx(math.exp(-x), rel=5e-12, abs=0.0)


@pytest.mark.parametrize(("x", "most"), [(700.0, 1e-303), (1e308, 1e-303), (math.inf, 1e-303)])
def test_far_out_it_is_next_to_nothing(x: float, most: float) -> None:
    assert 0.0 <= fading(x) < most


def test_what_is_not_known_fades_to_what_is_not_known() -> None:
    assert math.isnan(fading(math.nan))
    assert all(map(math.isnan, cosine_and_sine(math.nan)))


@given(turns=st.floats(-1e6, 1e6), whole=st.integers(-1000, 1000))
def test_cosine_and_sine_are_those_of_the_angle_and_know_nothing_of_whole_turns(turns: float, whole: int) -> None:
    part = turns - round(turns)
    assert cosine_and_sine(turns) == pytest.approx((math.cos(2 * math.pi * part), math.sin(2 * math.pi * part)), abs=3e-15)
    assert cosine_and_sine(part + whole) == pytest.approx(cosine_and_sine(part), abs=1e-12)
