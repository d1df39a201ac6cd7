"""Statistics against slow oracles in plain Python, and against the light-curve library where its definitions are the same."""

import math
import statistics as plain
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import light_curve
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streamer.features.statistics import FAMILY, PER_BAND
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, Oracle, Point, assert_close, batch, light_curves, points, scaled, values


def weighted_mean(p: Sequence[Point]) -> float:
    return sum(f / e**2 for _, f, e, _ in p) / sum(1 / e**2 for _, _, e, _ in p)


def std(f: Sequence[float]) -> float:
    return plain.stdev(f)


def central(f: Sequence[float], order: int) -> float:
    mean = plain.fmean(f)
    return sum((x - mean) ** order for x in f)


def quantile(f: Sequence[float], q: float) -> float:
    ordered, place = sorted(f), q * (len(f) - 1)
    low = math.floor(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(f) - 1)] - ordered[low])


def kurtosis(f: Sequence[float]) -> float:
    n = len(f)
    first = n * (n + 1) * (n - 1) / ((n - 2) * (n - 3)) * central(f, 4) / central(f, 2) ** 2
    return first - 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))


def stetson_k(p: Sequence[Point]) -> float:
    d = [(f - weighted_mean(p)) / e for _, f, e, _ in p]
    return sum(map(abs, d)) / math.sqrt(len(d) * sum(x * x for x in d))


def stetson_j(p: Sequence[Point]) -> float:
    n = len(p)
    d = [(f - weighted_mean(p)) / e * math.sqrt(n / (n - 1)) for _, f, e, _ in p]
    pairs = [d[i] * d[i + 1] for i in range(n - 1)]
    return sum(math.copysign(math.sqrt(abs(x)), x) if x else 0.0 for x in pairs) / (n - 1)


def cusum(f: Sequence[float]) -> float:
    mean = plain.fmean(f)
    sums = [sum(x - mean for x in f[: i + 1]) for i in range(len(f))]
    return (max(sums) - min(sums)) / (len(f) * std(f))


def total_amplitude(p: Sequence[Point]) -> float:
    total = [t for *_, t in p if t > 0]
    return 2.5 * math.log10(max(total) / min(total)) if len(total) >= 2 else NAN


def fluxes(p: Sequence[Point]) -> list[float]:
    return [f for _, f, _, _ in p]


def of_varying(minimum: int, formula: Any) -> Oracle:
    """A formula of the fluxes, undefined for fewer than `minimum` points or a constant flux."""
    return lambda p: formula(fluxes(p)) if len(p) >= minimum and len(set(fluxes(p))) > 1 else NAN


def of_points(minimum: int, formula: Any) -> Oracle:
    return lambda p: formula(p) if len(p) >= minimum else NAN


def excess_scatter(p: Sequence[Point]) -> float:
    beyond = std(fluxes(p)) ** 2 - plain.fmean(e**2 for _, _, e, _ in p)
    return math.sqrt(max(beyond, 0.0)) / max(map(abs, fluxes(p)))


ORACLES: dict[str, Oracle] = {
    "snr_max": of_points(1, lambda p: max(f / e for _, f, e, _ in p)),
    "snr_mean": of_points(1, lambda p: weighted_mean(p) * math.sqrt(sum(1 / e**2 for _, _, e, _ in p))),
    "fraction_positive": of_points(1, lambda p: sum(f > 0 for f in fluxes(p)) / len(p)),
    "chi2_reduced": of_points(2, lambda p: sum(((f - weighted_mean(p)) / e) ** 2 for _, f, e, _ in p) / (len(p) - 1)),
    "amplitude_fraction": lambda p: (
        (max(fluxes(p)) - min(fluxes(p))) / max(map(abs, fluxes(p))) if len(p) >= 2 and any(fluxes(p)) else NAN
    ),
    "excess_scatter": lambda p: excess_scatter(p) if len(p) >= 2 and any(fluxes(p)) else NAN,
    "total_amplitude": total_amplitude,
    "skew": of_varying(3, lambda f: len(f) * math.sqrt(len(f) - 1) / (len(f) - 2) * central(f, 3) / central(f, 2) ** 1.5),
    "kurtosis": of_varying(4, kurtosis),
    "eta": of_varying(3, lambda f: sum((b - a) ** 2 for a, b in pairwise(f)) / central(f, 2)),
    "stetson_k": lambda p: stetson_k(p) if len(p) >= 3 and len(set(fluxes(p))) > 1 else NAN,
    "stetson_j": of_points(3, stetson_j),
    "beyond_1_std": of_varying(3, lambda f: sum(abs(x - plain.fmean(f)) > std(f) for x in f) / len(f)),
    "mad_over_std": of_varying(3, lambda f: plain.median(abs(x - plain.median(f)) for x in f) / std(f)),
    "median_position": of_varying(3, lambda f: (plain.median(f) - min(f)) / (max(f) - min(f))),
    "iqr_fraction": of_varying(4, lambda f: (quantile(f, 0.75) - quantile(f, 0.25)) / (max(f) - min(f))),
    "cusum": of_varying(3, cusum),
}


def test_every_statistic_has_an_oracle() -> None:
    assert set(ORACLES) == {feature.name for feature in PER_BAND}


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 0, 1, 2), broken=True))
def test_statistics_agree_with_their_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    for band in alerts.bands:
        p = points(alerts, 0, band=band)
        for name, oracle in ORACLES.items():
            assert_close(found[f"{name}_{band}"], oracle(p), name)


@settings(deadline=None)
@given(curve=light_curves(), power=st.integers(-8, 8))
def test_statistics_do_not_depend_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    np.testing.assert_array_equal(FAMILY.compute(batch(scaled(curve, 2.0**power))), FAMILY.compute(batch(curve)))


@pytest.mark.parametrize(
    ("name", "extractor"),
    [
        ("skew", light_curve.Skew()),
        ("kurtosis", light_curve.Kurtosis()),
        ("eta", light_curve.Eta()),
        ("stetson_k", light_curve.StetsonK()),
        ("beyond_1_std", light_curve.BeyondNStd(1.0)),
        ("cusum", light_curve.Cusum()),
        ("chi2_reduced", light_curve.ReducedChi2()),
    ],
)
@settings(deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 40))
def test_statistics_agree_with_the_light_curve_library(name: str, extractor: Any, seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    epoch = 60_000.0 + np.cumsum(rng.uniform(0.1, 3.0, n))
    flux, error = rng.normal(100.0, 50.0, n).astype(np.float32), rng.uniform(1.0, 20.0, n).astype(np.float32)
    expected = extractor(epoch, flux.astype(np.float64), error.astype(np.float64))[0]
    found = values(FAMILY, alert_batch([{"epoch": epoch, "flux": flux, "flux_err": error}]))[0]
    assert_close(found[f"{name}_r"], float(expected), name)


def test_the_median_absolute_deviation_is_the_librarys() -> None:
    rng = np.random.default_rng(3)
    flux = rng.normal(0.0, 50.0, 31).astype(np.float32).astype(np.float64)
    epoch = np.arange(31.0)
    library = light_curve.MedianAbsoluteDeviation()(epoch, flux)[0] / light_curve.StandardDeviation()(epoch, flux)[0]
    found = values(FAMILY, alert_batch([{"epoch": epoch, "flux": flux}]))[0]
    assert_close(found["mad_over_std_r"], float(library), "mad_over_std")


@settings(deadline=None)
@given(curve=light_curves())
def test_the_sign_of_the_flux_turns_the_skew(curve: dict[str, Any]) -> None:
    assume(len(curve["flux"]) >= 3)
    plus, minus = values(FAMILY, batch(curve))[0], values(FAMILY, batch({**curve, "flux": [-f for f in curve["flux"]]}))[0]
    for band in ("g", "r"):
        assert_close(minus[f"skew_{band}"], -plus[f"skew_{band}"], "skew")
        assert_close(minus[f"eta_{band}"], plus[f"eta_{band}"], "eta")
