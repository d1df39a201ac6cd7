"""The simulated sky looks like the real one: brightness, shapes, noise, weather."""

import itertools

import numpy as np
import pytest
from numpy.random import default_rng

from streamer.data.arrays import Float64s
from streamer.data.photometry import flux_from_magnitude, magnitude_from_flux
from streamer.sources.simulated.cadence import (
    LSST,
    ZTF,
    Place,
    Site,
    Visits,
    clear_nights,
    moon_illumination,
    place_in_season,
    visits,
)
from streamer.sources.simulated.photometry import measured
from streamer.sources.simulated.population import CLASSES, cohort_of, cohort_size
from streamer.sources.simulated.transients import arnett, blackbody_flux, luminosity_distance, redshift, supernova_ia, supernova_ii
from streamer.sources.simulated.truth import Draw, Truth
from streamer.sources.simulated.variables import (
    active_nucleus,
    damped_random_walk,
    dwarf_nova,
    eclipsing_binary,
    long_period_variable,
    rr_lyrae,
)

SITES = (ZTF, LSST)
R = 2


def daily(band: int, days: float = 300.0, step: float = 0.5) -> Visits:
    """Visits in one band at even steps, very deep."""
    epoch: Float64s = 60_000.0 + np.arange(0.0, days, step)
    return Visits(epoch, np.full(len(epoch), band, dtype=np.int8), np.full(len(epoch), 1.0))


def total(truth: Truth, band: int = R) -> Float64s:
    """Magnitude of the object itself with its reference."""
    return magnitude_from_flux(truth.flux + truth.reference[band])


def drawn(draw: Draw, band: int = R, days: float = 300.0, step: float = 0.5, number: int = 40) -> list[Truth]:
    return [draw(default_rng(seed), daily(band, days, step), 20.9) for seed in range(number)]


def test_type_ia_supernovae_are_standard_candles_of_the_right_brightness_and_pace() -> None:
    peaks, rises = [], []
    for seed in range(40):
        rng = default_rng(seed)
        day = np.linspace(0.5, 80.0, 400)
        light = arnett(0.6, rng.uniform(12.5, 14.5), leak=38.0)(day)
        peaks.append(np.log10(light.max()))
        rises.append(day[np.argmax(light)])
    assert 43.0 < min(peaks) < max(peaks) < 43.25  # Arnett's rule: 0.6 solar masses of nickel give 1.2e43 erg/s
    assert 14.0 < min(rises) < max(rises) < 21.0
    truths = drawn(supernova_ia, days=150.0)
    widths = [np.ptp(np.flatnonzero(truth.flux > 0.5 * truth.flux.max())) / 2.0 for truth in truths if complete(truth)]
    assert 15.0 < np.median(widths) < 45.0


def complete(truth: Truth) -> bool:
    return bool(truth.flux.max() > 0 and truth.flux[-1] < 0.2 * truth.flux.max())


def test_type_ii_supernovae_stay_bright_longer_than_type_ia() -> None:
    def days_above_half(truths: list[Truth]) -> float:
        return float(np.median([np.sum(truth.flux > 0.4 * truth.flux.max()) / 2.0 for truth in truths if truth.flux.max() > 0]))

    assert days_above_half(drawn(supernova_ii)) > days_above_half(drawn(supernova_ia))


def test_nothing_is_seen_of_a_supernova_before_it_explodes() -> None:
    for truth in drawn(supernova_ia):
        bright = np.flatnonzero(truth.flux > 0.0)
        assert (truth.flux[: bright[0]] == 0.0).all()
        assert (truth.flux >= 0.0).all()
        assert not truth.old


def test_arnett_agrees_with_the_integral_done_slowly() -> None:
    diffusion, nickel = 11.0, 0.6
    y, s = diffusion / 17.6, diffusion * (111.3 - 8.8) / (2 * 111.3 * 8.8)
    for day in (5.0, 17.0, 40.0):
        x = day / diffusion
        z = np.linspace(0.0, x, 20_001)
        heat = (3.9e10 - 6.8e9) * 2 * z * np.exp(-2 * z * y + z**2) + 6.8e9 * 2 * z * np.exp(-2 * z * y + 2 * z * s + z**2)
        slow = nickel * 1.989e33 * np.exp(-(x**2)) * float(np.sum(0.5 * (heat[1:] + heat[:-1])) * (z[1] - z[0]))
        assert arnett(nickel, diffusion, leak=1e6)(np.array([day]))[0] == pytest.approx(slow, rel=5e-3)


def test_a_black_body_radiates_its_luminosity() -> None:
    """Redshift brings other wavelengths into the y band: 31 to 971 nm, where a star of 40,000 K sends 99 % of its light."""
    y = np.array([5], dtype=np.int8)
    z = np.expm1(np.linspace(np.log1p(1e-4), np.log1p(30.0), 3000))
    distance = np.array([luminosity_distance(each) for each in z]) * 3.085_678e22
    flux = np.array([blackbody_flux(np.array([1e43]), np.array([40_000.0]), y, float(each))[0] for each in z]) * 1e-35  # W/m²/Hz
    per_hertz = flux * 4.0 * np.pi * distance**2 / (1.0 + z)
    frequency = 2.997_925e8 / 971e-9 * (1.0 + z)
    luminosity = float(np.sum(0.5 * (per_hertz[1:] + per_hertz[:-1]) * np.diff(frequency))) * 1e7
    assert luminosity == pytest.approx(1e43, rel=0.015)


def test_redshift_is_the_inverse_of_distance() -> None:
    for z in (0.001, 0.05, 0.3, 0.7):
        assert redshift(luminosity_distance(z)) == pytest.approx(z)


def test_rr_lyrae_repeat_within_a_day_and_rise_faster_than_they_fade() -> None:
    skews = []
    for truth in drawn(rr_lyrae, days=3.0, step=0.005, number=30):
        magnitude = total(truth)
        assert 0.2 < np.ptp(magnitude) < 1.5
        skews.append(np.mean(np.diff(magnitude) < 0))  # share of the time in which it brightens
    assert np.median(skews) < 0.45


def test_rr_lyrae_vary_more_in_the_blue() -> None:
    for seed in range(10):
        g, i = (rr_lyrae(default_rng(seed), daily(band, 3.0, 0.005), 20.9) for band in (1, 3))
        assert np.ptp(total(g, 1)) > 1.3 * np.ptp(total(i, 3))


def test_eclipsing_binaries_spend_most_time_bright() -> None:
    for truth in drawn(eclipsing_binary, days=12.0, step=0.01):
        magnitude = total(truth)
        assert np.median(magnitude) - magnitude.min() < magnitude.max() - np.median(magnitude)


def test_long_period_variables_are_slow_red_and_large() -> None:
    truths = drawn(long_period_variable, days=900.0, step=2.0)
    assert max(np.ptp(total(truth)) for truth in truths) > 2.5
    assert all(magnitude_from_flux(truth.reference)[1] - magnitude_from_flux(truth.reference)[3] > 1.5 for truth in truths)
    for truth in truths:
        assert np.abs(np.diff(total(truth))).max() < 0.25


def test_a_damped_random_walk_has_unit_variance_and_forgets_at_its_time_scale() -> None:
    walk = damped_random_walk(default_rng(1), np.arange(0.0, 200_000.0, 5.0), 50.0)
    assert np.std(walk) == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(walk[:-10], walk[10:])[0, 1] == pytest.approx(np.exp(-1.0), abs=0.05)


def test_active_nuclei_vary_by_tenths_of_a_magnitude() -> None:
    spreads = [np.std(total(truth)) for truth in drawn(active_nucleus, days=1000.0, step=3.0)]
    assert 0.05 < np.median(spreads) < 0.4


def test_dwarf_novae_have_outbursts_of_magnitudes_and_are_quiet_in_between() -> None:
    amplitudes, quiet = [], []
    for truth in drawn(dwarf_nova, days=400.0):
        magnitude = total(truth)
        amplitudes.append(np.ptp(magnitude))
        quiet.append(np.mean(magnitude > magnitude.max() - 1.0))
    assert 2.0 < np.median(amplitudes) < 6.5
    assert np.median(quiet) > 0.5


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_every_class_raises_alerts_in_most_of_its_objects(site: Site) -> None:
    for draw, _ in CLASSES:
        counts = [alerts(site, draw, seed) for seed in range(25)]
        assert np.mean(np.array(counts) > 0) > 0.6, draw
        assert 3 < np.mean(counts) < 120, draw


def alerts(site: Site, draw: Draw, seed: int) -> int:
    rng = default_rng(seed)
    place = place_in_season(rng, site, site.begin + 100.0)
    seen = visits(rng, site, 1, place, site.begin, site.begin + 200.0)
    return int(measured(rng, site, seen, draw(rng, seen, site.depth[R])).found.sum()) if len(seen) else 0


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_noise_is_a_fifth_of_the_depth_in_the_dark_and_grows_with_light(site: Site) -> None:
    rng = default_rng(1)
    n = 20_000
    five_sigma = flux_from_magnitude(np.full(n, site.depth[R]))
    seen = Visits(np.arange(60_000.0, 60_000.0 + n), np.full(n, R, dtype=np.int8), five_sigma)

    def spread(magnitude: float) -> tuple[float, float]:
        flux = np.full(n, float(flux_from_magnitude(np.array(magnitude))))
        points = measured(rng, site, seen, Truth("SNIa", flux, np.full(6, np.nan), 30.0, stellar=False, old=False))
        assert np.std((points.flux - flux) / points.error) == pytest.approx(1.0, abs=0.03)
        return float(points.error.mean()), float(points.found.mean())

    faint, found = spread(99.0)
    assert faint == pytest.approx(five_sigma[0] / 5.0, rel=0.02)
    assert found < 1e-3
    at_depth, half = spread(site.depth[R])
    assert 0.4 < half < 0.55
    bright, all_of_them = spread(site.depth[R] - 4.0)
    assert faint < at_depth < bright
    assert all_of_them == 1.0


def test_saturated_visits_are_left_out() -> None:
    truth = Truth("LPV", np.full(3, 1.0), flux_from_magnitude(np.full(6, 10.0)), 0.1, stellar=True, old=True)
    assert len(measured(default_rng(1), ZTF, Visits(np.arange(3.0), np.full(3, R, dtype=np.int8), np.ones(3)), truth)) == 0


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_weather_is_that_of_the_site_and_comes_in_spells(site: Site) -> None:
    nights = np.arange(60_000, 64_000)
    clear = clear_nights(site, 1, nights)
    assert clear.mean() == pytest.approx(site.clear, abs=0.04)
    assert (clear[1:] == clear[:-1]).mean() > 1.0 - 1.6 * site.clear * (1.0 - site.clear)
    assert (clear == np.concatenate([clear_nights(site, 1, nights[:77]), clear_nights(site, 1, nights[77:])])).all()
    assert (clear != clear_nights(site, 2, nights)).any()


def test_the_moon_is_new_and_full_when_it_was() -> None:
    eclipse_of_the_sun, eclipse_of_the_moon = 60_408.76, 61_103.48  # 8 April 2024, 3 March 2026
    assert moon_illumination(np.array([eclipse_of_the_sun]))[0] < 0.02
    assert moon_illumination(np.array([eclipse_of_the_moon]))[0] > 0.98


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_visits_are_in_order_at_night_and_in_the_survey_s_filters(site: Site) -> None:
    for seed in range(20):
        rng = default_rng(seed)
        place = place_in_season(rng, site, site.begin + 90.0)
        seen = visits(rng, site, 1, place, site.begin, site.begin + 180.0)
        assert (np.diff(seen.epoch) > 0).all()
        assert (np.abs((seen.epoch - site.midnight + 0.5) % 1.0 - 0.5) < 0.25).all()
        assert np.isfinite(np.asarray(site.depth)[seen.band]).all()
        assert site.declinations[0] <= place.dec <= site.declinations[1]
    assert 30 < len(seen) < 180


def test_nothing_is_seen_near_the_sun() -> None:
    sun_in_june = 90.0
    assert len(visits(default_rng(1), ZTF, 1, Place(sun_in_june, 20.0), 60_482.0, 60_482.0 + 20.0)) == 0


def test_cohorts_number_their_objects_without_gaps() -> None:
    starts = list(itertools.accumulate((cohort_size(cohort) for cohort in range(8)), initial=0))
    for cohort, (first, after) in enumerate(itertools.pairwise(starts)):
        assert cohort_of(first) == cohort_of(after - 1) == cohort


def test_draws_depend_on_their_generator_alone() -> None:
    for draw, _ in CLASSES:
        one, two = (draw(default_rng(3), daily(R), 20.9) for _ in range(2))
        assert np.array_equal(one.flux, two.flux)
