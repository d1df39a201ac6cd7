"""The forest gives the bits of LightGBM's own predictor, or says that it cannot."""

import gzip
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import streamer
from streamer.classify.bundle import LightGBMClassifier, bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.forest import CannotRepresent, Forest, booster_scores, hard_rows, proven_forest, same_bits
from streamer.classify.manifest import TREES
from streamer.classify.trees import Ensemble, Tree, read_trees
from tests.unit.classify.bundles import INPUTS, LEAVES, any_inputs, tiny_booster, tiny_manifest
from tests.unit.classify.forests import DECISIONS, SPECIAL, random_tree, stump, text_of

VALUES = np.array([*SPECIAL, *np.nextafter(SPECIAL, np.inf), *np.nextafter(SPECIAL, -np.inf), np.inf, -np.inf, np.nan, np.nan])


def trained(seed: int = 0, rows: int = 3000, columns: int = 20, rounds: int = 6, **settings: Any) -> str:
    """The text of a model of random data with missing values and zeros."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, columns)).astype(np.float32)
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    matrix[random.random(matrix.shape) < 0.1] = 0.0
    numbers = np.nan_to_num(matrix) @ random.normal(size=columns) + random.normal(size=rows)
    classes = int(settings.get("num_class", 1))
    edges = np.quantile(numbers, np.arange(1, max(classes, 2)) / max(classes, 2))
    labels = numbers if settings["objective"] == "regression" else np.digitize(numbers, edges)
    settings = {"num_threads": 1, "verbosity": -1, "min_data_in_leaf": 3, "seed": seed, **settings}
    return lightgbm.train(settings, lightgbm.Dataset(matrix, labels), rounds).model_to_string()


def both(text: str, matrix: NDArray[Any]) -> bool:
    """Whether forest and predictor give the same bits."""
    return same_bits(Forest(read_trees(text)).raw_scores(matrix), booster_scores(lightgbm.Booster(model_str=text), matrix))


def test_a_hundred_thousand_hard_rows_have_the_bits_of_the_predictor() -> None:
    text = trained(objective="multiclass", num_class=15, num_leaves=31)
    assert both(text, hard_rows(read_trees(text), 100_000, seed=1))


@pytest.mark.parametrize(
    ("rounds", "settings"),
    [
        (20, {"objective": "binary", "num_leaves": 31}),
        (1, {"objective": "regression", "num_leaves": 20}),
        (20, {"objective": "regression", "num_leaves": 64}),
        (20, {"objective": "regression", "num_leaves": 33, "max_depth": 40}),
        (5, {"objective": "multiclass", "num_class": 3, "num_leaves": 32, "zero_as_missing": True}),
        (5, {"objective": "multiclass", "num_class": 3, "num_leaves": 8, "use_missing": False}),
        (60, {"objective": "regression", "num_leaves": 31, "max_bin": 3000, "columns": 2}),
        (3, {"objective": "multiclass", "num_class": 3, "min_data_in_leaf": 10**6}),
        (3, {"objective": "multiclass", "num_class": 3, "linear_tree": False, "extra_trees": True}),
    ],
    ids=["binary", "one tree", "64 leaves", "deep", "zero missing", "nothing missing", "many thresholds", "one leaf", "extra"],
)
def test_trained_models_have_the_bits_of_the_predictor(rounds: int, settings: dict[str, Any]) -> None:
    text = trained(rounds=rounds, **settings)
    ensemble = read_trees(text)
    assert both(text, hard_rows(ensemble, 3000, seed=2))
    assert both(text, hard_rows(ensemble, 3000, seed=3).astype(np.float64) * (1 + 1e-12))
    assert proven_forest(ensemble, lightgbm.Booster(model_str=text)) is not None


@given(
    seed=st.integers(0, 2**32),
    leaves=st.lists(st.integers(1, 64), min_size=1, max_size=6),
    n_outputs=st.integers(1, 3),
    n_inputs=st.integers(1, 4),
    rows=st.integers(1, 140),
    kind=st.sampled_from([np.float32, np.float64]),
)
def test_random_trees_have_the_bits_of_the_predictor(
    seed: int, leaves: list[int], n_outputs: int, n_inputs: int, rows: int, kind: type[np.floating[Any]]
) -> None:
    random = np.random.default_rng(seed)
    trees = [random_tree(random, each, n_inputs) for each in leaves * n_outputs]
    with np.errstate(over="ignore"):
        matrix: NDArray[Any] = random.choice(VALUES, (rows, n_inputs)).astype(kind)
    assert both(text_of(trees, n_inputs, n_outputs), matrix)


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("threshold", SPECIAL)
def test_every_split_of_every_special_value(threshold: float, decision: int) -> None:
    assert both(text_of([stump(0, threshold, decision, 1.0, 2.0)], 1), VALUES[:, None])


def oracle(tree: Tree, row: Sequence[float]) -> float:
    """The leaf of a row, as LightGBM's documentation has it."""
    node = 0 if tree.inputs else -1
    while node >= 0:
        value, decision = row[tree.inputs[node]], tree.decisions[node]
        is_zero = np.isnan(value) or abs(value) <= 1.0000000180025095e-35
        missing = {0: False, 4: is_zero, 8: np.isnan(value)}[decision & 12]
        number = 0.0 if is_zero else value
        goes_left = bool(decision & 2) if missing else number <= tree.thresholds[node]
        node = tree.left[node] if goes_left else tree.right[node]
    return tree.leaf_values[~node]


@given(seed=st.integers(0, 2**32), leaves=st.integers(1, 64))
def test_the_leaf_is_that_of_walking_down_the_tree(seed: int, leaves: int) -> None:
    random = np.random.default_rng(seed)
    tree = random_tree(random, leaves, 3)
    matrix = random.choice(VALUES, (10, 3))
    found = Forest(read_trees(text_of([tree], 3))).raw_scores(matrix)[:, 0]
    assert found.tolist() == [oracle(tree, row) for row in matrix.tolist()]


@pytest.mark.parametrize("count", [254, 255, 256, 257, 511])
def test_ranks_of_any_number_of_thresholds_leave_room_for_missing_values(count: int) -> None:
    trees = [stump(0, k / 7, DECISIONS[k % 6], float(k), -float(k)) for k in range(-(count // 2), count - count // 2)]
    thresholds = np.array([tree.thresholds[0] for tree in trees])
    matrix = np.concatenate([thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf), VALUES])[:, None]
    assert len(set(thresholds.tolist())) == count
    assert both(text_of(trees, 1), matrix)


def test_rows_have_the_same_bits_in_any_batch_and_on_any_thread() -> None:
    text = trained(objective="multiclass", num_class=4, num_leaves=12)
    forest, matrix = Forest(read_trees(text)), hard_rows(read_trees(text), 300)
    whole = forest.raw_scores(matrix)
    with ThreadPoolExecutor(4) as threads:
        for size in (1, 3, 63, 64, 65, 128):
            parts = threads.map(forest.raw_scores, [matrix[start : start + size] for start in range(0, 300, size)])
            assert same_bits(np.concatenate(list(parts)), whole)
    assert same_bits(forest.raw_scores(np.asfortranarray(matrix)), whole)
    assert same_bits(forest.raw_scores(matrix[::3]), whole[::3])


def test_no_rows_give_no_scores() -> None:
    assert Forest(read_trees(text_of([stump(0, 1.0, 2, 1.0, 2.0)], 1))).raw_scores(np.zeros((0, 1))).shape == (0, 1)


@pytest.mark.parametrize("shape", [(3, 1), (3, 3), (2,), (1, 2, 2)])
def test_a_matrix_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 inputs"):
        Forest(read_trees(text_of([stump(0, 1.0, 2, 1.0, 2.0)], 2))).raw_scores(np.zeros(shape))


def ensemble(*trees: Tree) -> Ensemble:
    return Ensemble(1, 1, ("x0",), "regression", averaged=False, trees=trees)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ensemble(random_tree(np.random.default_rng(0), 65, 1)), "65 leaves"),
        (ensemble(stump(0, np.nan, 0, 1.0, 2.0)), "NaN"),
        (replace(ensemble(stump(0, 1.0, 0, 1.0, 2.0)), averaged=True), "averaged"),
        (ensemble(*(stump(0, float(k), 0, 1.0, 2.0) for k in range(65_536))), "65536 different thresholds"),
    ],
)
def test_what_no_forest_can_represent_is_said(model: Ensemble, message: str) -> None:
    with pytest.raises(CannotRepresent, match=message):
        Forest(model)


def test_a_random_forest_of_means_is_left_to_lightgbm() -> None:
    text = trained(objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.5)
    assert read_trees(text).averaged
    assert proven_forest(read_trees(text), lightgbm.Booster(model_str=text)) is None


def test_a_forest_that_differs_from_the_predictor_is_not_used() -> None:
    tree = stump(1, 0.5, 10, 1.0, 2.0)
    other = replace(tree, leaf_values=[1.0, float(np.nextafter(2.0, 3.0))])
    booster = lightgbm.Booster(model_str=text_of([tree], 2))
    assert proven_forest(read_trees(text_of([tree], 2)), booster) is not None
    assert proven_forest(read_trees(text_of([other], 2)), booster) is None


def test_a_bundle_that_no_forest_can_represent_is_served_by_lightgbm() -> None:
    random = np.random.default_rng(2)
    text = text_of([random_tree(random, 65, len(INPUTS)) for _ in LEAVES], len(INPUTS), len(LEAVES), INPUTS)
    files = bundle_files(replace(tiny_manifest(), trees=len(LEAVES)), text, Calibration.single(1.0), "# Wide\n")
    model, matrix = LightGBMClassifier(files, any_inputs), hard_rows(read_trees(text), 50)
    assert model.evaluator == "booster"
    raw = booster_scores(lightgbm.Booster(model_str=text), matrix)
    expected = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.scores(matrix, np.full(50, 3)).leaves, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["variability-ztf", "variability-lsst"])
def test_shipped_models_are_served_by_the_forest(name: str) -> None:
    packed = (Path(streamer.__file__).parent / "models" / name / TREES).read_bytes()
    text = gzip.decompress(packed).decode()
    forest = proven_forest(read_trees(text), lightgbm.Booster(model_str=text))
    assert forest is not None
    assert forest.nbytes < len(text) / 4


def test_a_forest_takes_less_memory_than_its_text() -> None:
    text = tiny_booster().model_to_string()
    assert Forest(read_trees(text)).nbytes < len(text)
