"""Supernova shapes: known curves are recovered, and no other optimiser finds a better fit."""

from typing import Any

import light_curve
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from streamer.data.arrays import Float64s
from streamer.features.supernova import FAMILY, MOST_POINTS, PENALTIES, fit
from tests.builders import alert_batch
from tests.unit.features.curves import batch, light_curves, scaled, values


def bazin(t: Float64s, amplitude: float, t0: float, rise: float, fall: float, baseline: float = 0.0) -> Float64s:
    """The function as Bazin et al. print it."""
    shape: Float64s = amplitude * np.exp(-(t - t0) / fall) / (1.0 + np.exp(-(t - t0) / rise)) + baseline
    return shape


def simulated(rng: np.random.Generator) -> tuple[Float64s, Float64s, Float64s]:
    """Times, fluxes and errors of a supernova's detections, at least eight."""
    t = np.sort(rng.uniform(-40.0, 0.0, int(rng.integers(12, 40))))
    rise, fall = np.exp(rng.normal(np.log(3.0), 0.4)), np.exp(rng.normal(np.log(20.0), 0.4))
    flux = bazin(t, 1000.0, rng.uniform(-30.0, -8.0), rise, fall)
    error = np.full(len(t), flux.max() * rng.choice([0.01, 0.03]))
    flux = flux + rng.normal(0.0, error)
    found = flux > 3.0 * error
    return (t[found], flux[found], error[found]) if found.sum() >= 8 else simulated(rng)


def prepared(t: Float64s, flux: Float64s, error: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    brightest = flux.max()
    return t - t[flux.argmax()], flux / brightest, brightest / error


def residuals(p: Float64s, t: Float64s, f: Float64s, w: Float64s) -> Float64s:
    """Of data and penalties, from the printed form of the function."""
    rise, fall = np.exp(p[2]), np.exp(p[2]) * (1.0 + np.exp(p[3]))
    t0 = p[1] - rise * p[3]
    model = np.exp(p[0]) * bazin(t, 1.0, t0, rise, fall) / bazin(p[1], 1.0, t0, rise, fall) + p[4]
    penalised = np.array([p[1], p[2], np.log(fall), p[4]])
    return np.concatenate([(f - model) * w, (penalised - PENALTIES[:, 0]) / PENALTIES[:, 1]])


@settings(deadline=None, max_examples=30)
@given(
    rise=st.floats(1.0, 6.0),
    ratio=st.floats(2.5, 12.0),
    t0=st.floats(-30.0, -20.0),
    baseline=st.sampled_from([0.0, 10.0]),
    magnitude=st.floats(15.0, 19.0),
)
def test_a_curve_without_noise_gives_back_its_parameters(
    rise: float, ratio: float, t0: float, baseline: float, magnitude: float
) -> None:
    t = np.linspace(-50.0, 0.0, 101)
    fall = rise * ratio
    peak = t0 + rise * np.log(ratio - 1.0)
    scale = 10 ** (-0.4 * (magnitude - 31.4)) / float(bazin(np.array(peak), 1.0, t0, rise, fall))
    flux = bazin(t, scale, t0, rise, fall, baseline)
    found = values(FAMILY, alert_batch([{"epoch": 60_000.0 + t, "flux": flux, "flux_err": flux.max() / 1000}]))[0]
    assert found["bazin_converged_r"] == 1.0
    assert found["bazin_rise_time_r"] == pytest.approx(rise, rel=0.02)
    assert found["bazin_fall_time_r"] == pytest.approx(fall, rel=0.02)
    assert found["bazin_peak_age_r"] == pytest.approx(-peak, abs=0.1)
    assert found["bazin_peak_magnitude_r"] == pytest.approx(magnitude, abs=0.01)
    assert found["bazin_baseline_r"] == pytest.approx(baseline / 10 ** (-0.4 * (magnitude - 31.4)), abs=0.01)
    assert found["bazin_chi2_reduced_r"] < 0.1


def test_no_other_optimiser_finds_a_better_fit() -> None:
    rng = np.random.default_rng(5)
    behind, converged = [], []
    for _ in range(60):
        t, f, w = prepared(*simulated(rng))
        p = np.empty(5)
        cost, rested = fit(t, f, w, PENALTIES, p)
        assert cost == pytest.approx(float(np.sum(residuals(p, t, f, w) ** 2)), rel=1e-9)
        starts = (p, (0.0, 0.0, np.log(3.0), 2.0, 0.0), (0.0, -5.0, 0.0, 3.0, 0.0))
        best = min(2.0 * least_squares(residuals, start, args=(t, f, w), method="lm").cost for start in starts)
        behind.append(cost - best)
        converged.append(rested)
    assert np.mean(converged) >= 0.95
    assert np.mean(np.array(behind) < 0.01) >= 0.95


def test_the_library_fits_seldom_better() -> None:
    rng = np.random.default_rng(6)
    library = light_curve.BazinFit("lmsder")
    behind = []
    for _ in range(60):
        t, flux, error = simulated(rng)
        theirs = float(library(t, flux, error)[-1]) * (len(t) - 5)
        scaled_t, f, w = prepared(t, flux, error)
        p = np.empty(5)
        fit(scaled_t, f, w, PENALTIES, p)
        behind.append(float(np.sum(residuals(p, scaled_t, f, w)[:-4] ** 2)) - theirs)
    assert np.mean(np.array(behind) < 2.0) >= 0.9  # the penalties cost a little


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 60_000.0 + np.arange(4.0), "flux": [1.0, 2.0, 3.0, 2.0]},
        {"epoch": 60_000.0 + 0.1 * np.arange(8.0), "flux": [100.0, 200.0, 400.0, 300.0, 250.0, 200.0, 150.0, 120.0]},
        {"epoch": 60_000.0 + np.arange(8.0), "flux": [-100.0, -200.0, 400.0, 300.0, 250.0, -200.0, 150.0, 120.0]},
        {"epoch": 60_000.0 + np.arange(8.0), "flux": [10.0, 20.0, 40.0, 30.0, 25.0, 20.0, 15.0, 12.0]},
        {"epoch": 60_000.0 + np.arange(8.0), "flux": [100.0, 400.0, 100.0, 400.0, 100.0, 400.0, 100.0, 400.0]},
    ],
    ids=["few", "short", "negative", "faint", "humps"],
)
def test_what_cannot_be_one_supernova_is_not_fitted(change: dict[str, Any]) -> None:
    found = values(FAMILY, alert_batch([{"flux_err": 10.0, **change}]))[0]
    assert np.isnan(list(found.values())).all()


def test_colour_and_delay_compare_the_bands() -> None:
    t = 60_000.0 + np.arange(0.0, 40.0, 2.0)
    green, red = bazin(t, 1000.0, 60_010.0, 3.0, 15.0), bazin(t, 2000.0, 60_013.0, 3.0, 15.0)
    curve = {"epoch": [*t, *t], "band": [*"g" * 20, *"r" * 20], "flux": [*green, *red], "flux_err": 5.0}
    found = values(FAMILY, alert_batch([curve]))[0]
    assert found["bazin_colour_peak_g_r"] == pytest.approx(2.5 * np.log10(2.0), abs=0.05)
    assert found["bazin_peak_delay_g_r"] == pytest.approx(3.0, abs=0.3)
    assert np.isnan([found["bazin_colour_peak_r_i"], found["bazin_peak_delay_r_i"]]).all()


def test_a_long_light_curve_is_thinned() -> None:
    t = 60_000.0 + np.linspace(0.0, 60.0, 10 * MOST_POINTS)
    found = values(FAMILY, alert_batch([{"epoch": t, "flux": bazin(t, 1000.0, 60_020.0, 3.0, 20.0), "flux_err": 2.0}]))[0]
    assert found["bazin_rise_time_r"] == pytest.approx(3.0, rel=0.05)


@settings(deadline=None, max_examples=30)
@given(curve=light_curves(), power=st.integers(-8, 8))
def test_only_the_magnitude_depends_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    curve = {**curve, "flux": np.abs(curve["flux"])}
    plain, brighter = values(FAMILY, batch(curve))[0], values(FAMILY, batch(scaled(curve, 2.0**power)))[0]
    for name, value in plain.items():
        moved = 2.5 * power * np.log10(2.0) if name.startswith("bazin_peak_magnitude") else 0.0
        np.testing.assert_allclose(brighter[name], value - moved, rtol=1e-5, atol=1e-5)
