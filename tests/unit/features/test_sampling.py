"""Counts and times against a slow oracle."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings

from streamer.features.sampling import FAMILY
from tests.builders import alert_batch
from tests.unit.features.curves import NAN, assert_close, batch, light_curves, points, values


def oracle(times: list[float]) -> dict[str, float]:
    """The sampling of all bands."""
    if not times:
        return dict.fromkeys(["n_nights", "span", "gap_max_fraction", "gap_between_nights", "gap_last"], NAN)
    gaps = [b - a for a, b in pairwise(times)]
    span = times[-1] - times[0]
    breaks = [i for i, gap in enumerate(gaps) if gap > 0.5]
    return {
        "n_nights": 1 + len(breaks),
        "span": span,
        "gap_max_fraction": max(gaps) / span if span > 0 else NAN,
        "gap_between_nights": span / len(breaks) if breaks else NAN,
        "gap_last": -times[breaks[-1]] if breaks else NAN,
    }


@settings(deadline=None)
@given(curve=light_curves(kinds=(0, 0, 1, 2), broken=True))
def test_sampling_agrees_with_its_formulae(curve: dict[str, Any]) -> None:
    alerts = batch(curve)
    found = values(FAMILY, alerts)[0]
    times = [t for t, *_ in points(alerts, 0)]
    for name, expected in oracle(times).items():
        assert_close(found[name], expected, name)
    counts = {band: len(points(alerts, 0, band=band)) for band in alerts.bands}
    assert {band: found[f"n_detections_{band}"] for band in alerts.bands} == counts
    assert found["n_detections"] == sum(counts.values())
    assert found["n_bands"] == sum(count > 0 for count in counts.values())


def test_points_in_bands_of_no_survey_do_not_count() -> None:
    found = values(FAMILY, alert_batch([{"epoch": [1.0, 2.0, 3.0], "flux": [1.0, 1.0, 1.0], "band": [2, -1, 100]}]))[0]
    assert found["n_detections"] == 1
