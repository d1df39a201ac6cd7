"""The models that the measures use: those that are shipped, or a stand-in of the size that a grown model has."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import lightgbm
import numpy as np

from streamer import wiring
from streamer.classify.bundle import LightGBMClassifier, bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.manifest import CALIBRATION, TREES, Manifest, TrainingSet
from streamer.classify.taxonomy import LEAVES
from streamer.codec.framing import Framing
from streamer.data.arrays import Float32s
from streamer.data.batch import AlertBatch
from streamer.features import check_names, compute, features_of
from streamer.pipeline import Pipeline
from streamer.sources.simulator import SimulatorSource, simulate
from streamer.stores.bundled import BundledSchemas
from streamer.telemetry import SystemClock

SEED = 1
STAND_IN_ALERTS = 3_000
STAND_IN_ROUNDS = 300
STAND_IN_LEAVES = 31


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier, and what it is made of.

    Parameters
    ----------
    classifier : LightGBMClassifier
    trees : str
        LightGBM's text.
    calibration : Calibration
    origin : ``shipped`` or ``stand-in``
        A stand-in reads every feature of the survey, periods among them.
    files : mapping of file name to bytes
        The bundle.
    """

    classifier: LightGBMClassifier
    trees: str
    calibration: Calibration
    origin: Literal["shipped", "stand-in"]
    files: Mapping[str, bytes]

    @property
    def described(self) -> str:
        """Name, number of trees and of inputs."""
        manifest = self.classifier.manifest
        return f"{self.classifier.name} {self.classifier.version} ({manifest.trees:,} trees, {len(manifest.inputs)} features)"


def model_for(survey: str) -> Model:
    """The shipped model of a survey, or a small stand-in where none is shipped."""
    store, name = wiring.model_store(None), f"variability-{survey}"
    return _model(dict(store.files(name)), "shipped") if name in store.names() else stand_in(survey, rounds=20)


def model_named(name: str) -> Model:
    """A shipped model."""
    return _model(dict(wiring.model_store(None).files(name)), "shipped")


@cache
def stand_in(survey: str, rounds: int = STAND_IN_ROUNDS, alerts: int = STAND_IN_ALERTS) -> Model:
    """A model of all features and all leaves of the taxonomy that occur, trained now on simulated alerts; its answers mean little.

    With 300 rounds of 31 leaves it has the size of a grown model: some 4,000 trees.
    """
    batch, truth = _simulated(survey, alerts)
    bands = batch.bands
    inputs = tuple(feature.name for feature in features_of(bands))
    names = {leaf.name: leaf for leaf in LEAVES}
    present = [names[name] for name in sorted(set(truth) & set(names))]
    place = {leaf.name: number for number, leaf in enumerate(present)}
    known = np.array([name in place for name in truth])
    matrix: Float32s = compute(batch, inputs)[known]
    labels = [place[name] for name in truth if name in place]
    settings = {
        "objective": "multiclass",
        "num_class": len(present),
        "num_leaves": STAND_IN_LEAVES,
        "min_data_in_leaf": 2,
        "learning_rate": 0.02,
        "feature_fraction": 0.2,
        "num_threads": 1,
        "seed": SEED,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    booster = lightgbm.train(settings, lightgbm.Dataset(matrix, labels, feature_name=list(inputs)), rounds)
    manifest = Manifest(
        name=f"stand-in-{survey}",
        version="0",
        survey=survey,
        bands=bands,
        leaves=tuple(leaf.id for leaf in present),
        inputs=inputs,
        min_detections=1,
        trees=booster.num_trees(),
        seed=SEED,
        data_hash="0" * 64,
        training=(TrainingSet("simulated", "streamer simulate", "BSD-3-Clause", "", len(labels), len(labels)),),
    )
    return _model(bundle_files(manifest, booster.model_to_string(), Calibration.single(1.0), "# A stand-in\n"), "stand-in")


def write_bundle(model: Model, folder: Path) -> None:
    """The bundle as a folder below `folder`, for another process to load."""
    place = folder / model.classifier.name
    place.mkdir(parents=True)
    for name, content in model.files.items():
        (place / name).write_bytes(content)


def _model(files: dict[str, bytes], origin: Literal["shipped", "stand-in"]) -> Model:
    classifier = LightGBMClassifier(files, check_names)
    return Model(classifier, gzip.decompress(files[TREES]).decode(), Calibration.of_json(files[CALIBRATION]), origin, files)


def _simulated(survey: str, count: int) -> tuple[AlertBatch, list[str]]:
    """Alerts in the order of their packets, and what each is."""
    made = list(simulate(survey, count, SEED, cutout_bytes=0))
    raw = SimulatorSource(iter(made), "stand-in", SystemClock()).read(count, 0.0)
    if raw is None:
        raise ValueError("no alerts to train on")
    (part,) = Pipeline(Framing(BundledSchemas()), {}, allow_private=True)(raw).scored
    return part.alerts, [made[row].truth for row in part.alerts.row.tolist()]
