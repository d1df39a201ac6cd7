"""Pulsar candidates as people see them."""

import io
import math
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from streamer.terminal.candidate import CandidatePlot
from tests.unit.features.candidates import pulse

PULSE = pulse(64, 0.5, 0.01)


def drawn(context: dict[str, float] | None = None, width: int = 140, **series: Any) -> list[str]:
    """The lines; a series is a list of values, or columns by name."""
    rows = {
        name: {column: np.asarray(values) for column, values in (each if isinstance(each, dict) else {"value": each}).items()}
        for name, each in series.items()
    }
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(CandidatePlot(rows, context or {}))
    return console.export_text().splitlines()


def test_a_pulse_is_one_high_column_in_each_turn() -> None:
    lines = drawn(profile=PULSE)
    assert "profile" in lines[0]
    top = [place for place, symbol in enumerate(lines[1]) if symbol != " "]
    assert [round(place / 66 * 1.5, 1) for place in top] == [0.5, 0.5, 1.5]
    assert lines[12].split() == ["0", "turns", "1.5"]


def test_the_dm_curve_says_where_it_is_best() -> None:
    dm = np.arange(0.0, 500.0, 0.5)
    lines = drawn(dm_curve={"dm": dm, "snr": 20 * np.exp(-0.5 * ((dm - 120.5) / 9) ** 2)})
    assert "S/N by DM, best 120.5 at S/N 20.0" in lines[0]
    assert lines[12].split() == ["0", "DM", "499.5"]


def test_the_labels_of_the_dm_axis_stand_apart_in_the_narrowest_drawing() -> None:
    dm = np.linspace(1234.56789, 4321.98765, 200)
    lines = [line for line in drawn(width=60, dm_curve={"dm": dm, "snr": np.arange(200.0)}) if line.strip()]
    assert lines[-1].split() == ["1234.57", "DM", "4321.99"]


def test_rows_are_maps_with_the_high_frequencies_above() -> None:
    rows = [*([0.0] * 64), *([0.0] * 64), *PULSE, *PULSE]
    text = drawn({"n_subints": 4.0, "n_subbands": 4.0}, subints=rows, subbands=rows)
    assert "sub-integrations: first above" in text[0]
    assert "sub-bands: highest above" in text[0]
    left, right = ([line[:70] for line in text[1:5]], [line[70:] for line in text[1:5]])
    assert ["█" in line for line in left] == [False, False, True, True]
    assert ["█" in line for line in right] == [True, True, False, False]


@pytest.mark.parametrize(
    ("context", "series"),
    [
        ({}, {}),
        ({}, {"profile": []}),
        ({}, {"profile": [1.0]}),
        ({}, {"profile": [math.nan] * 64}),
        ({"n_subints": 3.0}, {"subints": [1.0] * 64}),
        ({"n_subints": math.nan}, {"subints": [1.0] * 64}),
        ({"n_subints": -4.0}, {"subints": [1.0] * 64}),
        ({}, {"dm_curve": {"dm": [1.0], "snr": [2.0]}}),
        ({}, {"dm_curve": {"dm": [math.nan] * 9, "snr": [2.0] * 9}}),
    ],
)
def test_what_cannot_be_drawn_is_left_out(context: dict[str, float], series: dict[str, Any]) -> None:
    assert "nothing to draw" in "".join(drawn(context, **series))


@pytest.mark.parametrize("profile", [[1.0] * 64, [1e308, -1e308, math.inf, math.nan] * 16, [5.0, 5.0], PULSE * 64])
@pytest.mark.parametrize("width", [20, 80, 400])
def test_odd_values_and_widths_can_be_drawn(profile: list[float], width: int) -> None:
    assert drawn({"n_subints": 2.0}, width, profile=profile, subints=profile, dm_curve={"dm": profile, "snr": profile})
