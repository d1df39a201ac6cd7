"""What a feature and a family of features are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s
from streamer.data.batch import AlertBatch
from streamer.features.kernel import kernel


@dataclass(frozen=True, slots=True)
class Feature:
    """One named column of the feature matrix.

    Parameters
    ----------
    name : str
        Lower case with underscores; per-band features end in ``_<band>``.
    unit : str
        ``nJy``, ``mag``, ``d``, ``1`` for pure numbers …
    meaning : str
        What it is, in one sentence with its formula.
    undefined : str
        When the value is NaN.
    source : str
        Paper, library or schema it is from.
    """

    name: str
    unit: str
    meaning: str
    undefined: str
    source: str

    def told(self, value: float) -> str:
        """What the feature is, and its value with the unit, for people."""
        what = self.meaning.rstrip(".").replace(". Band", ", band")
        if not math.isfinite(value):
            return f"{what}: not defined ({self.undefined})"
        return f"{what}: {value:.4g}" + ("" if self.unit == "1" else f" {self.unit}")


@dataclass(frozen=True, slots=True)
class Family:
    """Features that are computed together.

    Parameters
    ----------
    name : str
        The family's file name.
    outputs : callable of bands to features
        The features for a survey with these bands, in the order of the columns that `compute` gives.
    compute : callable of AlertBatch to float32[n, len(outputs(alerts.bands))]
        Pure; uses only what the batch holds, NaN where undefined, never ±inf.
    reads : ``light_curves`` or ``series``
        What the features are made of. A survey with bands has light curves, one without has series; a family of the other kind is
        none of its families.
    series : tuple of str
        Series on demand that it reads; where a batch does not have them, its features are undefined.
    some : callable of (AlertBatch, bool[len(outputs)]), or None
        The marked columns as `compute` gives them; what only the others need is not worked out, and they may be anything. None for
        families whose features have most of their work in common.
    within : callable of (AlertBatch, int), or None
        The same as `compute` with a period search of at most so many points × frequencies; None for families that search none.
    """

    name: str
    outputs: Callable[[Sequence[str]], tuple[Feature, ...]]
    compute: Callable[[AlertBatch], Float32s]
    reads: Literal["light_curves", "series"] = "light_curves"
    series: tuple[str, ...] = ()
    some: Callable[[AlertBatch, Bools], Float32s] | None = None
    within: Callable[[AlertBatch, int], Float32s] | None = None


def stated(alerts: AlertBatch, name: str) -> Float64s:
    """float64[n], what the packets themselves say under the context's `name`; NaN where they do not."""
    column = alerts.context.get(name)
    return np.full(len(alerts), np.nan) if column is None else np.asarray(column, dtype=np.float64)


def for_bands(templates: Sequence[Feature], bands: Sequence[str]) -> tuple[Feature, ...]:
    """The features of `templates` once for each band, all of one band before those of the next."""
    return tuple(
        replace(feature, name=f"{feature.name}_{band}", meaning=f"{feature.meaning} Band {band}.")
        for band in bands
        for feature in templates
    )


def as_features(values: Float64s) -> Float32s:
    """float32 copy of `values` in which everything that is not a finite float32 is NaN."""
    features = np.empty(values.shape, dtype=np.float32)
    _put_finite(np.ascontiguousarray(values, dtype=np.float64).reshape(-1), features.reshape(-1))
    return features


@kernel
def _put_finite(values: Float64s, features: Float32s) -> None:
    for i in range(values.shape[0]):
        feature = np.float32(values[i])
        features[i] = feature if np.isfinite(feature) else np.float32(np.nan)
