import json
from pathlib import Path

import numpy as np
import pytest

from streamer import features
from streamer.classify.bundle import LightGBMClassifier
from streamer.errors import InvalidBundle, InvalidConfig
from streamer.training.evaluate import bundle_folder, evaluate
from streamer.training.fit import examples_of, read_sets
from streamer.training.recipe import parse_recipe
from streamer.training.split import Part
from streamer.training.train import train
from tests.unit.training.tables import SMALL_RECIPE, write_bts


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_bts(folder, 90)
    return folder


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(SMALL_RECIPE)
    return path


@pytest.fixture(scope="module")
def trained(data: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(recipe, data, tmp_path_factory.mktemp("out"), lambda _: None)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_training_twice_gives_identical_files(data: Path, recipe: Path, trained: Path, tmp_path: Path) -> None:
    train(recipe, data, tmp_path, lambda _: None)
    assert contents(tmp_path) == contents(trained.parent)


def test_the_bundle_is_one_that_the_service_loads(trained: Path) -> None:
    classifier = LightGBMClassifier(contents(trained), features.check_names)
    assert [leaf.name for leaf in classifier.leaves] == ["SNIa", "SNII", "CV/Nova"]
    assert classifier.manifest.training[0].licence
    assert classifier.manifest.metrics["cross_fitted_objects"] > classifier.manifest.metrics["cross_fitted_judged_classes"] > 0


def test_the_manifest_heads_with_the_figure_over_most_objects_and_says_over_how_many_classes(trained: Path) -> None:
    metrics = json.loads((trained / "manifest.json").read_text(encoding="utf-8"))["metrics"]
    assert set(metrics) == {
        f"cross_fitted_{name}"
        for name in ("accuracy", "macro_f1", "macro_f1_judged", "classes", "judged_classes", "ece", "objects")
    }


def test_the_report_names_the_bundle_and_has_its_card_beside_it(trained: Path) -> None:
    reports = trained.parent / "reports" / "small"
    classifier = LightGBMClassifier(contents(trained), features.check_names)
    report = (reports / "report.md").read_text(encoding="utf-8")
    assert classifier.checksum in report
    assert classifier.manifest.data_hash in report
    assert (reports / "card.md").read_bytes() == (trained / "card.md").read_bytes()


def test_the_card_and_report_are_written_and_speak_of_every_class(trained: Path) -> None:
    card = (trained / "card.md").read_text(encoding="utf-8")
    report = (trained.parent / "reports" / "small" / "report.md").read_text(encoding="utf-8")
    for text in (card, report):
        assert all(leaf in text for leaf in ("SNIa", "SNII", "CV/Nova"))
    figures = {path.name for path in (trained.parent / "reports" / "small").iterdir()}
    assert {f"{name}.{kind}" for name in ("confusion", "reliability", "f1-by-detections") for kind in ("png", "svg")} <= figures


def test_evaluating_the_bundle_repeats_the_figures_of_its_training(trained: Path, data: Path) -> None:
    result = evaluate(trained, data)
    assert result["same_data"] is True
    stored = json.loads((trained / "evaluation.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(result["held_out"])) == stored["held_out"]


def test_evaluating_on_other_data_says_so(trained: Path, tmp_path: Path) -> None:
    write_bts(tmp_path, 60, seed=2)
    assert evaluate(trained, tmp_path)["same_data"] is False


def test_no_group_is_in_two_parts_and_each_object_is_tested_once(data: Path) -> None:
    recipe = parse_recipe(SMALL_RECIPE, "here")
    examples = examples_of(recipe, read_sets(recipe, data))
    groups = examples.table.group[examples.picks.row]
    of_part = {part: set(groups[examples.of_part(recipe, part, 0)].tolist()) for part in Part}
    assert sum(map(len, of_part.values())) == len(set.union(*of_part.values())) == len(examples.table)
    chosen = examples.one_each(np.ones(len(examples.picks), dtype=np.bool_), recipe.seed)
    assert sorted(examples.picks.row[chosen].tolist()) == list(range(len(examples.table)))


def test_every_object_counts_alike_within_its_class_however_many_alerts_it_has(data: Path) -> None:
    recipe = parse_recipe(SMALL_RECIPE, "here")
    examples = examples_of(recipe, read_sets(recipe, data))
    per_object = np.bincount(examples.picks.row, weights=examples.alert_weight())
    for leaf in range(3):
        np.testing.assert_allclose(per_object[examples.truth == leaf], per_object[examples.truth == leaf][0])
    assert per_object.mean() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"ztf_bts_alert_photometry"', '"nowhere"', "data.sets: .*nowhere.* are no sets for ztf; there are"),
        ('"trigger", "sampling"', '"trigger", "magic"', "inputs.families: .*magic.* do not exist; there are"),
        ('"trigger_amplitude"', '"trigger_amplitud"', "inputs.exclude: .*trigger_amplitud.* exclude nothing"),
        ("[inputs]", '[inputs]\nbands = ["g", "z"]', "inputs.bands: .*z.* are no bands of ztf; there are"),
        ("min_objects = 3", 'tried_on = ["heaven"]', "data.tried_on: .*heaven.* are no labelled packets of ztf; there are"),
        ("SNII = 1, ", "", "priors.shares: no share for .*SNII"),
    ],
)
def test_a_recipe_that_does_not_fit_the_data_fails_with_one_sentence(
    data: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(SMALL_RECIPE.replace(old, new))
    with pytest.raises(InvalidConfig, match=message):
        train(path, data, tmp_path / "out", lambda _: None)
    assert not (tmp_path / "out").exists()


def test_a_bundle_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidBundle, match=r"no model 'nothing-here' in .* known are .*variability-ztf"):
        bundle_folder("nothing-here")
