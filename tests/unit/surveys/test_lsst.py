"""LSST packets to alerts: null parts, withdrawn sources, identities, nights."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.framing import Framing
from streamer.data.batch import AlertBatch, Why
from streamer.data.photometry import Kind
from streamer.errors import Reason
from streamer.pipeline import Outcome, Pipeline
from tests.packets import (
    LSST,
    LSST_ID,
    TableOfSchemas,
    container,
    lsst_body,
    lsst_forced,
    lsst_object,
    lsst_packet,
    lsst_record,
    lsst_source,
    raw_batch,
    with_floats,
)


def outcome(*packets: bytes) -> Outcome:
    return Pipeline(Framing(TableOfSchemas({LSST_ID: LSST})), {}, allow_private=False)(raw_batch(packets))


def alerts(*packets: bytes) -> AlertBatch:
    result = outcome(*packets)
    assert not len(result.rejections), result.rejections.detail
    return result.scored[0].alerts


def curve(*args: Any, **source: Any) -> dict[str, Any]:
    return alerts(lsst_packet(*args, **source)).light_curves.row(0)


def test_an_alert_of_nothing_but_its_source_is_a_light_curve_of_one_point() -> None:
    points = curve(None, None, None, None)
    assert points["flux"].tolist() == [1000.0]
    assert points["total"].tolist() == [3000.0]
    assert points["kind"].tolist() == [Kind.DETECTION]
    assert points["epoch"].tolist() == [61_000.25]


def test_history_and_forced_photometry_are_in_the_light_curve_in_order() -> None:
    points = curve([lsst_source(4, midpointMjdTai=60_995.0, psfFlux=-5.0)], [lsst_forced()], lsst_object())
    assert points["kind"].tolist() == [Kind.FORCED, Kind.DETECTION, Kind.DETECTION]
    assert points["flux"].tolist() == [20.0, -5.0, 1000.0]


def test_withdrawn_sources_are_counted_and_left_out() -> None:
    gone: dict[str, Any] = {"timeWithdrawnMjdTai": 61_001.0}
    packet = lsst_packet(
        [lsst_source(4, midpointMjdTai=60_995.0, **gone)], [lsst_forced(**gone), lsst_forced(midpointMjdTai=60_991.0)]
    )
    result = outcome(packet, lsst_packet([lsst_source(4, timeWithdrawnMjdTai=0.0, midpointMjdTai=60_995.0)]))
    alert = result.scored[0].alerts
    assert alert.withdrawn.tolist() == [2, 0]
    assert alert.light_curves.lengths.tolist() == [2, 2]
    assert result.tally.withdrawn == {"lsst": 2}


@pytest.mark.parametrize(
    ("parts", "source", "key", "why"),
    [
        ((None, None, lsst_object(), None), {}, b"LSST:dia:77", Why.NO_MODEL),
        ((None, None, lsst_object(), None), {"diaObjectId": None}, b"LSST:dia:77", Why.NO_MODEL),
        ((None, None, None, lsst_body()), {"diaObjectId": None}, b"LSST:ss:4242", Why.SOLAR_SYSTEM),
        ((None, None, None, lsst_body(ssObjectId=0)), {"diaObjectId": 0}, b"LSST:src:5", Why.SOLAR_SYSTEM),
        ((None, None, None, None), {"diaObjectId": None, "ssObjectId": 99}, b"LSST:ss:99", Why.SOLAR_SYSTEM),
        ((None, None, lsst_object(), lsst_body()), {}, b"LSST:dia:77", Why.NO_MODEL),
        ((None, None, None, None), {"diaObjectId": None}, b"LSST:src:5", Why.NO_MODEL),
        ((None, None, None, None), {"diaObjectId": 0, "ssObjectId": 0}, b"LSST:src:5", Why.NO_MODEL),
    ],
)
def test_the_object_is_a_fixed_one_a_moving_one_or_the_source_itself(
    parts: tuple[Any, ...], source: dict[str, Any], key: bytes, why: Why
) -> None:
    result = outcome(lsst_packet(*parts, **source))
    assert result.scored[0].alerts.key.tolist() == [key]
    assert result.scored[0].alerts.object_id.tolist() == [key.rpartition(b":")[2]]
    assert result.scored[0].scores.why == (why,)


@pytest.mark.parametrize(("mjd", "night"), [(61_000.4, b"20251120"), (61_000.6, b"20251121")])
def test_the_night_is_the_utc_date_twelve_hours_before(mjd: float, night: bytes) -> None:
    assert alerts(lsst_packet(midpointMjdTai=mjd)).night.tolist() == [night]


def test_aperture_and_template_are_context() -> None:
    tree = with_floats(LSST.tree, "diaSource", ["apFlux"])
    bright: dict[str, Any] = {"psfFlux": -1000.0, "apFlux": -1500.0, "templateFlux": 36_307.8}
    dark: dict[str, Any] = {"psfFlux": 0.0, "apFlux": 5.0, "templateFlux": -3.0}
    context = alerts(container(tree, [lsst_record(**source) for source in (bright, dark)])).context
    np.testing.assert_allclose(context["aperture_ratio"], [1.5, np.nan])
    np.testing.assert_allclose(context["template_magnitude"], [20.0, np.nan], rtol=1e-5)


def test_real_bogus_drops_nothing_and_nan_in_the_history_is_not_a_point() -> None:
    alert = alerts(lsst_packet([lsst_source(4, psfFlux=float("nan"), midpointMjdTai=60_990.0)], reliability=0.0))
    assert alert.context["real_bogus"].tolist() == [0.0]
    assert alert.light_curves.lengths.tolist() == [1]


@given(st.lists(st.floats(60_000, 61_000.25), max_size=5), st.lists(st.floats(61_000.26, 62_000), max_size=4))
def test_points_later_than_the_alert_change_nothing(past: list[float], future: list[float]) -> None:
    def points(epochs: list[float]) -> dict[str, Any]:
        return curve(
            [lsst_source(i, midpointMjdTai=mjd) for i, mjd in enumerate(epochs)],
            [lsst_forced(midpointMjdTai=mjd) for mjd in epochs],
        )

    for name, column in points(past).items():
        np.testing.assert_array_equal(column, points(past + future)[name])


@given(st.lists(st.none() | st.floats(width=32), min_size=4, max_size=4), st.floats())
def test_nan_and_infinity_anywhere_leave_only_measured_points(values: list[float | None], epoch: float) -> None:
    change: dict[str, Any] = dict(zip(("psfFlux", "psfFluxErr", "scienceFlux", "timeWithdrawnMjdTai"), values, strict=True))
    points = alerts(lsst_packet([lsst_source(4, midpointMjdTai=epoch, **change)], [lsst_forced(**change)], **change)).light_curves
    assert np.isfinite(points["epoch"]).all()
    assert (np.isfinite(points["flux_err"]) & (points["flux_err"] > 0)).all()
    assert np.isfinite(points["flux"]).all()


@pytest.mark.parametrize("change", [{"midpointMjdTai": float("nan")}, {"ra": 400.0}, {"dec": float("inf")}])
def test_an_alert_without_place_or_time_is_an_invalid_value(change: dict[str, float]) -> None:
    assert outcome(lsst_packet(**change)).rejections.reason == (Reason.INVALID_VALUE,)
