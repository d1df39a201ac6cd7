"""Pictures of alerts: axes the right way up, every band with its look, answers with their bars, nothing that cannot be drawn."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from streamer.cli import main
from streamer.data.batch import AlertBatch
from streamer.data.photometry import BANDS, Kind
from streamer.terminal import Known
from streamer.terminal.pictures import write_picture
from streamer.terminal.pictures.alert import _lines, figure_of
from streamer.terminal.pictures.looks import BLUE, COLOURS, MARKERS, PALE
from tests.builders import alert_batch
from tests.unit.features.candidates import candidates, pulse

PULSE = pulse(64, 0.5, 0.02)
FOLDED = {
    "period": [0.0331], "dm": [56.8], "snr": [19.0], "t_obs": [600.0], "centre_frequency": [1400.0], "bandwidth": [400.0],
    "n_subints": [4.0], "n_subbands": [4.0],
}  # fmt: skip
PNG = b"\x89PNG\r\n"
RISING = {"epoch": [1.0, 2.0, 3.0], "flux": [2e4, 4e4, 8e4], "band": ["g", "r", "g"]}
TAG: dict[str, Any] = {
    "object_id": "ZTF20aafcnby", "survey": "ztf", "alert_id": 7, "ra": 200.0, "dec": 58.9, "epoch": 58881.5,
    "state": "PARENT_ONLY", "reason": "AMBIGUOUS", "class_name": "Non-recurring", "conformal_set": [1, 2], "conformal_level": 0.9,
    "classifications": [{"class_id": number, "class_name": name, "probability": share}
                        for number, name, share in ((3, "AGN", 0.1), (1, "SNIa", 0.7), (2, "SNII", 0.2))],
    "novelty": 0.3, "scores": [], "model": {"name": "variability-ztf", "version": "1.2.0"},
}  # fmt: skip


def drawn(alerts: AlertBatch | None, tag: dict[str, Any] | None = None) -> Figure:
    return figure_of(Known(alerts, 0, tag))


def words(figure: Figure) -> str:
    """All that is written in a picture."""
    axes = [one for part in figure.subfigs for one in part.axes]
    texts = [*figure.texts, *(text for one in axes for text in (*one.texts, one.xaxis.label, one.yaxis.label))]
    legends = [text for one in axes if (legend := one.get_legend()) is not None for text in legend.get_texts()]
    titles = [one.get_title(loc=place) for one in axes for place in ("left", "center")]
    return "\n".join([*(text.get_text() for text in (*texts, *legends)), *titles])


def test_a_brightening_object_rises_in_magnitudes_and_each_band_has_its_look() -> None:
    figure = drawn(alert_batch([RISING | {"total": [3e5, 4e5, 6e5]}]))
    (axes,) = figure.subfigs[0].axes
    bottom, top = axes.get_ylim()
    assert bottom > top, "magnitudes run downwards"
    assert axes.get_ylabel() == "magnitude, AB"
    looks = {(line.get_marker(), line.get_markerfacecolor()) for line in axes.get_lines() if line.get_marker() in MARKERS.values()}
    assert looks == {(MARKERS[band], COLOURS[band]) for band in "gr"}
    assert "g  2" in words(figure)


def test_an_object_that_also_fades_is_drawn_in_flux_with_its_limits_and_forced_points_counted() -> None:
    figure = drawn(
        alert_batch([{"epoch": [1.0, 2.0, 3.0, 4.0], "flux": [5e3, -5e3, 1e3, np.nan], "kind": [0, 0, Kind.FORCED, Kind.LIMIT]}])
    )
    (axes,) = figure.subfigs[0].axes
    assert axes.get_ylim()[0] < 0 < axes.get_ylim()[1]
    assert axes.get_ylabel() == "difference flux, nJy"
    assert "forced  1" in words(figure)
    transient = drawn(alert_batch([{"epoch": [1.0, 2.0], "flux": [np.nan, 5e3], "kind": [Kind.LIMIT, Kind.DETECTION]}]))
    assert "limit 5σ  1" in words(transient)
    assert "magnitude of the difference, AB" in words(transient)


def test_an_answer_has_its_classes_by_probability_and_those_of_the_set_dark() -> None:
    figure = drawn(None, TAG)
    (axes,) = figure.subfigs[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["SNIa", "SNII", "AGN"]
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    assert [bar.get_width() for bar in bars] == [0.7, 0.2, 0.1]
    assert [bar.get_facecolor() for bar in bars] == [to_rgba(BLUE), to_rgba(BLUE), to_rgba(PALE)]
    text = words(figure)
    for part in ("ZTF20aafcnby", "Non-recurring", "PARENT_ONLY, AMBIGUOUS", "conformal set at 90%", "novelty 0.300", "70.0%"):
        assert part in text
    unasked = TAG | {"state": "NOT_CLASSIFIED", "reason": "NO_MODEL", "classifications": [], "conformal_set": [], "model": None}
    assert "not classified" in words(drawn(None, unasked | {"conformal_level": None}))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_tag_alone_has_room_for_its_head_and_no_probability_above_one(share: float) -> None:
    classes = [{"class_id": 1, "class_name": "SNIa", "probability": share}]
    figure = drawn(None, TAG | {"alert_id": 2552001000000000022, "classifications": classes})
    figure.draw_without_rendering()
    assert max(text.get_window_extent().x1 for text in figure.texts) < figure.bbox.x1
    (axes,) = figure.subfigs[0].axes
    assert max(axes.get_xticks()) <= 1.0


@given(st.integers(0, 2**63 - 1), st.text("abWZ09-", min_size=1, max_size=120))
@settings(max_examples=15)
def test_no_name_and_no_fact_is_cut_at_the_edge(alert: int, name: str) -> None:
    figure = drawn(None, TAG | {"alert_id": alert, "object_id": name, "ra": 359.99, "dec": -89.99})
    figure.draw_without_rendering()
    assert max(text.get_window_extent().x1 for text in figure.texts) < figure.bbox.x1
    assert f"alert {alert}" in words(figure)


def test_facts_that_are_too_long_for_a_line_go_on_in_the_next() -> None:
    assert _lines(("a", "b"), 5.0) == ["a    b"]
    assert _lines(("a" * 40, "b" * 40, "c"), 4.0) == ["a" * 40, "b" * 40 + "    c"]
    assert _lines(("a" * 200,), 4.0) == ["a" * 200], "a fact is never cut in two"


def test_a_packet_with_its_tag_is_wider_than_either_and_says_who_it_is_once() -> None:
    both, alone = drawn(alert_batch([RISING]), TAG), drawn(alert_batch([RISING]))
    assert both.get_figwidth() > alone.get_figwidth()
    assert words(both).count("OBJ0") == 1


def test_a_candidate_is_drawn_with_what_it_has() -> None:
    curve = [[(0.0, 1.0), (56.8, 19.0), (100.0, 2.0)]]
    whole = drawn(candidates(profile=[PULSE], dm_curve=curve, subints=[4 * PULSE], subbands=[4 * PULSE], context=FOLDED))
    assert len(whole.subfigs[0].axes) == 4
    text = words(whole)
    for part in ("profile", "DM 56.8, S/N 19.0", "time, min", "frequency, MHz", "P 33.1 ms"):
        assert part in text
    assert len(drawn(candidates(profile=[PULSE])).subfigs[0].axes) == 1
    assert drawn(candidates(context={"period": [0.1]})).subfigs[0].axes == []


ROWS: list[float] = np.where(np.arange(4 * 64) // 64 == 1, np.nan, 4 * PULSE).tolist()


@pytest.mark.parametrize(
    "alerts",
    [
        candidates(subints=[ROWS], context=FOLDED),
        candidates(subbands=[4 * PULSE], context=FOLDED | {"bandwidth": [np.inf]}),
        candidates(subints=[4 * PULSE], context=FOLDED | {"t_obs": [np.inf]}),
        candidates(dm_curve=[[(3.0, 1.0), (3.0, 2.0)]]),
    ],
    ids=["a row without values", "an endless band", "an endless observation", "one DM"],
)
def test_a_candidate_with_odd_numbers_is_drawn_all_the_same(alerts: AlertBatch) -> None:
    figure = drawn(alerts)
    figure.draw_without_rendering()
    assert len(figure.subfigs[0].axes) == 1


def test_a_name_that_looks_like_a_formula_is_written_as_it_is(tmp_path: Path) -> None:
    write_picture(Known(None, 0, TAG | {"object_id": r"$\frac$"}), tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(PNG)


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.floats(-1e5, 1e5) | st.just(np.nan),
            st.floats(-1e30, 1e30) | st.sampled_from([0.0, np.nan, np.inf]),
            st.integers(-1, len(BANDS)),
            st.sampled_from(list(Kind)),
        ),
        max_size=6,
    )
)
def test_any_light_curve_can_be_drawn(points: list[tuple[float, float, int, Kind]]) -> None:
    columns = dict(zip(("epoch", "flux", "band", "kind"), zip(*points, strict=True), strict=True)) if points else {}
    figure = drawn(alert_batch([{name: list(values) for name, values in columns.items()}], epoch=np.array([0.0])))
    figure.draw_without_rendering()


def test_the_same_alert_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_picture(Known(alert_batch([RISING]), 0, TAG), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("survey", ["ztf", "pulsar"])
def test_packets_tags_and_whole_packets_with_tags_become_pictures(tmp_path: Path, survey: str) -> None:
    run("simulate", "--survey", survey, "--count", "3", "--out", tmp_path / "in")
    for shape in ("tag", "full"):
        run("replay", tmp_path / "in", "--out", tmp_path / shape, "--shape", shape, "--model", "none")
        said = run("show", tmp_path / shape / "tagged-000001.avro", "--png", tmp_path / f"{shape}.png", "--limit", "2")
        assert said == f"{tmp_path}/{shape}.png\n{tmp_path}/{shape}-2.png\n"
    (packet, *_) = sorted((tmp_path / "in").glob("*.avro"))
    run("show", packet, "--png", tmp_path / "packet.png")
    assert {file.name for file in tmp_path.glob("*.png")} == {"tag.png", "tag-2.png", "full.png", "full-2.png", "packet.png"}


def test_dead_letters_have_no_picture(tmp_path: Path) -> None:
    (tmp_path / "x.avro").write_bytes(b"nonsense")
    CliRunner().invoke(main, ["replay", str(tmp_path / "x.avro"), "--out", str(tmp_path / "out"), "--model", "none"])
    said = CliRunner().invoke(main, ["show", str(tmp_path / "out" / "dead-letters-000001.avro"), "--png", str(tmp_path / "x.png")])
    assert said.exit_code == 1
    assert "dead letters cannot be drawn" in said.stderr
    assert not (tmp_path / "x.png").exists()


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("streamer.terminal.pictures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    run("simulate", "--survey", "ztf", "--count", "1", "--out", tmp_path)
    (packet,) = tmp_path.glob("*.avro")
    said = CliRunner().invoke(main, ["show", str(packet), "--png", str(tmp_path / "x.png")])
    assert said.exit_code == 1
    assert "matplotlib is missing; install it with: pip install 'streamer-broker[train]'" in said.stderr


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout
