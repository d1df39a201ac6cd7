"""Objects looked at: how they are drawn, and what card and picture say of them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.classify import taxonomy
from streamer.classify.manifest import Manifest
from streamer.data.batch import State
from streamer.training.looked_at import MOST, NOTHING, OUTCOMES, PARENT, RIGHT, WRONG, drawn, outcome, section
from streamer.training.plots import objects
from streamer.training.report import write_report
from streamer.training.train import train
from tests.unit.training.tables import SMALL_RECIPE, write_bts

CASES = st.lists(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from("ABC")), max_size=40)


@given(CASES, st.integers(0, 20))
def test_kinds_of_answers_are_drawn_as_evenly_as_there_are_objects(cases: list[tuple[str, str]], most: int) -> None:
    outcomes, truth = [case[0] for case in cases], [case[1] for case in cases]
    chosen = drawn(outcomes, truth, [f"O{i}" for i in range(len(cases))], 1, most)
    assert len(chosen) == len(set(chosen)) == min(most, len(cases))
    counts = {kind: sum(outcomes[place] == kind for place in chosen) for kind in OUTCOMES}
    short = [kind for kind in OUTCOMES if counts[kind] < outcomes.count(kind)]  # of which there were more to draw
    assert all(counts[kind] >= max(counts.values()) - 1 for kind in short)


def test_which_objects_are_drawn_does_not_depend_on_their_order() -> None:
    names = [f"O{i}" for i in range(30)]
    outcomes = [OUTCOMES[i % 3] for i in range(30)]
    truth = ["AB"[i % 2] for i in range(30)]
    back = drawn(outcomes[::-1], truth[::-1], names[::-1], 1, 10)
    assert [names[place] for place in drawn(outcomes, truth, names, 1, 10)] == [names[::-1][place] for place in back]


def test_an_answer_is_right_at_its_class_and_a_parent_only_above_it() -> None:
    ia, above = taxonomy.by_name("SNIa"), taxonomy.ancestors(taxonomy.by_name("SNIa"))[0]
    assert outcome(ia, State.CLASSIFIED, ia.id) == RIGHT
    assert outcome(ia, State.PARENT_ONLY, above.id) == PARENT
    assert outcome(taxonomy.by_name("RRL"), State.PARENT_ONLY, above.id) == WRONG
    assert outcome(ia, State.CLASSIFIED, taxonomy.by_name("SNII").id) == WRONG
    assert outcome(ia, State.NOT_CLASSIFIED, taxonomy.NOT_CLASSIFIED) == NOTHING


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("looked")
    write_bts(folder / "data", 90)
    (folder / "small.toml").write_text(SMALL_RECIPE)
    return train(folder / "small.toml", folder / "data", folder / "out", lambda _: None)


def test_a_training_looks_at_test_objects_alone_and_tells_answer_set_novelty_and_reasons(trained: Path) -> None:
    found = json.loads((trained / "evaluation.json").read_text(encoding="utf-8"))
    rows = found["looked_at"]["rows"]
    assert 0 < len(rows) == min(MOST, found["looked_at"]["objects"])
    assert found["looked_at"]["objects"] == found["held_out"]["overall"]["objects"] == found["data"]["parts"]["test"]
    report = (trained.parent / "reports" / "small" / "report.md").read_text(encoding="utf-8")
    for row in rows:
        assert row["outcome"] in OUTCOMES
        assert row["reasons"]
        assert 0 <= row["novelty"] <= 1
        assert len({len(column.split()) for column in row["points"].values()}) == 1
        assert f" {row['object']} | {row['class']} | {row['detections']} |" in report


def test_the_report_is_written_again_from_the_evaluation_to_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    evaluation = json.loads((trained / "evaluation.json").read_text(encoding="utf-8"))
    manifest = Manifest.of_json((trained / "manifest.json").read_bytes())
    reports = trained.parent / "reports" / "small"
    checksum = (reports / "report.md").read_text(encoding="utf-8").split("Checksum of the bundle: `")[1][:64]
    write_report(evaluation, manifest, checksum, tmp_path)
    for name in ("report.md", "report.html", "objects.png", "objects.svg"):
        assert (tmp_path / name).read_bytes() == (reports / name).read_bytes()


def test_an_evaluation_without_looked_at_objects_has_no_such_part() -> None:
    assert section({}) == []


POINTS = {
    "a single detection": {"days": "0.000", "band": "r", "flux": "120", "flux_err": "10", "kind": "0"},
    "zero flux before a rise": {"days": "-3 -2 0", "band": "g r r", "flux": "0 nan 900", "flux_err": "5 7 9", "kind": "1 2 0"},
    "faint and bright in an own band": {"days": "-1 0", "band": "V V", "flux": "-40 80", "flux_err": "9 9", "kind": "0 0"},
    "nothing detected": {"days": "-1", "band": "g", "flux": "nan", "flux_err": "9", "kind": "2"},
    r"a name like a $\formula$": {"days": "0", "band": "r", "flux": "9", "flux_err": "1", "kind": "0"},
    "no points": {"days": "", "band": "", "flux": "", "flux_err": "", "kind": ""},
}


@pytest.mark.parametrize("case", [*POINTS, "nothing at all"])
def test_a_picture_is_made_of_whatever_there_is(case: str, tmp_path: Path) -> None:
    said = {"object": case, "class": "SNIa", "named": "SNIa", "probability": None, "state": "CLASSIFIED", "outcome": RIGHT}
    rows = [said | {"nature": "real", "points": POINTS[case]}] if case in POINTS else []
    objects(rows, tmp_path / "objects")
    assert (tmp_path / "objects.png").stat().st_size > 0
    assert (case in (tmp_path / "objects.svg").read_text(encoding="utf-8")) == bool(rows)
