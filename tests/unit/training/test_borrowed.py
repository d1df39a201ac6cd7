from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.data.photometry import Kind, flux_from_magnitude
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.training.borrowed import SPREAD, with_borrowed
from streamer.training.crossfit import calibration
from streamer.training.datasets import LightCurves
from streamer.training.fit import examples_of, read_sets
from streamer.training.recipe import parse_recipe
from streamer.training.trees import _hidden_and_shown
from tests.unit.training.tables import SMALL_RECIPE, table, write_bts

LIKE = (("SNIa", "SNII"),)


def neighbours(light_curves: LightCurves, known: dict[int, dict[str, float]]) -> LightCurves:
    """With one entry of context, at epoch 0, for each object in `known`."""
    names = sorted({name for values in known.values() for name in values})
    lengths = np.array([int(i in known) for i in range(len(light_curves))])
    columns = {name: np.array([known[i].get(name, np.nan) for i in sorted(known)], dtype=np.float32) for name in names}
    return replace(light_curves, context=Ragged(offsets_from_lengths(lengths), {"epoch": np.zeros(len(known)), **columns}))


LENDER = {"reference_distance": 0.5, "reference_magnitude": 18.0, "star_galaxy": 0.1, "n_history": 40.0, "history_age": 900.0}


def test_an_object_borrows_from_one_of_like_kind_in_its_own_slice_only() -> None:
    objects: list[dict[str, object]] = [{"epoch": [1.0, 2.0], "label": label} for label in ("SNIa", "SNII", "SNIa", "AGN", "SNIa")]
    light_curves = neighbours(table(objects), {0: LENDER, 3: LENDER})
    made, lender = with_borrowed(light_curves, np.array([1, 1, 2, 1, 1]), LIKE, 7)
    assert lender.tolist() == [-1, 0, -1, -1, 0], "slice 2 has no lender, and an AGN is none"
    assert made.context is not None
    assert made.context.lengths.tolist() == [1, 2, 0, 1, 2], "from each detection of the borrower on"
    assert made.context.row(1)["star_galaxy"].tolist() == pytest.approx([0.1, 0.1])


def test_what_counts_detections_is_the_borrowers_own() -> None:
    curve: dict[str, object] = {"epoch": [1.0, 4.0, 9.0], "kind": [Kind.DETECTION, Kind.LIMIT, Kind.DETECTION]}
    light_curves = neighbours(table([{"epoch": [0.0]}, curve]), {0: LENDER})
    made, _ = with_borrowed(light_curves, np.zeros(2, dtype=np.int64), LIKE, 7)
    assert made.context is not None
    row = made.context.row(1)
    assert (row["epoch"].tolist(), row["n_history"].tolist(), row["history_age"].tolist()) == ([1.0, 9.0], [1, 2], [0, 8])


def test_what_the_lender_does_not_know_is_not_made_up() -> None:
    light_curves = neighbours(table([{"epoch": [0.0]}, {"epoch": [1.0]}]), {0: {"n_history": np.nan, "star_galaxy": np.nan}})
    made, _ = with_borrowed(light_curves, np.zeros(2, dtype=np.int64), LIKE, 7)
    assert made.context is not None
    assert np.isnan([made.context.row(1)[name] for name in ("n_history", "star_galaxy")]).all()


def test_borrowed_distances_and_magnitudes_are_spread_alike_at_every_run_and_stay_one_neighbour() -> None:
    known = {**LENDER, "nearest_source_distance": 0.5, "nearest_source_magnitude": 18.5}
    light_curves = neighbours(table([{"epoch": [1.0]} for _ in range(400)]), {0: known})
    made, lender = with_borrowed(light_curves, np.zeros(400, dtype=np.int64), LIKE, 7)
    again, _ = with_borrowed(light_curves, np.zeros(400, dtype=np.int64), LIKE, 7)
    assert made.context is not None
    assert again.context is not None
    assert lender.tolist() == [-1, *[0] * 399]
    distance, magnitude = made.context["reference_distance"][1:], made.context["reference_magnitude"][1:]
    assert np.array_equal(again.context["reference_distance"][1:], distance)
    assert np.log(distance / 0.5).std() == pytest.approx(SPREAD["reference_distance"], rel=0.2)
    assert (magnitude - 18.0).std() == pytest.approx(SPREAD["reference_magnitude"], rel=0.2)
    assert made.context["nearest_source_distance"][1:] == pytest.approx(distance)
    assert made.context["nearest_source_magnitude"][1:] - 0.5 == pytest.approx(magnitude, abs=1e-4)


@pytest.mark.parametrize(("distance", "is_the_object"), [(0.5, True), (5.0, False)])
def test_total_flux_is_with_the_reference_source_where_the_detections_lie_on_it(distance: float, is_the_object: bool) -> None:
    known = {"reference_distance": distance, "reference_magnitude": 18.0}
    light_curves = neighbours(table([{"epoch": [1.0], "flux": 1000.0}, {"epoch": [1.0], "flux": 1000.0}]), {0: known})
    made, _ = with_borrowed(light_curves, np.array([0, 1]), LIKE, 7)
    expected = 1000.0 + float(flux_from_magnitude(np.array(18.0))) if is_the_object else np.nan
    assert made.curves["total"][0] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(made.curves["total"][1]), "without context nothing is known of its reference"


def test_nothing_is_borrowed_where_the_recipe_asks_for_nothing() -> None:
    light_curves = neighbours(table([{"epoch": [0.0]}, {"epoch": [1.0]}]), {0: LENDER})
    made, lender = with_borrowed(light_curves, np.zeros(2, dtype=np.int64), (), 7)
    assert made is light_curves
    assert lender.tolist() == [-1, -1]


def test_for_conformal_sets_all_objects_in_one_borrowed_neighbourhood_count_as_one(tmp_path: Path) -> None:
    write_bts(tmp_path, 90)
    recipe = parse_recipe(SMALL_RECIPE, "here")
    examples = examples_of(recipe, read_sets(recipe, tmp_path))
    first, *others = np.flatnonzero(examples.truth == 0)
    lender = np.full(len(examples.table), -1, dtype=np.int64)
    lender[others] = first
    raw = np.random.default_rng(4).normal(size=(len(examples.picks), len(examples.leaves)))
    among = np.ones(len(examples.picks), dtype=np.bool_)
    apart, together = (calibration(recipe, each, raw, among) for each in (examples, replace(examples, lender=lender)))
    assert apart.conformal is not None
    assert together.conformal is not None
    assert apart.conformal.objects == (30, 30, 30)
    assert together.conformal.objects == (1, 30, 30)
    assert together.conformal.cells == apart.conformal.cells, "what they are like is asked of all of them"
    assert together.temperature == apart.temperature
    before, after = (each.rule(0.9).thresholds for each in (apart.conformal, together.conformal))
    assert (after[:, 0] < before[:, 0]).all(), "a class of which less is known is in more sets"
    np.testing.assert_array_equal(after[:, 1:], before[:, 1:])


def test_classes_are_as_common_among_the_shown_as_among_all_and_the_weight_is_shared() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 300)
    weight = rng.uniform(0.5, 2.0, 300)
    matrix = rng.normal(size=(300, 4)).astype(np.float32)
    known = rng.random(300) < np.array([0.05, 0.5, 0.9])[truth]
    matrix[~known, 2:] = np.nan
    columns = np.array([False, False, True, True])
    both, classes, weights = _hidden_and_shown(matrix, truth, weight, columns)
    assert len(both) == 300 + known.sum()
    assert np.isnan(both[:300, 2:]).all()
    assert np.array_equal(both[300:], matrix[known])
    hidden, shown = (np.bincount(classes[part], weights=weights[part]) for part in (slice(300), slice(300, None)))
    assert shown == pytest.approx(hidden)
    assert weights.sum() == pytest.approx(weight.sum())
