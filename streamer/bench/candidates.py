"""What pulsar candidates are compared with: one candidate at a time with fastavro, NumPy, SciPy and LightGBM."""

from __future__ import annotations

import io
import math
from typing import Any

import fastavro
import numpy as np
from scipy import stats

from streamer.bench.alerts import Alert
from streamer.bench.baselines import REGISTRY_ID, CachedReader, Scorer, tag_record
from streamer.bench.models import Model
from streamer.data.arrays import Float64s
from streamer.features.profile import DM_TRIALS, LEVELS, PROFILE_BINS
from streamer.ports import Schemas
from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION


class GoodCandidates:
    """The eight features by SciPy's moments, one row to LightGBM, and a tag record in a registry frame.

    Parameters
    ----------
    model : Model
        One of the eight features.
    schemas : Schemas
        Writer schemas of registry frames.
    """

    def __init__(self, model: Model, schemas: Schemas) -> None:
        self._score = Scorer(model)
        self._read = CachedReader(schemas)
        self._tagged = fastavro.parse_schema(bundled_schema("tagged", VERSION).tree)

    def __call__(self, payload: bytes) -> bytes:
        """The tag of a candidate."""
        record = self._read(payload)
        profile = np.array(record["profile"])
        curve = np.array([trial["snr"] for trial in record["dm_curve"]])
        row = np.concatenate([moments(profile, PROFILE_BINS), moments(curve, DM_TRIALS)]).astype(np.float32)
        probabilities = self._score.row(row[None], 0)
        stream = io.BytesIO()
        stream.write(b"\x00" + REGISTRY_ID.to_bytes(4, "big"))
        fastavro.schemaless_writer(stream, self._tagged, tag_record(_alert(record), probabilities, self._score.model))
        return stream.getvalue()


def moments(series: Float64s, size: int) -> Float64s:
    """float64[4]: mean, standard deviation, skewness and excess kurtosis on a grid of `size` integers from 0 to 255."""
    if len(series) != size:
        edges = np.interp(
            np.linspace(0, len(series), size + 1), np.arange(len(series) + 1), np.concatenate([[0], np.cumsum(series)])
        )
        series = np.diff(edges) * size / len(series)
    scaled = np.floor(LEVELS * (series - series.min()) / np.ptp(series) + 0.5)
    return np.array([scaled.mean(), scaled.std(), stats.skew(scaled), stats.kurtosis(scaled)])


def _alert(record: dict[str, Any]) -> Alert:
    """What the tag says of the candidate."""
    object_id = record["object_id"] or str(record["candidate_id"])
    place = (record["epoch"], record["ra"], record["dec"])
    return Alert("pulsar", record["candidate_id"], object_id, *place, "", math.nan, math.nan, (), {})
