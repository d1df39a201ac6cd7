import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamer import features
from streamer.data.photometry import Kind
from streamer.training.windows import LADDER, WINDOW_DAYS, alerts_of, ladder_picks
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
