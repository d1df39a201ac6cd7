"""The evolution of colours against a slow oracle."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features.evolution import FAMILY
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, Point, assert_close, batch, light_curves, points, scaled, values
from tests.unit.features.test_colour import colour, weighted_mean


def together(blue: list[Point], red: list[Point]) -> list[tuple[Point, Point]]:
    """Each bluer detection with the redder one nearest in time, the later one if two are as near, if they are of one night."""
    if not red:
        return []
    nearest = [(b, min(reversed(red), key=lambda other: abs(other[0] - b[0]))) for b in blue]
    return [(b, r) for b, r in nearest if abs(b[0] - r[0]) <= 0.5]


def mean(values: list[tuple[float, float]]) -> float:
    """Weighted mean of (value, weight)."""
    return sum(v * w for v, w in values) / sum(w for _, w in values)


def stetson(pairs: list[tuple[Point, Point]], blue: list[Point], red: list[Point]) -> float:
    if not pairs or len(blue) < 2 or len(red) < 2:
        return NAN
    total = 0.0
    for b, r in pairs:
        deltas = [math.sqrt(len(band) / (len(band) - 1)) * (p[1] - weighted_mean(band)) / p[2] for p, band in ((b, blue), (r, red))]
        product = deltas[0] * deltas[1]
        total += math.copysign(math.sqrt(abs(product)), product) if product else 0.0
    return total / len(pairs)


def oracle(blue: list[Point], red: list[Point]) -> dict[str, float]:
    pairs = together(blue, red)
    found = [(b, r) for b, r in pairs if b[1] * r[1] > 0]
    t = [0.5 * (b[0] + r[0]) for b, r in found]
    c = [colour(b[1], r[1]) for b, r in found]
    w = [1 / ((2.5 / math.log(10)) ** 2 * ((b[2] / b[1]) ** 2 + (r[2] / r[1]) ** 2)) for b, r in found]
    brightest = max(range(len(found)), key=lambda i: abs(found[i][0][1]) + abs(found[i][1][1]), default=-1)
    expected = dict.fromkeys(
        ("colour_first", "colour_brightest", "colour_trend", "colour_trend_error", "colour_trend_snr", "colour_change"), NAN
    )
    expected |= {"n_colours": len(found), "stetson_j": stetson(pairs, blue, red), "colour_chi2_reduced": NAN}
    if found:
        expected |= {"colour_first": c[0], "colour_brightest": c[brightest]}
    if len(found) >= 2:
        middle = mean(list(zip(c, w, strict=True)))
        expected["colour_chi2_reduced"] = sum(wi * (ci - middle) ** 2 for ci, wi in zip(c, w, strict=True)) / (len(found) - 1)
    if len(found) >= 2 and t[-1] - t[0] > 0.5:
        error = float(np.sqrt(np.linalg.inv(sum(wi * np.outer([1, ti], [1, ti]) for ti, wi in zip(t, w, strict=True)))[1, 1]))
        slope = float(np.polyfit(t, c, 1, w=np.sqrt(w))[0])
        halves = [
            [(ci, wi) for ti, ci, wi in zip(t, c, w, strict=True) if (ti > 0.5 * (t[0] + t[-1])) == late] for late in (False, True)
        ]
        expected |= {"colour_trend": slope, "colour_trend_error": error, "colour_trend_snr": slope / error}
        expected["colour_change"] = mean(halves[1]) - mean(halves[0])
    return expected


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 0, 0, 1, 2), bands=("g", "r", "i"), broken=True))
def test_evolutions_agree_with_their_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    for blue, red in (("g", "r"), ("r", "i")):
        for name, expected in oracle(points(alerts, 0, band=blue), points(alerts, 0, band=red)).items():
            assert_close(found[f"{name}_{blue}_{red}"], expected, name, rel=1e-3, absolute=1e-4)


@settings(deadline=None)
@given(curve=light_curves(), power=st.integers(-8, 8))
def test_evolutions_do_not_depend_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    np.testing.assert_array_equal(FAMILY.compute(batch(scaled(curve, 2.0**power))), FAMILY.compute(batch(curve)))


def test_a_cooling_source_reddens() -> None:
    t = np.arange(0.0, 20.0, 2.0)
    red = np.full(10, 1000.0)
    curve = {"epoch": [*t, *t + 0.1], "band": [*"g" * 10, *"r" * 10], "flux": [*(red * 10 ** (-0.4 * 0.05 * t)), *red]}
    found = values(FAMILY, alert_batch([curve]))[0]
    assert found["n_colours_g_r"] == 10
    assert found["colour_trend_g_r"] == pytest.approx(0.05, rel=1e-3)
    assert found["colour_trend_snr_g_r"] > 10
    assert found["colour_first_g_r"] == pytest.approx(0.0, abs=1e-6)
    assert found["colour_change_g_r"] == pytest.approx(0.05 * 10.0, rel=0.1)


def test_bands_that_vary_together_have_a_positive_stetson_j_and_bands_that_vary_apart_a_negative_one() -> None:
    t, wave = np.arange(20.0), np.sin(np.arange(20.0)) * 200
    for sign in (1.0, -1.0):
        curve = {"epoch": [*t, *t + 0.1], "band": [*"g" * 20, *"r" * 20], "flux": [*wave, *(sign * wave)]}
        assert sign * values(FAMILY, alert_batch([curve]))[0]["stetson_j_g_r"] > 5
