"""Times against astropy, fluxes against the definition of the AB magnitude."""

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from streamer.data.photometry import (
    flux_error_from_magnitude_error,
    flux_from_magnitude,
    magnitude_from_flux,
    mjd_tai_from_jd_utc,
    mjd_utc_from_mjd_tai,
    tai_minus_utc,
)

MICROSECOND_D = 1e-6 / 86_400
JD_PRECISION_D = 5e-10
"""d, half the spacing of float64 at a Julian date of today (40 µs)."""

epochs = st.floats(41_318.0, 62_000.0)  # since 1972; later than 2027 nobody knows the leap seconds


@given(epochs)
def test_jd_utc_becomes_mjd_tai_as_in_astropy(mjd: float) -> None:
    jd = mjd + 2_400_000.5
    expected = Time(jd - 2_400_000.5, format="mjd", scale="utc").tai.mjd
    # astropy stretches the day of a leap second (86,401 s long): within it the two differ by up to that second
    assert mjd_tai_from_jd_utc(np.array([jd]))[0] == pytest.approx(expected, abs=1.0 / 86_400 + JD_PRECISION_D)


@given(st.integers(57_755, 61_500), st.floats(0.0, 0.999))
def test_since_2017_jd_utc_becomes_mjd_tai_to_the_microsecond(day: int, fraction: float) -> None:
    mjd = (day + fraction + 2_400_000.5) - 2_400_000.5
    expected = Time(mjd, format="mjd", scale="utc").tai.mjd
    assert mjd_tai_from_jd_utc(np.array([mjd + 2_400_000.5]))[0] == pytest.approx(expected, abs=2 * MICROSECOND_D)


@given(st.floats(41_320.0, 70_000.0))
def test_tai_and_back_is_the_same_utc(mjd_utc: float) -> None:
    tai = mjd_tai_from_jd_utc(np.array([mjd_utc + 2_400_000.5]))
    assert mjd_utc_from_mjd_tai(tai)[0] == pytest.approx(mjd_utc, abs=1.0 / 86_400 + JD_PRECISION_D)


def test_every_leap_second_is_that_of_astropy() -> None:
    days = np.arange(41_317, 61_500, 30.5)
    expected = [round((Time(day, format="mjd", scale="utc").tai.mjd - day) * 86_400) for day in days]
    assert tai_minus_utc(days).tolist() == expected


@given(st.floats(-5.0, 35.0))
def test_magnitude_and_back(magnitude: float) -> None:
    assert magnitude_from_flux(flux_from_magnitude(np.array([magnitude])))[0] == pytest.approx(magnitude, abs=1e-9)


def test_zero_magnitude_is_3631_jansky() -> None:
    assert flux_from_magnitude(np.array([0.0]))[0] == pytest.approx(3631e9, rel=1e-4)


@pytest.mark.parametrize("flux", [0.0, -3.0, np.nan])
def test_a_flux_that_is_not_positive_has_no_magnitude(flux: float) -> None:
    assert np.isnan(magnitude_from_flux(np.array([flux]))[0])


@pytest.mark.parametrize(("magnitude", "flux"), [(np.nan, np.nan), (-1e6, np.inf), (np.inf, 0.0)])
def test_odd_magnitudes_give_odd_fluxes_without_a_warning(magnitude: float, flux: float) -> None:
    assert flux_from_magnitude(np.array([magnitude]))[0] == pytest.approx(flux, nan_ok=True)


@given(st.floats(1.0, 1e6), st.floats(1e-4, 0.3))
def test_flux_error_is_the_derivative_of_the_flux(flux: float, error: float) -> None:
    step = 1e-6
    magnitude = magnitude_from_flux(np.array([flux]))
    slope = abs(flux_from_magnitude(magnitude + step)[0] - flux_from_magnitude(magnitude - step)[0]) / (2 * step)
    assert flux_error_from_magnitude_error(np.array([flux]), np.array([error]))[0] == pytest.approx(slope * error, rel=1e-5)
