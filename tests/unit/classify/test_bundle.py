"""Bundles are verified before they are used, and the classifier keeps the Classifier protocol's promises."""

import gzip
import hashlib
import json
import re
import zlib
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.classify import bundle, taxonomy
from streamer.classify.bundle import LightGBMClassifier, bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.classifier import Classifier
from streamer.classify.conformal import Conformal
from streamer.classify.manifest import CALIBRATION, CARD, MANIFEST, TREES, Manifest, bundle_checksum, read_manifest
from streamer.data.arrays import Float32s
from streamer.data.batch import State, Why
from streamer.errors import InvalidBundle
from streamer.features import check_names
from tests.unit.classify.bundles import INPUTS, LEAVES, any_inputs, tiny_booster, tiny_files, tiny_manifest


def tiny() -> LightGBMClassifier:
    return LightGBMClassifier(tiny_files(), any_inputs)


def rows(n: int, seed: int = 0) -> Float32s:
    matrix = np.random.default_rng(seed).normal(size=(n, len(INPUTS))).astype(np.float32)
    matrix[::3, 1] = np.nan
    return matrix


def refreshed(files: dict[str, bytes], **changed: bytes) -> dict[str, bytes]:
    """The files with contents changed and the manifest's checksums made right again."""
    names = {"trees": TREES, "calibration": CALIBRATION, "card": CARD}
    files = {**files, **{names[key]: value for key, value in changed.items()}}
    return edited(files, checksums={name: hashlib.sha256(files[name]).hexdigest() for name in names.values()})


def edited(files: dict[str, bytes], **entries: Any) -> dict[str, bytes]:
    """The files with entries of the manifest replaced; None takes an entry away."""
    tree = {**json.loads(files[MANIFEST]), **entries}
    tree = {key: value for key, value in tree.items() if value is not None}
    return {**files, MANIFEST: json.dumps(tree).encode()}


def retold(old: str, new: str) -> dict[str, bytes]:
    """A bundle whose trees' text has `old` replaced, with matching checksums."""
    text = gzip.decompress(tiny_files()[TREES]).decode()
    assert old in text
    text = text.replace(old, new)
    if "tree_sizes" not in new:
        starts = [found.start() for found in re.finditer(r"^(Tree=\d+|end of trees)$", text, re.MULTILINE)]
        sizes = " ".join(str(b - a) for a, b in pairwise(starts))
        text = re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", text)
    return refreshed(tiny_files(), trees=gzip.compress(text.encode()))


def test_classifier_says_what_its_manifest_says() -> None:
    model: Classifier = tiny()
    assert (model.name, model.version, model.survey, model.inputs) == ("tiny", "1.0", "ztf", INPUTS)
    assert [leaf.id for leaf in model.leaves] == list(LEAVES)
    assert model.parents == taxonomy.parents_of(model.leaves)
    assert model.feature_set == hashlib.sha256("\n".join(INPUTS).encode()).hexdigest()[:16]
    assert model.checksum == bundle_checksum(tiny_files())


def test_probabilities_are_the_softmax_of_lightgbm_raw_scores_over_the_temperature() -> None:
    matrix = rows(20)
    raw = np.asarray(tiny_booster().predict(matrix, raw_score=True)) / 2.0
    expected = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    scores = tiny().scores(matrix, np.full(20, 5))
    np.testing.assert_allclose(scores.leaves, expected, rtol=1e-12)
    np.testing.assert_allclose(scores.leaves.sum(axis=1), 1.0, rtol=1e-12)
    assert scores.class_id.tolist() == [LEAVES[k] for k in expected.argmax(axis=1)]
    assert set(scores.state.tolist()) == {State.CLASSIFIED}
    assert set(scores.why) == {Why.NONE}


def test_each_maturity_bin_has_its_own_temperature() -> None:
    model = LightGBMClassifier(tiny_files(Calibration((1, 5), (1.0, 4.0))), any_inputs)
    matrix = np.repeat(rows(1), 3, axis=0)
    young, last_young, old = np.log(model.scores(matrix, np.array([2, 4, 5])).leaves)
    np.testing.assert_array_equal(young, last_young)
    np.testing.assert_allclose(np.diff(young), 4.0 * np.diff(old), rtol=1e-9)


def test_alerts_with_too_few_detections_are_not_classified() -> None:
    scores = tiny().scores(rows(3), np.array([1, 2, 0]))
    assert scores.state.tolist() == [State.NOT_CLASSIFIED, State.CLASSIFIED, State.NOT_CLASSIFIED]
    assert scores.why == (Why.TOO_FEW_POINTS, Why.NONE, Why.TOO_FEW_POINTS)
    assert scores.class_id[[0, 2]].tolist() == [taxonomy.NOT_CLASSIFIED] * 2
    assert np.isnan(scores.leaves).all(axis=1).tolist() == [True, False, True]


@given(n=st.integers(0, 40), seed=st.integers(0, 9))
def test_a_row_has_the_same_scores_alone_and_in_a_batch(n: int, seed: int) -> None:
    model, matrix = tiny(), rows(n, seed)
    together = model.scores(matrix, np.full(n, 3)).leaves
    alone = [model.scores(matrix[[i]], np.array([3])).leaves[0] for i in range(n)]
    np.testing.assert_array_equal(together, np.array(alone).reshape(n, len(LEAVES)))


@given(n=st.integers(0, 70), seed=st.integers(0, 9))
def test_both_evaluators_give_the_same_bits(n: int, seed: int) -> None:
    forest, booster = tiny(), LightGBMClassifier(tiny_files(), any_inputs, use_forest=False)
    assert (forest.evaluator, booster.evaluator) == ("forest", "booster")
    one, other = (model.scores(rows(n, seed), np.full(n, 3)) for model in (forest, booster))
    assert one.leaves.tobytes() == other.leaves.tobytes()
    assert one.class_id.tolist() == other.class_id.tolist()


def test_rows_without_any_defined_feature_are_classified() -> None:
    scores = tiny().scores(np.full((2, len(INPUTS)), np.nan, dtype=np.float32), np.array([2, 9]))
    assert np.isfinite(scores.leaves).all()


def test_rows_without_an_input_are_not_classified_by_a_model_that_needs_all() -> None:
    needy = replace(tiny_manifest(), needs_all_inputs=True, min_detections=0)
    files = bundle_files(needy, tiny_booster().model_to_string(), Calibration.single(2.0), "# Needy\n")
    model = LightGBMClassifier(files, any_inputs)
    assert model.manifest == replace(needy, checksums=model.manifest.checksums)
    scores = model.scores(rows(3), np.zeros(3, dtype=np.int64))
    assert scores.state.tolist() == [State.NOT_CLASSIFIED, State.CLASSIFIED, State.CLASSIFIED]
    assert scores.why == (Why.TOO_FEW_POINTS, Why.NONE, Why.NONE)
    assert np.isnan(scores.leaves).all(axis=1).tolist() == [True, False, False]


def conformal_of_tiny(leaves: tuple[int, ...] = LEAVES) -> Calibration:
    """Sets from objects of which the model says that the truth is nearly as probable as the others."""
    truth = np.repeat(np.arange(len(leaves)), 50)
    probabilities = np.full((len(truth), len(leaves)), 0.3)
    probabilities[np.arange(len(truth)), truth] = 0.27
    classes = tuple(map(taxonomy.by_id, leaves))
    return Calibration((1,), (2.0,), Conformal.of(probabilities, truth, np.full(len(truth), 3), classes, (1,)))


def test_a_bundle_with_conformal_data_answers_by_its_sets() -> None:
    model = LightGBMClassifier(tiny_files(conformal_of_tiny()), any_inputs, level=0.8)
    scores = model.scores(rows(30), np.r_[np.full(29, 5), 1])
    assert scores.possible is not None
    assert scores.level == 0.8
    assert not scores.possible[29].any()
    calibration = conformal_of_tiny()
    assert calibration.conformal is not None
    expected = calibration.conformal.rule(0.8).possible(scores.leaves[:29], np.full(29, 5))
    assert scores.possible[:29].tolist() == expected.tolist()
    one = scores.possible.sum(axis=1) == 1
    assert 0 < one.sum() < 29
    assert (scores.state[one] == State.CLASSIFIED).all()
    assert scores.class_id[one].tolist() == [LEAVES[k] for k in scores.possible[one].argmax(axis=1)]
    assert {scores.why[i] for i in np.flatnonzero(~one)} == {Why.AMBIGUOUS, Why.TOO_FEW_POINTS}
    assert np.isfinite(scores.leaves[:29]).all()


def test_a_bundle_with_conformal_data_may_have_nothing_to_answer() -> None:
    scores = LightGBMClassifier(tiny_files(conformal_of_tiny()), any_inputs).scores(rows(2), np.array([0, 1]))
    assert scores.why == (Why.TOO_FEW_POINTS,) * 2
    assert (scores.possible is not None, scores.level) == (True, 0.9)


def test_conformal_data_of_other_classes_are_refused() -> None:
    with pytest.raises(InvalidBundle, match=r"calibration\.json: conformal is about \[2222, 2323\]"):
        LightGBMClassifier(tiny_files(conformal_of_tiny((2222, 2323))), any_inputs)


def test_a_matrix_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="3 inputs"):
        tiny().scores(rows(2)[:, :2], np.array([2, 2]))


def test_writing_a_bundle_twice_gives_the_same_bytes() -> None:
    assert tiny_files() == tiny_files()


def test_a_bundle_reads_back_as_it_was_written() -> None:
    manifest = read_manifest(tiny_files())
    assert {**manifest.checksums}.keys() == {TREES, CALIBRATION, CARD}
    assert bundle_files(manifest, tiny_booster().model_to_string(), Calibration.single(2.0), "# Tiny\n") == tiny_files()
    assert manifest.training == tiny_manifest().training


def test_inputs_are_held_against_the_features_that_exist() -> None:
    assert LightGBMClassifier(tiny_files(), check_names).inputs == INPUTS
    with pytest.raises(InvalidBundle, match="skew_g"):
        LightGBMClassifier(edited(tiny_files(), bands=["r", "i"]), check_names)


@pytest.mark.parametrize("name", [MANIFEST, TREES, CALIBRATION, CARD])
def test_a_missing_file_is_named(name: str) -> None:
    files = {key: value for key, value in tiny_files().items() if key != name}
    with pytest.raises(InvalidBundle, match=name):
        LightGBMClassifier(files, any_inputs)


@pytest.mark.parametrize("name", [TREES, CALIBRATION, CARD])
@given(data=st.data())
def test_a_changed_byte_is_noticed(name: str, data: st.DataObject) -> None:
    files = tiny_files()
    place = data.draw(st.integers(0, len(files[name]) - 1))
    damaged = bytearray(files[name])
    damaged[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidBundle, match=name):
        LightGBMClassifier({**files, name: bytes(damaged)}, any_inputs)


@given(length=st.integers(0, len(tiny_files()[MANIFEST]) - 2))
def test_a_manifest_cut_short_is_refused(length: int) -> None:
    files = tiny_files()
    with pytest.raises(InvalidBundle, match=MANIFEST):
        LightGBMClassifier({**files, MANIFEST: files[MANIFEST][:length]}, any_inputs)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"format": 2}, "format"),
        ({"leaves": [2222, 2323]}, "num_class"),
        ({"leaves": [2222, 2323, 2220]}, "2220"),
        ({"leaves": [2222, 2323, 300]}, "300"),
        ({"leaves": [2222, 2323, 2323]}, "different"),
        ({"leaves": "2222"}, "leaves"),
        ({"inputs": ["snr", "trigger_magnitude", "skew_r"]}, "feature_set"),
        ({"inputs": ["snr", 1, "skew_r"]}, "inputs"),
        ({"trees": 12}, "trees"),
        ({"trees": True}, "trees"),
        ({"trees": 0}, "trees"),
        ({"min_detections": -1}, "min_detections"),
        ({"needs_all_inputs": 1}, "needs_all_inputs"),
        ({"period_budget": 0}, "period_budget 0 must be at least 1"),
        ({"period_budget": "all"}, "period_budget"),
        ({"view": "past"}, "view is 'past', not one of stream, history"),
        ({"min_detections": None}, "min_detections is missing"),
        ({"name": ""}, "name"),
        ({"checksums": {}}, "SHA-256"),
        ({"training": [{"name": "a"}]}, "source is missing"),
        ({"metrics": {"f1": "high"}}, "metrics"),
    ],
)
def test_an_inconsistent_manifest_is_refused(entries: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBundle, match=message):
        LightGBMClassifier(edited(tiny_files(), **entries), any_inputs)


def test_only_a_view_that_is_not_the_streams_is_written() -> None:
    assert b"view" not in tiny_manifest().to_json()
    whole = replace(tiny_manifest(), view="history")
    assert Manifest.of_json(whole.to_json()) == whole


def test_only_a_period_budget_that_is_not_the_features_own_is_written() -> None:
    assert b"period_budget" not in tiny_manifest().to_json()
    deep = replace(tiny_manifest(), period_budget=2**25)
    assert Manifest.of_json(deep.to_json()) == deep


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"[]", b"[" * 100_000, b"null"])
def test_a_manifest_that_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidBundle, match=MANIFEST):
        LightGBMClassifier({**tiny_files(), MANIFEST: raw}, any_inputs)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("num_class=3", "num_class=4", "num_class"),
        ("num_tree_per_iteration=3", "num_tree_per_iteration=1", "num_tree_per_iteration"),
        ("max_feature_idx=2", "max_feature_idx=9", "max_feature_idx"),
        ("feature_names=snr ", "feature_names=score ", "feature_names"),
        ("objective=multiclass ", "objective=binary ", "objective"),
        ("\nend of trees\n", "\n", "cut off"),
        ("Tree=8\n", "Twig=8\n", "twice"),
        ("tree_sizes=", "tree_sizes=1", "tree_sizes"),
        ("left_child=2 -2 -1", "left_child=900000 -2 -1", "do not form a tree"),
        ("left_child=2 -2 -1", "left_child=0 -2 -1", "do not form a tree"),
        ("left_child=2 -2 -1", "left_child=1 -2 -1", "do not form a tree"),
        ("left_child=2 -2 -1", "left_child=2 -2", "left_child has 2 entries"),
        ("left_child=2 -2 -1", "left_child=2 -2 x", "whole numbers"),
        ("split_feature=0 0 0", "split_feature=0 0 77", "not there"),
        ("num_leaves=4", "num_leaves=5", "entries instead of 4"),
        ("num_leaves=4", "num_leaves=-4", "-4 leaves"),
        ("num_cat=0", "num_cat=1", "categorical"),
        ("is_linear=0", "is_linear=1", "linear"),
        ("leaf_value=-0.86217430389763805 ", "leaf_value=", "leaf_value"),
        ("threshold=", "threshed=", "threshold is missing"),
        ("threshold=", "threshold=x", "threshold is not made of numbers"),
        ("shrinkage=1\n", "left_child=9 9 9\n", "left_child appears twice"),
        ("shrinkage=1\n", "shrinkage=1\rleft_child=9 9 9\n", "control characters"),
        ("shrinkage=1\n", " left_child=9 9 9\n", "no entry"),
        ("left_child=2 -2 -1", "left_child=0_2 -2 -1", "whole numbers"),
        ("decision_type=", "decision_type=1", "decision_type"),
    ],
)
def test_trees_that_do_not_fit_the_manifest_are_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(InvalidBundle, match=message):
        LightGBMClassifier(retold(old, new), any_inputs)


@pytest.mark.parametrize(
    "packed",
    [b"", b"no gzip", gzip.compress(b""), gzip.compress(b"\xff"), gzip.compress(b"tree")[:-4], gzip.compress(b"tree") + b"x"],
)
def test_trees_that_are_not_one_gzip_member_of_a_model_are_refused(packed: bytes) -> None:
    with pytest.raises(InvalidBundle, match=TREES):
        LightGBMClassifier(refreshed(tiny_files(), trees=packed), any_inputs)


def test_a_gzip_bomb_is_refused_before_it_is_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    piece = bytes(1 << 20)
    parts = [packer.compress(piece) for _ in range(bundle.MAX_TREES_BYTES // len(piece) + 1)]
    bomb = b"".join([*parts, packer.flush()])
    with pytest.raises(InvalidBundle, match="longer than"):
        LightGBMClassifier(refreshed(tiny_files(), trees=bomb), any_inputs)
