"""Every feature over the real packets of both surveys."""

from pathlib import Path

import numpy as np
import pytest

from streamer.codec.framing import Framing
from streamer.data.batch import AlertBatch, Positions, RawBatch
from streamer.features import compute, features_of
from streamer.pipeline import Pipeline
from streamer.stores.schemas import FolderSchemas

FOLDERS = {"ztf": "ztf_alerts/ipac_schema", "lsst": "lsst_alerts/real_v10_0_reencoded_confluent"}

SILENT = {
    # ZTF says these of nothing; these LSST packets carry neither neighbours, limits, exposure counts nor the first epoch, and their
    # forced photometry begins with the first detection
    "ztf": {"extendedness", "snr", "template_magnitude"},
    "lsst": {
        "star_galaxy", "nearest_source_distance", "reference_distance", "reference_magnitude", "n_covered", "class_star",
        "gaia_distance", "detection_rate", "history_age", "history_cadence", "limit_gap", "limit_depth", "limit_rise_rate",
        "forced_before_snr", "reference_chi", "reference_sharpness", "nearest_source_magnitude", "galaxy_distance",
        "nearest_source_contrast",
    },
}  # fmt: skip


def real_alerts(folder: Path, schemas: Path) -> list[AlertBatch]:
    """The alerts of all packets under a folder, a batch for each writer schema."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".avro", ".bin"})
    raw = RawBatch(
        [path.read_bytes() for path in files],
        Positions.of((path.name, -1, 0, 1) for path in files),
        np.full(len(files), -1, dtype=np.int64),
        np.full(len(files), -1, dtype=np.int64),
    )
    outcome = Pipeline(Framing(FolderSchemas(schemas)), {}, allow_private=True)(raw)
    return [part.alerts for part in outcome.scored]


@pytest.mark.real_data
@pytest.mark.parametrize("survey", FOLDERS)
def test_features_of_real_packets_are_finite_or_undefined_and_all_occur(real_data: Path, survey: str) -> None:
    batches = real_alerts(real_data / FOLDERS[survey], real_data / "lsst_alerts" / "schemas")
    n_alerts = sum(len(alerts) for alerts in batches)
    assert n_alerts > 30
    names = [feature.name for feature in features_of(batches[0].bands)]
    matrix = np.concatenate([compute(alerts, names) for alerts in batches])
    assert not np.isinf(matrix).any()
    defined = np.isfinite(matrix).mean(axis=0)
    per_band = tuple(f"_{band}" for band in batches[0].bands)
    never = {name for name, share in zip(names, defined, strict=True) if not share and not name.endswith(per_band)}
    assert never == SILENT[survey]
    assert (matrix[:, names.index("n_detections")] >= 1).all()
    assert defined[names.index("trigger_magnitude")] == 1.0


@pytest.mark.real_data
@pytest.mark.parametrize("survey", FOLDERS)
def test_real_packets_have_the_same_features_alone_and_in_a_batch(real_data: Path, survey: str) -> None:
    for alerts in real_alerts(real_data / FOLDERS[survey], real_data / "lsst_alerts" / "schemas"):
        names = [feature.name for feature in features_of(alerts.bands)]
        some = range(0, len(alerts), max(len(alerts) // 5, 1))
        together = compute(alerts, names)[list(some)]
        alone = [compute(alerts.take(np.array([i])), names) for i in some]
        np.testing.assert_array_equal(together, np.concatenate(alone))
