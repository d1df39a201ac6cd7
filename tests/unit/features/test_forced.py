"""Forced photometry against a slow oracle."""

import math
from typing import Any

from hypothesis import given, settings

from streamer.data.photometry import Kind
from streamer.features.forced import FAMILY
from tests.unit.features.curves import NAN, Point, assert_close, batch, light_curves, points, values


def oracle(p: list[Point]) -> dict[str, float]:
    if not p:
        return dict.fromkeys(["forced_snr_max", "forced_snr_min", "forced_bright", "forced_faint", "forced_chi2_reduced"], NAN)
    snr = [f / e for _, f, e, _ in p]
    mean = sum(f / e**2 for _, f, e, _ in p) / sum(1 / e**2 for _, _, e, _ in p)
    return {
        "forced_snr_max": max(snr),
        "forced_snr_min": min(snr),
        "forced_bright": sum(x > 3 for x in snr) / len(p),
        "forced_faint": sum(x < -3 for x in snr) / len(p),
        "forced_chi2_reduced": sum(((f - mean) / e) ** 2 for _, f, e, _ in p) / (len(p) - 1) if len(p) > 1 else NAN,
    }


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 1, 1), broken=True))
def test_forced_photometry_agrees_with_its_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    for band in alerts.bands:
        p = points(alerts, 0, Kind.FORCED, band)
        assert found[f"n_forced_{band}"] == len(p)
        for name, expected in oracle(p).items():
            assert_close(found[f"{name}_{band}"], expected, name)
    first = min((t for t, *_ in points(alerts, 0)), default=-math.inf)
    before = [f / e for t, f, e, _ in points(alerts, 0, Kind.FORCED) if t < first - 0.5]
    assert_close(found["forced_before_snr"], sum(before) / math.sqrt(len(before)) if before else NAN, "forced_before_snr")
