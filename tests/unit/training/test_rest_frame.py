"""Luminosities and rest-frame times against plain Python, another library's cosmology, and light curves without a redshift."""

import math

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from streamer import features
from streamer.data.batch import AlertBatch
from streamer.data.photometry import AB_ZERO_POINT_NJY, BANDS, Kind
from streamer.training.benchmarks.rest_frame import EXTINCTION, H0, OMEGA_M, compute, distance_modulus, outputs
from tests.builders import alert_batch
from tests.unit.features.curves import assert_close, light_curves, points

NONE = (0.0, -0.1, -9.0, math.nan, math.inf, -math.inf)
"""What is no redshift."""


def lsst(*curves: dict[str, object]) -> AlertBatch:
    return alert_batch(curves, survey="lsst", bands=BANDS)


def supernova(z: float = 0.0) -> dict[str, object]:
    """Rises for 20 d and falls for 40 d in g and r where it is, seen at redshift z."""
    days = np.arange(-20.0, 41.0, 4.0) * (1.0 + z)
    shape = np.where(days < 0, 1.0 + days / 25.0 / (1.0 + z), np.exp(-np.maximum(days, 0.0) / 25.0 / (1.0 + z)))
    return {
        "epoch": np.repeat(60_000.0 + days, 2),
        "band": ["g", "r"] * len(days),
        "flux": np.repeat(5000.0 * shape, 2),
        "flux_err": 20.0,
    }


def named(alerts: AlertBatch, redshift: float, reddening: float = 0.0) -> list[dict[str, float]]:
    n = len(alerts)
    names = [feature.name for feature in outputs(alerts.bands)]
    return [dict(zip(names, row.tolist(), strict=True)) for row in compute(alerts, np.full(n, redshift), np.full(n, reddening))]


@given(st.floats(1e-4, 20.0))
def test_distances_are_those_of_another_library_and_of_the_integral_itself(z: float) -> None:
    found = float(distance_modulus(np.array([z]))[0])
    assert found == pytest.approx(float(FlatLambdaCDM(H0, OMEGA_M).distmod(z).value), abs=1e-6)
    integral = quad(lambda x: 1.0 / math.sqrt(OMEGA_M * (1.0 + x) ** 3 + 1.0 - OMEGA_M), 0.0, z, epsrel=1e-10)[0]
    assert found == pytest.approx(5.0 * math.log10((1.0 + z) * 299_792.458 / H0 * integral * 1e5), abs=1e-8)


@given(st.lists(st.floats(1e-6, 20.0), min_size=2, unique=True))
def test_what_is_farther_has_the_larger_modulus(z: list[float]) -> None:
    modulus = distance_modulus(np.sort(np.array(z)))
    assert (np.diff(modulus) >= 0).all()


def test_near_by_hubbles_law_holds() -> None:
    """70 km/s are 1 Mpc, whose modulus is 25."""
    assert distance_modulus(np.array([70.0 / 299_792.458]))[0] == pytest.approx(25.0, abs=1e-3)


@pytest.mark.parametrize("z", NONE)
def test_without_a_redshift_nothing_is_defined(z: float) -> None:
    assert np.isnan(distance_modulus(np.array([z]))).all()
    assert np.isnan(compute(lsst(supernova(), {}), np.full(2, z), np.zeros(2))).all()


def test_of_one_object_without_redshift_another_knows_nothing() -> None:
    both = compute(lsst(supernova(), supernova(0.1)), np.array([0.0, 0.1]), np.array([0.0, 0.02]))
    np.testing.assert_array_equal(both[1], compute(lsst(supernova(0.1)), np.array([0.1]), np.array([0.02]))[0])
    assert np.isnan(both[0]).all()


def test_no_alerts_have_no_luminosities() -> None:
    assert compute(lsst(), np.empty(0), np.empty(0)).shape == (0, len(outputs(BANDS)))


@pytest.mark.parametrize("reddening", [math.nan, -0.1])
def test_with_unknown_reddening_times_are_known_and_luminosities_are_not(reddening: float) -> None:
    found = named(lsst(supernova(0.1)), 0.1, reddening)[0]
    assert math.isnan(found["absolute_magnitude_brightest_g"])
    assert math.isnan(found["absolute_magnitude_bazin_g"])
    assert found["rest_rise_time_g"] == pytest.approx(20.0)


@settings(max_examples=60, deadline=None)
@given(light_curves(bands=("g", "r", "y"), kinds=tuple(Kind), broken=True), st.floats(0.001, 5.0), st.floats(0.0, 2.0))
def test_values_are_those_of_plain_python(curve: dict[str, object], z: float, reddening: float) -> None:
    alerts = lsst(curve)
    found = named(alerts, z, reddening)[0]
    times = ("rise_time", "fade_time", "width_half", "bazin_rise_time", "bazin_fall_time")
    modulus = float(FlatLambdaCDM(H0, OMEGA_M).distmod(z).value)
    for band in BANDS:
        names = [f"{name}_{band}" for name in ("bazin_peak_magnitude", *times)]
        observed = dict(zip(names, features.compute(alerts, names)[0].tolist(), strict=True))
        brightest = max((point[1] for point in points(alerts, 0, band=band)), default=0.0)
        seen = AB_ZERO_POINT_NJY - 2.5 * math.log10(brightest) if brightest > 0 else math.nan
        dimming = modulus + EXTINCTION["lsst"][band] * reddening - 2.5 * math.log10(1.0 + z)
        assert_close(found[f"absolute_magnitude_brightest_{band}"], seen - dimming, f"brightest {band}")
        assert_close(found[f"absolute_magnitude_bazin_{band}"], observed[f"bazin_peak_magnitude_{band}"] - dimming, f"bazin {band}")
        for name in times:
            assert_close(found[f"rest_{name}_{band}"], observed[f"{name}_{band}"] / (1.0 + z), f"{name} {band}")


@pytest.mark.parametrize("z", [0.01, 0.1, 1.0])
def test_the_same_supernova_farther_away_is_told_to_be_the_same(z: float) -> None:
    """One per unit frequency over the whole spectrum looks the same in every band, times as luminous as it is far."""
    near, far = lsst(supernova(0.001)), supernova(z)
    dimmer = 10.0 ** (-0.4 * float(distance_modulus(np.array([z]))[0] - distance_modulus(np.array([0.001]))[0]))
    far["flux"] = np.asarray(far["flux"]) * dimmer * (1.0 + z) / 1.001
    far["flux_err"] = 20.0 * dimmer * (1.0 + z) / 1.001
    found, expected = named(lsst(far), z)[0], named(near, 0.001)[0]
    for name, value in expected.items():
        if not name.startswith("rest_bazin"):  # the fit's penalties are in days of ours
            assert found[name] == pytest.approx(value, abs=2e-2, nan_ok=True), name


def test_bands_of_the_milky_ways_extinction_are_the_surveys_and_red_light_gets_through() -> None:
    for bands in EXTINCTION.values():
        assert list(bands.values()) == sorted(bands.values(), reverse=True)
    assert tuple(EXTINCTION["lsst"]) == BANDS
