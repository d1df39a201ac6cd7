"""Pulsar candidates for the feature tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from streamer.data.batch import AlertBatch
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.features.feature import Family
from tests.builders import alert_batch

Curve = Sequence[tuple[float, float]]
"""(DM, S/N) of each trial."""


def candidates(
    *,
    profile: Sequence[Sequence[float]] = (),
    dm_curve: Sequence[Curve] = (),
    subints: Sequence[Sequence[float]] = (),
    subbands: Sequence[Sequence[float]] = (),
    context: Mapping[str, Sequence[float]] | None = None,
) -> AlertBatch:
    """Candidates with these series and numbers, one for each entry; a series that is not given is none of the batch's."""
    numbers = context or {}
    n = max(len(each) for each in (profile, dm_curve, subints, subbands, *numbers.values()))
    given = {"profile": profile, "subints": subints, "subbands": subbands}
    series = {name: ragged(rows) for name, rows in given.items() if rows}
    if dm_curve:
        flat = np.array([trial for curve in dm_curve for trial in curve], dtype=np.float64).reshape(-1, 2)
        lengths = np.array([len(curve) for curve in dm_curve], dtype=np.int64)
        series["dm_curve"] = Ragged(offsets_from_lengths(lengths), {"dm": flat[:, 0], "snr": flat[:, 1]})
    return alert_batch([{}] * n, survey="pulsar", bands=(), series=series, context=numbers)


def ragged(rows: Sequence[Sequence[float]]) -> Ragged:
    """Rows of one column ``value``."""
    flat = np.array([value for row in rows for value in row], dtype=np.float64)
    return Ragged(offsets_from_lengths(np.array([len(row) for row in rows], dtype=np.int64)), {"value": flat})


def named(family: Family, alerts: AlertBatch) -> list[dict[str, float]]:
    """What the family gives for each candidate, by name."""
    names = [feature.name for feature in family.outputs(())]
    return [dict(zip(names, row, strict=True)) for row in family.compute(alerts).tolist()]


def pulse(bins: int, phase: float, width: float, height: float = 1.0) -> list[float]:
    """A Gaussian of this standard deviation (turns), around the turn."""
    away = [((j + 0.5) / bins - phase + 0.5) % 1.0 - 0.5 for j in range(bins)]
    return [height * math.exp(-0.5 * (a / width) ** 2) for a in away]
