"""Shapes against slow oracles, NumPy's least squares, and the light-curve library."""

import math
from itertools import pairwise
from typing import Any

import light_curve
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streamer.features.shape import ALL_BANDS, FAMILY, PER_BAND
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, Point, assert_close, band_of_points, batch, light_curves, points, scaled, values


def line(p: list[Point]) -> tuple[float, float, float]:
    """Slope, its error and χ² of the weighted straight line."""
    if p[-1][0] - p[0][0] < 0.01:
        return NAN, NAN, NAN
    w = [1 / e**2 for _, _, e, _ in p]
    mean_t = sum(wi * t for wi, (t, *_) in zip(w, p, strict=True)) / sum(w)
    mean_f = sum(wi * f for wi, (_, f, *_) in zip(w, p, strict=True)) / sum(w)
    spread = sum(wi * (t - mean_t) ** 2 for wi, (t, *_) in zip(w, p, strict=True))
    slope = sum(wi * (t - mean_t) * (f - mean_f) for wi, (t, f, *_) in zip(w, p, strict=True)) / spread
    chi2 = sum(wi * (f - mean_f - slope * (t - mean_t)) ** 2 for wi, (t, f, *_) in zip(w, p, strict=True))
    return slope, spread**-0.5, chi2


def half_time(p: list[Point], peak: int) -> float:
    """How long after p[peak] the straight lines between the points first fall to half its flux."""
    half = p[peak][1] / 2
    for (t0, f0, *_), (t1, f1, *_) in pairwise(p[peak:]):
        if f1 < half:
            return t0 + (f0 - half) / (f0 - f1) * (t1 - t0) - p[peak][0]
    return p[-1][0] - p[peak][0]


def transient(p: list[Point]) -> dict[str, float]:
    """Rise and fade in one band."""
    f = [point[1] for point in p]
    if len(p) < 2 or max(f) <= 0:
        return dict.fromkeys([feature.name for feature in PER_BAND[:7]], NAN)
    peak = f.index(max(f))
    rise, fade = p[peak][0] - p[0][0], p[-1][0] - p[peak][0]
    first, last = f[0] / f[peak], f[-1] / f[peak]
    mirrored = [(-t, *rest) for t, *rest in reversed(p)]
    return {
        "rise_time": rise,
        "fade_time": fade,
        "first_over_peak": first,
        "last_over_peak": last,
        "rise_slope": (1 - first) / rise if rise >= 0.01 else NAN,
        "fade_slope": (1 - last) / fade if fade >= 0.01 else NAN,
        "width_half": half_time(p, peak) + half_time(mirrored, len(p) - 1 - peak),  # type: ignore[arg-type]  # still points
    }


def slopes(p: list[Point]) -> dict[str, float]:
    """Slopes in one band."""
    if len(p) < 2 or not any(f for _, f, _, _ in p):
        return dict.fromkeys([feature.name for feature in PER_BAND[7:]], NAN)
    brightest = max(abs(f) for _, f, _, _ in p)
    steep = [abs(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(p) if b[0] - a[0] >= 0.01]
    slope, error, chi2 = line(p)
    return {
        "maximum_slope": max(steep) / brightest if steep else NAN,
        "slope": slope / brightest,
        "slope_snr": slope / error,
        "line_chi2_reduced": chi2 / (len(p) - 2) if len(p) > 2 else NAN,
        "recent_slope": line(p[-5:])[0] / brightest,
    }


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 0, 0, 1, 2), broken=True))
def test_shapes_in_a_band_agree_with_their_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    for band in alerts.bands:
        p = points(alerts, 0, band=band)
        for name, expected in {**transient(p), **slopes(p)}.items():
            assert_close(found[f"{name}_{band}"], expected, name, rel=1e-4)


@settings(deadline=None)
@given(curve=light_curves(max_size=40), degree=st.sampled_from([1, 2]))
def test_the_joint_fits_are_weighted_least_squares(curve: dict[str, Any], degree: int) -> None:
    alerts = batch(curve)
    used = [(p, b) for p, b in zip(points(alerts, 0), band_of_points(alerts, 0), strict=True) if p[1] > 0]
    bands = sorted({b for _, b in used})
    assume(len(used) > len(bands) + 2 and used[-1][0][0] - used[0][0][0] >= 0.01)
    t, f, e = np.array([p[:3] for p, _ in used]).T
    weights = f / e * math.log(10) / 2.5
    columns = [np.array([b == band for _, b in used], dtype=float) for band in bands] + [t**k for k in range(1, degree + 1)]
    design = np.stack(columns, axis=1) * weights[:, None]
    assume(np.linalg.cond(design / np.linalg.norm(design, axis=0)) < 1e4)
    magnitudes = -2.5 * np.log10(f) * weights
    solution = np.linalg.lstsq(design, magnitudes, rcond=None)[0]
    found = values(FAMILY, alerts)[0]
    if degree == 1:
        assert_close(found["fade_rate"], solution[-1], "fade_rate", rel=1e-3, absolute=1e-5)
        return
    chi2 = float(np.sum((magnitudes - design @ solution) ** 2))
    assert_close(found["parabola_fade_rate"], solution[-2], "parabola_fade_rate", rel=1e-3, absolute=1e-5)
    assert_close(found["parabola_curvature"], solution[-1], "parabola_curvature", rel=1e-3, absolute=1e-5)
    assert_close(found["parabola_chi2_reduced"], chi2 / (len(used) - len(bands) - 2), "chi2", rel=1e-3, absolute=1e-4)
    if found["parabola_curvature"]:
        assert_close(found["parabola_peak_age"], found["parabola_fade_rate"] / 2 / found["parabola_curvature"], "age", rel=1e-4)


def test_a_peak_three_days_ago_is_found() -> None:
    epoch = np.arange(0.0, 11.0)
    flux = 1000.0 * 10 ** (-0.4 * 0.05 * (epoch - 7.0) ** 2)
    found = values(FAMILY, alert_batch([{"epoch": epoch, "flux": flux, "band": np.resize([1, 2], 11)}]))[0]
    assert found["parabola_peak_age"] == pytest.approx(3.0, rel=1e-4)
    assert found["parabola_curvature"] == pytest.approx(0.05, rel=1e-4)
    assert found["parabola_fade_rate"] == pytest.approx(0.3, rel=1e-4)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 30))
def test_the_line_is_the_light_curve_librarys(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    epoch = np.cumsum(rng.uniform(0.1, 3.0, n))
    flux, error = rng.normal(100.0, 50.0, n).astype(np.float32), rng.uniform(1.0, 20.0, n).astype(np.float32)
    slope, slope_error, chi2 = light_curve.LinearFit()(epoch, flux.astype(np.float64), error.astype(np.float64))
    found = values(FAMILY, alert_batch([{"epoch": epoch, "flux": flux, "flux_err": error}]))[0]
    assert_close(found["slope_snr_r"], slope / slope_error, "slope_snr", rel=1e-4)
    assert_close(found["slope_r"], slope / float(np.abs(flux).max()), "slope", rel=1e-4)
    assert_close(found["line_chi2_reduced_r"], chi2, "line_chi2_reduced", rel=1e-4)


@settings(deadline=None)
@given(curve=light_curves(), power=st.integers(-8, 8))
def test_shapes_do_not_depend_on_the_scale_of_the_flux(curve: dict[str, Any], power: int) -> None:
    n = len(PER_BAND) * 3
    brighter, plain = FAMILY.compute(batch(scaled(curve, 2.0**power))), FAMILY.compute(batch(curve))
    np.testing.assert_array_equal(brighter[:, :n], plain[:, :n])
    # rates in magnitudes: a logarithm of the scale is subtracted, which leaves rounding
    joint = slice(n, n + len(ALL_BANDS) - 2)
    np.testing.assert_allclose(brighter[:, joint], plain[:, joint], rtol=1e-2, atol=1e-4)
