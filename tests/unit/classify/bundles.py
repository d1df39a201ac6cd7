"""A tiny trained model for tests."""

from collections.abc import Sequence
from functools import cache

import lightgbm
import numpy as np

from streamer.classify.bundle import bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.manifest import Manifest, TrainingSet

INPUTS = ("snr", "trigger_magnitude", "skew_g")
LEAVES = (2222, 2323, 2332)


def any_inputs(names: Sequence[str], bands: Sequence[str]) -> None:
    """Accepts every name."""


@cache
def tiny_booster() -> lightgbm.Booster:
    """Nine small trees that tell three leaves apart by the first input."""
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(300, len(INPUTS)))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    labels = np.digitize(np.nan_to_num(matrix[:, 0]), [-0.5, 0.5])
    settings = {
        "objective": "multiclass",
        "num_class": len(LEAVES),
        "num_leaves": 4,
        "num_threads": 1,
        "seed": 7,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(matrix, labels, feature_name=list(INPUTS))
    return lightgbm.train(settings, data, num_boost_round=3)


def tiny_manifest() -> Manifest:
    """The manifest that fits :func:`tiny_booster`."""
    return Manifest(
        name="tiny",
        version="1.0",
        survey="ztf",
        bands=("g", "r", "i"),
        leaves=LEAVES,
        inputs=INPUTS,
        min_detections=2,
        trees=9,
        seed=7,
        data_hash="0" * 64,
        training=(TrainingSet("made up", "tests", "BSD-3-Clause", "nobody", 300, 300),),
        metrics={"macro_f1": 0.5},
    )


def tiny_files(calibration: Calibration | None = None) -> dict[str, bytes]:
    """The files of a bundle around :func:`tiny_booster`."""
    return bundle_files(tiny_manifest(), tiny_booster().model_to_string(), calibration or Calibration.single(2.0), "# Tiny\n")
