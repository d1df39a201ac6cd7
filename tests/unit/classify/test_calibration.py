"""Temperatures by maturity."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.classify.calibration import Calibration
from streamer.errors import InvalidBundle

temperatures = st.floats(0.1, 10.0)


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    first = sorted(draw(st.sets(st.integers(1, 50), min_size=1, max_size=4)) | {1})
    return Calibration(tuple(first), tuple(draw(temperatures) for _ in first))


@given(calibration=calibrations())
def test_a_calibration_reads_back_as_it_was_written(calibration: Calibration) -> None:
    assert Calibration.of_json(calibration.to_json()) == calibration


@given(calibration=calibrations(), n=st.integers(0, 60))
def test_the_temperature_is_that_of_the_bin(calibration: Calibration, n: int) -> None:
    fitting = [t for first, t in zip(calibration.first, calibration.temperature, strict=True) if first <= n]
    expected = fitting[-1] if fitting else calibration.temperature[0]
    assert calibration.temperatures(np.array([n])).tolist() == [expected]


@given(scores=st.lists(st.floats(-700, 700), min_size=2, max_size=6), temperature=temperatures)
def test_probabilities_agree_with_the_plain_formula(scores: list[float], temperature: float) -> None:
    shifted = [math.exp((score - max(scores)) / temperature) for score in scores]
    found = Calibration.single(temperature).probabilities(np.array([scores]), np.array([3]))[0]
    np.testing.assert_allclose(found, [value / sum(shifted) for value in shifted], rtol=1e-9)


def test_no_rows_give_no_probabilities() -> None:
    assert Calibration.single(1.0).probabilities(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)).shape == (0, 3)


def entry(low: Any, high: Any, temperature: Any = 1.0) -> dict[str, Any]:
    return {"min_detections": low, "max_detections": high, "temperature": temperature}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "1",
        True,
        0,
        -1.0,
        math.nan,
        math.inf,
        [],
        [1.0],
        [entry(1, 2)],
        [entry(1, 2), entry(4, None)],
        [entry(1, None), entry(3, None)],
        [entry(1, 2, "hot"), entry(3, None)],
        [entry(1.5, 2), entry(3, None)],
        [entry(3, 0), entry(1, None)],
    ],
)
def test_a_wrong_calibration_is_refused(value: Any) -> None:
    with pytest.raises(InvalidBundle, match=r"calibration\.json"):
        Calibration.of_json(json.dumps({"temperature": value}).encode())
