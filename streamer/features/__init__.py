"""One file per family of features; an AlertBatch becomes a float32 matrix with named columns.

A new family is a new file and one line in :data:`FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from streamer.data.arrays import Bools, Float32s, Int64s
from streamer.data.batch import AlertBatch
from streamer.errors import InvalidBundle
from streamer.features import (
    autoregression,
    colour,
    context,
    dispersion,
    distribution,
    evolution,
    fold,
    forced,
    limits,
    orbit,
    periodicity,
    profile,
    pulse,
    sampling,
    shape,
    statistics,
    subbands,
    subints,
    supernova,
    timescales,
    trigger,
)
from streamer.features.feature import Family, Feature

FAMILIES: tuple[Family, ...] = (
    trigger.FAMILY,
    context.FAMILY,
    sampling.FAMILY,
    statistics.FAMILY,
    distribution.FAMILY,
    shape.FAMILY,
    colour.FAMILY,
    evolution.FAMILY,
    supernova.FAMILY,
    timescales.FAMILY,
    autoregression.FAMILY,
    limits.FAMILY,
    forced.FAMILY,
    periodicity.FAMILY,
    profile.FAMILY,
    orbit.FAMILY,
    pulse.FAMILY,
    dispersion.FAMILY,
    subints.FAMILY,
    subbands.FAMILY,
    fold.FAMILY,
)


def families_of(bands: Sequence[str]) -> tuple[Family, ...]:
    """The families of a survey with these bands: those of light curves, or, where there is no band, those of other series."""
    reads = "light_curves" if bands else "series"
    return tuple(family for family in FAMILIES if family.reads == reads)


def features_of(bands: Sequence[str]) -> tuple[Feature, ...]:
    """All features of a survey with these bands."""
    return tuple(feature for family in families_of(bands) for feature in family.outputs(bands))


def teller(bands: Sequence[str]) -> Callable[[str, float], str]:
    """What says a value of a survey's feature for people: (name, value) to text; KeyError for a name that is none."""
    known = {feature.name: feature for feature in features_of(bands)}
    return lambda name, value: known[name].told(value)


def series_read(names: Sequence[str], bands: Sequence[str]) -> frozenset[str]:
    """The series on demand that the features of these names are made of; names that are no features read nothing."""
    wanted = set(names)
    families = (family for family in families_of(bands) if any(feature.name in wanted for feature in family.outputs(bands)))
    return frozenset(name for family in families for name in family.series)


def compute(alerts: AlertBatch, names: Sequence[str], period_budget: int | None = None) -> Float32s:
    """The named features of each alert.

    Parameters
    ----------
    alerts : AlertBatch
    names : sequence of str
        Names of :func:`features_of` for the bands of `alerts`, in the order of the wanted columns; may repeat.
    period_budget : int, optional
        Most points × frequencies of one period search; by default what the features mean (``spectrum.PERIOD_BUDGET``).

    Returns
    -------
    float32[n, len(names)]
        NaN where a feature is undefined; never infinite. Only the families that `names` need are computed, and of those that
        tell their costly features apart only these.

    Raises
    ------
    InvalidBundle
        If a name is none of the survey's features.
    """
    plan = _plan(alerts.bands, tuple(names))
    found = [_found(family, alerts, wanted, period_budget) for family, wanted in zip(plan.families, plan.wanted, strict=True)]
    alerts.shared.clear()  # the batch outlives its features
    return np.concatenate([np.empty((len(alerts), 0), dtype=np.float32), *found], axis=1).take(plan.columns, axis=1)


def _found(family: Family, alerts: AlertBatch, wanted: Bools, period_budget: int | None) -> Float32s:
    if family.within is not None and period_budget is not None:
        return family.within(alerts, period_budget)
    return family.compute(alerts) if family.some is None else family.some(alerts, wanted)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The families to compute, which columns of each are wanted, and where these are among all columns, end to end (int64[k])."""

    families: tuple[Family, ...]
    wanted: tuple[Bools, ...]
    columns: Int64s


@lru_cache(maxsize=64)  # a model asks for the same features of every batch
def _plan(bands: tuple[str, ...], names: tuple[str, ...]) -> _Plan:
    check_names(names, bands)
    wanted = set(names)
    families = tuple(family for family in families_of(bands) if any(feature.name in wanted for feature in family.outputs(bands)))
    outputs = [[feature.name for feature in family.outputs(bands)] for family in families]
    place = {name: column for column, name in enumerate(chain.from_iterable(outputs))}
    marked = tuple(np.array([name in wanted for name in own], dtype=np.bool_) for own in outputs)
    return _Plan(families, marked, np.array([place[name] for name in names], dtype=np.int64))


def check_names(names: Sequence[str], bands: Sequence[str]) -> None:
    """InvalidBundle, with the names that exist, if one of `names` is no feature of a survey with these bands."""
    known = [feature.name for feature in features_of(bands)]
    if unknown := sorted(set(names) - set(known)):
        raise InvalidBundle(f"unknown features {', '.join(unknown)} for bands {' '.join(bands)}; known are {', '.join(known)}")
