"""The shape of a profile against plain Python."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features import pulse
from tests.unit.features.candidates import candidates, named
from tests.unit.features.candidates import pulse as gaussian
from tests.unit.features.curves import assert_close

NAN = math.nan
NOISY = ("pulse_snr", "pulse_box", "pulse_peak_snr", "pulse_chi2", "pulse_sine_chi2")


def shape(values: Sequence[float]) -> dict[str, float]:
    [found] = named(pulse.FAMILY, candidates(profile=[values]))
    return found


def oracle(values: Sequence[float]) -> dict[str, float] | None:
    """Slowly, one definition after the other; None where nothing is defined."""
    p = [value for value in values if math.isfinite(value)]
    n = len(p)
    if n < 8 or min(p) == max(p):
        return None
    p = [(value - min(p)) / (max(p) - min(p)) for value in p]
    third = n // 3
    windows = [[p[(i + k) % n] for k in range(third)] for i in range(n)]
    quiet = min(windows, key=lambda window: round(sum(window), 9))
    baseline = sum(quiet) / third
    noise = math.sqrt(sum((value - baseline) ** 2 for value in quiet) / (third - 1))
    height, peak, mean = 1.0 - baseline, p.index(1.0), sum(p) / n
    square = sum((value - mean) ** 2 for value in p)
    found = {
        "pulse_duty": sum(value - baseline for value in p) / height / n,
        "pulse_entropy": -sum(value / sum(p) * math.log(value / sum(p)) for value in p if value > 0) / math.log(n),
        "pulse_roughness": sum((p[i] - p[i - 1]) ** 2 for i in range(n)) / square,
    }
    reach = {}
    for share in (0.5, 0.1):
        level = baseline + share * height
        for side in (1, -1):
            k = next(k for k in range(1, n) if p[(peak + side * k) % n] < level)
            inner, outer = p[(peak + side * (k - 1)) % n], p[(peak + side * k) % n]
            reach[share, side] = k - 1 + (inner - level) / (inner - outer)
    found["pulse_width_50"] = (reach[0.5, 1] + reach[0.5, -1]) / n
    found["pulse_width_10"] = (reach[0.1, 1] + reach[0.1, -1]) / n
    found["pulse_tail"] = (reach[0.1, 1] - reach[0.1, -1]) / (reach[0.1, 1] + reach[0.1, -1])
    high = [value > baseline + max(4 * noise, 0.2 * height) for value in p]
    found["pulse_peaks"] = sum(high[i] and not high[i - 1] for i in range(n))
    opposite = [p[(peak + k) % n] for k in range(n) if 0.4 * n <= k <= 0.6 * n]
    found["pulse_interpulse"] = (max(opposite, default=0.0) - baseline) / height
    shares = {}
    for k in range(1, min(8, (n - 1) // 2) + 1):
        c = sum(p[i] * math.cos(2 * math.pi * k * i / n) for i in range(n))
        s = sum(p[i] * math.sin(2 * math.pi * k * i / n) for i in range(n))
        shares[k] = 2 * (c * c + s * s) / n / square
    found["pulse_sine_share"] = shares[1]
    found["pulse_sine_amplitude"] = 2 * math.sqrt(2 * shares[1] * square / n)
    found["pulse_harmonic_share"] = max(shares.values())
    found["pulse_smooth_share"] = sum(shares.values())
    if noise > 1e-9:
        boxes = {}
        for size in (2**e for e in range(20) if 2**e <= n // 2):
            sums = [sum(p[(i + k) % n] - baseline for k in range(size)) for i in range(n)]
            boxes[size] = max(sums) / noise / math.sqrt(size)
        found["pulse_snr"] = max(boxes.values())
        found["pulse_peak_snr"] = height / noise
        found["pulse_chi2"] = math.log10(square / (n - 1) / noise**2)
        if shares[1] < 1 - 1e-9:
            found["pulse_sine_chi2"] = math.log10((1 - shares[1]) * square / (n - 3) / noise**2)
    return found


@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(-1000, 1000).map(float), min_size=6, max_size=40))
def test_the_shape_is_that_of_the_oracle(values: list[float]) -> None:
    found, expected = shape(values), oracle(values)
    if expected is None:
        assert all(math.isnan(value) for value in found.values())
        return
    for name, value in expected.items():
        assert_close(found[name], value, name, rel=1e-4, absolute=1e-4)
    for name in NOISY[:4]:
        assert (name not in expected) == math.isnan(found[name]) or name == "pulse_box"


@pytest.mark.parametrize(
    "values",
    [[], [1.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [2.0] * 4096, [NAN] * 128, [-3.0] * 128, [math.inf] * 8, [1e308, -1e308] * 8],
)  # fmt: skip
def test_a_profile_of_too_few_bins_or_without_shape_has_none(values: list[float]) -> None:
    assert all(math.isnan(value) for value in shape(values).values())


def test_a_profile_of_4096_bins_or_below_zero_has_the_same_shape() -> None:
    coarse, fine = shape(gaussian(128, 0.3, 0.03)), shape([value - 7.0 for value in gaussian(4096, 0.3, 0.03)])
    for name in ("pulse_duty", "pulse_width_50", "pulse_width_10", "pulse_sine_share", "pulse_smooth_share"):
        assert fine[name] == pytest.approx(coarse[name], rel=0.03)


def test_the_widths_of_a_gaussian_are_those_of_the_formula() -> None:
    found = shape(gaussian(1024, 512.5 / 1024, 0.02))
    assert found["pulse_width_50"] == pytest.approx(2 * math.sqrt(2 * math.log(2)) * 0.02, rel=2e-3)
    assert found["pulse_width_10"] == pytest.approx(2 * math.sqrt(2 * math.log(10)) * 0.02, rel=2e-3)
    assert found["pulse_duty"] == pytest.approx(math.sqrt(2 * math.pi) * 0.02, rel=2e-3)
    assert found["pulse_tail"] == pytest.approx(0.0, abs=1e-3)
    assert found["pulse_peaks"] == 1.0
    assert found["pulse_interpulse"] == pytest.approx(0.0, abs=1e-6)


def test_peaks_are_counted_around_the_turn() -> None:
    both = [a + 0.6 * b for a, b in zip(gaussian(128, 0.0, 0.02), gaussian(128, 0.5, 0.02), strict=True)]
    found = shape(both)
    assert found["pulse_peaks"] == 2.0
    assert found["pulse_interpulse"] == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("cycles", [1, 2, 3, 5, 8])
def test_a_sine_is_known_by_its_cycles(cycles: int) -> None:
    found = shape([math.sin(2 * math.pi * cycles * j / 128) for j in range(128)])
    assert found["pulse_harmonic"] == cycles
    assert found["pulse_harmonic_share"] == pytest.approx(1.0)
    assert found["pulse_sine_share"] == pytest.approx(float(cycles == 1), abs=1e-6)
    assert found["pulse_sine_amplitude"] == pytest.approx(float(cycles == 1), abs=1e-3)


def test_scattering_makes_a_tail() -> None:
    tail = [math.exp(-j / 10) if j >= 0 else 0.0 for j in range(-20, 108)]
    assert shape(tail)["pulse_tail"] > 0.8
    assert shape(tail[::-1])["pulse_tail"] < -0.8


def test_turning_scaling_and_lifting_a_profile_change_nothing() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=128) + 4 * np.array(gaussian(128, 0.4, 0.04))
    plain, turned, scaled = (shape(each.tolist()) for each in (values, np.roll(values, 50), 7.0 * values - 300.0))
    for name, value in plain.items():
        assert_close(turned[name], value, name, rel=1e-4, absolute=1e-5)
        assert_close(scaled[name], value, name, rel=1e-4, absolute=1e-5)


def test_what_was_not_measured_is_left_out() -> None:
    values = np.random.default_rng(4).normal(size=32).tolist()
    assert shape([NAN, *values[:9], math.inf, *values[9:]]) == shape(values)
