"""What a terminal shows: nothing is drawn where it was not measured, sums come out, and widths are kept."""

import io
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from streamer.data.arrays import Column
from streamer.data.batch import State, Why
from streamer.data.photometry import BANDS, Kind
from streamer.data.tally import Tally
from streamer.errors import Reason, Stage
from streamer.terminal import Answer, LightCurvePlot, LiveView, Portrait, TaggedSummary, balance, tagged_line
from streamer.terminal.axes import bar, label, sparkline, ticks
from streamer.terminal.packet import PacketSummary, moment, sexagesimal
from streamer.terminal.plot import FORCED, LIMIT, SYMBOLS, Axis, best_axis, vertical
from streamer.training.windows import Picks, alerts_of
from tests.unit.training.tables import table as light_curves

NAN = math.nan


def shown(what: RenderableType, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(what)
    return out.getvalue()


def curve(*points: tuple[float, str, float, float, float, Kind]) -> dict[str, Column]:
    epoch, band, flux, error, total, kind = zip(*points, strict=True) if points else ((),) * 6
    return {
        "epoch": np.array(epoch, dtype=np.float64),
        "band": np.array([BANDS.index(name) for name in band], dtype=np.int8),
        "flux": np.array(flux, dtype=np.float32),
        "flux_err": np.array(error, dtype=np.float32),
        "total": np.array(total, dtype=np.float32),
        "kind": np.array(kind, dtype=np.int8),
    }


NOVA = curve(
    (60000.0, "g", NAN, 100.0, NAN, Kind.LIMIT),
    (60010.0, "r", 5000.0, 100.0, NAN, Kind.DETECTION),
    (60012.0, "g", 8000.0, 100.0, NAN, Kind.DETECTION),
    (60013.0, "g", 7000.0, 100.0, NAN, Kind.FORCED),
    (60014.0, "r", 4000.0, 100.0, NAN, Kind.DETECTION),
)


def test_a_packet_tells_the_magnitude_of_the_difference_from_that_of_the_object() -> None:
    brighter: dict[str, object] = {"epoch": [60000.0, 60001.0], "flux": [500.0, 1000.0], "total": [NAN, 10000.0]}
    table = light_curves([brighter, {"epoch": [60000.0], "flux": -50.0}])
    alerts = alerts_of(table, Picks(np.array([0, 1]), np.array([1, 2])), contents="all")
    alerts = replace(alerts, ra=np.zeros(2), dec=np.zeros(2))
    assert "in the difference r 1,000 ± 10 nJy, 23.90 mag; with the reference 21.40 mag" in shown(PacketSummary(alerts, 0))
    alone = shown(PacketSummary(alerts, 1))
    assert "in the difference r -50 ± 10" in alone.replace("−", "-")
    assert "with the reference" not in alone


def test_bands_limits_and_forced_points_have_their_symbols() -> None:
    drawn = shown(LightCurvePlot(NOVA, 60014.0))
    body, legend = drawn.rstrip("\n").rsplit("\n", 1)
    counts = Counter(body)
    assert (counts[SYMBOLS["g"]], counts[SYMBOLS["r"]], counts[LIMIT], counts[FORCED]) == (1, 2, 1, 1)
    assert "● g 1" in legend
    assert "■ r 2" in legend
    assert "limit 5σ 1" in legend


def test_the_brighter_point_stands_higher() -> None:
    lines = shown(LightCurvePlot(NOVA, 60014.0)).splitlines()
    assert next(i for i, line in enumerate(lines) if "●" in line) < next(i for i, line in enumerate(lines) if "▽" in line)


def test_an_empty_light_curve_says_so() -> None:
    assert "no points" in shown(LightCurvePlot(curve(), 60000.0))
    assert "no points" in shown(LightCurvePlot(curve((60000.0, "g", NAN, 1.0, NAN, Kind.FORCED)), 60000.0))


def test_the_axis_suits_the_object() -> None:
    star = {**NOVA, "total": np.full(5, 1e5, dtype=np.float32)}
    faded = {**NOVA, "flux": -NOVA["flux"]}
    assert [best_axis(one) for one in (star, NOVA, faded)] == [Axis.TOTAL, Axis.DIFFERENCE, Axis.FLUX]


def test_a_limit_stands_at_five_sigma_and_weak_forced_points_nowhere() -> None:
    weak = curve((1.0, "g", NAN, 100.0, NAN, Kind.LIMIT), (2.0, "g", 10.0, 100.0, NAN, Kind.FORCED))
    magnitudes = vertical(weak, Axis.DIFFERENCE)
    assert magnitudes[0] == pytest.approx(31.4 - 2.5 * math.log10(500))
    assert math.isnan(magnitudes[1])


POINTS = st.tuples(
    st.floats(50_000, 70_000) | st.just(NAN),
    st.sampled_from(BANDS),
    st.floats(-1e9, 1e9, width=32) | st.just(NAN),
    st.floats(0.0625, 1e6, width=32),
    st.floats(-1e9, 1e9, width=32) | st.just(NAN),
    st.sampled_from(Kind),
)


@given(st.lists(POINTS, max_size=30), st.integers(40, 160), st.integers(3, 30))
def test_any_light_curve_is_drawn_within_the_width(
    points: list[tuple[float, str, float, float, float, Kind]], width: int, height: int
) -> None:
    drawn = shown(LightCurvePlot(curve(*points), 60_000.0, height), width)
    assert max(cell_len(line) for line in drawn.splitlines()) <= width


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e9), st.integers(1, 20))
def test_ticks_are_round_few_and_inside(low: float, span: float, most: int) -> None:
    high = low + span
    marks = ticks(low, high, most)
    assert len(marks) <= most + 1
    assert all(low - 1e-6 * span <= mark <= high + 1e-6 * span for mark in marks)


@pytest.mark.parametrize(
    ("value", "step", "text"), [(19.5, 0.5, "19.5"), (-20.0, 10.0, "−20"), (0.25, 0.05, "0.25"), (12_000.0, 2000.0, "12,000")]
)
def test_labels_have_the_digits_of_their_step(value: float, step: float, text: str) -> None:
    assert label(value, step) == text


@given(st.floats(), st.integers(0, 40))
def test_a_bar_is_as_wide_as_it_should_be(share: float, width: int) -> None:
    assert cell_len(bar(share, width, "green").plain) == width


def test_a_bar_fills_in_eighths() -> None:
    assert [bar(share, 2, "").plain for share in (0.0, 1 / 16, 0.5, 0.75, 1.0)] == ["░░", "▏░", "█░", "█▌", "██"]


def test_a_sparkline_shows_the_last_values_against_the_largest() -> None:
    assert sparkline([9.0, 0.0, 4.0, 8.0], 3, "").plain == "▁▅█"
    assert sparkline([0.0], 3, "").plain == "▁"


@pytest.mark.parametrize(
    ("ra", "dec", "text"),
    [
        (0.0, 0.0, "00ʰ00ᵐ00.0ˢ +00°00′00″"),
        (187.70593, 12.39112, "12ʰ30ᵐ49.4ˢ +12°23′28″"),
        (359.99999999, -0.5, "00ʰ00ᵐ00.0ˢ −00°30′00″"),
    ],
)
def test_positions_are_read_in_hours_and_degrees(ra: float, dec: float, text: str) -> None:
    assert sexagesimal(ra, dec) == text


def test_an_epoch_is_shown_in_utc() -> None:
    assert moment(60000.0 + 37 / 86400) == "2023-02-25 00:00:00"
    assert moment(NAN) == ""


@given(st.floats())
def test_no_epoch_however_absurd_is_an_error(epoch: float) -> None:
    assert len(moment(epoch)) in (0, 19)


def test_an_epoch_beyond_the_calendar_is_left_out_of_a_tagged_line() -> None:
    record = {
        "object_id": "LSST:dia:1", "survey": "lsst", "ra": 10.0, "dec": -5.0, "epoch": 1_480_360_995.0, "state": "NOT_CLASSIFIED",
        "reason": "NO_MODEL", "n_detections": {}, "classifications": [],
    }  # fmt: skip
    assert moment(1_480_360_995.0) == ""
    assert "LSST:dia:1" in tagged_line(record).plain


TALLY = Tally(
    messages=10,
    read=10,
    answers={("ztf", State.CLASSIFIED, Why.NONE): 6, ("lsst", State.NOT_CLASSIFIED, Why.TOO_FEW_POINTS): 3},
    rejected={("unknown", Stage.CODEC, Reason.TRUNCATED): 1},
)


def test_the_balance_line_comes_out_or_says_by_how_much_it_does_not() -> None:
    assert balance(TALLY).plain == "10 read = 6 classified + 3 not classified + 1 rejected ✓"
    assert "✗ +2 unaccounted for" in balance(Tally(messages=2, read=2)).plain


def test_the_live_view_shows_counts_reasons_classes_and_the_latest_alert() -> None:
    view = LiveView("demo", ["model 1.0"])
    answer = Answer("ZTF18abc", "ztf", 4, "SNIa", 0.75)
    view.add(
        TALLY,
        [answer, Answer("LSST:dia:1", "lsst", 1, "TOO_FEW_POINTS", NAN)],
        {("ztf", "SNIa"): 6},
        Portrait(answer, NOVA, 60014.0),
    )
    view.clock(2.0)
    drawn = shown(view)
    for part in (
        "model 1.0",
        "5 alerts/s",
        "TOO_FEW_POINTS 3",
        "TRUNCATED 1",
        "SNIa",
        "75%",
        "ZTF18abc",
        "LSST:dia:1",
        "✓",
        "days from",
    ):
        assert part in drawn, part


def test_a_tagged_alert_shows_its_answer_and_its_best_classes_first() -> None:
    record = {
        "object_id": "ZTF18abc", "survey": "ztf", "alert_id": 1, "ra": 10.0, "dec": -5.0, "epoch": 60000.0, "state": "CLASSIFIED",
        "reason": "NONE", "class_name": "SNIa", "n_detections": {"g": 2}, "model": {"name": "m", "version": "1.0"},
        "classifications": [{"class_name": "AGN", "probability": 0.2}, {"class_name": "SNIa", "probability": 0.8}],
    }  # fmt: skip
    drawn = shown(TaggedSummary(record))
    assert drawn.index("80.0%") < drawn.index("20.0%")
    assert "m 1.0" in drawn


HONEST = {
    "object_id": "ZTF18abc", "survey": "ztf", "alert_id": 1, "ra": 10.0, "dec": -5.0, "epoch": 60000.0, "state": "PARENT_ONLY",
    "reason": "AMBIGUOUS", "class_id": 2220, "class_name": "SN-like", "n_detections": {"g": 2}, "model": None,
    "classifications": [
        {"class_id": 2224, "class_name": "SNII", "probability": 0.3},
        {"class_id": 2222, "class_name": "SNIa", "probability": 0.6},
        {"class_id": 2332, "class_name": "AGN", "probability": 0.1},
    ],
    "parents": [{"class_id": 2220, "class_name": "SN-like", "probability": 0.9}],
    "conformal_set": [2222, 2224], "conformal_level": 0.9, "novelty": 0.9951,
    "reasons": [{"input": "span", "value": 3.0, "contribution": -0.25, "text": "From the first to the last detection: 3 d"}],
    "scores": [{"name": "p_binary", "value": 0.875, "epochs": 3, "basis": "SIMULATED"}],
    "known_object": {"catalogue": "psrcat", "name": "J0437-4715", "separation": 2.54, "harmonic": "1/2"},
}  # fmt: skip


def test_a_tag_says_what_else_may_be_true_how_strange_it_is_and_why() -> None:
    drawn = shown(TaggedSummary(HONEST))
    for part in (
        "SN-like  PARENT_ONLY AMBIGUOUS",
        "SNIa, SNII  at 90%",
        "0.995",
        "−0.25",
        "From the first to the last detection: 3 d",
        "p_binary 0.875  SIMULATED, 3 epochs",
        "J0437-4715  psrcat, 2.5″, period ratio 1/2",
    ):
        assert part in drawn, part


def test_a_tagged_line_has_the_probability_of_the_answer_and_the_other_possible_classes() -> None:
    line = tagged_line(HONEST).plain
    assert " 90%  SNIa | SNII  novelty 0.995" in line
    withheld = {**HONEST, "state": "NOT_CLASSIFIED", "reason": "ATYPICAL", "conformal_set": [], "novelty": 0.5}
    assert tagged_line(withheld).plain.endswith("ATYPICAL")


def test_the_live_view_says_how_much_only_an_inner_class_answered_for() -> None:
    view = LiveView("demo", [])
    view.add(Tally(messages=4, read=4, answers={("ztf", State.PARENT_ONLY, Why.AMBIGUOUS): 4}), [], {}, None)
    assert "100.0%  parent only 100.0%" in shown(view)
