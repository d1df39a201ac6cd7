"""The periodogram against astropy, and period features against slow oracles."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from astropy.timeseries import LombScargle
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.data.arrays import Float64s
from streamer.features import compute
from streamer.features.periodicity import FAMILY, log_false_alarm
from streamer.features.spectrum import (
    MAX_FREQUENCY,
    OVERSAMPLING,
    PERIOD_BUDGET,
    frequency_grid,
    prepare_band,
    spectrum,
)
from tests.builders import alert_batch
from tests.unit.features.curves import batch, light_curves, scaled, values

Band = tuple[Float64s, Float64s, Float64s]


def sampled(seed: int, n: int, period: float = 0.57, span: float = 30.0) -> Band:
    """Times, fluxes and errors of a saw-like variable star."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(-span, 0.0, n))
    error = rng.uniform(3.0, 10.0, n)
    phase = 2.0 * np.pi * time / period
    return time, 50.0 + 100.0 * np.sin(phase) + 35.0 * np.cos(2.0 * phase + 1.0) + rng.normal(0.0, error), error


def power_of(*bands: Band) -> tuple[Float64s, Float64s]:
    """Frequencies of the grid and the summed power at each."""
    offsets = np.concatenate([[0], np.cumsum([len(time) for time, _, _ in bands])])
    time, flux, error = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    weight, residual = np.empty(len(time)), np.empty(len(time))
    chi2 = np.array([prepare_band(flux[a:b], error[a:b], weight[a:b], residual[a:b]) for a, b in pairwise(offsets)])
    first, step, n = frequency_grid(time.max() - time.min(), len(time))
    power = np.empty(n)
    spectrum(offsets, time, weight, residual, chi2, first, step, np.empty((len(time), 64)), np.empty((len(time), 64)), power)
    frequency: Float64s = first + step * np.arange(n, dtype=np.float64)
    return frequency, power


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), n=st.integers(8, 60), span=st.sampled_from([2.0, 30.0, 400.0]))
def test_one_band_has_astropys_power_at_every_frequency(seed: int, n: int, span: float) -> None:
    time, flux, error = sampled(seed, n, span=span)
    frequency, power = power_of((time, flux, error))
    expected = LombScargle(time, flux, error).power(frequency, method="slow")
    np.testing.assert_allclose(power, expected, rtol=1e-6, atol=1e-8)
    assert power.argmax() == expected.argmax()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_bands_add_their_chi2_reductions(seed: int) -> None:
    bands = [sampled(seed, 12), sampled(seed + 1, 20)]
    frequency, power = power_of(*bands)
    chi2 = [float(np.sum(((f - np.sum(f / e**2) / np.sum(1 / e**2)) / e) ** 2)) for _, f, e in bands]
    single = [LombScargle(t, f, e).power(frequency, method="slow") for t, f, e in bands]
    expected = (chi2[0] * single[0] + chi2[1] * single[1]) / sum(chi2)
    np.testing.assert_allclose(power, expected, rtol=1e-6, atol=1e-8)


@given(span=st.floats(0.0, 10_000.0), points=st.integers(8, 5_000), budget=st.sampled_from([4_096, PERIOD_BUDGET, 2**26]))
def test_the_grid_follows_the_span_and_is_bounded(span: float, points: int, budget: int) -> None:
    first, step, n = frequency_grid(span, points, budget)
    if span * MAX_FREQUENCY < 1.0:
        assert n == 0
        return
    assert n * points <= budget
    assert first == pytest.approx(1.0 / span)
    assert step == pytest.approx(1.0 / (OVERSAMPLING * span))
    last = first + (n - 1) * step
    assert last <= MAX_FREQUENCY * (1 + 1e-9)
    assert last > MAX_FREQUENCY - 2 * step or (n + 1) * points > budget


def features(*bands: Band) -> dict[str, float]:
    letters = [letter for (time, _, _), letter in zip(bands, "gri", strict=False) for _ in time]
    time, flux, error = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    order = np.argsort(time, kind="stable")
    curve = {
        "epoch": 60_000.0 + time[order],
        "band": [letters[i] for i in order],
        "flux": flux[order],
        "flux_err": error[order],
    }
    return values(FAMILY, alert_batch([curve]))[0]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), period=st.floats(0.3, 8.0))
def test_the_period_is_recovered_and_sure(seed: int, period: float) -> None:
    found = features(sampled(seed, 40, period, 60.0), sampled(seed + 1, 30, period, 60.0))
    assert 10 ** found["period_log"] == pytest.approx(period, rel=0.1 * period / 60.0 + 1e-4)
    assert found["period_power"] > 0.7
    assert found["period_log_false_alarm"] < -6.0
    assert found["period_power_half"] < found["period_power"]
    assert found["period_folded_eta"] < 1.0


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_the_fourier_shape_is_that_of_a_least_squares_fit(seed: int) -> None:
    time, flux, error = (part.astype(np.float32).astype(np.float64) for part in sampled(seed, 60, 1.3, 50.0))
    found = features((time, flux, error))
    frequency = 10 ** -found["period_log"]
    now = time - time[-1]
    for harmonics, r, phi in ((2, "period_r21", "period_phi21"), (3, "period_r31", "period_phi31")):
        angles = [2.0 * np.pi * frequency * h * now for h in range(1, harmonics + 1)]
        design = np.stack([np.ones(len(now))] + [wave(a) for a in angles for wave in (np.cos, np.sin)], axis=1) / error[:, None]
        solution = np.linalg.lstsq(design, flux / error, rcond=None)[0]
        complex_amplitude = solution[1::2] - 1j * solution[2::2]
        expected = abs(complex_amplitude[-1] / complex_amplitude[0])
        assert found[r] == pytest.approx(expected, rel=0.02, abs=2e-3)
        if expected > 0.1:
            phase = np.angle(complex_amplitude[-1]) - harmonics * np.angle(complex_amplitude[0])
            assert math.cos(found[phi] - phase) > 0.999


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000), ratio=st.floats(0.2, 5.0))
def test_the_amplitude_ratio_is_that_of_the_waves(seed: int, ratio: float) -> None:
    blue, red = sampled(seed, 40), sampled(seed + 1, 40)
    pure = [(time, size * np.sin(2.0 * np.pi * time / 0.57), error) for (time, _, error), size in ((blue, ratio), (red, 1.0))]
    found = features(*((time, 1e3 * flux, error) for time, flux, error in pure))
    # the peak of 40 points is a little beside the wave's frequency: of 10,000 such pairs the worst was off by 0.067
    assert found["period_amplitude_ratio_g_r"] == pytest.approx(ratio, rel=0.1)
    assert math.isnan(found["period_amplitude_ratio_r_i"])


@pytest.mark.parametrize("n", [10, 60, 400])
def test_a_smaller_budget_leaves_out_the_highest_frequencies(n: int) -> None:
    time, flux, error = sampled(n, n, 0.57, 30.0)
    alerts = alert_batch([{"epoch": 60_000.0 + time, "flux": flux, "flux_err": error, "band": ["g"] * n}])
    names = ["period_log", "period_power"]
    within = {budget: compute(alerts, names, budget)[0] for budget in (n * 100, n * 1_000, PERIOD_BUDGET)}
    # 100 frequencies of 1/150 d⁻¹ end at 0.7/d, 1,000 at 6.7/d
    assert 10 ** -within[n * 100][0] < 0.71
    assert 10 ** within[PERIOD_BUDGET][0] == pytest.approx(0.57, rel=0.02)
    np.testing.assert_array_equal(within[n * 1_000], within[PERIOD_BUDGET])
    np.testing.assert_array_equal(within[PERIOD_BUDGET], compute(alerts, names)[0])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_the_folded_eta_is_the_von_neumann_ratio_in_order_of_phase(seed: int) -> None:
    time, flux, error = (part.astype(np.float32).astype(np.float64) for part in sampled(seed, 30))
    found = features((time, flux, error))
    phase = ((time - time[-1]) * 10 ** -found["period_log"]) % 1.0
    folded = flux[np.argsort(phase)]
    expected = np.sum(np.diff(folded) ** 2) / (len(flux) * np.var(flux))
    # float32 of the period may swap neighbours in phase
    assert found["period_folded_eta"] == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("n_bands", [1, 2, 3])
def test_noise_has_a_false_alarm_probability_that_means_what_it_says(n_bands: int) -> None:
    rng = np.random.default_rng(n_bands)
    alarms = []
    for _ in range(150):
        bands = [(np.sort(rng.uniform(-20.0, 0.0, 12)), rng.normal(0.0, 5.0, 12), np.full(12, 5.0)) for _ in range(n_bands)]
        alarms.append(features(*bands)["period_log_false_alarm"])
    # P(FAP ≤ 0.1) is 0.1 for an exact law; 150 trials scatter by 0.025
    assert 0.01 < np.mean(np.array(alarms) < -1.0) < 0.18
    assert np.mean(np.array(alarms) < -3.0) < 0.02


@given(power=st.floats(0.0, 1.0), n=st.integers(8, 100), trials=st.floats(1.0, 1e4))
def test_one_band_false_alarm_is_baluevs_bound(power: float, n: int, trials: float) -> None:
    power = min(power, 1.0 - 1e-12)
    peaks = trials * math.sqrt(max(0.5 * (n - 3) * power / (1.0 - power), 1.0))
    expected = min(0.5 * (n - 3) * math.log10(1.0 - power) + math.log10(peaks), 0.0)
    assert log_false_alarm(power, n, 1, trials) == pytest.approx(expected, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("curve", [{}, {"n": 7}, {"n": 8, "constant": True}, {"n": 8, "span": 0.05}, {"n": 8, "split": True}])
def test_no_period_without_enough_points_or_variation(curve: dict[str, Any]) -> None:
    n = curve.get("n", 0)
    epoch = np.linspace(0.0, curve.get("span", 20.0), n)
    flux = np.full(n, 5.0) if curve.get("constant") else np.arange(n) % 3 * 100.0
    band = np.resize([1, 2], n) if curve.get("split") else np.full(n, 2)
    assert np.isnan(FAMILY.compute(alert_batch([{"epoch": epoch, "flux": flux, "band": band}]))).all()


@settings(deadline=None)
@given(curve=light_curves(max_size=40), power=st.integers(-8, 8))
def test_periods_do_not_depend_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    np.testing.assert_array_equal(FAMILY.compute(batch(scaled(curve, 2.0**power))), FAMILY.compute(batch(curve)))


@pytest.mark.parametrize("span", [1e12, 1e18, 1e30, 1e300])
def test_an_absurd_epoch_costs_no_more_than_the_budget(span: float) -> None:
    first, step, n = frequency_grid(span, 8)
    assert (first, step, n) == (1.0 / span, 1.0 / (OVERSAMPLING * span), PERIOD_BUDGET // 8)
