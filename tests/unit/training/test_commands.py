"""``streamer train`` and ``streamer evaluate`` as people type them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from tests.unit.training.tables import SMALL_RECIPE, write_bts

RECIPE = SMALL_RECIPE.replace("rotations = 2", "rotations = 1")


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Within the block `folder` is the current folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def streamer(folder: Path, *arguments: str) -> Result:
    with inside(folder):
        return CliRunner(env={"STREAMER_REAL_DATA": None}).invoke(main, arguments)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, beside which there are data and in which a model was trained with nothing but the recipe."""
    beside = tmp_path_factory.mktemp("beside")
    write_bts(beside / "shared" / "data", 60)
    clone = beside / "clone"
    clone.mkdir()
    (clone / "small.toml").write_text(RECIPE)
    result = streamer(clone, "train", "small.toml")
    assert result.exit_code == 0, result.output
    assert result.stdout == "out/models/small\n"
    return clone


def test_a_recipe_alone_trains_a_model_with_the_data_beside_the_folder(clone: Path) -> None:
    assert {"manifest.json", "card.md", "evaluation.json"} <= {path.name for path in (clone / "out/models/small").iterdir()}


def test_evaluate_takes_a_bundles_folder_and_tells_people_a_table(clone: Path) -> None:
    result = streamer(clone, "evaluate", "out/models/small")
    assert result.exit_code == 0, result.output
    assert "| held out |" in result.stdout
    assert all(leaf in result.stdout for leaf in ("SNIa", "SNII", "CV/Nova"))


def test_evaluate_tells_programs_one_object(clone: Path) -> None:
    result = streamer(clone, "evaluate", "out/models/small", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["same_data"] is True
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("command", [("train", "small.toml"), ("evaluate", "variability-ztf")])
def test_without_data_there_is_one_clear_error(tmp_path: Path, command: tuple[str, str]) -> None:
    alone = tmp_path / "a" / "clone"
    alone.mkdir(parents=True)
    (alone / "small.toml").write_text(RECIPE)
    result = streamer(alone, *command)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "give --data DIR or set STREAMER_REAL_DATA" in result.stderr
    assert not (alone / "out").exists()
