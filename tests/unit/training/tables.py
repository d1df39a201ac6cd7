"""Small tables of labelled light curves, and files in the shape of the public sets, for the tests of training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from streamer.data.photometry import BANDS, Kind
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.training.datasets import LightCurves

ZTF_BANDS = ("g", "r", "i")


def table(curves: Sequence[dict[str, object]], survey: str = "ztf") -> LightCurves:
    """Light curves from mappings with ``epoch`` and, where it matters, the other columns of points and of objects."""
    epochs = [np.array(curve["epoch"], dtype=np.float64) for curve in curves]
    n = [len(epoch) for epoch in epochs]

    def flat(name: str, default: float, dtype: type) -> np.ndarray:
        return np.concatenate(
            [np.broadcast_to(np.asarray(curve.get(name, default), dtype=dtype), k) for curve, k in zip(curves, n, strict=True)]
        )

    names = [str(curve.get("object_id", f"O{i}")) for i, curve in enumerate(curves)]
    return LightCurves(
        survey=survey,
        bands=ZTF_BANDS if survey == "ztf" else BANDS,
        object_id=np.array(names),
        label=np.array([str(curve.get("label", "SNIa")) for curve in curves]),
        original=np.array([str(curve.get("original", "")) for curve in curves]),
        part=np.array([str(curve.get("part", "")) for curve in curves]),
        group=np.array([str(curve.get("group", name)) for curve, name in zip(curves, names, strict=True)]),
        provenance=np.array(["spectroscopic"] * len(curves)),
        source=np.array([str(curve.get("source", "here")) for curve in curves]),
        curves=Ragged(
            offsets_from_lengths(np.array(n, dtype=np.int64)),
            {
                "epoch": np.concatenate(epochs),
                "band": flat("band", BANDS.index("r"), np.int8),
                "flux": flat("flux", 1000.0, np.float32),
                "flux_err": flat("flux_err", 10.0, np.float32),
                "total": flat("total", np.nan, np.float32),
                "kind": flat("kind", Kind.DETECTION, np.int8),
                "complete": flat("complete", True, np.bool_),
            },
        ),
    )


TYPES = ("SN Ia", "SN II", "nova")


def write_bts(data: Path, n_objects: int, seed: int = 1) -> None:
    """The Bright Transient Survey's files with simple light curves: a type fades at its own rate."""
    folder = data / "lightcurves" / "ztf_bts_alert_photometry"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    points, labels = [], []
    for i in range(n_objects):
        kind = i % len(TYPES)
        name = f"ZTF20t{i:04d}"
        labels.append({"objectId": name, "bts_type": TYPES[kind]})
        days = np.sort(rng.uniform(0, 40, rng.integers(3, 15)))
        magnitude = 17.0 + kind + (0.02 + 0.05 * kind) * days + rng.normal(0, 0.05, len(days))
        points += [
            {"objectId": name, "mjd": 59000.0 + i + day, "band": "gr"[j % 2], "mag": mag, "magerr": 0.05}
            for j, (day, mag) in enumerate(zip(days, magnitude, strict=True))
        ]
    pd.DataFrame(labels).to_csv(folder / "labels.csv", index=False)
    pd.DataFrame(points).to_parquet(folder / "lightcurves.parquet")
    groups = pd.DataFrame({"dataset": "ztf_bts_alert_photometry", "object_id": [row["objectId"] for row in labels]})
    groups.assign(group=groups["object_id"]).to_csv(data / "lightcurves" / "groups.csv.gz", index=False)


def write_plasticc(data: Path, n_objects: int, seed: int = 1) -> None:
    """PLAsTiCC's files: 90 and 95 look the same and the second is farther away, 92 has no redshift."""
    folder = data / "lightcurves" / "plasticc_train"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    points, objects = [], []
    for i in range(n_objects):
        target = (90, 95, 92)[i % 3]
        n = 12
        objects.append(
            {"object_id": i, "target": target, "hostgal_photoz": {90: 0.1, 95: 0.7, 92: 0.0}[target] * rng.uniform(0.95, 1.05),
             "mwebv": 0.02}
        )  # fmt: skip
        points.append(
            pd.DataFrame(
                {"object_id": i, "mjd": 60_000.0 + np.sort(rng.uniform(0, 40, n)), "passband": rng.integers(0, 6, n),
                 "flux": rng.uniform(200.0, 400.0, n), "flux_err": 5.0, "detected_bool": 1}
            )
        )  # fmt: skip
    pd.DataFrame(objects).to_csv(folder / "metadata.csv.gz", index=False)
    pd.concat(points).to_parquet(folder / "lightcurves.parquet")
    groups = pd.DataFrame({"dataset": "plasticc_train", "object_id": np.arange(n_objects), "group": np.arange(n_objects)})
    groups.to_csv(data / "lightcurves" / "groups.csv.gz", index=False)


SMALL_RECIPE = """
name = "small"
version = "0.1.0"
survey = "ztf"
seed = 5
judged_from = 5
[data]
sets = ["ztf_bts_alert_photometry"]
min_objects = 3
[inputs]
families = ["trigger", "sampling"]
exclude = ["trigger_total_magnitude", "trigger_amplitude"]
[split]
slices = 4
rotations = 2
[trees]
rounds = 12
patience = 5
leaves = 4
min_examples = 5
[priors]
source = "invented"
shares = { SNIa = 2, SNII = 1, "CV/Nova" = 1 }
"""
