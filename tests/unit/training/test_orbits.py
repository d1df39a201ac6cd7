"""Binary or isolated: orbits against Kepler's equation, the examples, and a small training from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from streamer.classify.bundle import LightGBMClassifier
from streamer.cli import main
from streamer.errors import InvalidConfig
from streamer.features import check_names
from streamer.stores.models import PACKAGED
from streamer.stores.psrcat import Pulsar
from streamer.training.kinds import kind_of
from streamer.training.orbits.fit import FILE, folds, kinds, read
from streamer.training.orbits.population import draw, field_pulsars, true_anomaly
from streamer.training.orbits.recipe import read_orbit_recipe
from streamer.training.orbits.train import evaluate_orbits, train_orbits
from streamer.training.recipe import RECIPES

SMALL = """
name = "small-binary"
version = "1.0.0"
survey = "pulsar"
orbits = "psrcat"
seed = 3

[examples]
per_kind = 300
epochs = { 2 = 1, 3 = 1 }

[validation]
folds = 2
repeats = 1
draws = 1
reported = [2, 3]

[trees]
rounds = 12
leaves = 4
learning_rate = 0.3
min_examples = 10
feature_fraction = 0.9
bagging_fraction = 0.8
l2 = 1.0
"""


def pulsar(name: str, period: float, **orbit: float | str) -> Pulsar:
    nan = float("nan")
    usual = {"ra": 1.0, "dec": 1.0, "period_derivative": 1e-20, "dm": 20.0, "orbital_period": nan, "axis": nan, "eccentricity": 0.0}
    return Pulsar(**({"name": name, "period": period, "associations": ""} | usual | orbit))  # type: ignore[arg-type]  # by name


def write_catalogue(folder: Path, per_kind: int = 10) -> None:
    rng = np.random.default_rng(1)
    entries = []
    for i in range(4 * per_kind):
        binary, fast = i % 2, i // 2 % 2
        period = (0.003 if fast else 0.5) * (1 + 0.1 * rng.random())
        lines = [f"PSRJ J{i:04d}", "RAJ 01:00", "DECJ 01:00", f"P0 {period}", f"P1 {1e-20 if fast else 1e-15}"]
        entries.append("\n".join([*lines, *([f"PB {rng.uniform(0.2, 5)}", f"A1 {rng.uniform(1, 5)}"] if binary else [])]))
    path = folder / FILE
    path.parent.mkdir(parents=True)
    path.write_text("\n@---\n".join([*entries, ""]))


@pytest.mark.parametrize("e", [0.0, 0.3, 0.95])
def test_the_true_anomaly_solves_keplers_equation(e: float) -> None:
    mean = np.linspace(0.01, 6.2, 50)
    anomaly = true_anomaly(mean, np.full(50, e))
    eccentric = 2 * np.arctan2(np.sqrt(1 - e) * np.sin(anomaly / 2), np.sqrt(1 + e) * np.cos(anomaly / 2))
    np.testing.assert_allclose(np.mod(eccentric - e * np.sin(eccentric) - mean + 1e-6, 2 * np.pi), 1e-6, atol=1e-7)


def test_field_pulsars_are_those_whose_orbit_is_known_outside_clusters() -> None:
    nan = float("nan")
    found = field_pulsars((
        pulsar("isolated", 0.5, period_derivative=nan),
        pulsar("steady", 0.4, period_derivative=2e-15),
        pulsar("binary", 0.004, orbital_period=2.0, axis=3.0),
        pulsar("no axis", 0.004, orbital_period=2.0),
        pulsar("cluster", 0.004, associations="XRS:x,GC:M28"),
        pulsar("no period", nan),
    ))  # fmt: skip
    assert found.name == ("isolated", "steady", "binary")
    assert found.is_binary.tolist() == [False, False, True]
    assert found.is_millisecond.tolist() == [False, False, True]
    assert found.derivative.tolist() == [2e-15, 2e-15, 1e-20]
    assert kinds(found).tolist() == [0, 0, 3]


def test_only_a_binarys_period_changes_by_more_than_its_error() -> None:
    found = field_pulsars((pulsar("isolated", 0.004), pulsar("binary", 0.004, orbital_period=2.0, axis=3.0)))
    drawn = draw(found, np.repeat([0, 1], 200), np.full(400, 4), np.random.default_rng(1))
    chi2, epochs = drawn.matrix[:, 5], drawn.matrix[:, 0]
    assert epochs.tolist() == [4.0] * 400
    assert np.median(chi2[:200]) < 0.3
    assert np.median(chi2[200:]) > 3.0


def test_folds_hold_every_kind(tmp_path: Path) -> None:
    write_catalogue(tmp_path)
    pulsars = read(tmp_path).pulsars
    fold = folds(pulsars, 5, np.random.default_rng(1))
    for kind in range(4):
        assert np.bincount(fold[kinds(pulsars) == kind], minlength=5).tolist() == [2] * 5


def test_a_small_model_is_trained_twice_to_the_same_bytes(tmp_path: Path) -> None:
    write_catalogue(tmp_path)
    recipe = tmp_path / "small.toml"
    recipe.write_text(SMALL)
    folders = [train_orbits(recipe, tmp_path, tmp_path / out, lambda _: None) for out in ("one", "two")]
    files, again = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert files == again
    model = LightGBMClassifier(files, check_names)
    assert (model.manifest.score, model.manifest.basis, model.manifest.min_detections) == ("binary_probability", "SIMULATED", 2)
    evaluation = json.loads(files["evaluation.json"])
    assert evaluation["auc"]["3"]["millisecond"]["value"] > 0.9
    assert evaluate_orbits(folders[0], tmp_path) == {**evaluation, "same_data": True}
    told = CliRunner().invoke(main, ["evaluate", str(folders[0]), "--data", str(tmp_path)])
    assert "field millisecond pulsars" in told.output
    assert f"`{model.checksum}`" in (tmp_path / "one" / "reports" / "small-binary" / "report.md").read_text()


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(SMALL.replace("per_kind = 300", "per_kind = 3"))
    with pytest.raises(InvalidConfig, match=r"examples\.per_kind"):
        read_orbit_recipe(tmp_path / "wrong.toml")


def test_the_shipped_model_is_the_documented_one_and_its_recipe_is_known() -> None:
    folder, documented = PACKAGED / "pulsar-binary", Path(__file__).parents[3] / "docs" / "models" / "pulsar-binary"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = LightGBMClassifier(files, check_names)
    assert (documented / "card.md").read_bytes() == files["card.md"]
    assert f"Checksum of the bundle: `{model.checksum}`" in (documented / "report.md").read_text()
    assert files["recipe.toml"] == (RECIPES / "pulsar-binary.toml").read_bytes()
    assert kind_of(RECIPES / "pulsar-binary.toml").entry == "orbits"
    evaluation = json.loads(files["evaluation.json"])
    found = model.manifest.metrics["cross_validated_auc_millisecond_2_epochs"]
    assert found == evaluation["auc"]["2"]["millisecond"]["value"] >= 0.97
