"""Models of whole packets: anchoring draws what is real-like, and a small training from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest

from streamer.classify.bundle import LightGBMClassifier
from streamer.data.arrays import Float32s
from streamer.data.batch import State
from streamer.errors import InvalidConfig
from streamer.features import check_names
from streamer.stores.models import PACKAGED
from streamer.training.candidates import htru2
from streamer.training.folded.anchor import KINDS, Simulated, anchored, mismatch, simulated
from streamer.training.folded.fit import N_REAL, inputs_of, p_pulsar, temperature
from streamer.training.folded.recipe import read_folded_recipe
from streamer.training.folded.train import train_folded
from streamer.training.kinds import kind_of
from streamer.training.recipe import RECIPES
from tests.unit.training.test_candidates import lines, write_table

SMALL = """
name = "small-folded"
version = "1.0.0"
survey = "pulsar"
anchor = "htru2"
seed = 3

[simulation]
per_kind = 60
anchored = 120
bare = 0.3
lacking = 0.3
no_curve = 0.2

[inputs]
families = ["profile", "pulse", "subints"]
exclude = ["pulse_snr"]

[validation]
folds = 2

[trees]
rounds = 6
leaves = 4
learning_rate = 0.3
min_examples = 5
feature_fraction = 0.9
bagging_fraction = 0.8
l2 = 1.0
"""


def normal(rng: np.random.Generator, n: int, mean: float) -> Float32s:
    return rng.normal(mean, 1.0, (n, 3)).astype(np.float32)


def test_drawing_again_brings_one_distribution_to_the_other() -> None:
    rng = np.random.default_rng(1)
    wide = (2.0 * rng.normal(size=(6000, 3))).astype(np.float32)
    real = normal(rng, 3000, 1.0)
    some = Simulated(wide, np.resize([0, 1, 2], 6000))
    truth = np.resize([1, 0, 0], 3000)
    rows = anchored(some, real, truth, rng, 3000, 50.0)
    assert abs(some.take(rows).is_pulsar.mean() - truth.mean()) < 0.01
    fresh = normal(rng, 3000, 1.0)
    assert mismatch(fresh, wide, np.arange(6000), rng) > 0.75
    assert mismatch(fresh, wide, rows, rng) < 0.62
    np.testing.assert_allclose(wide[rows].mean(axis=0), 1.0, atol=0.2)


def test_candidates_without_the_real_features_are_not_drawn() -> None:
    rng = np.random.default_rng(1)
    matrix = normal(rng, 300, 0.0)
    matrix[::2] = np.nan
    rows = anchored(Simulated(matrix, np.resize([0, 1, 2], 300)), normal(rng, 300, 0.0), np.resize([1, 0], 300), rng, 100, 9.0)
    assert np.isfinite(matrix[rows]).all()


def test_simulated_candidates_come_through_the_code_that_serves() -> None:
    found = simulated((*htru2.INPUTS, "subint_correlation"), 5, 1)
    assert found.matrix.shape == (15, 9)
    assert np.isfinite(found.matrix).all()
    assert [KINDS[kind] for kind in found.kind] == [kind for kind in KINDS for _ in range(5)]


def test_the_temperature_of_three_leaves_suits_the_pulsars() -> None:
    rng = np.random.default_rng(5)
    raw = rng.normal(size=(5000, 3)) * 2
    truth = (rng.random(5000) < p_pulsar(raw, 1.0)).astype(np.int64)
    assert temperature(1.8 * raw, truth) == pytest.approx(1.8, rel=0.15)


def test_a_small_model_is_trained_twice_to_the_same_bytes_and_serves(tmp_path: Path) -> None:
    write_table(tmp_path, lines())
    recipe = tmp_path / "small.toml"
    recipe.write_text(SMALL)
    folders = [train_folded(recipe, tmp_path, tmp_path / out, lambda _: None) for out in ("one", "two")]
    files, again = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert files == again
    model = LightGBMClassifier(files, check_names)
    assert [leaf.name for leaf in model.leaves] == ["Pulsar", "RFI", "Noise"]
    assert (model.manifest.basis, model.manifest.needs) == ("MIXED", htru2.INPUTS[:4])
    table = htru2.read(tmp_path)
    bare = np.full((len(table), len(model.inputs)), np.nan, dtype=np.float32)
    bare[:, :N_REAL] = table.matrix
    bare[0, 3] = np.nan  # of the profile: no answer
    bare[1, 4:] = np.nan  # of the DM curve
    found = model.scores(bare, np.zeros(len(table), dtype=np.int64))
    assert found.state.tolist() == [State.NOT_CLASSIFIED] + [State.CLASSIFIED] * (len(table) - 1)
    evaluation = json.loads(files["evaluation.json"])
    assert set(evaluation["anchor"]["two_sample_auc"]) == {"pulsar", "other"}
    assert f"`{model.checksum}`" in (tmp_path / "one" / "reports" / "small-folded" / "report.md").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"), [("subints", "subinst", "no family"), ("pulse_snr", "pulse_snrr", "no feature")]
)
def test_inputs_that_do_not_exist_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(SMALL.replace(old, new))
    _, recipe = read_folded_recipe(path)
    with pytest.raises(InvalidConfig, match=message):
        inputs_of(recipe)


def test_the_shipped_model_is_the_documented_one() -> None:
    folder, documented = PACKAGED / "pulsar-candidate", Path(__file__).parents[3] / "docs" / "models" / "pulsar-candidate"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = LightGBMClassifier(files, check_names)
    assert (documented / "card.md").read_bytes() == files["card.md"]
    assert f"Checksum of the bundle: `{model.checksum}`" in (documented / "report.md").read_text()
    assert files["recipe.toml"] == (RECIPES / "pulsar-candidate.toml").read_bytes()


def test_the_shipped_recipe_is_one() -> None:
    path = RECIPES / "pulsar-candidate.toml"
    assert kind_of(path).entry == "anchor"
    _, recipe = read_folded_recipe(path)
    assert inputs_of(recipe)[:N_REAL] == htru2.INPUTS
