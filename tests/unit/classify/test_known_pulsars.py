"""Known pulsars among candidates: place, harmonics and dispersion measure, against a comparison of every pair."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.classify.known_pulsars import KnownPulsars, search_radius, separation
from streamer.data.batch import AlertBatch
from tests.builders import alert_batch

NAN = math.nan


def catalogue(*pulsars: tuple[str, float, float, float, float]) -> KnownPulsars:
    name, ra, dec, period, dm = zip(*sorted(pulsars, key=lambda pulsar: pulsar[2]), strict=True)
    return KnownPulsars("test.db", name, *(np.array(column, dtype=np.float64) for column in (ra, dec, period, dm)))


def candidates(*rows: tuple[float, float, float, float, float]) -> AlertBatch:
    """Candidates of (ra, dec, period, dm, position error)."""
    ra, dec, *rest = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    context = {name: column.astype(np.float32) for name, column in zip(("period", "dm", "position_error"), rest, strict=True)}
    return alert_batch([{}] * len(rows), survey="pulsar", bands=(), ra=ra, dec=dec, context=context)


CRAB = ("J0534+2200", 83.633, 22.014, 0.0334, 56.8)
VELA = ("J0835-4510", 128.836, -45.176, 0.0893, 67.97)


def found(*rows: Any, known: KnownPulsars | None = None) -> dict[int, tuple[str, str | None]]:
    pulsars = known or catalogue(CRAB, VELA)
    return {i: (match.name, match.harmonic) for i, match in pulsars.matches(candidates(*rows)).items()}


@pytest.mark.parametrize(
    ("factor", "harmonic"), [(1.0, "1"), (2.0, "2"), (8.0, "8"), (0.5, "1/2"), (1 / 3, "1/3"), (1 / 8, "1/8"), (1.0008, "1")]
)
def test_a_pulsar_is_recognised_at_its_harmonics(factor: float, harmonic: str) -> None:
    assert found((83.6, 22.0, 0.0334 * factor, 57.0, 0.05)) == {0: ("J0534+2200", harmonic)}


@pytest.mark.parametrize("row", [
    (83.6, 23.0, 0.0334, 57.0, 0.05),
    (85.0, 22.0, 0.0334, 57.0, 0.05),
    (83.6, 22.0, 0.0337, 57.0, 0.05),
    (83.6, 22.0, 0.0334 * 9, 57.0, 0.05),
    (83.6, 22.0, 0.0334, 70.0, 0.05),
])  # fmt: skip
def test_what_is_elsewhere_or_turns_otherwise_is_not(row: tuple[float, float, float, float, float]) -> None:
    assert found(row) == {}


def test_what_is_not_known_does_not_exclude() -> None:
    unknown_dm = catalogue((*CRAB[:4], NAN))
    assert found((83.6, 22.0, 0.0334, NAN, NAN)) == {0: ("J0534+2200", "1")}
    assert found((83.6, 22.0, 0.0334, 9.0, NAN), known=unknown_dm) == {0: ("J0534+2200", "1")}


def test_of_several_the_nearest_is_meant_and_its_distance_is_told() -> None:
    near, far = ("near", 10.0, 0.01, 1.0, 20.0), ("far", 10.0, -0.05, 1.0, 20.0)
    match = catalogue(near, far).matches(candidates((10.0, 0.0, 1.0, 20.0, NAN)))[0]
    assert (match.catalogue, match.name) == ("test.db", "near")
    assert match.separation == pytest.approx(36.0)


def test_right_ascension_goes_round() -> None:
    assert found((0.01, 0.0, 1.0, 20.0, NAN), known=catalogue(("zero", 359.99, 0.0, 1.0, 20.0))) == {0: ("zero", "1")}
    assert found((200.0, 89.99, 1.0, 20.0, NAN), known=catalogue(("pole", 20.0, 89.99, 1.0, 20.0))) == {0: ("pole", "1")}


def test_the_radius_follows_the_error_within_limits() -> None:
    np.testing.assert_allclose(search_radius(np.array([0.1, NAN, 0.0, 50.0, -1.0])), [0.3, 0.25, 0.01, 2.0, 0.25])


def test_an_unordered_catalogue_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="declination"):
        KnownPulsars("x", ("a", "b"), np.zeros(2), np.array([1.0, 0.0]), np.ones(2), np.ones(2))


places = st.tuples(st.floats(0, 359.9), st.floats(-89, 89))


@settings(deadline=None, max_examples=50)
@given(st.lists(places, min_size=1, max_size=12), st.lists(places, min_size=1, max_size=4), st.sampled_from([0.5, NAN, 5.0]))
def test_looking_up_is_comparing_every_pair(
    pulsars: list[tuple[float, float]], others: list[tuple[float, float]], error: float
) -> None:
    known = catalogue(*((f"p{i}", ra, dec, 1.0, NAN) for i, (ra, dec) in enumerate(pulsars)))
    rows = [(ra, dec, 1.0, 20.0, error) for ra, dec in [*others, pulsars[0]]]
    matches = known.matches(candidates(*rows))
    radius = float(search_radius(np.array([error], dtype=np.float32).astype(np.float64))[0])
    for i, (ra, dec, *_) in enumerate(rows):
        apart = separation(np.full(len(known), ra), np.full(len(known), dec), known.ra, known.dec)
        assert (i in matches) == bool(apart.min() <= radius)
        if i in matches:
            assert matches[i].separation == pytest.approx(3600 * apart.min())
