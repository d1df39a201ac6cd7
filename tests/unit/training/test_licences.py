"""Light curves from places that state no licence: left out where a recipe asks for it, and compared in every report."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from streamer.errors import InvalidConfig, InvalidData
from streamer.training.crossfit import grown
from streamer.training.datasets import joined
from streamer.training.fit import examples_of, read_sets
from streamer.training.kept import Kept
from streamer.training.licences import licences, section
from streamer.training.prepare import light_curves, survey_of
from streamer.training.recipe import parse_recipe
from streamer.training.sources.ztf_bts import ORIGIN
from streamer.training.tables import read_light_curves, write_table
from streamer.training.train import train
from tests.unit.training.tables import SMALL_RECIPE, table, write_bts

STATED = SMALL_RECIPE.replace("min_objects = 3", 'min_objects = 3\nlicence = "stated"')
LICENSED, OTHER = "HSE-LAMBDA/light_curve_approx", "light-curve/test-data"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Bright Transient Survey's files; every fifth object is from a place that states no licence."""
    folder = tmp_path_factory.mktemp("licences")
    write_bts(folder, 90)
    path = folder / "lightcurves" / ORIGIN.name / "lightcurves.parquet"
    points = pd.read_parquet(path)
    points["src"] = np.where(points["objectId"].str[-1].isin(["0", "5"]), OTHER, LICENSED)
    points.to_parquet(path)
    return folder


def test_a_recipe_that_asks_for_licences_leaves_the_others_out_and_counts_them(data: Path) -> None:
    everything = read_sets(parse_recipe(SMALL_RECIPE, "here"), data)
    stated = read_sets(parse_recipe(STATED, "here"), data)
    assert stated.licensed().all()
    assert set(everything.object_id[everything.licensed()].tolist()) == set(stated.object_id.tolist())
    assert len(everything) - len(stated) == 18
    assert [(entry.reason, entry.count) for entry in stated.dropped] == [("from a place that states no licence", 18)]


def test_a_recipe_of_which_nothing_remains_is_one_sentence(tmp_path: Path) -> None:
    write_bts(tmp_path, 30)  # its points do not say where they are from
    with pytest.raises(InvalidConfig, match=r'data\.licence is "stated", and nothing of ztf_bts_alert_photometry is'):
        read_sets(parse_recipe(STATED, "here"), tmp_path)


def test_a_prepared_table_remembers_what_is_licensed(data: Path, tmp_path: Path) -> None:
    before = light_curves(ORIGIN.name, data)
    write_table(before, survey_of(before), tmp_path / ORIGIN.name)
    after = read_light_curves(tmp_path / ORIGIN.name)
    assert 0 < before.licensed().sum() < len(before)
    assert dict(zip(after.object_id.tolist(), after.licensed().tolist(), strict=True)) == dict(
        zip(before.object_id.tolist(), before.licensed().tolist(), strict=True)
    )


def test_a_licence_column_that_says_neither_is_named_with_its_row(data: Path, tmp_path: Path) -> None:
    before = light_curves(ORIGIN.name, data)
    write_table(before, survey_of(before), tmp_path / "mine")
    labels = pd.read_parquet(tmp_path / "mine" / "labels.parquet")
    labels["unlicensed"] = ["perhaps", *["true"] * (len(labels) - 1)]
    labels.to_parquet(tmp_path / "mine" / "labels.parquet")
    with pytest.raises(InvalidData, match="row 1, column unlicensed: 'perhaps' is neither true nor false"):
        read_light_curves(tmp_path / "mine")


def test_joined_sets_keep_what_each_says(data: Path) -> None:
    first = light_curves(ORIGIN.name, data)
    assert joined([first, table([{"epoch": [1.0, 2.0], "object_id": "elsewhere"}])]).licensed().tolist() == [
        *first.licensed().tolist(),
        False,
    ]


def test_the_report_shows_the_scores_with_and_without(data: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL_RECIPE)
    folder = train(tmp_path / "small.toml", data, tmp_path / "out", lambda _: None)
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["licences"]
    assert found["objects"] == 72
    assert found["with"]["objects"] == found["without"]["objects"] > 0
    report = (tmp_path / "out" / "reports" / "small" / "report.md").read_text(encoding="utf-8")
    assert "those from places that state a licence | " in report
    assert f"| `{ORIGIN.name}` | {ORIGIN.licence} | 90 | 72 |" in report


def test_a_model_without_the_unlicensed_has_no_borrowed_context_either(data: Path) -> None:
    recipe = parse_recipe(SMALL_RECIPE, "here")
    examples = examples_of(recipe, read_sets(recipe, data))
    shipped = grown(recipe, examples, 1, Kept(None), lambda _: None)[0]
    lent = replace(examples, lender=np.zeros(len(examples.table), dtype=np.int64))
    found = licences(recipe, lent, shipped, Kept(None), lambda _: None)
    assert "has no context, since that was borrowed" in section({"licences": found})[-2]


@pytest.mark.parametrize(
    ("licensed", "asked", "said"),
    [(9, "any", "would leave nothing out"), (9, "stated", "what it left out is counted"), (2, "any", "too little would remain")],
)
def test_where_nothing_can_be_compared_the_report_says_why(licensed: int, asked: str, said: str) -> None:
    sets = [{"set": "here", "licence": "MIT", "objects": 9, "licensed": licensed}]
    found = {
        "asked": asked,
        "sets": sets,
        "objects": licensed,
        "classes": {},
        "min_objects": 8,
        "borrowed": False,
        "with": None,
        "without": None,
    }
    assert said in section({"licences": found})[-1]


def test_an_evaluation_that_does_not_tell_has_no_such_part() -> None:
    assert section({}) == []
