import numpy as np
import pytest

from streamer.training.metrics import Answers, calibration_error, confusion, f1_gained, figures, rates, reliability


def answers(truth: list[int], said: list[int], confidence: float = 0.8, n_leaves: int = 3) -> Answers:
    probability = np.full((len(truth), n_leaves), (1 - confidence) / (n_leaves - 1))
    probability[np.arange(len(truth)), said] = confidence
    ones = np.ones(len(truth))
    return Answers(np.array(truth, dtype=np.int64), probability, ones, ones)


def test_precision_recall_and_f1_of_a_small_table() -> None:
    result = figures(answers([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2]), ["A", "B", "C"], judged_from=2, seed=1)
    classes = result["classes"]
    assert isinstance(classes, dict)
    assert classes["A"]["precision"]["value"] == 1.0
    assert classes["A"]["recall"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert classes["B"]["f1"]["value"] == 0.5
    assert result["judged_classes"] == ["A", "B"]
    assert result["accuracy"]["value"] == pytest.approx(4 / 6, abs=1e-4)


def test_f1_gained_is_of_the_same_objects_and_nothing_over_itself() -> None:
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 3, 300)
    some, other = (
        Answers(truth, np.eye(3)[np.where(rng.random(300) < share, truth, rng.integers(0, 3, 300))], np.ones(300), np.ones(300))
        for share in (0.9, 0.3)
    )
    found = f1_gained(some, other, ["A", "B", "C"], seed=1)
    alone = [figures(each, ["A", "B", "C"], 1, seed=1) for each in (some, other)]
    assert found["macro_f1"]["value"] == pytest.approx(alone[0]["macro_f1"]["value"] - alone[1]["macro_f1"]["value"], abs=1e-4)
    assert 0 < found["macro_f1"]["low"] < found["macro_f1"]["value"] < found["macro_f1"]["high"]
    assert found["classes"]["B"]["value"] == pytest.approx(
        alone[0]["classes"]["B"]["f1"]["value"] - alone[1]["classes"]["B"]["f1"]["value"], abs=2e-4
    )
    assert f1_gained(some, some, ["A", "B", "C"], seed=1)["macro_f1"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_a_class_never_answered_has_no_precision_and_no_f1_worth() -> None:
    precision, recall, f1 = rates(np.array([[[3.0, 0.0], [2.0, 0.0]]]))
    assert np.isnan(precision[0, 1])
    assert recall[0, 1] == 0.0
    assert f1[0, 1] == 0.0


def test_intervals_hold_the_value_and_shrink_with_more_objects() -> None:
    rng = np.random.default_rng(3)

    def width(n: int) -> float:
        truth = rng.integers(0, 2, n)
        said = np.where(rng.random(n) < 0.8, truth, 1 - truth)
        accuracy = figures(answers(truth.tolist(), said.tolist(), n_leaves=2), ["A", "B"], 1, 7)["accuracy"]
        assert isinstance(accuracy, dict)
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
        return float(accuracy["high"] - accuracy["low"])

    assert width(2000) < width(50)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    always_right = answers([0] * 200, [0] * 200, confidence=0.7)
    assert calibration_error(always_right, 1)["value"] == pytest.approx(0.3)
    honest = answers([0] * 160 + [1] * 40, [0] * 200, confidence=0.8)
    assert honest.assumed.sum() == 200
    points = reliability(honest)
    assert sum(int(str(point["objects"])) for point in points) == 200


def test_confusion_counts_objects_by_truth_and_answer() -> None:
    assert confusion(answers([0, 0, 1], [0, 2, 1]), 3) == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_no_objects_give_no_figures_instead_of_an_error() -> None:
    result = figures(answers([], []), ["A", "B", "C"], 30, 1)
    assert result["objects"] == 0
    assert result["accuracy"] == {"value": None, "low": None, "high": None}
