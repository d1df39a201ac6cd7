"""Classifiers from bundles of text files, and the writing of such bundles."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import lightgbm
import numpy as np

from streamer.classify.calibration import CONFORMAL, Calibration
from streamer.classify.classifier import unasked
from streamer.classify.conformal import LEVEL, Rule
from streamer.classify.explain import Describe, Explainer
from streamer.classify.forest import booster_scores, proven_forest
from streamer.classify.manifest import CALIBRATION, CARD, MANIFEST, NOVELTY, TREES, Manifest, bundle_checksum, read_manifest
from streamer.classify.novelty import Novelty
from streamer.classify.taxonomy import Class, parents_of
from streamer.classify.trees import Ensemble, check_fit, read_trees
from streamer.data.arrays import Float32s, Float64s, Int32s, Int64s
from streamer.data.batch import Contribution, Scores, State, Why
from streamer.errors import InvalidBundle

MAX_TREES_BYTES = 256 * 1024 * 1024
"""Longest text of trees that is unpacked; a real model has a tenth of it."""


class LightGBMClassifier:
    """A flat multiclass LightGBM model behind a temperature, and conformal sets that decide what it answers.

    A bundle without calibration data for sets answers with the most probable leaf.

    Deterministic: the same rows give the same scores to the last bit, whatever batch they come in.

    Parameters
    ----------
    files : mapping of file name to bytes
        The bundle.
    check_inputs : callable of (names, bands)
        Raises InvalidBundle if one of the names is no feature for these bands (``streamer.features.check_names``).
    use_forest : bool
        Evaluate by our own forest if it proves equal to LightGBM's predictor; else always by the predictor, its oracle.
    level : float
        Of the conformal sets, 0 < level < 1: the share of each class's objects whose set shall hold their class.
    describe : callable of bands to a callable of (input, value) to text, optional
        For reasons with every answer (``streamer.features.teller``); None gives none. They cost hundreds of times what it does.

    Raises
    ------
    InvalidBundle
        If a file is missing, damaged, or does not fit the others.
    """

    __slots__ = ("_calibration", "_checksum", "_evaluator", "_explainer", "_leaves", "_manifest", "_measure", "_raw", "_rule")

    def __init__(
        self,
        files: Mapping[str, bytes],
        check_inputs: Callable[[Sequence[str], Sequence[str]], None],
        use_forest: bool = True,
        level: float = LEVEL,
        describe: Callable[[Sequence[str]], Describe] | None = None,
    ) -> None:
        self._manifest = read_manifest(files)
        check_inputs(self._manifest.inputs, self._manifest.bands)
        self._leaves = self._manifest.classes()
        self._calibration = Calibration.of_json(files[CALIBRATION])
        self._rule = _rule(self._calibration, self._leaves, level)
        ensemble, booster = _model(_unpacked(files[TREES]), self._manifest)
        forest = proven_forest(ensemble, booster) if use_forest else None
        self._evaluator: Literal["forest", "booster"] = "booster" if forest is None else "forest"
        self._raw: Callable[[Float32s], Float64s] = partial(booster_scores, booster) if forest is None else forest.raw_scores
        told = describe(self._manifest.bands) if describe is not None else None
        self._measure = Novelty.of_json(files[NOVELTY]).measure(len(self.inputs)) if NOVELTY in files else None
        self._explainer = None if told is None else Explainer(booster, self._leaves, self._manifest.inputs, told)
        self._checksum = bundle_checksum(files)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self._manifest

    @property
    def name(self) -> str:
        """Name of the bundle."""
        return self._manifest.name

    @property
    def version(self) -> str:
        """Version of the bundle."""
        return self._manifest.version

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) over the bundle's files."""
        return self._checksum

    @property
    def evaluator(self) -> Literal["forest", "booster"]:
        """What evaluates the trees: our own forest, or LightGBM's predictor; the scores have the same bits."""
        return self._evaluator

    @property
    def survey(self) -> str:
        """The survey whose alerts it classifies."""
        return self._manifest.survey

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features it reads, in the order of the matrix columns."""
        return self._manifest.inputs

    @property
    def feature_set(self) -> str:
        """Hash of `inputs`."""
        return self._manifest.feature_set

    @property
    def period_budget(self) -> int | None:
        """Most points × frequencies of a period search that it was trained with; None for the features' own."""
        return self._manifest.period_budget

    @property
    def leaves(self) -> tuple[Class, ...]:
        """Leaf classes, in the order of the columns of the probabilities."""
        return self._leaves

    @property
    def parents(self) -> tuple[Class, ...]:
        """Inner classes above the leaves, the root first."""
        return parents_of(self._leaves)

    def scores(self, matrix: Float32s, n_detections: Int64s) -> Scores:
        """Scores of n alerts; those with fewer detections than the model needs, or without an input that it needs, have no class.

        Parameters
        ----------
        matrix : float32[n, len(inputs)]
            Features; NaN where undefined.
        n_detections : int64[n]
            Detections in each light curve, all bands.
        """
        if matrix.shape != (len(n_detections), len(self.inputs)):
            raise ValueError(f"matrix of shape {matrix.shape} for {len(n_detections)} alerts and {len(self.inputs)} inputs")
        enough = n_detections >= self._manifest.min_detections
        if self._manifest.needs_all_inputs:
            enough &= np.isfinite(matrix).all(axis=1)
        if self._manifest.needs:
            enough &= np.isfinite(matrix[:, [self.inputs.index(name) for name in self._manifest.needs]]).all(axis=1)
        scores = unasked(len(matrix), Why.TOO_FEW_POINTS, len(self._leaves))
        if self._rule is not None:
            scores = replace(scores, possible=np.zeros(scores.leaves.shape, dtype=np.bool_), level=self._rule.level)
        if self._measure is not None:
            scores = replace(scores, novelty=np.full(len(matrix), np.nan, dtype=np.float32))
        rows = np.flatnonzero(enough)
        return self._answered(scores, rows, matrix[rows], n_detections[rows]) if len(rows) else scores

    def _answered(self, scores: Scores, rows: Int64s, matrix: Float32s, n_detections: Int64s) -> Scores:
        """The scores, whose arrays may be written to, with answers in these rows."""
        probabilities = self._calibration.probabilities(self._raw(matrix), n_detections)
        scores.leaves[rows] = probabilities
        if self._rule is None or scores.possible is None:
            scores.state[rows] = State.CLASSIFIED
            scores.class_id[rows] = np.array(self._manifest.leaves, dtype=np.int32)[probabilities.argmax(axis=1)]
            why = (Why.NONE,) * len(rows)
        else:
            answers = self._rule.answers(probabilities, n_detections)
            scores.state[rows] = answers.state
            scores.class_id[rows] = answers.class_id
            scores.possible[rows] = answers.possible
            why = answers.why
        if self._measure is not None and scores.novelty is not None:
            scores.novelty[rows] = self._measure(matrix, n_detections)
        return replace(
            scores,
            why=_placed(scores.why, rows, why),
            reasons=self._reasons(rows, matrix, scores.class_id[rows], probabilities),
        )

    def _reasons(
        self, rows: Int64s, matrix: Float32s, class_id: Int32s, probabilities: Float64s
    ) -> Mapping[int, tuple[Contribution, ...]]:
        if self._explainer is None:
            return {}
        return dict(zip(rows.tolist(), self._explainer.reasons(matrix, class_id, probabilities), strict=True))


def bundle_files(
    manifest: Manifest, trees: str, calibration: Calibration, card: str, novelty: Novelty | None = None
) -> dict[str, bytes]:
    """The files of a bundle; the same arguments always give the same bytes.

    Parameters
    ----------
    manifest : Manifest
        Its checksums are filled in here.
    trees : str
        LightGBM's text of the model (``Booster.model_to_string``).
    calibration : Calibration
    card : str
        The model card, Markdown.
    novelty : Novelty, optional
        None, and the model does not say how far alerts are from its training data.
    """
    files = {TREES: _packed(trees), CALIBRATION: calibration.to_json(), CARD: card.encode()}
    if novelty is not None:
        files[NOVELTY] = novelty.to_json()
    checksums = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    return {MANIFEST: replace(manifest, checksums=checksums).to_json(), **files}


def _packed(text: str) -> bytes:
    buffer = io.BytesIO()
    # no name and no time in the header: the same text must give the same bytes
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


def _unpacked(packed: bytes) -> str:
    decoder = zlib.decompressobj(wbits=31)
    try:
        text = decoder.decompress(packed, MAX_TREES_BYTES)
        if decoder.unconsumed_tail:
            raise InvalidBundle(f"{TREES}: longer than {MAX_TREES_BYTES} bytes when unpacked")
        if not decoder.eof or decoder.unused_data:
            raise InvalidBundle(f"{TREES}: not one whole gzip member")
        return text.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise InvalidBundle(f"{TREES}: not gzip of text: {error}") from error


def _rule(calibration: Calibration, leaves: tuple[Class, ...], level: float) -> Rule | None:
    if calibration.conformal is None:
        return None
    if calibration.conformal.leaves != leaves:
        found = [leaf.id for leaf in calibration.conformal.leaves]
        raise InvalidBundle(
            f"{CALIBRATION}: {CONFORMAL} is about {found}, the manifest's leaves are {[leaf.id for leaf in leaves]}"
        )
    return calibration.conformal.rule(level)


def _placed(before: tuple[Why, ...], rows: Int64s, new: tuple[Why, ...]) -> tuple[Why, ...]:
    """The reasons `before` with those of `rows` replaced."""
    if len(new) == len(before):
        return new
    whys = list(before)
    for row, why in zip(rows.tolist(), new, strict=True):
        whys[row] = why
    return tuple(whys)


def _model(text: str, manifest: Manifest) -> tuple[Ensemble, lightgbm.Booster]:
    ensemble = read_trees(text)
    check_fit(ensemble, manifest)
    try:
        booster = lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise InvalidBundle(f"{TREES}: LightGBM cannot read it: {error}") from error
    if booster.num_trees() != manifest.trees:
        raise InvalidBundle(f"{TREES}: LightGBM reads {booster.num_trees()} trees, the manifest says {manifest.trees}")
    return ensemble, booster
