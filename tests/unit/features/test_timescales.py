"""Time-scales against slow oracles and signals whose time-scale is known."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features.timescales import FAMILY, LAGS, MOST_POINTS, ROUNDING, SCALES
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, Point, assert_close, batch, light_curves, points, scaled, values


def weights(t: np.ndarray[Any, Any], width: float) -> np.ndarray[Any, Any]:
    """Gaussian weights of every point for every other, each row of sum 1."""
    w = np.exp(-0.5 * ((t[:, None] - t[None, :]) / width) ** 2)
    normalised: np.ndarray[Any, Any] = w / w.sum(axis=1, keepdims=True)
    return normalised


def filtered(p: list[Point], scale: float) -> float:
    t, f, e, _ = np.array(p).T
    width = scale / (math.sqrt(2) * math.pi)
    band_pass = weights(t, width / math.sqrt(2)) - weights(t, width * math.sqrt(2))
    expected_of_errors = (band_pass**2) @ (e**2)
    return float(np.mean((band_pass @ f) ** 2 - expected_of_errors)) / (math.exp(-0.5) - math.exp(-2)) ** 2 / float(np.var(f))


def structure(p: list[Point]) -> tuple[float, float]:
    pairs = [(b[0] - a[0], (b[1] - a[1]) ** 2 - a[2] ** 2 - b[2] ** 2) for i, a in enumerate(p) for b in p[i + 1 :]]
    x, y, w = [], [], []
    for low, high in pairwise(LAGS.tolist()):
        inside = [(lag, square) for lag, square in pairs if low <= lag < high]
        if len(inside) >= 3 and sum(square for _, square in inside) > 0:
            x.append(sum(math.log(lag / 10) for lag, _ in inside) / len(inside))
            y.append(0.5 * math.log(sum(square for _, square in inside) / len(inside)))
            w.append(math.sqrt(len(inside)))
    if len(x) < 2:
        return NAN, NAN
    exponent, at_ten = np.polyfit(x, y, 1, w=w)
    return float(exponent), math.exp(at_ten) / max(abs(f) for _, f, _, _ in p)


def oracle(p: list[Point]) -> dict[str, float]:
    usable = len(p) >= 5 and len({f for _, f, _, _ in p}) > 1
    expected = {f"power_{scale:.0f}d": filtered(p, scale) if usable and p[-1][0] - p[0][0] >= scale else NAN for scale in SCALES}
    for short, long in (("3d", "15d"), ("10d", "100d")):
        high, low = expected[f"power_{short}"], expected[f"power_{long}"]
        expected[f"power_ratio_{short}_{long}"] = high / low if high > ROUNDING and low > ROUNDING else NAN
    expected["structure_exponent"], expected["structure_amplitude"] = structure(p) if usable else (NAN, NAN)
    return expected


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 0, 0, 1, 2), broken=True))
def test_timescales_agree_with_their_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    for band in alerts.bands:
        for name, expected in oracle(points(alerts, 0, band=band)).items():
            assert_close(found[f"{name}_{band}"], expected, name, rel=1e-3, absolute=1e-5)


@settings(deadline=None)
@given(curve=light_curves(), power=st.integers(-8, 8))
def test_timescales_do_not_depend_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    np.testing.assert_array_equal(FAMILY.compute(batch(scaled(curve, 2.0**power))), FAMILY.compute(batch(curve)))


@pytest.mark.parametrize("scale", SCALES)
def test_a_sine_has_its_power_at_its_period(scale: float) -> None:
    t = np.linspace(0.0, 8.0 * scale, MOST_POINTS)
    curve = {"epoch": 60_000.0 + t, "flux": 1000.0 * np.sin(2 * np.pi * t / scale), "flux_err": 1.0}
    found = values(FAMILY, alert_batch([curve]))[0]
    assert found[f"power_{scale:.0f}d_r"] == pytest.approx(1.0, abs=0.15)
    others = [found[f"power_{other:.0f}d_r"] for other in SCALES if max(other / scale, scale / other) > 3]
    assert all(math.isnan(other) or other < 0.5 for other in others)


def test_noise_of_the_size_of_the_errors_has_no_power_and_no_structure() -> None:
    rng = np.random.default_rng(8)
    curves = [{"epoch": 60_000.0 + np.arange(60.0), "flux": rng.normal(0.0, 10.0, 60), "flux_err": 10.0} for _ in range(100)]
    found = values(FAMILY, alert_batch(curves))
    assert abs(np.mean([row["power_3d_r"] for row in found])) < 0.05
    assert abs(np.mean([row["power_15d_r"] for row in found])) < 0.05


@pytest.mark.parametrize(("exponent", "size"), [(0.0, 0.15), (0.5, 0.25), (1.0, 0.05)])
def test_the_exponent_tells_noise_a_random_walk_and_a_line_apart(exponent: float, size: float) -> None:
    rng = np.random.default_rng(9)
    n = 100
    steps = rng.normal(0.0, 100.0, (20, n))
    flux = {0.0: steps, 0.5: np.cumsum(steps, axis=1), 1.0: np.tile(np.arange(n) * 100.0, (20, 1))}[exponent]
    found = values(FAMILY, alert_batch([{"epoch": 60_000.0 + np.arange(n), "flux": row, "flux_err": 0.1} for row in flux]))
    assert np.mean([row["structure_exponent_r"] for row in found]) == pytest.approx(exponent, abs=size)


def test_a_long_light_curve_is_thinned() -> None:
    t = np.linspace(0.0, 100.0, 20 * MOST_POINTS)
    curve = {"epoch": 60_000.0 + t, "flux": 1000.0 * np.sin(2 * np.pi * t / 15.0), "flux_err": 1.0}
    assert values(FAMILY, alert_batch([curve]))[0]["power_15d_r"] == pytest.approx(1.0, abs=0.15)
