"""Coverage, pitfalls, kept steps, average precision and the reports' HTML: formulas against slow oracles, and their edges."""

from itertools import product
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.data.batch import State
from streamer.errors import InvalidConfig
from streamer.training import html
from streamer.training.coverage import answered, exact_interval, sets
from streamer.training.kept import Kept
from streamer.training.kin import with_kin_in_one_group
from streamer.training.metrics import Answers, average_precision, of_all_alerts
from streamer.training.pitfalls import area, check_allowed, duplicates, told_apart
from tests.unit.training.tables import table


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_exact_interval_leaves_a_fortieth_beyond_either_end(case: tuple[int, int]) -> None:
    hits, n = case
    low, high = exact_interval(hits, n)
    assert low <= hits / n <= high

    def at_least(p: float) -> float:
        return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(hits, n + 1))

    def at_most(p: float) -> float:
        return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(hits + 1))

    assert low == 0.0 if hits == 0 else at_least(low) == pytest.approx(0.025, abs=1e-6)
    assert high == 1.0 if hits == n else at_most(high) == pytest.approx(0.025, abs=1e-6)


def test_of_no_objects_nothing_is_known() -> None:
    assert exact_interval(0, 0) == (0.0, 1.0)


def test_sets_are_counted_by_true_class() -> None:
    possible = np.array([[True, False], [True, True], [False, False], [True, False]])
    found = sets(possible, np.array([0, 0, 1, 1]), ["A", "B"])
    assert found["overall"]["coverage"]["value"] == 0.5
    assert found["classes"]["A"] == found["classes"]["A"] | {"objects": 2, "size": 1.5, "empty": 0, "single": 1}
    assert found["classes"]["B"]["coverage"]["value"] == 0.0


def test_what_is_named_is_judged_by_the_name_not_by_the_most_probable_class() -> None:
    probability = np.array([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    answers = Answers(np.array([1, 1, 0]), probability, np.ones(3), np.ones(3))
    state = np.array([State.CLASSIFIED, State.CLASSIFIED, State.NOT_CLASSIFIED], dtype=np.int64)
    found = answered(answers, state, np.array([20, 20, 300]), [10, 20], seed=1)
    assert found["states"] == {"CLASSIFIED": 2, "PARENT_ONLY": 0, "NOT_CLASSIFIED": 1}
    assert found["accuracy"]["value"] == 1.0
    assert found["ece"]["value"] == pytest.approx((0.6 + 0.3) / 2)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    score = np.array([row[0] for row in rows], dtype=np.float64)
    is_one = np.array([row[1] for row in rows])
    if is_one.all() or not is_one.any():
        return
    pairs = [(a > b) + (a == b) / 2 for a, b in product(score[is_one], score[~is_one])]
    assert area(score, is_one) == pytest.approx(np.mean(pairs))


def test_average_precision_of_a_perfect_and_of_a_useless_score() -> None:
    is_one = np.array([True, False, True, False, False])
    assert average_precision(is_one.astype(np.float64), is_one, 1)["value"] == 1.0
    useless = average_precision(np.zeros(5), is_one, 1)
    assert useless["value"] == useless["chance"] == 0.4
    assert average_precision(np.zeros(0), np.zeros(0, dtype=np.bool_), 1)["value"] is None


def test_an_object_with_many_alerts_has_one_vote() -> None:
    probability = np.array([[0.9, 0.1]] * 3 + [[0.2, 0.8]])
    answers = Answers(np.array([0, 0, 0, 0]), probability, np.ones(4), np.ones(4))
    found = of_all_alerts(answers, np.array([7, 7, 7, 9]), 2, seed=1)
    assert (found["objects"], found["alerts"]) == (2, 4)
    assert found["accuracy"]["value"] == 0.5
    assert found["macro_f1"]["value"] == pytest.approx(2 / 3, abs=1e-4)


def test_sets_that_differ_are_told_apart_and_equal_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(200, 3)).astype(np.float32)
    is_one = np.arange(200) % 2 == 0
    assert told_apart(matrix, is_one, 1)["value"] == pytest.approx(0.5, abs=0.12)
    matrix[is_one, 1] += 5
    assert told_apart(matrix, is_one, 1)["value"] > 0.99


def test_the_same_points_under_two_names_are_found_unless_they_are_of_one_group() -> None:
    points: dict[str, object] = {"epoch": [1.0, 2.0, 3.0], "flux": [10.0, 20.0, 30.0]}
    others: dict[str, object] = {"epoch": [1.5, 2.5, 3.5], "flux": [10.0, 20.0, 30.0]}
    assert duplicates(table([points, points, others])) == {"pairs": 1, "first": [["O0", "O1"]]}
    assert duplicates(table([points | {"group": "same"}, points | {"group": "same"}]))["pairs"] == 0


def test_groups_with_the_same_points_in_them_become_one_with_all_that_is_in_them() -> None:
    points: dict[str, object] = {"epoch": [1.0, 2.0, 3.0], "flux": [10.0, 20.0, 30.0]}
    others: dict[str, object] = {"epoch": [1.5, 2.5, 3.5], "flux": [10.0, 20.0, 30.0]}
    found = table([points | {"group": "a"}, others | {"group": "b"}, points | {"group": "b"}, others | {"group": "c"}])
    assert with_kin_in_one_group(found).group.tolist() == ["a", "a", "a", "a"]
    apart = table([points | {"group": "a"}, {"epoch": [1.0, 2.0, 3.1], "flux": [10.0, 20.0, 30.0], "group": "b"}])
    assert with_kin_in_one_group(apart).group.tolist() == ["a", "b"]


@pytest.mark.parametrize("name", ["ra", "galactic_latitude", "epoch_g", "broker_score"])
def test_an_input_that_would_leak_is_refused_with_its_reason(name: str) -> None:
    check_allowed(["trigger_magnitude", "rate"], "recipe")
    with pytest.raises(InvalidConfig, match=f"recipe: {name} may be no input"):
        check_allowed(["trigger_magnitude", name], "recipe")


def test_a_step_is_done_once_until_what_it_depends_on_changes_or_its_file_is_damaged(tmp_path: Path) -> None:
    done = []

    def make() -> dict[str, np.ndarray]:
        done.append(1)
        return {"value": np.arange(3)}

    kept = Kept(tmp_path / "progress")
    for _ in range(2):
        np.testing.assert_array_equal(kept.of("step", {"seed": 1}, make)["value"], np.arange(3))
    assert len(done) == 1
    kept.of("step", {"seed": 2}, make)
    assert len(done) == 2
    for path in (tmp_path / "progress").iterdir():
        path.write_bytes(b"damaged")
    kept.of("step", {"seed": 1}, make)
    assert len(done) == 3
    Kept(None).of("step", {"seed": 1}, make)
    assert len(done) == 4


def test_a_report_becomes_one_page_and_nothing_in_it_is_taken_for_markup() -> None:
    text = (
        "# A & B\n\nIt is *so*, **very** `a<b`, [see](report.md) [there](https://a.org/b.md).\n\n"
        "| x | y |\n| --- | --- |\n| 1 | a\\|b |\n\n- one\n- two\n\n![Plot](plot.png)"
    )
    page = html.page(text)
    assert "<title>A &amp; B</title>" in page
    assert "<em>so</em>, <strong>very</strong> <code>a&lt;b</code>" in page
    assert '<a href="report.html">see</a> <a href="https://a.org/b.md">there</a>' in page
    assert "<td>1</td><td>a|b</td>" in page
    assert "<li>one</li><li>two</li>" in page
    assert '<img src="plot.png" alt="Plot">' in page
