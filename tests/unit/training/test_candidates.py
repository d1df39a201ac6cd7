"""Models of feature tables: the reader, the split, the scores against plain formulae, and a small training from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from streamer.classify.bundle import LightGBMClassifier
from streamer.cli import main
from streamer.data.arrays import Float64s, Int64s
from streamer.data.batch import State
from streamer.errors import InvalidConfig, InvalidData
from streamer.features import check_names
from streamer.stores.models import PACKAGED
from streamer.training.candidates import htru2, scores
from streamer.training.candidates.fit import stratified, temperature
from streamer.training.candidates.recipe import is_of_a_table, read_table_recipe
from streamer.training.candidates.train import evaluate_table, train_table
from streamer.training.recipe import RECIPES

HEADER = "meanprof,sd-prof,exk-prof,skewness-prof,meandmsnr,sd-dmsnr,exk-dmsnr,skewness-dmsnr,class"
SMALL = """
name = "small"
version = "1.0.0"
survey = "pulsar"
table = "htru2"
seed = 3

[validation]
folds = 3
repeats = 2
inner_folds = 2

[trees]
rounds = 8
leaves = 4
learning_rate = 0.2
min_examples = 5
feature_fraction = 0.9
bagging_fraction = 0.8
l2 = 1.0
"""


def write_table(folder: Path, lines: list[str], end: str = "\r") -> None:
    path = folder / htru2.FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(end.join([HEADER, *lines]).encode())


def lines(n: int = 240) -> list[str]:
    """Rows in which pulsars have skewed profiles; the kurtosis keeps its bound."""
    rng = np.random.default_rng(1)
    found = []
    for i in range(n):
        is_pulsar = i % 6 == 0
        skew = rng.normal(3.0 if is_pulsar else 0.0, 0.8, 2)
        kurtosis = skew**2 - 1.5 + rng.exponential(1.0, 2)
        row = [110.0, 45.0, skew[0], kurtosis[0], 10.0, 20.0, skew[1], kurtosis[1]]
        found.append(",".join(f"{value:.6f}" for value in row) + f",{int(is_pulsar)}")
    return found


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_the_table_is_read_whatever_ends_its_lines(tmp_path: Path, end: str) -> None:
    write_table(tmp_path, lines(12), end)
    table = htru2.read(tmp_path)
    assert table.matrix.shape == (12, 8)
    assert table.is_pulsar.tolist() == [1, 0, 0, 0, 0, 0] * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2,3,8,1,2,3,8", "cannot be read|not 8 features"),
        ("1,2,3,8,1,2,3,8,2", "neither 0 nor 1"),
        ("1,2,3,nan,1,2,3,8,1", "not 8 features"),
        ("1,2,3,x,1,2,3,8,1", "cannot be read"),
        ("1,2,8,3,1,2,3,8,1", "swapped"),
        ("1,2,3,8,1,2,8,3,1", "swapped"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, line: str, message: str) -> None:
    write_table(tmp_path, [*lines(3), line])
    with pytest.raises(InvalidData, match=message):
        htru2.read(tmp_path)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="HTRU_2"):
        htru2.read(tmp_path)


def test_folds_hold_the_same_share_of_each_class() -> None:
    truth = (np.arange(103) % 7 == 0).astype(np.int64)
    fold = stratified(truth, 4, np.random.default_rng(1))
    for label in (0, 1):
        counts = np.bincount(fold[truth == label], minlength=4)
        assert counts.max() - counts.min() <= 1


def naive_area(truth: Int64s, p: Float64s) -> float:
    wins = [(a > b) + 0.5 * (a == b) for a in p[truth == 1] for b in p[truth == 0]]
    return float(np.mean(wins))


def naive_average_precision(truth: Int64s, p: Float64s) -> float:
    total = before = 0.0
    for level in sorted(set(p.tolist()), reverse=True):
        said = p >= level
        recall = truth[said].sum() / truth.sum()
        total += (recall - before) * truth[said].mean()
        before = recall
    return total


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=40))
def test_areas_are_those_of_the_definition(rows: list[tuple[bool, int]]) -> None:
    truth = np.array([1, 0, *(int(label) for label, _ in rows)])
    p = np.array([0.5, 0.5, *(tenth / 10 for _, tenth in rows)])
    nothing = np.zeros(len(p), dtype=np.bool_)
    assert scores.area(truth, p, nothing) == pytest.approx(naive_area(truth, p))
    assert scores.average_precision(truth, p, nothing) == pytest.approx(naive_average_precision(truth, p))


def test_counts_make_f1_precision_and_recall() -> None:
    truth, answer = np.array([1, 1, 1, 0, 0]), np.array([True, True, False, True, False])
    p = answer.astype(np.float64)
    assert scores.f1(truth, p, answer) == pytest.approx(2 * 2 / (3 + 3))
    assert scores.precision(truth, p, answer) == pytest.approx(2 / 3)
    assert scores.recall(truth, p, answer) == pytest.approx(2 / 3)
    assert scores.precision(truth, p, np.zeros(5, dtype=np.bool_)) == 0.0


def test_the_best_threshold_has_the_largest_f1() -> None:
    rng = np.random.default_rng(4)
    truth = (rng.random(200) < 0.3).astype(np.int64)
    p = np.clip(0.5 * truth + rng.random(200) * 0.7, 0, 1)
    best = scores.best_threshold(truth, p)
    assert scores.f1(truth, p, p >= best) == max(scores.f1(truth, p, p >= level) for level in p)


def test_the_expected_threshold_is_the_best_one_where_probabilities_are_right() -> None:
    rng = np.random.default_rng(4)
    p = rng.beta(0.3, 2.0, 50_000)
    truth = (rng.random(50_000) < p).astype(np.int64)
    expected = scores.f1(truth, p, p >= scores.expected_best_threshold(p))
    assert expected == pytest.approx(scores.f1(truth, p, p >= scores.best_threshold(truth, p)), abs=0.003)


def test_the_thirty_features_stand_beside_the_eight(tmp_path: Path) -> None:
    rows = lines(12)
    write_table(tmp_path, rows)
    labels = [row.rsplit(",", 1)[1] for row in rows]
    path = tmp_path / htru2.THIRTY
    path.write_text("\n".join(",".join(["3"] * 30 + [label]) for label in labels))
    table = htru2.read_thirty(tmp_path)
    assert table.matrix.shape == (12, len(table.names)) == (12, 38)
    np.testing.assert_array_equal(table.matrix[:, :8], htru2.read(tmp_path).matrix)
    path.write_text("\n".join(",".join(["3"] * 30 + [label]) for label in reversed(labels)))
    with pytest.raises(InvalidData, match="each row"):
        htru2.read_thirty(tmp_path)


def test_false_positives_are_counted_where_the_recall_is_reached() -> None:
    truth = np.array([1] * 20 + [0] * 10)
    p = np.concatenate([np.linspace(0.5, 0.9, 20), np.linspace(0.0, 0.55, 10)])
    threshold = np.sort(p[:20])[1]  # 19 of 20 are at least that
    found = scores.false_positives_at_recall(truth, p, np.zeros(30, dtype=np.bool_))
    assert found == np.mean(p[20:] >= threshold)


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(5)
    margin = rng.normal(size=20_000) * 2
    truth = (rng.random(20_000) < 1 / (1 + np.exp(-margin))).astype(np.int64)
    raw = np.stack([3.0 * margin, np.zeros(20_000)], axis=1)
    assert temperature(raw, truth) == pytest.approx(3.0, rel=0.1)


def test_a_small_model_is_trained_twice_to_the_same_bytes_and_serves(tmp_path: Path) -> None:
    write_table(tmp_path, lines())
    recipe = tmp_path / "small.toml"
    recipe.write_text(SMALL)
    folders = [train_table(recipe, tmp_path, tmp_path / out, lambda _: None) for out in ("one", "two")]
    files, again = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert files == again
    model = LightGBMClassifier(files, check_names)
    table = htru2.read(tmp_path)
    found = model.scores(table.matrix, np.zeros(len(table), dtype=np.int64))
    assert set(found.state.tolist()) == {State.CLASSIFIED}
    assert [leaf.name for leaf in model.leaves] == ["Pulsar", "Not a pulsar"]
    assert scores.f1(table.is_pulsar, found.leaves[:, 0], found.leaves[:, 0] > 0.5) > 0.9
    evaluation = json.loads(files["evaluation.json"])
    assert 0.7 < evaluation["at_threshold"]["f1"]["value"] <= 1.0
    assert model.manifest.metrics["cross_validated_f1"] == evaluation["at_threshold"]["f1"]["value"]
    assert evaluate_table(folders[0], tmp_path) == {**evaluation, "same_data": True}
    report = tmp_path / "one" / "reports" / "small"
    assert f"Checksum of the bundle: `{model.checksum}`" in (report / "report.md").read_text()
    assert (report / "card.md").read_bytes() == files["card.md"]
    assert {path.suffix for path in report.iterdir()} == {".md", ".png", ".svg"}


def test_the_command_line_trains_and_evaluates_it(tmp_path: Path) -> None:
    write_table(tmp_path, lines())
    (tmp_path / "small.toml").write_text(SMALL)
    place = ["--data", str(tmp_path)]
    made = CliRunner().invoke(main, ["train", str(tmp_path / "small.toml"), *place, "--out", str(tmp_path / "out")])
    assert made.output.strip() == str(tmp_path / "out" / "small")
    text = CliRunner().invoke(main, ["evaluate", made.output.strip(), *place])
    assert "F1 of the pulsars" in text.output
    tree = json.loads(CliRunner().invoke(main, ["evaluate", made.output.strip(), *place, "--json"]).output)
    assert tree["same_data"] is True


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(SMALL.replace("rounds = 8", "rounds = 0").replace("folds = 3", "flods = 3"))
    with pytest.raises(InvalidConfig, match=r"validation\.flods .*did you mean validation\.folds\?.*\n.*trees\.rounds"):
        read_table_recipe(path)


def test_recipes_of_tables_are_told_from_those_of_light_curves() -> None:
    for path in RECIPES.glob("*.toml"):
        assert is_of_a_table(path) == (path.stem == "pulsar-candidate-8")
    _, recipe = read_table_recipe(RECIPES / "pulsar-candidate-8.toml")
    assert recipe.name == "pulsar-candidate-8"


def test_the_shipped_model_is_the_documented_one_and_its_figures_are_those_of_its_evaluation() -> None:
    folder, documented = PACKAGED / "pulsar-candidate-8", Path(__file__).parents[3] / "docs" / "models" / "pulsar-candidate-8"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = LightGBMClassifier(files, check_names)
    assert (documented / "card.md").read_bytes() == files["card.md"]
    assert f"Checksum of the bundle: `{model.checksum}`" in (documented / "report.md").read_text()
    assert files["recipe.toml"] == (RECIPES / "pulsar-candidate-8.toml").read_bytes()
    evaluation = json.loads(files["evaluation.json"])
    for name in ("f1", "average_precision", "ece"):
        assert model.manifest.metrics[f"cross_validated_{name}"] == evaluation["at_threshold"][name]["value"]
