from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer import features
from streamer.data.photometry import Kind, codes_of_bands
from streamer.data.ragged import Ragged
from streamer.errors import InvalidData
from streamer.training.windows import (
    AGES,
    LADDER,
    WINDOW_DAYS,
    age_picks,
    alerts_of,
    count_picks,
    history_picks,
    ladder_picks,
    picks_of,
)
from tests.unit.training.tables import table

KINDS = st.sampled_from([Kind.DETECTION, Kind.FORCED, Kind.LIMIT])
CURVES = st.lists(st.tuples(st.floats(0, 500), KINDS), min_size=1, max_size=40).map(sorted)


def test_examples_are_taken_at_the_ladder_and_at_the_last_detection() -> None:
    light_curves = table([{"epoch": np.arange(11.0)}, {"epoch": [3.0]}])
    picks = ladder_picks(light_curves)
    nth = picks.point - light_curves.curves.offsets[picks.row] + 1
    assert list(zip(picks.row.tolist(), nth.tolist(), strict=True)) == [(0, 1), (0, 2), (0, 3), (0, 5), (0, 8), (0, 11), (1, 1)]


def test_only_alerts_whose_whole_window_is_known_are_examples() -> None:
    light_curves = table(
        [{"epoch": np.arange(6.0), "complete": [False, False, True, False, True, False]}, {"epoch": [3.0], "complete": False}]
    )
    picks = ladder_picks(light_curves)
    assert light_curves.curves["epoch"][picks.point].tolist() == [2.0, 4.0]
    assert alerts_of(light_curves, picks).light_curves.lengths.tolist() == [3, 5], "what is no example is still history"


def test_an_object_without_detections_gives_no_example() -> None:
    assert len(ladder_picks(table([{"epoch": [1.0, 2.0], "kind": Kind.FORCED}]))) == 0


@given(CURVES)
def test_the_window_holds_what_a_packet_carries(points: list[tuple[float, Kind]]) -> None:
    epoch = np.array([time for time, _ in points])
    kind = np.array([code for _, code in points], dtype=np.int8)
    light_curves = table([{"epoch": epoch, "kind": kind}])
    picks = ladder_picks(light_curves)
    alerts = alerts_of(light_curves, picks)
    assert len(alerts) == len(picks) <= len(LADDER) + 1
    for i, trigger in enumerate(alerts.epoch):
        expected = epoch[(kind == Kind.DETECTION) & (epoch <= trigger) & (epoch >= trigger - WINDOW_DAYS["ztf"])]
        assert alerts.light_curves.row(i)["epoch"].tolist() == expected.tolist()
        assert alerts.epoch[i] in expected


@given(CURVES, st.floats(1, 100))
def test_the_future_changes_no_feature(points: list[tuple[float, Kind]], later: float) -> None:
    epoch = np.array([time for time, _ in points])
    kind = np.array([code for _, code in points], dtype=np.int8)
    kind[0] = Kind.DETECTION
    names = [feature.name for feature in features.features_of(("g", "r", "i"))]
    short, long = (
        table([{"epoch": times, "kind": kinds}])
        for times, kinds in ((epoch, kind), (np.append(epoch, epoch[-1] + later), np.append(kind, np.int8(Kind.DETECTION))))
    )
    before, after = (alerts_of(curves, ladder_picks(curves)).take(np.array([0])) for curves in (short, long))
    np.testing.assert_array_equal(features.compute(before, names), features.compute(after, names))


def test_what_only_some_sources_have_is_masked() -> None:
    light_curves = table([{"epoch": [1.0, 2.0, 3.0], "kind": [Kind.LIMIT, Kind.FORCED, Kind.DETECTION], "total": 5000.0}])
    alerts = alerts_of(light_curves, ladder_picks(light_curves))
    row = alerts.light_curves.row(0)
    assert row["kind"].tolist() == [Kind.DETECTION]
    assert np.isnan(row["total"]).all()
    assert not alerts.context


@given(CURVES)
def test_a_history_holds_everything_up_to_its_epoch(points: list[tuple[float, Kind]]) -> None:
    epoch = np.array([time for time, _ in points])
    kind = np.array([code for _, code in points], dtype=np.int8)
    light_curves = table([{"epoch": epoch, "kind": kind, "total": 5.0}])
    picks = history_picks(light_curves)
    detected, whole = (alerts_of(light_curves, picks, "history", contents) for contents in ("detections", "all"))
    for i, time in enumerate(detected.epoch):
        assert detected.light_curves.row(i)["epoch"].tolist() == epoch[(epoch <= time) & (kind == Kind.DETECTION)].tolist()
        assert whole.light_curves.row(i)["epoch"].tolist() == epoch[epoch <= time].tolist()
        assert (whole.light_curves.row(i)["total"] == 5.0).all()


@given(CURVES, st.sampled_from(AGES))
def test_a_history_of_an_age_ends_with_the_last_detection_of_that_age(points: list[tuple[float, Kind]], days: float) -> None:
    epoch = np.array([time for time, _ in points])
    kind = np.array([code for _, code in points], dtype=np.int8)
    light_curves = table([{"epoch": [1.0, 2.0], "kind": Kind.LIMIT}, {"epoch": epoch, "kind": kind}])
    picks = age_picks(light_curves, days)
    times = epoch[kind == Kind.DETECTION]
    assert picks.row.tolist() == [1] * bool(len(times))
    if len(times):
        assert light_curves.curves["epoch"][picks.point].tolist() == [times[times <= times[0] + days].max()]


def test_histories_are_taken_at_ages_and_at_numbers_of_detections_each_once() -> None:
    light_curves = table([{"epoch": np.arange(0.0, 400.0, 10.0)}, {"epoch": [5.0]}])
    assert light_curves.curves["epoch"][count_picks(light_curves, 3).point].tolist() == [20.0]
    picks = picks_of(light_curves, "history")
    times = light_curves.curves["epoch"][picks.point]
    by_count = [10.0 * (count - 1) for count in (1, 3, 5, 8, 13, 21, 34)]
    by_age = [10.0, 30.0, 60.0, 120.0, 390.0]
    assert times[picks.row == 0].tolist() == sorted({*by_count, *by_age})
    assert times[picks.row == 1].tolist() == [5.0]


def test_a_survey_without_packets_has_no_stream_view() -> None:
    light_curves = table([{"epoch": [1.0]}], survey="crts")
    with pytest.raises(InvalidData, match=r"crts has no alert packets"):
        alerts_of(light_curves, ladder_picks(light_curves))


def test_context_of_an_alert_is_the_latest_that_was_known_then() -> None:
    light_curves = table([{"epoch": [1.0, 5.0]}, {"epoch": [1.0]}])
    known = {"epoch": np.array([0.5, 5.0, 9.0]), "star_galaxy": np.array([0.1, 0.2, 0.3], dtype=np.float32)}
    light_curves = replace(light_curves, context=Ragged(np.array([0, 3, 3]), known))
    alerts = alerts_of(light_curves, history_picks(light_curves), "history", "all")
    np.testing.assert_array_equal(alerts.context["star_galaxy"], np.array([0.1, 0.2, np.nan], dtype=np.float32))


def test_bands_of_other_surveys_have_features_of_their_own() -> None:
    codes = codes_of_bands(("V", "r", "I"))
    light_curves = table([{"epoch": [1.0, 2.0, 3.0], "band": [codes[0], codes[0], codes[2]]}], survey="mine")
    light_curves = replace(light_curves, bands=("V", "r", "I"))
    alerts = alerts_of(light_curves, history_picks(light_curves), "history")
    names = ["n_detections_V", "n_detections_r", "n_detections_I"]
    np.testing.assert_array_equal(features.compute(alerts, names)[-1], np.array([2.0, 0.0, 1.0], dtype=np.float32))
