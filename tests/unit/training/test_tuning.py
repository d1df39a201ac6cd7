"""Choices on validation objects, benchmarks, and the quick training, on small sets."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.errors import InvalidConfig
from streamer.features import sampling
from streamer.training import scrutiny
from streamer.training.ablation import ablation
from streamer.training.benchmarks.recipe import read_benchmark
from streamer.training.benchmarks.run import run_benchmark
from streamer.training.fit import Examples, examples_of, read_sets
from streamer.training.kept import Kept
from streamer.training.kinds import kind_of
from streamer.training.pitfalls import pitfalls
from streamer.training.recipe import RECIPES, Recipe, parse_recipe
from streamer.training.selection import selected
from streamer.training.sources import simulated
from streamer.training.temporal import temporal
from streamer.training.tuning import tuned
from streamer.training.validation import validated
from tests.unit.training.tables import SMALL_RECIPE, write_bts, write_plasticc

TUNED = SMALL_RECIPE.replace("[priors]", "[tuning]\ntrials = 2\nfolds = 1\nablation = true\n[priors]").replace(
    "rotations = 2", "rotations = 2\nfuture = 0.3"
)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return parse_recipe(TUNED, "here")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_bts(folder, 90)
    return folder


@pytest.fixture(scope="module")
def examples(recipe: Recipe, data: Path) -> Examples:
    return examples_of(recipe, read_sets(recipe, data))


def test_tuning_never_ends_with_settings_worse_than_the_recipes_and_finds_the_same_again(
    recipe: Recipe, examples: Examples
) -> None:
    chosen, found = tuned(recipe, examples, Kept(None), lambda _: None)
    losses = [trial["loss"] for trial in found["trials"]]
    assert len(losses) == 2
    assert validated(chosen, examples, Kept(None)).loss == pytest.approx(min(losses), abs=1e-5)
    assert found == tuned(recipe, examples, Kept(None), lambda _: None)[1]


def test_no_choice_looks_at_the_objects_that_test_the_shipped_model(recipe: Recipe, examples: Examples) -> None:
    test = examples.slice_number[examples.picks.row] == 0
    spoiled = examples.matrix.copy()
    spoiled[test] = np.nan
    other = Examples(**{name: getattr(examples, name) for name in Examples.__slots__} | {"matrix": spoiled})
    assert validated(recipe, other, Kept(None)) == validated(recipe, examples, Kept(None))


def test_the_fewest_inputs_are_taken_that_validation_objects_do_not_mind(recipe: Recipe, examples: Examples) -> None:
    asked = recipe.model_copy(update={"tuning": recipe.tuning.model_copy(update={"inputs": (6, 3, 1)})})
    chosen, rows = selected(asked, examples, Kept(None), lambda _: None)
    assert [row["inputs"] for row in rows] == [len(examples.inputs), 6, 3, 1]
    (taken,) = [row for row in rows if row["chosen"]]
    assert len(chosen.inputs) == taken["inputs"]
    assert set(chosen.inputs) <= set(examples.inputs)
    assert taken["excess"] <= taken["error"]
    assert all(row["excess"] > row["error"] for row in rows if row["inputs"] < taken["inputs"])
    assert min(row["excess"] for row in rows) == 0.0
    everything, nothing_tried = selected(recipe, examples, Kept(None), lambda _: None)
    assert (everything.inputs, nothing_tried) == (examples.inputs, [])


def test_ablation_has_a_row_for_all_inputs_and_one_without_each_family(recipe: Recipe, examples: Examples) -> None:
    rows = ablation(recipe, examples, Kept(None), lambda _: None)
    assert [row["name"] for row in rows] == ["all inputs", "without trigger", "without sampling"]
    assert rows[1]["inputs"] + rows[2]["inputs"] == rows[0]["inputs"]
    for row in rows[1:]:
        assert row["excess"] == pytest.approx(row["loss"] - rows[0]["loss"], abs=2e-4)
        assert row["error"] > 0
        assert row["gained"]["value"] == pytest.approx(row["macro_f1"] - rows[0]["macro_f1"], abs=2e-4)
        assert row["gained"]["low"] <= row["gained"]["value"] <= row["gained"]["high"]


def test_an_ablation_on_more_slices_asks_more_objects(recipe: Recipe, examples: Examples) -> None:
    thrice = recipe.model_copy(update={"tuning": recipe.tuning.model_copy(update={"ablation_folds": 3})})
    rows = ablation(thrice, examples, Kept(None), lambda _: None)
    assert (
        rows[0]["objects"]
        == np.count_nonzero(examples.slice_number != 0)
        > ablation(recipe, examples, Kept(None), print)[0]["objects"]
    )
    assert ablation(thrice, examples, Kept(None), lambda _: None) == rows


def test_without_inputs_that_say_nothing_nothing_changes_and_the_report_shows_each_change_with_its_error(
    recipe: Recipe, examples: Examples
) -> None:
    outputs = [feature.name for feature in sampling.outputs(examples.table.bands)]
    silent = replace(examples, matrix=np.where(np.isin(examples.inputs, outputs), np.float32(0.0), examples.matrix))
    rows = ablation(recipe, silent, Kept(None), lambda _: None)
    assert rows[2]["excess"] == rows[2]["error"] == 0.0
    assert rows[2]["gained"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert rows[1]["gained"]["high"] < 0, "without the only family that says anything"
    heading, text, shown = scrutiny.ablation({"ablation": rows})
    assert heading == "## Which inputs earn their place"
    assert f"on {rows[0]['objects']} validation objects" in text
    assert f"{rows[1]['excess']:+.4f} ± {rows[1]['error']:.4f}" in shown
    assert "| – |" in shown.splitlines()[2]


def test_the_past_is_tried_on_objects_that_it_never_saw(recipe: Recipe, examples: Examples) -> None:
    found = temporal(recipe, examples, Kept(None), lambda _: None)
    assert found is not None
    assert found["overall"]["objects"] + found["trained_on"] <= len(examples.table)
    assert found["overall"]["objects"] == pytest.approx(0.3 * len(examples.table), abs=2)
    assert sum(found["learned_from"].values()) == found["trained_on"]
    assert not found["without_context"]


def test_where_context_is_borrowed_the_past_is_tried_without_any(recipe: Recipe, examples: Examples) -> None:
    """A lender of the past would betray its borrowers of the future."""
    borrowers = np.ones(len(examples.table), dtype=np.bool_)
    rng = np.random.default_rng(1)
    telling = (examples.truth[examples.picks.row][:, None] + rng.normal(scale=0.01, size=examples.matrix.shape)).astype(np.float32)
    betrayed = replace(examples, matrix=telling, lender=np.where(borrowers, 0, -1))
    found = temporal(recipe, betrayed, Kept(None), lambda _: None)
    assert found == (temporal(recipe, examples, Kept(None), lambda _: None) or {}) | {"without_context": True}


def test_what_tells_the_split_apart_is_not_asked_of_objects_that_share_lenders(recipe: Recipe, examples: Examples) -> None:
    """Objects of one slice borrow from a few, and would be known by them."""
    borrowed = np.arange(len(examples.table)) % 2 == 0
    telling = np.where(borrowed, examples.slice_number, 0)[examples.picks.row]
    matrix = np.repeat(telling[:, None].astype(np.float32), len(examples.inputs), axis=1)
    found = pitfalls(recipe, replace(examples, matrix=matrix, lender=np.where(borrowed, 0, -1)), lambda _: None)["split"]
    assert found["test"] + found["others"] == np.count_nonzero(~borrowed)
    assert found["auc"]["value"] < 0.6


BENCHMARK = """
benchmark = "small"
what = "Which of two types is it of?"
set = "ztf_bts_alert_photometry"
seed = 1
min_detections = 4
ages = [10.0]
folds = 2
judged_from = 5
[inputs]
families = ["trigger", "sampling"]
exclude = ["trigger_total_magnitude", "trigger_amplitude"]
[trees]
rounds = 8
min_examples = 5
[classes]
Ia = ["SN Ia"]
II = ["SN II"]
"""


def test_a_benchmark_scores_each_whole_light_curve_once_and_says_so(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "benchmark-small.toml"
    path.write_text(BENCHMARK)
    assert kind_of(path).entry == "benchmark"
    folder = run_benchmark(path, data, tmp_path, lambda _: None)
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert found["figures"]["objects"] == sum(map(sum, found["confusion"]))
    assert {row["reason"] for row in found["dropped"]} >= {"not of the benchmark's classes"}
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert f"{found['auc']['macro']['value']:.3f}" in report
    assert {"report.html", "confusion.png", "confusion.svg"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"ztf_bts_alert_photometry"', '"nowhere"', "benchmark small: set: nowhere does not exist"),
        ("folds = 2", "folds = 1", "folds"),
        ('"SN II"', '"SN XY"', "has no objects of II"),
        ("folds = 2", 'folds = 2\nbeside = ["true_z"]', "true_z.* are truths of a simulation"),
        ("[inputs]", '[rest_frame]\nredshift = "true_z"\nreddening = "mwebv"\n[inputs]', "true_z.* are truths of a simulation"),
        ("[inputs]", '[rest_frame]\nredshift = "z"\nreddening = "e"\n[inputs]', "extinction is not known for ztf, only for lsst"),
    ],
)
def test_a_benchmark_that_cannot_be_run_is_one_sentence(data: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "benchmark.toml"
    path.write_text(BENCHMARK.replace(old, new))
    with pytest.raises(Exception, match=message):
        run_benchmark(path, data, tmp_path, lambda _: None)


LUMINOUS = """
benchmark = "luminous"
what = "Which of three types is it of?"
set = "plasticc_train"
seed = 1
folds = 2
judged_from = 5
[rest_frame]
redshift = "hostgal_photoz"
reddening = "mwebv"
[inputs]
families = ["trigger"]
exclude = ["trigger_total_magnitude", "trigger_amplitude"]
[trees]
rounds = 10
min_examples = 3
[classes]
Ia = ["90"]
SLSN = ["95"]
RRL = ["92"]
"""


def test_a_benchmark_with_a_redshift_knows_luminosities_and_tells_what_they_bring(tmp_path: Path) -> None:
    """Two of the types look the same, and one is farther away."""
    write_plasticc(tmp_path, 60)
    path = tmp_path / "benchmark-luminous.toml"
    path.write_text(LUMINOUS)
    folder = run_benchmark(path, tmp_path, tmp_path, lambda _: None)
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert found["auc"]["classes"]["SLSN"]["value"] > 0.95
    assert found["rest_frame"]["without"]["classes"]["SLSN"]["value"] < 0.8
    assert found["rest_frame"]["gain"]["classes"]["SLSN"]["low"] > 0.1
    assert "absolute_magnitude_brightest_g" in found["inputs"]
    assert "hostgal_photoz" not in found["inputs"]
    report = (folder / "report.md").read_text(encoding="utf-8")
    for part in ("`absolute_magnitude_brightest_<band>`", "hostgal_photoz", "H0 = 70", "gain in AUC"):
        assert part in report


def test_a_benchmark_without_a_redshift_says_nothing_of_one(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "benchmark-small.toml"
    path.write_text(BENCHMARK)
    folder = run_benchmark(path, data, tmp_path, lambda _: None)
    assert "rest_frame" not in json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert "uminosit" not in (folder / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("benchmark-*.toml")), ids=lambda path: path.stem)
def test_every_shipped_benchmark_can_be_read_and_is_named_as_its_file(path: Path) -> None:
    assert f"benchmark-{read_benchmark(path).benchmark}" == path.stem


def test_a_benchmark_of_unknown_settings_names_them(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.toml"
    path.write_text(BENCHMARK.replace("seed = 1", "seed = 1\nsped = 2"))
    with pytest.raises(InvalidConfig, match="sped"):
        read_benchmark(path)


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_simulated_light_curves_hold_each_detection_once_in_order_of_time(survey: str) -> None:
    table = simulated.light_curves(survey, 12, 3)
    assert len(table) > 3
    for row in range(len(table)):
        curve = table.curves.row(row)
        assert (np.diff(curve["epoch"]) >= 0).all()
        assert len(set(zip(curve["epoch"].tolist(), curve["band"].tolist(), strict=True))) == len(curve["epoch"])
        assert curve["complete"].any()
