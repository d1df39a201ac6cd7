"""Reasons are the inputs' exact Shapley values, the weightiest first."""

from collections.abc import Mapping
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest

from streamer import features
from streamer.classify import taxonomy
from streamer.classify.bundle import LightGBMClassifier
from streamer.classify.calibration import Calibration
from streamer.classify.conformal import Conformal
from streamer.classify.explain import MOST, Explainer
from streamer.data.arrays import Float32s
from tests.unit.classify.bundles import INPUTS, LEAVES, any_inputs, tiny_booster, tiny_files

CLASSES = tuple(map(taxonomy.by_id, LEAVES))


def explainer() -> Explainer:
    return Explainer(tiny_booster(), CLASSES, INPUTS, lambda name, value: f"{name} = {value:.2f}")


def rows(n: int) -> Float32s:
    rng = np.random.default_rng(11)
    matrix = rng.normal(size=(n, len(INPUTS))).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    return matrix


def expected(node: Mapping[str, Any], row: list[float], known: tuple[int, ...]) -> float:
    """What a tree says if only these inputs are known: at the others the mean of both sides, by their training examples."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    value = row[node["split_feature"]]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        goes_left = node["default_left"] if np.isnan(value) and node["missing_type"] == "NaN" else value <= node["threshold"]
        return expected(left if goes_left else right, row, known)
    weights = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    return float(np.average([expected(child, row, known) for child in (left, right)], weights=weights))


def shapley(column: int, row: list[float]) -> list[float]:
    """The Shapley value of each input for the raw score of a class, by its definition."""
    trees = [tree["tree_structure"] for tree in tiny_booster().dump_model()["tree_info"][column :: len(LEAVES)]]
    d = len(row)
    values = []
    for each in range(d):
        others = [i for i in range(d) if i != each]
        values.append(
            sum(
                factorial(size) * factorial(d - size - 1) / factorial(d)
                * (expected(tree, row, (*some, each)) - expected(tree, row, some))
                for size in range(d)
                for some in combinations(others, size)
                for tree in trees
            )
        )  # fmt: skip
    return values


@pytest.mark.parametrize("column", range(len(LEAVES)))
def test_contributions_are_the_shapley_values_of_the_definition(column: int) -> None:
    matrix = rows(12)
    probabilities = np.full((12, len(LEAVES)), 1 / len(LEAVES))
    found = explainer().reasons(matrix, np.full(12, LEAVES[column], dtype=np.int32), probabilities)
    for row, reasons in zip(matrix.tolist(), found, strict=True):
        values = {each.input: each.contribution for each in reasons}
        assert [values.get(name, 0.0) for name in INPUTS] == pytest.approx(shapley(column, row), abs=1e-9)
        assert sorted(values.values(), key=abs, reverse=True) == list(values.values())


def test_an_inner_class_has_the_sum_of_its_leaves_and_a_withheld_answer_the_most_probable_leaf() -> None:
    matrix = rows(3)
    probabilities = np.tile([0.2, 0.5, 0.3], (3, 1))
    recurring, withheld, leaf = explainer().reasons(matrix[[0, 0, 0]], np.array([2300, 300, 2323], dtype=np.int32), probabilities)
    row = matrix[0].tolist()
    both = np.array(shapley(1, row)) + np.array(shapley(2, row))
    assert {each.input: each.contribution for each in recurring} == pytest.approx(
        {name: value for name, value in zip(INPUTS, both, strict=True) if value}
    )
    assert [(each.input, each.contribution) for each in withheld] == [(each.input, each.contribution) for each in leaf]


def test_reasons_say_the_value_in_words() -> None:
    matrix = np.array([[1.5, np.nan, 0.25]], dtype=np.float32)
    [reasons] = explainer().reasons(matrix, np.array([LEAVES[0]], dtype=np.int32), np.ones((1, 3)) / 3)
    assert {each.text for each in reasons} <= {"snr = 1.50", "trigger_magnitude = nan", "skew_g = 0.25"}
    assert len(reasons) <= MOST


def test_a_classifier_explains_only_what_it_was_asked_and_only_if_told_to() -> None:
    matrix, n_detections = rows(4), np.array([5, 0, 5, 5])
    silent = LightGBMClassifier(tiny_files(), any_inputs)
    telling = LightGBMClassifier(tiny_files(), any_inputs, describe=lambda _bands: "{} {}".format)
    assert silent.scores(matrix, n_detections).reasons == {}
    said = telling.scores(matrix, n_detections)
    assert set(said.reasons) == {0, 2, 3}
    assert said.leaves.tobytes() == silent.scores(matrix, n_detections).leaves.tobytes()


def test_a_withheld_answer_is_explained_too() -> None:
    nobody = np.zeros(0, dtype=np.int64)
    ambiguous = Calibration((1,), (1.0,), Conformal.of(np.zeros((0, 3)), nobody, nobody, CLASSES, (1,)))
    telling = LightGBMClassifier(tiny_files(ambiguous), any_inputs, describe=lambda _bands: "{} {}".format)
    assert telling.scores(rows(1), np.array([5])).reasons[0]


def test_features_are_told_with_their_unit_or_why_they_are_undefined() -> None:
    tell = features.teller(("g", "r"))
    assert tell("span", 12.34567) == "From the first to the last detection: 12.35 d"
    assert tell("fraction_positive_g", 1.0) == "Share of detections with f > 0, band g: 1"
    assert tell("snr_max_r", np.nan).endswith("band r: not defined (no detection in the band)")
    with pytest.raises(KeyError):
        tell("snr_max_z", 1.0)
