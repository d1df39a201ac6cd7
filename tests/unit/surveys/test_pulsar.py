"""Pulsar candidates: identity, period, epochs, and what is rejected."""

from typing import Any

import numpy as np
import pytest

from streamer.codec.framing import Framing
from streamer.data.batch import AlertBatch
from streamer.errors import Reason, Stage
from streamer.pipeline import Outcome, Pipeline
from tests.packets import TableOfSchemas, pulsar_packet, raw_batch


def outcome(*packets: bytes) -> Outcome:
    return Pipeline(Framing(TableOfSchemas({})), {}, allow_private=False)(raw_batch(packets))


def alerts_of(*packets: bytes) -> AlertBatch:
    (part,) = outcome(*packets).scored
    return part.alerts


def earlier(mjd: float, **overrides: Any) -> dict[str, Any]:
    return {"mjd": mjd, "p_bary": 0.2, "p_err": 1e-9} | overrides


def test_a_candidate_is_its_place_its_time_and_its_series() -> None:
    alerts = alerts_of(pulsar_packet([1.0, 2.0], [3.0, 4.0, 5.0], object_id="J0534+2200"))
    assert (alerts.survey, alerts.bands) == ("pulsar", ())
    assert alerts.object_id.tolist() == [b"J0534+2200"]
    assert alerts.key.tolist() == [b"PSR:J0534+2200"]
    assert alerts.night.tolist() == [b"20251121"]
    assert alerts.epoch[0] == pytest.approx(61_000.25 + 37 / 86_400, abs=1e-9)
    assert alerts.series["profile"].row(0)["value"].tolist() == [1.0, 2.0]
    assert {name: column.tolist() for name, column in alerts.series["dm_curve"].row(0).items()} == {
        "dm": [0.0, 10.0, 20.0],
        "snr": [3.0, 4.0, 5.0],
    }
    assert bool(alerts.public.all())
    assert not alerts.solar_system.any()
    assert len(alerts.light_curves["epoch"]) == 0


def test_a_candidate_of_no_object_is_known_by_its_own_id() -> None:
    alerts = alerts_of(pulsar_packet(candidate_id=-5), pulsar_packet(object_id=""), pulsar_packet(object_id="a"))
    assert alerts.object_id.tolist() == [b"-5", b"11", b"a"]
    assert alerts.key.tolist() == [b"PSR:cand:-5", b"PSR:cand:11", b"PSR:a"]


def test_earlier_epochs_are_ordered_unique_and_of_the_past() -> None:
    epochs = [earlier(60_990.0), earlier(60_980.0), earlier(60_990.0, p_bary=9.0), earlier(float("nan")), earlier(61_001.0)]
    alerts = alerts_of(pulsar_packet(prv_epochs=[*epochs, earlier(61_000.25), earlier(float("inf"))]), pulsar_packet())
    row = alerts.series["epochs"].row(0)
    np.testing.assert_allclose(row["epoch"], np.array([60_980.0, 60_990.0]) + 37 / 86_400, rtol=0, atol=1e-9)
    assert row["p_bary"].tolist() == [0.2, 0.2]
    assert np.isnan(row["accel"]).all()
    assert alerts.series["epochs"].lengths.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"p_topo": 0.0}, "p_topo"),
        ({"p_topo": -0.2}, "p_topo"),
        ({"p_topo": float("nan"), "p_bary": 0.2}, "p_topo"),
        ({"p_bary": 0.0}, "p_bary"),
        ({"p_bary": float("inf")}, "p_bary"),
        ({"p_topo": None}, "neither"),
        ({"epoch": float("nan")}, "epoch"),
        ({"ra": 361.0}, "ra or dec"),
        ({"dec": float("nan")}, "ra or dec"),
        ({"object_id": "x" * 65}, "object_id"),
    ],
)
def test_what_is_no_candidate_is_a_dead_letter(wrong: dict[str, Any], detail: str) -> None:
    found = outcome(pulsar_packet(), pulsar_packet(**wrong))
    assert found.tally.not_classified == 1
    assert found.tally.imbalance == 0
    assert (found.rejections.stage, found.rejections.reason) == ((Stage.SURVEYS,), (Reason.INVALID_VALUE,))
    assert detail in found.rejections.detail[0]
    assert found.survey_of_rejected == ("pulsar",)


@pytest.mark.parametrize("epoch", [1e300, -1e300, 1e9, 0.0])
def test_an_absurd_epoch_has_at_most_no_night(epoch: float) -> None:
    assert outcome(pulsar_packet(epoch=epoch)).tally.rejected == {}


def test_one_period_is_enough() -> None:
    assert len(alerts_of(pulsar_packet(p_topo=None, p_bary=1.5), pulsar_packet())) == 2


def test_timing_is_the_barycentric_periods_with_errors_the_candidates_own_last() -> None:
    epochs = [earlier(60_990.0), earlier(60_980.0, p_err=None), earlier(60_970.0, p_bary=0.0), earlier(60_960.0, accel=3.0, dm=5.0)]
    alerts = alerts_of(
        pulsar_packet(p_bary=0.3, p_err=1e-8, accel=2.0, accel_err=0.5, dm=7.0, prv_epochs=epochs),
        pulsar_packet(p_bary=0.3, prv_epochs=epochs),
        pulsar_packet(p_err=1e-8),
    )
    timing = alerts.series["timing"]
    assert timing.lengths.tolist() == [3, 2, 0]
    row = timing.row(0)
    np.testing.assert_allclose(row["epoch"], np.array([60_960.0, 60_990.0, 61_000.25]) + 37 / 86_400, rtol=0, atol=1e-9)
    assert row["p_bary"].tolist() == [0.2, 0.2, 0.3]
    np.testing.assert_array_equal(row["accel"], [3.0, np.nan, 2.0])
    np.testing.assert_array_equal(row["dm"], [5.0, np.nan, 7.0])


def test_the_period_is_the_barycentric_one_where_there_is_one() -> None:
    alerts = alerts_of(pulsar_packet(p_bary=0.3, dm=7.0, position_error=0.1), pulsar_packet())
    np.testing.assert_allclose(alerts.context["period"], [0.3, 0.2], rtol=1e-6)
    np.testing.assert_allclose(alerts.context["dm"], [7.0, np.nan])
    np.testing.assert_allclose(alerts.context["position_error"], [0.1, np.nan], rtol=1e-6)
