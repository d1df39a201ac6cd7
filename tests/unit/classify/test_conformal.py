"""Conformal sets hold what they promise, and the answer is what the set says."""

import json
import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binomtest

from streamer.classify import taxonomy
from streamer.classify.calibration import Calibration
from streamer.classify.conformal import FEWEST, MOST, Conformal, threshold
from streamer.classify.conformity import branches, conformity
from streamer.classify.taxonomy import ancestors, by_name
from streamer.data.arrays import Float64s, Int64s
from streamer.data.batch import State, Why
from streamer.errors import InvalidBundle

LEAVES = tuple(map(by_name, ("SNIa", "SNIbc", "SLSN", "TDE", "RRL", "EB", "AGN")))
FIRST = (1, 6)
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


def simplex(rng: np.random.Generator, truth: Int64s, sharpness: float = 2.0) -> Float64s:
    """Probabilities of each leaf that lean towards the truth."""
    raw = rng.normal(size=(len(truth), len(LEAVES)))
    raw[np.arange(len(truth)), truth] += sharpness
    weights = np.exp(raw)
    shares: Float64s = weights / weights.sum(axis=1, keepdims=True)
    return shares


@st.composite
def fitted(draw: st.DrawFn) -> Conformal:
    """Sets from few or many objects of each class."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    counts = draw(st.lists(st.integers(0, 60), min_size=len(LEAVES), max_size=len(LEAVES)))
    truth = np.repeat(np.arange(len(LEAVES)), counts)
    return Conformal.of(simplex(rng, truth), truth, rng.integers(1, 12, len(truth)), LEAVES, FIRST)


def everybody(rng: np.random.Generator, each: int) -> Conformal:
    truth = np.repeat(np.arange(len(LEAVES)), each)
    return Conformal.of(simplex(rng, truth), truth, np.tile([3, 9], len(truth))[: len(truth)], LEAVES, FIRST)


@given(values=st.lists(st.integers(0, 10), min_size=1, max_size=50), level=st.sampled_from(LEVELS), p=st.integers(0, 10))
def test_a_class_is_in_the_set_where_its_conformal_p_value_is_above_one_minus_the_level(
    values: list[int], level: float, p: int
) -> None:
    exact = Fraction(str(level))
    p_value = Fraction(sum(value <= p for value in values) + 1, len(values) + 1)
    assert (p >= threshold(np.sort(np.array(values, dtype=np.float64)), len(values), exact)) == (p_value > 1 - exact)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [20, 33, 200])
def test_the_coverage_of_exchangeable_alerts_is_exact(level: float, n: int) -> None:
    trials = 4000
    values = np.sort(np.random.default_rng(n).random((trials, n)), axis=1)
    new = np.random.default_rng(n + 1).random(trials)
    covered = sum(bool(p >= threshold(row, n, Fraction(str(level)))) for p, row in zip(new, values, strict=True))
    expected = min(1.0, math.ceil((n + 1) * Fraction(str(level))) / (n + 1))
    assert expected >= level
    interval = binomtest(covered, trials).proportion_ci(0.999)
    assert interval.low <= expected <= interval.high


def test_every_class_is_covered_in_every_bin_whatever_the_model_is_worth() -> None:
    rng = np.random.default_rng(5)
    truth = np.repeat(np.arange(len(LEAVES)), 2000)
    n_detections = np.tile([2, 30], len(truth) // 2)
    for sharpness in (0.0, 2.0):
        model = Conformal.of(simplex(rng, truth, sharpness), truth, n_detections, LEAVES, FIRST)
        rule = model.rule(0.9)
        covered = rule.possible(simplex(rng, truth, sharpness), n_detections)[np.arange(len(truth)), truth]
        for leaf in range(len(LEAVES)):
            for detections in (2, 30):
                some = covered[(truth == leaf) & (n_detections == detections)]
                out = 1001 // 10  # of 1000 calibration objects and one more, those that may be out
                low, high = betabinom(1000, 1001 - out, out).ppf([1e-5, 1 - 1e-5])
                assert low <= some.sum() <= high


@given(conformal=fitted(), seed=st.integers(0, 99))
def test_sets_grow_with_the_level(conformal: Conformal, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = simplex(rng, rng.integers(0, len(LEAVES), 30))
    n_detections = rng.integers(1, 12, 30)
    sets = [conformal.rule(level).possible(probabilities, n_detections) for level in LEVELS]
    for smaller, larger in pairwise(sets):
        assert not np.any(smaller & ~larger)


def plain_answer(conformal: Conformal, possible: list[bool]) -> tuple[int, State, Why]:
    """The decision in plain Python."""
    answers = [conformal.answer_of(leaf) for leaf, is_in in enumerate(possible) if is_in]
    if not answers:
        return taxonomy.NOT_CLASSIFIED, State.NOT_CLASSIFIED, Why.ATYPICAL
    why = Why.AMBIGUOUS if len(answers) > 1 else Why.NONE if answers[0] in LEAVES else Why.FEW_EXAMPLES
    common = next(each for each in (answers[0], *ancestors(answers[0])) if all(each in (a, *ancestors(a)) for a in answers))
    if all(common in (leaf, *ancestors(leaf)) for leaf in LEAVES):
        return taxonomy.NOT_CLASSIFIED, State.NOT_CLASSIFIED, why
    return common.id, State.CLASSIFIED if why is Why.NONE else State.PARENT_ONLY, why


@settings(max_examples=60)
@given(conformal=fitted(), level=st.sampled_from(LEVELS), seed=st.integers(0, 99))
def test_answers_agree_with_the_decision_in_plain_python(conformal: Conformal, level: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = simplex(rng, rng.integers(0, len(LEAVES), 25), sharpness=rng.choice([0.5, 2.0, 4.0]))
    n_detections = rng.integers(0, 12, 25)
    found = conformal.rule(level).answers(probabilities, n_detections)
    assert found.possible.tolist() == conformal.rule(level).possible(probabilities, n_detections).tolist()
    said = list(zip(found.class_id.tolist(), map(State, found.state.tolist()), found.why, strict=True))
    assert said == [plain_answer(conformal, row) for row in found.possible.tolist()]


def test_the_lowest_common_ancestor_answers_for_several_classes() -> None:
    rule = everybody(np.random.default_rng(1), 100).rule(0.9)
    low, high = 0.0, 1.0
    sets = {
        "SNIa": ("SNIa",),
        "SN-like": ("SNIa", "SNIbc"),
        "Non-recurring": ("SNIa", "TDE"),
        "Long": ("SLSN", "TDE"),
        "Recurring": ("RRL", "AGN"),
        "NotClassified": ("SNIa", "RRL"),
    }
    probabilities = np.array([[high if leaf.name in names else low for leaf in LEAVES] for names in sets.values()])
    found = rule.answers(probabilities, np.full(len(sets), 3))
    assert [taxonomy.by_id(number).name for number in found.class_id.tolist()] == list(sets)
    assert found.why == (Why.NONE, *(Why.AMBIGUOUS,) * 5)


def test_an_alert_that_no_class_would_have_is_atypical() -> None:
    found = everybody(np.random.default_rng(1), 100).rule(0.9).answers(np.zeros((1, len(LEAVES))), np.array([3]))
    assert found.state.tolist() == [State.NOT_CLASSIFIED]
    assert found.why == (Why.ATYPICAL,)
    assert not found.possible.any()


def test_a_class_with_too_few_objects_answers_at_its_nearest_ancestor_with_enough() -> None:
    rng = np.random.default_rng(2)
    counts = [100, 100, 50, FEWEST - 1, 100, 100, 100]
    truth = np.repeat(np.arange(len(LEAVES)), counts)
    conformal = Conformal.of(simplex(rng, truth), truth, np.full(len(truth), 3), LEAVES, FIRST)
    assert [conformal.answer_of(leaf).name for leaf in range(len(LEAVES))] == ["SNIa", "SNIbc", "SLSN", "Long", "RRL", "EB", "AGN"]
    certain = np.array([[float(leaf.name == "TDE") for leaf in LEAVES]])
    found = conformal.rule(0.9).answers(certain, np.array([3]))
    assert (taxonomy.by_id(int(found.class_id[0])).name, State(found.state[0]), found.why) == (
        "Long",
        State.PARENT_ONLY,
        (Why.FEW_EXAMPLES,),
    )


def test_a_class_with_too_few_objects_is_covered_where_its_kin_are_known_better() -> None:
    rng = np.random.default_rng(5)
    few, kin = FEWEST - 1, 300
    probability = np.concatenate([rng.uniform(0.0, 0.2, 2 * few), rng.uniform(0.5, 1.0, kin)])
    truth = np.repeat([4, 5], [2 * few, kin])  # RRL and EB, both periodic
    rows = np.zeros((len(truth), len(LEAVES)))
    rows[np.arange(len(truth)), truth] = probability
    learned = np.r_[:few, 2 * few : len(truth)]
    rule = Conformal.of(rows[learned], truth[learned], np.full(len(learned), 3), LEAVES, FIRST).rule(0.9)
    unseen = np.arange(few, 2 * few)
    assert rule.possible(rows[unseen], np.full(few, 3))[:, 4].mean() > 0.7


def test_a_bin_with_too_few_objects_takes_those_of_the_nearest_bins() -> None:
    rng = np.random.default_rng(3)
    first = (1, 3, 6, 15)
    n_detections = np.repeat([1, 3, 6, 15], [30, 10, 12, 2])
    truth = np.zeros(len(n_detections), dtype=np.int64)
    probabilities = simplex(rng, truth)
    conformal = Conformal.of(probabilities, truth, n_detections, LEAVES, first)

    def of_bins(*bins: int) -> float:
        rows = np.isin(n_detections, bins)
        kept = np.floor(np.sort(conformity(probabilities, branches(LEAVES))[rows, 0]) * 1e6) / 1e6
        return threshold(kept, len(truth), Fraction("0.9"))

    assert conformal.rule(0.9).thresholds[:, 0].tolist() == [of_bins(1), of_bins(1, 3), of_bins(3, 6), of_bins(3, 6, 15)]


def test_without_calibration_objects_every_class_is_possible() -> None:
    nobody = np.zeros(0, dtype=np.int64)
    conformal = Conformal.of(np.zeros((0, len(LEAVES))), nobody, nobody, LEAVES, FIRST)
    found = conformal.rule(0.9).answers(np.full((1, len(LEAVES)), 1 / len(LEAVES)), np.array([3]))
    assert found.possible.all()
    assert found.why == (Why.AMBIGUOUS,)


def test_a_level_that_so_few_objects_cannot_support_leaves_no_class_out() -> None:
    assert threshold(np.linspace(0.1, 0.9, 20), 20, Fraction("0.99")) == -math.inf


def test_several_alerts_of_one_object_count_as_one_object() -> None:
    rng = np.random.default_rng(4)
    truth = np.zeros(60, dtype=np.int64)
    conformal = Conformal.of(simplex(rng, truth), truth, np.tile([3, 9], 30), LEAVES, FIRST, owner=np.repeat(np.arange(30), 2))
    assert conformal.objects[0] == 30
    values = np.linspace(0.0, 1.0, 60)
    assert threshold(values, 30, Fraction("0.9")) == values[60 - 56]  # 28 of 30 objects, so 56 of 60 alerts


def test_of_very_many_objects_some_are_kept() -> None:
    truth = np.zeros(3 * MOST, dtype=np.int64)
    conformal = Conformal.of(simplex(np.random.default_rng(6), truth), truth, np.full(len(truth), 3), LEAVES, FIRST)
    assert (len(conformal.cells[0][0]), conformal.objects[0]) == (MOST, 3 * MOST)


@given(conformal=fitted())
def test_conformal_data_read_back_as_they_were_written(conformal: Conformal) -> None:
    calibration = Calibration(FIRST, (1.0, 2.0), conformal)
    assert Calibration.of_json(calibration.to_json()) == calibration
    assert Calibration.of_json(calibration.to_json()).to_json() == calibration.to_json()


def damaged(**entries: Any) -> Any:
    return [{"class_id": 2222, "objects": 2, "conformities": [[0.1, 0.2], []], **entries}]


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        (None, "conformal must be a list"),
        ([], "conformal must be a list"),
        ([1], r"conformal\[0\]"),
        (damaged(class_id="SNIa"), r"conformal\[0\]"),
        (damaged(class_id=1), r"conformal\[0\]"),
        (damaged(conformities=[[0.1, 0.2]]), r"conformal\[0\]\.conformities must be 2 lists"),
        (damaged(conformities=[[0.2, 0.1], []]), r"conformal\[0\]\.conformities\[0\]"),
        (damaged(conformities=[[0.1], [1.5]]), r"conformal\[0\]\.conformities\[1\]"),
        (damaged(conformities=[[math.nan], [0.1]]), r"conformal\[0\]\.conformities\[0\]"),
        (damaged(conformities=[[True], [0.1]]), r"conformal\[0\]\.conformities\[0\]"),
        (damaged(conformities="many"), r"conformal\[0\]\.conformities"),
        (damaged(objects=0), r"conformal\[0\]\.objects is 0"),
        (damaged(objects=-1), r"conformal\[0\]\.objects"),
        (damaged(objects=2.5), r"conformal\[0\]\.objects"),
        (damaged(conformities=[[], []]), r"conformal\[0\]\.objects is 2"),
    ],
)
def test_damaged_conformal_data_are_refused_by_name(entry: Any, named: str) -> None:
    bins = [
        {"min_detections": 1, "max_detections": 5, "temperature": 1},
        {"min_detections": 6, "max_detections": None, "temperature": 1},
    ]
    with pytest.raises(InvalidBundle, match=rf"calibration\.json: {named}"):
        Calibration.of_json(json.dumps({"temperature": bins, "conformal": entry}).encode())


def test_bins_of_sets_and_temperatures_must_be_the_same() -> None:
    with pytest.raises(InvalidBundle, match="bins"):
        Calibration((1, 9), (1.0, 1.0), everybody(np.random.default_rng(1), 20))


@given(conformal=fitted(), seed=st.integers(0, 99), level=st.sampled_from(LEVELS))
def test_no_set_that_holds_anything_lacks_the_most_probable_class(conformal: Conformal, seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    probabilities = simplex(rng, rng.integers(0, len(LEAVES), 50), sharpness=0.5)
    possible = conformal.rule(level).possible(probabilities, rng.integers(1, 12, 50))
    some = possible.any(axis=1)
    assert possible[some, probabilities[some].argmax(axis=1)].all()


def test_an_unlikely_class_is_not_named_because_the_likely_one_is_usually_likelier() -> None:
    n = 40
    truth = np.repeat([0, 1], n)
    probabilities = np.zeros((2 * n, 2))
    probabilities[:n, 0] = 0.99  # whoever is of the first class is so beyond doubt
    probabilities[n:] = 0.9, 0.05  # and the second class is never probable
    conformal = Conformal.of(probabilities, truth, np.full(2 * n, 9), LEAVES[:2], FIRST)
    doubtful = np.array([[0.9, 0.06]])
    assert conformal.rule(0.9).possible(doubtful, np.array([9])).tolist() == [[True, True]]
    assert State(conformal.rule(0.9).answers(doubtful, np.array([9])).state[0]) is not State.CLASSIFIED


def test_conformity_is_nearness_to_the_best_class_and_the_share_of_the_branch() -> None:
    probability = np.array([[0.4, 0.2, 0.1, 0.0, 0.05, 0.05, 0.2], [0.0] * 7, [np.nan] * 7])
    non_recurring, recurring = 0.7, 0.3
    expected = [0.4 / 0.4, 0.2 / 0.4, 0.1 / 0.4, 0.0, 0.05 / 0.4, 0.05 / 0.4, 0.2 / 0.4]
    expected = [value * math.sqrt(share) for value, share in zip(expected, [non_recurring] * 4 + [recurring] * 3, strict=True)]
    found = conformity(probability, branches(LEAVES))
    assert found[0].tolist() == pytest.approx(expected)
    assert found[1].tolist() == [0.0] * 7
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("SNIa", "TDE", "RRL", "AGN"), [[0, 1], [2, 3]]),
        (("SNIa", "SNIbc", "TDE"), [[0, 1], [2]]),
        (("SNIa", "SNIbc"), [[0], [1]]),
        (("SNIa",), [[0]]),
    ],
)
def test_branches_part_below_the_nearest_common_ancestor(names: tuple[str, ...], expected: list[list[int]]) -> None:
    assert [columns.tolist() for columns in branches([by_name(name) for name in names])] == expected


@pytest.mark.parametrize("leaves", [LEAVES, taxonomy.LEAVES], ids=["few", "all, with a branch of more than eight"])
@given(seed=st.integers(0, 99), n=st.integers(1, 70))
def test_conformity_does_not_depend_on_the_batch(leaves: tuple[taxonomy.Class, ...], seed: int, n: int) -> None:
    probability = np.random.default_rng(seed).dirichlet(np.full(len(leaves), 0.3), n)
    rows = [conformity(probability[i : i + 1], branches(leaves))[0] for i in range(n)]
    np.testing.assert_array_equal(conformity(probability, branches(leaves)), rows)
