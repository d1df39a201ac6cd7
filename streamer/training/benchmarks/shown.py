"""What a benchmark shows: light curves with their inputs and classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from streamer import features
from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.data.photometry import Kind
from streamer.errors import InvalidConfig, InvalidData
from streamer.training.benchmarks import rest_frame
from streamer.training.benchmarks.recipe import BenchmarkRecipe
from streamer.training.datasets import LightCurves
from streamer.training.fit import family_inputs
from streamer.training.pitfalls import check_allowed
from streamer.training.prepare import light_curves
from streamer.training.sources import READERS
from streamer.training.sources.columns import numbers, read_table
from streamer.training.windows import Picks, age_picks, alerts_of

_TRUTH = ("true_", "target")


@dataclass(frozen=True, slots=True)
class Shown:
    """Light curves as the benchmark shows them.

    Parameters
    ----------
    table : LightCurves
        The n objects.
    truth : int64[n]
        Class of each.
    inputs : tuple of str
    row : int64[m]
        The object of each example.
    whole : bool[m]
        Which examples are whole light curves.
    matrix : float32[m, number of inputs]
        The light curves' own inputs, what is known besides, and luminosities and rest-frame times.
    n_observed : int
        Inputs before the luminosities and rest-frame times.
    """

    table: LightCurves
    truth: Int64s
    inputs: tuple[str, ...]
    row: Int64s
    whole: Bools
    matrix: Float32s
    n_observed: int

    def as_observed(self) -> Shown:
        """Without luminosities and rest-frame times."""
        return replace(self, inputs=self.inputs[: self.n_observed], matrix=self.matrix[:, : self.n_observed])


def shown_of(recipe: BenchmarkRecipe, data: Path) -> Shown:
    """The set's objects of the benchmark's classes, with features; InvalidConfig, InvalidData if there are none."""
    sets = {reader.origin.name for reader in READERS}
    if recipe.set not in sets:
        raise InvalidConfig(f"benchmark {recipe.benchmark}: set: {recipe.set} does not exist; there are {sorted(sets)}")
    class_of = {label: place for place, labels in enumerate(recipe.classes.values()) for label in labels}
    table = light_curves(recipe.set, data)
    place = np.array([class_of.get(label, -1) for label in table.original.tolist()], dtype=np.int64)
    table = table.where(place >= 0, "objects", "not of the benchmark's classes")
    detections = np.bincount(table.curves.rows[table.curves["kind"] == Kind.DETECTION], minlength=len(table))
    table = table.where(detections >= recipe.min_detections, "objects", f"fewer than {recipe.min_detections} detections")
    truth = np.array([class_of[label] for label in table.original.tolist()], dtype=np.int64)
    counts = np.bincount(truth, minlength=len(recipe.classes)).tolist()
    if missing := [name for name, count in zip(recipe.classes, counts, strict=True) if not count]:
        raise InvalidData(f"benchmark {recipe.benchmark}: {recipe.set} has no objects of {', '.join(missing)}")
    inputs = family_inputs(recipe.inputs, table.bands, f"benchmark {recipe.benchmark}", recipe.set)
    check_allowed(inputs, f"benchmark {recipe.benchmark}")
    picks = [age_picks(table, days) for days in (np.inf, *recipe.ages)]
    whole = np.repeat(np.arange(len(picks)) == 0, [len(part) for part in picks])
    known = _known(recipe, data, table)
    matrix = np.concatenate([_matrix(recipe, table, part, inputs, known) for part in picks])
    derived = rest_frame.outputs(table.bands) if recipe.rest_frame else ()
    names = (*inputs, *recipe.beside, *(feature.name for feature in derived))
    row = np.concatenate([part.row for part in picks])
    return Shown(table, truth, names, row, whole, matrix, len(names) - len(derived))


def _matrix(
    recipe: BenchmarkRecipe, table: LightCurves, picks: Picks, inputs: tuple[str, ...], known: Mapping[str, Float64s]
) -> Float32s:
    """float32[len(picks), number of inputs]; `known` is what :func:`_known` says of each object."""
    alerts = alerts_of(table, picks, "history", recipe.inputs.points)
    columns = [features.compute(alerts, inputs, recipe.inputs.period_budget)]
    columns += [known[name][picks.row, None].astype(np.float32) for name in recipe.beside]
    if source := recipe.rest_frame:
        columns.append(rest_frame.compute(alerts, known[source.redshift][picks.row], known[source.reddening][picks.row]))
    return np.concatenate(columns, axis=1)


def _known(recipe: BenchmarkRecipe, data: Path, table: LightCurves) -> dict[str, Float64s]:
    """float64[n] of each column of the set's metadata that the recipe names; InvalidConfig if a truth is asked for."""
    source = recipe.rest_frame
    names = dict.fromkeys((*recipe.beside, *((source.redshift, source.reddening) if source else ())))
    if truths := [name for name in names if name.startswith(_TRUTH)]:
        raise InvalidConfig(f"benchmark {recipe.benchmark}: {truths} are truths of a simulation and may be no inputs")
    if source and table.survey not in rest_frame.EXTINCTION:
        known = ", ".join(sorted(rest_frame.EXTINCTION))
        raise InvalidConfig(
            f"benchmark {recipe.benchmark}: rest_frame: extinction is not known for {table.survey}, only for {known}"
        )
    if not names:
        return {}
    path = data / "lightcurves" / recipe.set / "metadata.csv.gz"
    metadata = read_table(path, ("object_id", *names))
    place = {str(name): i for i, name in enumerate(metadata["object_id"].tolist())}
    rows = [place[name] for name in table.object_id.tolist()]
    return {name: numbers(path, metadata, name)[rows] for name in names}
