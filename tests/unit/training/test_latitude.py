"""What galactic latitude would add: the formula, and what is said of classes that lie apart, alike, or nowhere."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.data.arrays import Float64s
from streamer.errors import InvalidConfig
from streamer.training.crossfit import Grown, grown
from streamer.training.fit import Examples, examples_of, read_sets
from streamer.training.kept import Kept
from streamer.training.latitude import NAME, galactic_latitude, latitude, section
from streamer.training.metrics import Figures
from streamer.training.pitfalls import check_allowed
from streamer.training.recipe import parse_recipe
from tests.unit.training.tables import SMALL_RECIPE, write_bts

RECIPE = parse_recipe(SMALL_RECIPE.replace("rotations = 2", "rotations = 4"), "here")
TO_THE_POLE = (-0.8676661490190047, -0.1980763734312015, 0.4559837761750669)
"""Third row of the rotation from ICRS to galactic axes, as the Hipparcos catalogue prints it (ESA SP-1200, volume 1, 1.5.11)."""


@given(st.floats(0, 360), st.floats(-90, 90))
def test_galactic_latitude_is_the_height_above_the_plane(ra: float, dec: float) -> None:
    a, d = np.radians([ra, dec])
    height = np.dot(TO_THE_POLE, [np.cos(a) * np.cos(d), np.sin(a) * np.cos(d), np.sin(d)])
    assert galactic_latitude(np.array([[ra, dec]]))[0] == pytest.approx(np.degrees(np.arcsin(height)), abs=1e-4)


def test_what_lies_nowhere_has_no_latitude() -> None:
    assert np.isnan(galactic_latitude(np.array([[np.nan, np.nan], [0.0, 0.0]]))).tolist() == [True, False]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    folder = tmp_path_factory.mktemp("data")
    write_bts(folder, 90)
    made = examples_of(RECIPE, read_sets(RECIPE, folder))
    nothing_told = np.zeros_like(made.matrix)
    nothing_told[:, 0] = np.random.default_rng(2).normal(size=len(made.picks))
    return replace(made, matrix=nothing_told)


@pytest.fixture(scope="module")
def models(examples: Examples) -> list[Grown]:
    return grown(RECIPE, examples, 4, Kept(None), lambda _: None)


def seen_at(examples: Examples, position: Float64s | None, models: list[Grown]) -> Figures:
    placed = replace(examples, table=replace(examples.table, position=position))
    return latitude(RECIPE, placed, models, Kept(None), lambda _: None)


def at_declination(dec: Float64s) -> Float64s:
    """Positions on the meridian of the galactic pole, where the latitude is 62.87° + declination as far as the pole."""
    return np.stack([np.full(len(dec), 192.85948), dec], axis=1)


def test_classes_that_lie_apart_are_told_by_where_they_lie(examples: Examples, models: list[Grown]) -> None:
    rng = np.random.default_rng(1)
    dec = np.array([-60.0, -30.0, 20.0])[examples.truth] + rng.uniform(-5, 5, len(examples.table))
    found = seen_at(examples, at_declination(dec), models)
    assert found["objects"] == len(examples.table)
    assert found["alone"]["macro_f1"]["low"] > 0.9
    assert found["without"]["macro_f1"]["high"] < 0.6
    assert found["gained"]["low"] > 0.3
    assert all(entry["alone"]["value"] > 0.9 for entry in found["classes"].values())
    assert found["classes"]["SNIa"]["median"] == pytest.approx(2.9, abs=3.0)
    *_, meaning = section({"latitude": found, "simulated": False})
    assert meaning.startswith("With |b| the model scores measurably higher")
    assert "above zero for: SNIa, SNII, CV/Nova." in meaning
    assert "where catalogues and surveys looked" in meaning
    assert "the simulation's choice" in section({"latitude": found, "simulated": True})[-1]


def test_the_model_without_latitude_is_the_model_itself_and_where_classes_lie_alike_nothing_is_gained(
    examples: Examples, models: list[Grown]
) -> None:
    found = seen_at(examples, at_declination(np.random.default_rng(3).uniform(-60, 20, len(examples.table))), models)
    other = seen_at(examples, at_declination(np.linspace(-60, 20, len(examples.table))), models)
    assert found["without"] == other["without"]
    assert abs(found["gained"]["value"]) < 0.2
    assert "does not score measurably higher" in section({"latitude": found, "simulated": False})[-1]


def test_only_objects_whose_position_is_known_train_and_are_judged(examples: Examples, models: list[Grown]) -> None:
    position = at_declination(np.array([-60.0, -30.0, 20.0])[examples.truth])
    known = np.arange(len(examples.table)) % 3 != 1
    unknown_too = np.where(known[:, None], position, np.nan)
    found = seen_at(examples, unknown_too, models)
    assert found["known"] == found["objects"] == np.count_nonzero(known)
    assert sum(entry["objects"] for entry in found["classes"].values()) == found["objects"]


def test_without_positions_or_with_few_nothing_is_grown_and_the_report_says_why(examples: Examples, models: list[Grown]) -> None:
    assert seen_at(examples, None, models) == {"known": 0, "objects": 0}
    assert "no positions" in section({"latitude": {"known": 0, "objects": 0}})[-1]
    one = np.full((len(examples.table), 2), np.nan)
    one[0] = (10.0, 10.0)
    found = seen_at(examples, one, models)
    assert found == {"known": 1, "objects": 0}
    assert "known of 1 objects, too few" in section({"latitude": found, "simulated": False})[-1]
    assert section({}) == []


def test_no_recipe_may_have_what_is_tried_here_as_an_input() -> None:
    with pytest.raises(InvalidConfig, match="labels found in catalogues by position leak through it"):
        check_allowed((NAME,), "here")
