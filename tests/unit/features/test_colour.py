"""Colours against slow oracles."""

import math
import statistics as plain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features.colour import FAMILY
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, Point, assert_close, batch, light_curves, points, scaled, values


def colour(blue: float, red: float) -> float:
    return -2.5 * math.log10(blue / red) if blue * red > 0 else NAN


def weighted_mean(p: list[Point]) -> float:
    return sum(f / e**2 for _, f, e, _ in p) / sum(1 / e**2 for _, _, e, _ in p) if p else NAN


def nights(blue: list[Point], red: list[Point]) -> list[tuple[float, float]]:
    """(time, colour) of each bluer detection with the redder one nearest in time, the later one if two are as near."""
    found = []
    for t, f, _, _ in blue:
        if red:
            near = min(reversed(red), key=lambda other: abs(other[0] - t))
            if abs(near[0] - t) <= 0.5 and f * near[1] > 0:
                found.append((0.5 * (t + near[0]), colour(f, near[1])))
    return found


def oracle(blue: list[Point], red: list[Point]) -> dict[str, float]:
    pairs = nights(blue, red)
    far = len(pairs) > 1 and pairs[-1][0] - pairs[0][0] > 0.5
    f_blue, f_red = [f for _, f, _, _ in blue], [f for _, f, _, _ in red]
    both = len(blue) >= 3 and len(red) >= 3 and len(set(f_red)) > 1
    peak_blue, peak_red = max(f_blue, default=NAN), max(f_red, default=NAN)
    total_blue = [t for *_, t in blue if not math.isnan(t)]
    total_red = [t for *_, t in red if not math.isnan(t)]
    mean_blue, mean_red = plain.fmean(total_blue) if total_blue else NAN, plain.fmean(total_red) if total_red else NAN
    return {
        "colour_mean": colour(weighted_mean(blue), weighted_mean(red)),
        "colour_peak": colour(peak_blue, peak_red) if peak_blue > 0 and peak_red > 0 else NAN,
        "colour_last": pairs[-1][1] if pairs else NAN,
        "colour_slope": (pairs[-1][1] - pairs[0][1]) / (pairs[-1][0] - pairs[0][0]) if far else NAN,
        "amplitude_ratio": plain.stdev(f_blue) / plain.stdev(f_red) if both else NAN,
        "total_colour": colour(mean_blue, mean_red) if mean_blue > 0 else NAN,
    }


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 0, 0, 1, 2), bands=("g", "r", "i"), broken=True))
def test_colours_agree_with_their_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    for blue, red in (("g", "r"), ("r", "i")):
        for name, expected in oracle(points(alerts, 0, band=blue), points(alerts, 0, band=red)).items():
            assert_close(found[f"{name}_{blue}_{red}"], expected, name, rel=1e-4, absolute=1e-5)


@settings(deadline=None)
@given(curve=light_curves(), power=st.integers(-8, 8))
def test_colours_do_not_depend_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    np.testing.assert_array_equal(FAMILY.compute(batch(scaled(curve, 2.0**power))), FAMILY.compute(batch(curve)))


def test_a_source_that_reddens_has_a_rising_colour() -> None:
    curve = {"epoch": [0.0, 0.1, 10.0, 10.1], "band": "grgr", "flux": [100.0, 100.0, 50.0, 100.0]}
    found = values(FAMILY, alert_batch([curve]))[0]
    assert found["colour_last_g_r"] == pytest.approx(0.7526, abs=1e-4)
    assert found["colour_slope_g_r"] == pytest.approx(0.07526, abs=1e-4)


def test_one_band_has_no_colours() -> None:
    assert FAMILY.compute(alert_batch([{"epoch": [1.0], "flux": [1.0]}], bands=("r",))).shape == (1, 0)
