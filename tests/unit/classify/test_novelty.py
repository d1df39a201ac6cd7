"""Novelty is a share of the training alerts: even for their like, near 1 for what is unlike them."""

import json
import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from streamer.classify.bundle import LightGBMClassifier, bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.manifest import CALIBRATION, CARD, NOVELTY, TREES, read_manifest
from streamer.classify.novelty import FEWEST, LEAVES, NODES, Cuts, Novelty
from streamer.data.arrays import Float32s, Int64s
from streamer.errors import InvalidBundle
from tests.unit.classify.bundles import INPUTS, any_inputs, tiny_booster, tiny_files, tiny_manifest

FIRST = (1, 6)
D = len(INPUTS)


def like_training(n: int, seed: int) -> Float32s:
    """Alerts with correlated inputs of very different scales, some undefined."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 1))
    matrix = np.hstack([common, common * 1e6 + rng.normal(size=(n, 1)) * 3e5, np.exp(rng.normal(size=(n, 1)))])
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix.astype(np.float32)


def detections(n: int, seed: int) -> Int64s:
    return np.random.default_rng(seed).integers(1, 12, n)


@cache
def fitted() -> Novelty:
    return Novelty.of(like_training(3000, 1), like_training(2000, 2), detections(2000, 2), FIRST, seed=3)


def plain_depth(cuts: Cuts, row: list[float]) -> float:
    """How deep an alert gets in one tree, in plain Python."""
    node = 0
    while node < NODES:
        value = row[cuts.inputs[node]]
        goes_left = cuts.nan_left[node] if math.isnan(value) else value <= cuts.thresholds[node]
        node = 2 * node + (1 if goes_left else 2)
    return cuts.depths[node - NODES]


def test_novelty_is_the_share_of_reference_alerts_that_are_not_farther_out() -> None:
    novelty, rows, n_detections = fitted(), like_training(40, 5), detections(40, 5)
    found = novelty.measure(D)(rows, n_detections)
    for row, n, share in zip(rows.tolist(), n_detections.tolist(), found.tolist(), strict=True):
        depth = round(sum(plain_depth(cuts, row) for cuts in novelty.cuts) / len(novelty.cuts), 4)
        reference = novelty.reference[0 if n < FIRST[1] else 1]
        assert share == pytest.approx(sum(other >= depth for other in reference) / len(reference))


def test_alerts_like_the_training_data_have_novelties_spread_evenly() -> None:
    found = np.sort(fitted().measure(D)(like_training(4000, 6), detections(4000, 6)))
    assert np.abs(found - (np.arange(4000) + 0.5) / 4000).max() < 0.06


def test_alerts_unlike_the_training_data_are_novel() -> None:
    strange = like_training(200, 7)
    strange[:, 0], strange[:, 1], strange[:, 2] = 4.0, -4e6, 30.0  # each is rare, and together they never occur
    assert fitted().measure(D)(strange, detections(200, 7)).min() > 0.98


def test_the_same_arguments_give_the_same_forest_and_another_seed_another() -> None:
    def made(seed: int) -> bytes:
        return Novelty.of(like_training(300, 1), like_training(300, 2), detections(300, 2), FIRST, seed).to_json()

    assert made(3) == made(3) != made(4)


def test_a_row_has_the_same_novelty_alone_and_in_a_batch() -> None:
    measure, rows, n_detections = fitted().measure(D), like_training(70, 8), detections(70, 8)
    alone = [measure(rows[[i]], n_detections[[i]])[0] for i in range(70)]
    assert measure(rows, n_detections).tolist() == alone
    assert measure(rows[:0], n_detections[:0]).shape == (0,)


def test_a_bin_with_few_reference_alerts_takes_those_of_the_nearest() -> None:
    n_detections = np.repeat([1, 9], [FEWEST, 3])
    novelty = Novelty.of(like_training(300, 1), like_training(FEWEST + 3, 2), n_detections, FIRST, 3)
    assert [len(reference) for reference in novelty.reference] == [FEWEST, FEWEST + 3]


@pytest.mark.parametrize("rows", [np.zeros((5, D)), np.full((5, D), np.nan), np.ones((1, D))])
def test_nothing_to_cut_gives_a_forest_that_finds_nothing_strange(rows: Float32s) -> None:
    novelty = Novelty.of(rows.astype(np.float32), rows.astype(np.float32), np.full(len(rows), 3), FIRST, 3)
    assert novelty.measure(D)(like_training(3, 1), detections(3, 1)).tolist() == [1.0] * 3
    assert Novelty.of_json(novelty.to_json()) == novelty


def test_novelty_reads_back_as_it_was_written() -> None:
    assert Novelty.of_json(fitted().to_json()) == fitted()
    assert Novelty.of_json(fitted().to_json()).to_json() == fitted().to_json()


def changed(part: str, number: int, **entries: Any) -> bytes:
    tree = json.loads(fitted().to_json())
    tree[part][number].update(entries)
    return json.dumps(tree).encode()


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"[]", "not a JSON object"),
        (b"{}", "bins must be a list"),
        (json.dumps({**json.loads(fitted().to_json()), "trees": [1]}).encode(), "trees are 1 instead of 100"),
        (changed("bins", 0, min_detections=9), "bins: min_detections must rise"),
        (changed("bins", 1, min_detections="6"), r"bins\[1\]\.min_detections"),
        (changed("bins", 1, depths=[]), r"bins\[1\]\.depths"),
        (changed("bins", 1, depths=[2.0, 1.0]), r"bins\[1\]\.depths"),
        (changed("bins", 0, depths="deep"), r"bins\[0\]\.depths must be numbers"),
        (changed("trees", 7, inputs=[0]), r"trees\[7\]\.inputs must be 63 numbers"),
        (changed("trees", 7, inputs=[-1] * NODES), r"trees\[7\]: inputs must not be negative"),
        (changed("trees", 7, nan_left=[2] * NODES), r"trees\[7\]: .* nan_left 0 or 1"),
        (changed("trees", 7, thresholds=[math.nan] * NODES), r"trees\[7\]\.thresholds"),
        (changed("trees", 7, depths=[True] * LEAVES), r"trees\[7\]\.depths"),
    ],
)
def test_a_damaged_file_is_refused_by_the_name_of_the_entry(raw: bytes, named: str) -> None:
    with pytest.raises(InvalidBundle, match=rf"novelty\.json: {named}"):
        Novelty.of_json(raw)


def files_with_novelty() -> dict[str, bytes]:
    return bundle_files(tiny_manifest(), tiny_booster().model_to_string(), Calibration.single(2.0), "# Tiny\n", fitted())


def test_a_bundle_with_novelty_measures_the_alerts_that_it_answers() -> None:
    files = files_with_novelty()
    assert read_manifest(files).checksums.keys() == {CALIBRATION, CARD, NOVELTY, TREES}
    model = LightGBMClassifier(files, any_inputs)
    rows = like_training(5, 9)
    found = model.scores(rows, np.array([5, 0, 5, 9, 1])).novelty
    assert found is not None
    assert np.isnan(found).tolist() == [False, True, False, False, True]
    assert found[[0, 2, 3]].tolist() == fitted().measure(D)(rows[[0, 2, 3]], np.array([5, 5, 9])).tolist()
    without = {name: content for name, content in files.items() if name != NOVELTY}
    assert model.checksum != LightGBMClassifier(tiny_files(), any_inputs).checksum
    with pytest.raises(InvalidBundle, match=r"lacks novelty\.json"):
        LightGBMClassifier(without, any_inputs)


@pytest.mark.parametrize("of_manifest", [True, False])
def test_a_novelty_file_that_the_manifest_does_not_vouch_for_is_refused(of_manifest: bool) -> None:
    files = {**(files_with_novelty() if of_manifest else tiny_files()), NOVELTY: fitted().to_json() + b" "}
    with pytest.raises(InvalidBundle, match=r"novelty\.json: damaged or changed"):
        LightGBMClassifier(files, any_inputs)


def test_a_forest_that_reads_inputs_which_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidBundle, match="an input that the model does not have"):
        fitted().measure(D - 1)
