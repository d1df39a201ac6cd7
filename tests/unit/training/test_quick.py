"""``streamer train --quick`` as people type it: the shipped recipes on simulated light curves, and what is made of them serves."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streamer.cli import main
from streamer.training.prepare import survey_of
from streamer.training.recipe import RECIPES
from streamer.training.sources import simulated
from streamer.training.tables import write_table


def streamer(*arguments: object) -> str:
    """What the command says on standard output."""
    result = CliRunner(env={"STREAMER_REAL_DATA": None}).invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module", params=["ztf", "lsst"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's folder."""
    out = tmp_path_factory.mktemp("quick")
    said = streamer("train", f"variability-{request.param}", "--quick", "--out", out)
    assert said == f"{out / f'variability-{request.param}-quick'}\n"
    return Path(said.strip())


def test_a_recipe_that_is_not_there_is_told_with_those_that_come_along(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["train", str(tmp_path / "variability-zft.toml"), "--quick"])
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "did you mean variability-ztf?" in said
    for recipe in RECIPES.glob("*.toml"):
        assert recipe.stem in said


def test_the_quick_model_tags_simulated_alerts(made: Path, tmp_path: Path) -> None:
    survey = json.loads((made / "manifest.json").read_text(encoding="utf-8"))["survey"]
    streamer("simulate", "--survey", survey, "--count", 40, "--seed", 1, "--out", tmp_path / "night")
    counts = json.loads(streamer("replay", tmp_path / "night", "--out", tmp_path / "out", "--model", made, "--json"))
    assert counts["read"] == counts["classified"] + counts["not_classified"] == 40
    assert counts["classified"] > 0


def test_the_quick_model_classifies_a_table(made: Path, tmp_path: Path) -> None:
    survey = json.loads((made / "manifest.json").read_text(encoding="utf-8"))["survey"]
    table = simulated.light_curves(survey, 12, 5)
    write_table(table, survey_of(table), tmp_path / "table")
    said = json.loads(streamer("classify", "--table", tmp_path / "table", "--model", made, "--out", tmp_path / "a.csv", "--json"))
    assert said["objects"] == len(table)
    assert said["states"].get("CLASSIFIED", 0) + said["states"].get("PARENT_ONLY", 0) > 0


def test_the_quick_report_says_that_its_light_curves_are_simulated(made: Path) -> None:
    report = (made.parent / "reports" / made.name / "report.md").read_text(encoding="utf-8")
    assert "**simulated** light curves only" in report
    assert "**All of them are simulated.**" in report
