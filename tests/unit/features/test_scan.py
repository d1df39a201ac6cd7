"""The periodogram in single precision against the exact one, and the peak that both agree on."""

from itertools import pairwise

import numpy as np
import pytest
from astropy.timeseries import LombScargle
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.data.arrays import Float32s, Float64s, Int64s
from streamer.features.periodicity import highest_peak
from streamer.features.scan import scan
from streamer.features.spectrum import frequency_grid, power_at, prepare_band, spectrum

SAMPLINGS = ("uniform", "nightly", "two nights", "crowded", "even")


def times(rng: np.random.Generator, sampling: str, n: int, span: float) -> Float64s:
    """n ascending epochs, not all equal."""
    match sampling:
        case "uniform":
            found = rng.uniform(-span, 0.0, n)
        case "nightly":
            found = rng.normal(0.0, 0.02, n) - rng.integers(0, max(int(span), 1), n)
        case "two nights":
            found = rng.uniform(0.0, 0.02, n) - span * rng.integers(0, 2, n)
        case "crowded":
            found = -span * np.power(rng.uniform(0.0, 1.0, n), 6)
        case _:
            found = np.linspace(-span, 0.0, n)
    found[0] = -span
    return np.sort(found)


class Curve:
    """A light curve of several bands, ready for the kernels."""

    def __init__(self, seed: int, sampling: str, sizes: tuple[int, ...], span: float) -> None:
        rng = np.random.default_rng(seed)
        self.bands: Int64s = np.concatenate([[0], np.cumsum(sizes)])
        self.time = np.concatenate([times(rng, sampling, n, span) for n in sizes])
        self.error = 10.0 ** rng.uniform(0.0, rng.choice([0.0, 1.0, 3.0]), len(self.time))
        self.flux = rng.normal(0.0, self.error) + 3.0 * np.sin(2.0 * np.pi * self.time / 10.0 ** rng.uniform(-1.0, 1.0))
        self.weight, self.residual = np.empty(len(self.time)), np.empty(len(self.time))
        parts = [slice(a, b) for a, b in pairwise(self.bands)]
        self.chi2 = np.array([prepare_band(self.flux[p], self.error[p], self.weight[p], self.residual[p]) for p in parts])
        self.first, self.step, self.n = frequency_grid(float(np.ptp(self.time)), len(self.time))

    def exact(self) -> Float64s:
        power, work = np.empty(self.n), np.empty((2, len(self.time), 64))
        spectrum(*self.series, self.first, self.step, work[0], work[1], power)
        return power

    def rough(self) -> tuple[Float32s, Float32s]:
        power, doubt = np.empty(self.n, np.float32), np.empty(self.n, np.float32)
        scan(*self.series, self.first, self.step, power, doubt)
        return power, doubt

    @property
    def series(self) -> tuple[Int64s, Float64s, Float64s, Float64s, Float64s]:
        return self.bands, self.time, self.weight, self.residual, self.chi2


curves = st.builds(
    Curve,
    st.integers(0, 10_000),
    st.sampled_from(SAMPLINGS),
    st.sampled_from([(8,), (40,), (5, 7), (12, 30, 5), (300, 200)]),
    st.sampled_from([2.0, 30.0, 85.0]),
)


@settings(deadline=None, max_examples=60)
@given(curve=curves)
def test_the_error_is_never_larger_than_the_doubt(curve: Curve) -> None:
    rough, doubt = curve.rough()
    assert (np.abs(rough - curve.exact()) <= doubt + 1e-6).all()


@settings(deadline=None, max_examples=60)
@given(curve=curves)
def test_the_highest_peak_is_that_of_the_exact_periodogram(curve: Curve) -> None:
    exact = curve.exact()
    frequency, power = highest_peak(*curve.series, curve.first, curve.step, curve.n)
    # refined between neighbours, so within half a step; equal peaks (aliases of even sampling) differ by rounding alone
    near = round((frequency - curve.first) / curve.step)
    assert exact[near] == pytest.approx(exact.max(), abs=1e-9)
    assert min(exact.max(), 1.0) - 1e-9 <= power <= 1.0


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_it_is_astropys_highest_peak_on_the_same_grid(seed: int) -> None:
    curve = Curve(seed, "uniform", (60,), 85.0)
    grid = curve.first + curve.step * np.arange(curve.n)
    expected = LombScargle(curve.time, curve.flux, curve.error).power(grid, method="slow")
    frequency, _ = highest_peak(*curve.series, curve.first, curve.step, curve.n)
    assert round((frequency - curve.first) / curve.step) == expected.argmax()


@settings(deadline=None, max_examples=30)
@given(curve=curves, place=st.floats(0.0, 1.0))
def test_the_power_at_one_frequency_is_that_of_the_grid(curve: Curve, place: float) -> None:
    k = int(place * (curve.n - 1))
    amplitude = np.zeros(len(curve.chi2))
    found = power_at(*curve.series, curve.first + curve.step * k, amplitude)
    assert found == pytest.approx(curve.exact()[k], rel=1e-5, abs=1e-6)


def test_amplitudes_are_those_of_least_squares_in_units_of_the_scatter() -> None:
    curve = Curve(7, "uniform", (40, 25), 30.0)
    amplitude = np.zeros(2)
    power_at(*curve.series, 0.83, amplitude)
    for b, (start, end) in enumerate(pairwise(curve.bands)):
        t, f, e = curve.time[start:end], curve.flux[start:end], curve.error[start:end]
        design = np.stack([np.ones(len(t)), np.cos(2 * np.pi * 0.83 * t), np.sin(2 * np.pi * 0.83 * t)], axis=1)
        solution = np.linalg.lstsq(design / e[:, None], f / e, rcond=None)[0]
        scatter = np.sqrt(curve.chi2[b] / np.sum(1.0 / e**2))
        assert amplitude[b] * scatter == pytest.approx(np.hypot(*solution[1:]), rel=1e-6)
