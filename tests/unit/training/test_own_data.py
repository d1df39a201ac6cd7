"""People's own light curves and features: trained on, classified, and refused with one clear message."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from streamer import features
from streamer.classify import taxonomy
from streamer.classify.bundle import LightGBMClassifier, bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.conformal import FEWEST, Conformal
from streamer.cli import main
from streamer.commands.classify import loaded
from streamer.data.photometry import Kind
from streamer.data.ragged import Ragged
from streamer.errors import InvalidConfig, InvalidData
from streamer.features import profile
from streamer.training.answers import TOTAL_LIGHT, classified, is_total_light, with_bands_of
from streamer.training.feature_rows import _untangled, classified_rows
from streamer.training.own import recipe_text, scarce
from streamer.training.recipe import parse_recipe
from streamer.training.survey_file import read_survey
from streamer.training.tables import read_light_curves
from streamer.training.windows import age_picks, alerts_of
from tests.unit.classify.bundles import INPUTS, any_inputs, tiny_booster, tiny_files, tiny_manifest
from tests.unit.training.tables import table

SURVEY = '[[bands]]\nname = "B"\nwavelength = 434.4\n[[bands]]\nname = "V"\nwavelength = 545.6\n'
RECIPE = """
name = "mine"
version = "1.0.0"
survey = "telescope"
view = "history"
seed = 3
[data]
sets = ["table"]
[inputs]
families = ["trigger", "sampling"]
[split]
slices = 4
[trees]
rounds = 40
learning_rate = 0.2
leaves = 4
min_examples = 3
[priors]
source = "the table"
pull = 0.0
shares = { SNIa = 1, RRL = 1 }
"""


def streamer(*arguments: object) -> Result:
    return CliRunner(env={"STREAMER_REAL_DATA": None}).invoke(main, [str(argument) for argument in arguments])


def write_own(folder: Path, n: int = 40) -> Path:
    """Two classes in B and V, of which one fades; the third has three objects, one object has no label and one no detection."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(2)
    points, labels = [], []
    for i in range(n + 5):
        name = f"star {i}"
        label = ["SNIa", "RRL"][i % 2] if i < n else "LPV"
        if i < n + 3:
            labels.append({"object_id": name, "label": label})
        fading = label == "SNIa"
        for j in range(12):
            flux = 5000.0 * (0.7**j if fading else 1 + 0.1 * rng.normal())
            kind = "limit" if i == n + 4 else "detection"
            points.append(
                {"object_id": name, "epoch": 55000.0 + 2 * j, "band": "BV"[j % 2], "flux": flux, "flux_err": 10.0, "kind": kind}
            )
    pd.DataFrame(points).sample(frac=1, random_state=1).to_parquet(folder / "points.parquet")
    pd.DataFrame(labels).to_csv(folder / "labels.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, a survey file, a recipe, and the bundle that was trained from them."""
    folder = tmp_path_factory.mktemp("own")
    write_own(folder / "table")
    (folder / "survey.toml").write_text('name = "telescope"\n' + SURVEY)
    (folder / "recipe.toml").write_text(RECIPE)
    described = ("--survey", folder / "survey.toml", "--recipe", folder / "recipe.toml")
    result = streamer("train", "--table", folder / "table", "--out", folder / "mine", *described)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder / 'mine'}\n"
    assert "left out: 3 objects, class LPV has fewer than 8 objects" in result.stderr
    assert "left out: 2 objects, no label" in result.stderr
    scores, places, scarcity = result.stderr.splitlines()[-3:]
    assert re.match(r"(held out|cross-fitted), \d+ objects of 2 classes: accuracy 0\.\d+.*, macro-F1 0\.\d+", scores)
    assert places == f"report: {folder}/reports/mine/report.md, card: {folder}/reports/mine/card.md (both also as .html)"
    assert "calibration objects" in scarcity
    return folder


def test_classes_that_do_not_answer_for_themselves_are_named_with_what_answers_for_them() -> None:
    leaves = tuple(taxonomy.by_name(name) for name in ("SNIa", "SNIbc", "SNII", "RRL"))
    truth = np.repeat(np.arange(4), (FEWEST, FEWEST - 1, 2, FEWEST))
    even = np.full((len(truth), 4), 0.25)
    few = list(scarce(Conformal.of(even, truth, np.full(len(truth), 5), leaves, (1,))))
    above = Conformal.of(even, truth, np.full(len(truth), 5), leaves, (1,)).answer_of(1)
    assert few == [f"fewer than 20 calibration objects: SNIbc (19), SNII (2): answered for by {above.name}"]
    enough = np.repeat(np.arange(4), FEWEST)
    assert list(scarce(Conformal.of(np.full((80, 4), 0.25), enough, np.full(80, 5), leaves, (1,)))) == []


def test_a_bundle_of_own_data_says_what_it_is(own: Path) -> None:
    manifest = loaded(str(own / "mine")).manifest
    assert (manifest.name, manifest.survey, manifest.bands, manifest.view) == ("mine", "telescope", ("B", "V"), "history")
    assert [(part.name, part.objects) for part in manifest.training] == [("table", 40)]
    assert "own" in manifest.training[0].source
    assert any(name.endswith("_V") for name in manifest.inputs)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_every_object_of_a_table_gets_an_answer(own: Path, suffix: str) -> None:
    out = own / f"answers{suffix}"
    result = streamer(
        "classify", "--table", own / "table", "--survey", own / "survey.toml", "--model", own / "mine", "--out", out, "--json"
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["objects"], facts["view"]) == (45, "history")
    answers = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    assert list(answers.columns[:4]) == ["object_id", "class", "SNIa", "RRL"]
    asked = answers["state"] != "NOT_CLASSIFIED"
    assert (answers["reason"][~asked] == "TOO_FEW_POINTS").any(), "the object without detections"
    np.testing.assert_allclose(answers.loc[asked, ["RRL", "SNIa"]].sum(axis=1), 1.0)
    assert answers.set_index("object_id")["n_detections"]["star 44"] == 0
    labels = pd.read_csv(own / "table" / "labels.csv")
    both = answers.merge(labels, on="object_id")
    known = both[both["label"] != "LPV"]
    assert (known[["SNIa", "RRL"]].idxmax(axis=1) == known["label"]).mean() > 0.8
    assert set(known["state"]) <= {"PARENT_ONLY", "NOT_CLASSIFIED"}, "so few calibration objects name no class"


def test_a_table_is_scored_from_the_features_of_its_whole_history(own: Path) -> None:
    model = loaded(str(own / "mine"))
    light_curves = with_bands_of(read_light_curves(own / "table", read_survey(own / "survey.toml")), model)
    answers = classified(light_curves, model)
    alerts = alerts_of(light_curves, age_picks(light_curves, np.inf), "history", "all")
    assert alerts.light_curves.lengths.max() == 12
    expected = model.scores(features.compute(alerts, model.inputs), alerts.light_curves.lengths)
    seen = answers.n_detections > 0
    np.testing.assert_array_equal(answers.scores.leaves[seen], expected.leaves)


PERIODS = ("period_log", "period_power", "period_cycles")


def test_periods_of_a_table_are_searched_as_deep_as_in_training() -> None:
    epoch = 55000.0 + 10.0 * np.arange(30) + np.random.default_rng(4).uniform(0.0, 1.0, 30)
    light_curves = table([{"epoch": epoch, "flux": 1000.0 + 300.0 * np.sin(2 * np.pi * epoch / 0.37)}])
    shallow = replace(tiny_manifest(), inputs=PERIODS, view="history", period_budget=4_096)
    trees = tiny_booster().model_to_string().replace(" ".join(INPUTS), " ".join(PERIODS))
    model = LightGBMClassifier(bundle_files(shallow, trees, Calibration.single(1.0), ""), features.check_names)
    alerts = alerts_of(light_curves, age_picks(light_curves, np.inf), "history", "all")
    deep, as_trained = (features.compute(alerts, PERIODS, budget) for budget in (None, 4_096))
    assert (deep != as_trained).any()
    expected = model.scores(as_trained, np.array([30])).leaves
    assert (expected != model.scores(deep, np.array([30])).leaves).any()
    np.testing.assert_array_equal(classified(light_curves, model).scores.leaves, expected)


def test_points_in_a_band_that_the_model_does_not_know_are_refused(own: Path) -> None:
    model = loaded(str(own / "mine"))
    with pytest.raises(InvalidData, match=r"points in r, but mine knows only the bands B V of telescope"):
        classified(table([{"epoch": [1.0]}]), model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--table", "table", "--out", "other", "--survey", "survey.toml", "--recipe", "recipe.toml"),
            "name is mine, but the bundle's",
        ),
        (("--table", "table", "--out", "mine"), "points.parquet: row 1, column band: '[BV]' is no band of survey own"),
        (("--table", "table", "--out", "My Model", "--survey", "survey.toml"), "a model's name has small letters"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_own_data_is_one_line(own: Path, arguments: tuple[str, ...], message: str) -> None:
    placed = [argument if argument.startswith("--") else str(own / argument) for argument in arguments]
    result = streamer("train", *placed)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert re.search(message, result.stderr), result.stderr


def test_a_made_recipe_that_somebody_edited_is_not_made_again(own: Path) -> None:
    (edited := own / "third.toml").write_text(RECIPE.replace("mine", "third"))
    result = streamer("train", "--table", own / "table", "--out", own / "third", "--survey", own / "survey.toml")
    assert (result.exit_code, edited.read_text()) == (1, RECIPE.replace("mine", "third"))
    assert "name it with --recipe, or remove it" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("train", "recipe.toml", "--table", "table"),
        ("train", "recipe.toml", "--survey", "survey.toml"),
        ("classify", "--model", "mine", "--out", "x.csv"),
        ("classify", "--model", "mine", "--out", "x.csv", "--table", "table", "--features", "recipe.toml"),
    ],
)
def test_ways_that_exclude_each_other_are_a_matter_of_usage(own: Path, arguments: tuple[str, ...]) -> None:
    placed = [str(own / argument) if (own / argument).exists() else argument for argument in arguments]
    result = streamer(*placed)
    assert result.exit_code == 2
    assert "give either" in result.stderr


def test_an_output_file_of_no_known_kind_is_refused_before_anything_is_read(own: Path) -> None:
    result = streamer("classify", "--table", own / "table", "--model", "nobody", "--out", own / "x.txt")
    assert result.exit_code == 1
    assert "the ending must be .parquet or .csv" in result.stderr


def test_a_recipe_is_made_for_what_a_table_holds() -> None:
    curves: list[dict[str, object]] = [
        {"epoch": [1.0, 2.0], "label": ["SNIa", "RRL"][i % 2], "kind": Kind.DETECTION} for i in range(20)
    ]
    light_curves = table(curves, survey="ztf")
    recipe = parse_recipe(recipe_text("mine", "stars", light_curves), "here")
    assert (recipe.name, recipe.survey, recipe.view, recipe.data.sets) == ("mine", "ztf", "history", ("stars",))
    assert recipe.priors.shares == {"SNIa": 10, "RRL": 10}
    assert {"limits", "forced", "context"}.isdisjoint(recipe.inputs.families)
    limits: list[dict[str, object]] = [
        {"epoch": [0.0, 2.0], "kind": [Kind.LIMIT, Kind.DETECTION], "label": ["SNIa", "RRL"][i % 2]} for i in range(20)
    ]
    assert "limits" in parse_recipe(recipe_text("mine", "stars", table(limits)), "here").inputs.families


def test_a_table_with_one_class_says_what_is_left_out() -> None:
    labels = ["SNIa"] * 20 + ["RRL"] * 3
    curves: list[dict[str, object]] = [{"epoch": [1.0], "label": label} for label in labels]
    with pytest.raises(
        InvalidData, match=r"1 classes with 8 or more objects; a model needs two. Left out: 3 objects, class RRL has fewer"
    ):
        recipe_text("mine", "stars", table(curves))
    with pytest.raises(InvalidConfig, match=r"a model's name has small letters"):
        recipe_text("My model", "stars", table(curves))


HTRU2 = "meanprof,sd-prof,exk-prof,skewness-prof,meandmsnr,sd-dmsnr,exk-dmsnr,skewness-dmsnr,class"
NOISE = "140.5625,55.68378214,-0.234571412,-0.699648398,3.199832776,19.11042633,7.975531794,74.24222492,0"
PULSAR = "38.0,40.0,2.5,8.5,60.0,50.0,1.2,0.6,1"
EIGHT = ",".join(feature.name for feature in profile.FEATURES)


@pytest.fixture(scope="module")
def eight() -> LightGBMClassifier:
    return loaded("pulsar-candidate-8")


def rows(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "rows.csv"
    path.write_bytes(end.join(lines).encode())
    return path


def test_htru2s_swapped_header_is_read_by_what_the_numbers_can_be(tmp_path: Path, eight: LightGBMClassifier) -> None:
    named = NOISE.split(",")[:8]
    plain = classified_rows(rows(tmp_path, EIGHT, ",".join(named)), eight)
    trap = classified_rows(rows(tmp_path, HTRU2, NOISE, PULSAR, end="\r"), eight)
    mended = [*named[:2], named[3], named[2], *named[4:6], named[7], named[6]]
    righted = classified_rows(rows(tmp_path, HTRU2.removesuffix(",class"), ",".join(mended), end="\r\n"), eight)
    for answers in (trap, righted):
        np.testing.assert_array_equal(answers.scores.leaves[0], plain.scores.leaves[0])
    assert "header has skewness and kurtosis swapped" in trap.notes[0]
    assert trap.notes[1] == "columns left out: class"
    assert "whose header is right" in righted.notes[0]
    assert not plain.notes


def test_htru2s_columns_that_fit_both_ways_are_refused(tmp_path: Path, eight: LightGBMClassifier) -> None:
    with pytest.raises(
        InvalidData, match=r"fit together as its header says and the other way round; name the columns profile_mean"
    ):
        classified_rows(rows(tmp_path, HTRU2, "1,1,0.1,0.2,1,1,0.1,0.2,0"), eight)
    with pytest.raises(InvalidData, match=r"fit together neither way round"):
        classified_rows(rows(tmp_path, HTRU2, NOISE, "1,1,50.0,1.0,1,1,50.0,1.0,0"), eight)


@given(st.floats(-50, 50), st.floats(0, 100))
def test_what_a_distribution_can_have_is_never_called_swapped(skewness: float, more: float) -> None:
    excess = skewness**2 - 2 + more
    cells = ["1", "1", repr(skewness), repr(excess), "1", "1", "8.0", "74.0"]
    published = HTRU2.removesuffix(",class").split(",")
    names, _ = _untangled(Path("x"), pd.DataFrame([cells], columns=published, dtype=str), published)
    assert names == published


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((EIGHT, "1,2,x,4,5,6,7,8"), "row 1, column profile_skew: .*'x'.* is not a finite number"),
        ((EIGHT, "1,2,3,4"), "row 1 has 4 cells, the header 8"),
        ((EIGHT,), "needs a line with the names of the columns and a row"),
        ((EIGHT.replace("profile_skew", "skew"), "1,2,3,90,5,6,7,90"), r"it lacks profile_skew; there are profile_mean"),
        ((EIGHT.replace("profile_skew", "profile_std"), "1,2,3,90,5,6,7,90"), r"columns \['profile_std'\] are there twice"),
        ((EIGHT, "1,2,3,90,5,6,7,90", "1,2,9,3,5,6,7,90"), "row 2, column profile_skew, profile_excess_kurtosis: .*9, 3.* swapped"),
    ],
)  # fmt: skip
def test_a_wrong_row_of_features_is_named(tmp_path: Path, eight: LightGBMClassifier, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        classified_rows(rows(tmp_path, *lines), eight)


def test_an_undefined_input_has_no_answer_from_a_model_that_needs_it(tmp_path: Path, eight: LightGBMClassifier) -> None:
    path = rows(tmp_path, f"object_id,{EIGHT}", "J1,1,2,,4,5,6,7,90", "J2,1,2,1,40,5,6,7,90")
    out = tmp_path / "out.csv"
    result = streamer("classify", "--features", path, "--model", "pulsar-candidate-8", "--out", out)
    assert result.exit_code == 0, result.output
    answers = pd.read_csv(out)
    assert answers["object_id"].tolist() == ["J1", "J2"]
    assert answers["reason"].tolist() == ["TOO_FEW_POINTS", "NONE"]


def test_answers_are_explained_if_asked(tmp_path: Path) -> None:
    path = rows(tmp_path, f"object_id,{EIGHT}", "J1,1,2,,4,5,6,7,90", "J2,1,2,1,40,5,6,7,90")
    out = tmp_path / "out.csv"
    named = ("classify", "--features", path, "--model", "pulsar-candidate-8", "--out", out)
    assert streamer(*named, "--explain", "--level", "0.95").exit_code == 0
    unasked, asked = pd.read_csv(out, keep_default_na=False)["reasons"]
    assert unasked == ""
    assert len(asked.split(";")) > 1
    assert streamer(*named, "--level", "1").exit_code == 2


def test_rows_for_a_model_of_light_curves_must_say_how_many_detections(tmp_path: Path) -> None:
    model = LightGBMClassifier(tiny_files(), any_inputs)
    header, cells = ",".join(model.inputs), ",".join("1" for _ in model.inputs)
    with pytest.raises(InvalidData, match=r"column n_detections is missing; tiny answers from 2 detections up"):
        classified_rows(rows(tmp_path, header, cells), model)
    answers = classified_rows(rows(tmp_path, f"{header},n_detections", f"{cells},7", f"{cells},1"), model)
    assert answers.n_detections.tolist() == [7, 1]
    assert [reason.value for reason in answers.scores.why] == ["NONE", "TOO_FEW_POINTS"]
    with pytest.raises(InvalidData, match=r"row 1, column n_detections: .*2.5.* is no number of detections"):
        classified_rows(rows(tmp_path, f"{header},n_detections", f"{cells},2.5"), model)


def test_total_light_is_told_from_difference_photometry_and_nothing_else_is() -> None:
    flux = [100.0, 120.0, 90.0]
    assert is_total_light(table([{"epoch": [1.0, 2.0, 3.0], "flux": flux, "total": flux}]))
    assert not is_total_light(table([{"epoch": [1.0, 2.0, 3.0], "flux": flux}]))
    assert not is_total_light(table([{"epoch": [1.0, 2.0, 3.0], "flux": flux, "total": [200.0, 220.0, 190.0]}]))
    limits = {"kind": [Kind.DETECTION, Kind.DETECTION, Kind.LIMIT], "flux": [100.0, 120.0, np.nan], "total": [100.0, 120.0, np.nan]}
    assert not is_total_light(table([{"epoch": [1.0, 2.0, 3.0], **limits}]))
    assert not is_total_light(table([{"epoch": []}]))


def test_answers_for_total_light_come_with_a_note(own: Path) -> None:
    light_curves = read_light_curves(own / "table", read_survey(own / "survey.toml"))
    detected = light_curves.take(np.flatnonzero(light_curves.object_id != "star 44"))
    columns = detected.curves.columns
    total = replace(detected, curves=Ragged(detected.curves.offsets, {**columns, "total": columns["flux"]}))
    model = loaded(str(own / "mine"))
    assert classified(detected, model).notes == ()
    assert classified(total, model).notes == (TOTAL_LIGHT,)
