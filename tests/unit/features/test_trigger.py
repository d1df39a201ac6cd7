"""The triggering measurement against a slow oracle."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from streamer.features.trigger import FAMILY
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, assert_close, batch, light_curves, points, values


def magnitude(flux: float) -> float:
    return 31.4 - 2.5 * math.log10(flux) if flux > 0 else NAN


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 0, 1, 2), broken=True))
def test_trigger_agrees_with_its_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    flux, error = float(alerts.flux[0]), float(alerts.flux_err[0])
    p = points(alerts, 0)
    at = [total for t, *_, total in p if t == 0]
    total = at[-1] if at else NAN
    brightest = max((abs(f) for _, f, _, _ in p), default=NAN)
    found = values(FAMILY, alerts)[0]
    finite = math.isfinite(flux)
    assert_close(found["trigger_magnitude"], magnitude(abs(flux)) if finite else NAN, "trigger_magnitude")
    assert_close(found["trigger_snr"], flux / error if error > 0 and finite else NAN, "trigger_snr")
    assert_close(found["trigger_total_magnitude"], magnitude(total), "trigger_total_magnitude")
    assert_close(found["trigger_amplitude"], magnitude(total - flux) - magnitude(total), "trigger_amplitude", absolute=1e-5)
    assert_close(found["trigger_over_brightest"], flux / brightest if brightest and finite else NAN, "trigger_over_brightest")


def test_a_source_that_doubles_rises_by_three_quarters_of_a_magnitude() -> None:
    found = values(FAMILY, alert_batch([{"epoch": [1.0], "flux": [500.0], "total": [1000.0]}]))[0]
    assert found["trigger_amplitude"] == pytest.approx(2.5 * np.log10(2.0))
