"""The memory of light curves against the likelihood of a Gaussian process, and of series whose φ is known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from streamer.data.arrays import Float64s
from streamer.features.autoregression import FAMILY, MOST_POINTS, log_likelihood
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, Point, assert_close, batch, light_curves, points, scaled, values

TIMES = np.exp(np.linspace(np.log(0.05), np.log(500.0), 400))


def standardised(p: list[Point]) -> tuple[Float64s, Float64s, Float64s, float]:
    """Times, values, variances of their errors, and the variance of the process."""
    t, f, e, _ = np.array(p).T
    noise = np.maximum(e**2 / np.var(f), 1e-8)
    return t, (f - np.average(f, weights=e**-2.0)) / np.std(f), noise, max(1.0 - float(noise.mean()), 0.05)


def dense(t: Float64s, x: Float64s, noise: Float64s, share: float, damping: float) -> float:
    """Log likelihood from the whole covariance matrix; `damping` 0 is independence."""
    apart = np.abs(t[:, None] - t[None, :])
    correlation = np.exp(-apart / damping) if damping else np.eye(len(t))
    return float(multivariate_normal.logpdf(x, np.zeros(len(t)), share * correlation + np.diag(noise), allow_singular=True))


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 20), damping=st.floats(0.1, 300.0))
def test_the_filter_gives_the_likelihood_of_the_gaussian_process(seed: int, n: int, damping: float) -> None:
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.uniform(0.01, 5.0, n))
    x, noise, share = rng.normal(0.0, 1.0, n), rng.uniform(0.01, 0.5, n), rng.uniform(0.1, 1.0)
    gap = np.diff(t, prepend=t[0])
    for log_time, expected in ((np.log(damping), damping), (-np.inf, 0.0)):
        found = log_likelihood(x, noise, gap, share, log_time) - 0.5 * n * np.log(2 * np.pi)
        assert found == pytest.approx(dense(t, x, noise, share, expected), rel=1e-6, abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(curve=light_curves(kinds=(0, 0, 0, 1, 2), broken=True))
def test_no_phi_is_more_likely_than_the_one_found(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    for band in alerts.bands:
        p = points(alerts, 0, band=band)
        phi, gain = found[f"iar_phi_{band}"], found[f"iar_gain_{band}"]
        if len(p) < 5 or len({f for _, f, _, _ in p}) == 1:
            assert_close(phi, NAN, "iar_phi")
            assert_close(gain, NAN, "iar_gain")
            continue
        t, x, noise, share = standardised(p)
        best = max(dense(t, x, noise, share, time) for time in TIMES[::20]) - dense(t, x, noise, share, 0.0)
        # the likelihood may have several peaks: the grid of the search can miss one by little
        assert gain >= best / len(p) - 0.05
        assert 0.0 < phi < 1.0


@pytest.mark.parametrize("n", [MOST_POINTS, 400])
@pytest.mark.parametrize("phi", [0.3, 0.8, 0.95])
def test_the_phi_of_a_series_is_found_also_where_it_is_thinned(phi: float, n: int) -> None:
    rng = np.random.default_rng(10)
    found = []
    for _ in range(100):
        epoch = np.cumsum(rng.uniform(0.2, 2.0, n))
        x = np.zeros(n)
        for i in range(1, n):
            keep = phi ** (epoch[i] - epoch[i - 1])
            x[i] = keep * x[i - 1] + np.sqrt(1 - keep**2) * rng.normal()
        flux = 1000.0 * x + rng.normal(0.0, 200.0, n)
        found.append(values(FAMILY, alert_batch([{"epoch": 60_000.0 + epoch, "flux": flux, "flux_err": 200.0}]))[0])
    # with its mean taken off, a short series seems to forget a little sooner than it does
    assert np.median([row["iar_phi_r"] for row in found]) == pytest.approx(phi, abs=0.08)
    assert np.median([row["iar_gain_r"] for row in found]) > 0


@settings(deadline=None)
@given(curve=light_curves(), power=st.integers(-8, 8))
def test_memories_do_not_depend_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    np.testing.assert_array_equal(FAMILY.compute(batch(scaled(curve, 2.0**power))), FAMILY.compute(batch(curve)))
