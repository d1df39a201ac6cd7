"""Distributions against slow oracles, and against the light-curve library."""

import math
from typing import Any

import light_curve
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features.distribution import FAMILY, PER_BAND
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, Point, assert_close, batch, light_curves, points, scaled, values
from tests.unit.features.test_statistics import quantile, std, weighted_mean


def gaussian(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def anderson_darling(f: list[float]) -> float:
    n, mean, spread = len(f), math.fsum(f) / len(f), std(f)
    z = sorted((value - mean) / spread for value in f)
    total = sum((2 * i + 1) * (math.log(gaussian(z[i])) + math.log(gaussian(-z[n - 1 - i]))) for i in range(n))
    return (1 + 4 / n - 25 / n**2) * (-n - total / n)


def oracle(p: list[Point]) -> dict[str, float]:
    f = [flux for _, flux, _, _ in p]
    if len(f) < 5 or len(set(f)) == 1:
        return {feature.name: NAN for feature in PER_BAND}
    whole = quantile(f, 0.95) - quantile(f, 0.05)
    mean = math.fsum(f) / len(f)
    return {
        "percentile_ratio_20": (quantile(f, 0.6) - quantile(f, 0.4)) / whole,
        "percentile_ratio_50": (quantile(f, 0.75) - quantile(f, 0.25)) / whole,
        "percentile_ratio_80": (quantile(f, 0.9) - quantile(f, 0.1)) / whole,
        "beyond_2_std": sum(abs(x - mean) > 2 * std(f) for x in f) / len(f),
        "beyond_3_sigma": sum(abs(x - weighted_mean(p)) > 3 * e for _, x, e, _ in p) / len(f),
        "anderson_darling": anderson_darling(f),
    }


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 0, 0, 1, 2), broken=True))
def test_distributions_agree_with_their_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    for band in alerts.bands:
        for name, expected in oracle(points(alerts, 0, band=band)).items():
            assert_close(found[f"{name}_{band}"], expected, name, rel=1e-4)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 60))
def test_the_distance_from_a_gaussian_is_the_librarys(seed: int, n: int) -> None:
    flux = np.random.default_rng(seed).normal(100.0, 50.0, n).astype(np.float32)
    epoch = 60_000.0 + np.arange(n)
    expected = light_curve.AndersonDarlingNormal()(epoch, flux.astype(np.float64))[0]
    assert_close(values(FAMILY, alert_batch([{"epoch": epoch, "flux": flux}]))[0]["anderson_darling_r"], expected, "a²", rel=1e-4)


def test_an_eclipsing_star_is_no_gaussian() -> None:
    flux = np.where(np.arange(40) % 8 == 0, -500.0, np.random.default_rng(4).normal(100.0, 10.0, 40))
    found = values(FAMILY, alert_batch([{"epoch": 60_000.0 + np.arange(40), "flux": flux}]))[0]
    assert found["anderson_darling_r"] > 3
    assert found["beyond_2_std_r"] == pytest.approx(5 / 40)


@settings(deadline=None)
@given(curve=light_curves(), power=st.integers(-8, 8))
def test_distributions_do_not_depend_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    np.testing.assert_array_equal(FAMILY.compute(batch(scaled(curve, 2.0**power))), FAMILY.compute(batch(curve)))
