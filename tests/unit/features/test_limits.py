"""Non-detections against a slow oracle."""

import math
from typing import Any

import pytest
from hypothesis import given, settings

from streamer.data.photometry import Kind
from streamer.features.limits import FAMILY
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, assert_close, batch, light_curves, points, values


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 2), broken=True))
def test_limits_agree_with_their_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    seen = sorted((t, band, f) for band in alerts.bands for t, f, _, _ in points(alerts, 0, band=band))
    unseen = sorted((t, band, e) for band in alerts.bands for t, _, e, _ in points(alerts, 0, Kind.LIMIT, band))
    expected = {"limit_gap": NAN, "limit_depth": NAN, "limit_rise_rate": NAN, "limit_fraction": NAN}
    if seen:
        first, band, flux = seen[0]
        before = [one for one in unseen if one[0] < first]
        same = [one for one in before if one[1] == band]
        expected["limit_fraction"] = (len(unseen) - len(before)) / (len(unseen) - len(before) + len(seen))
        if before:
            expected["limit_gap"] = first - before[-1][0]
        if same and flux:
            expected["limit_depth"] = 2.5 * math.log10(abs(flux) / (5 * same[-1][2]))
            expected["limit_rise_rate"] = expected["limit_depth"] / (first - same[-1][0])
    assert found["n_limits"] == len(unseen)
    for name, value in expected.items():
        assert_close(found[name], value, name)


def test_a_source_two_magnitudes_above_yesterdays_limit_rose_two_magnitudes_a_day() -> None:
    depth = 100.0 / 10**0.8 / 5
    curve = {"epoch": [1.0, 2.0], "flux": [math.nan, 100.0], "flux_err": [depth, 5.0], "kind": [2, 0]}
    found = values(FAMILY, alert_batch([curve]))[0]
    assert found["limit_rise_rate"] == pytest.approx(2.0, rel=1e-5)
    assert found["limit_gap"] == 1.0
