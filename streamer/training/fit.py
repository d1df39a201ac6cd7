"""From light curves to a classifier: examples, weights, trees, temperatures. Everything is decided by the recipe and its seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from streamer import features
from streamer.classify import taxonomy
from streamer.classify.bundle import LightGBMClassifier, bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.manifest import Manifest, TrainingSet
from streamer.classify.novelty import Novelty
from streamer.classify.taxonomy import Class
from streamer.data.arrays import Bools, Float32s, Float64s, Int64s
from streamer.data.photometry import Kind
from streamer.errors import InvalidConfig, InvalidData
from streamer.training.borrowed import with_borrowed
from streamer.training.datasets import LightCurves, joined, labelled
from streamer.training.labels import Provenance
from streamer.training.prepare import light_curves
from streamer.training.recipe import Inputs, Recipe
from streamer.training.reobservation.sets import reobserved_sets
from streamer.training.sources import READERS
from streamer.training.split import Part, part_of, random_number, slices
from streamer.training.survey_file import SurveyFile
from streamer.training.tables import is_table
from streamer.training.windows import Picks, alerts_of, picks_of

MATURITY = (1, 2, 3, 6, 15)
"""First number of detections of each bin with a temperature of its own."""
_LOG_TEMPERATURES = (-1.6, 1.6)  # T from 0.2 to 5: beyond that the trees themselves are wrong


@dataclass(frozen=True, slots=True)
class Examples:
    """Alerts with their true classes, ready for training and scoring.

    Parameters
    ----------
    table : LightCurves
        The n objects.
    leaves : tuple of Class
        Classes of the model, in the order of the taxonomy.
    picks : Picks
        The m alerts.
    matrix : float32[m, number of inputs]
        Their features.
    n_detections : int64[m]
        Detections in each window.
    truth : int64[n]
        Index of each object's leaf.
    weight : float64[n]
        How much each object counts, mean 1; an object's alerts share it.
    slice_number : int64[n]
        Which slice of the data each object is in.
    age : float64[m], d
        From the object's first known detection to the alert.
    sometimes : tuple of str
        The inputs that only some objects have, see :class:`streamer.training.recipe.Inputs`.
    lender : int64[n]
        The object whose context each object borrowed; −1 for those that borrowed none.
    """

    table: LightCurves
    leaves: tuple[Class, ...]
    inputs: tuple[str, ...]
    picks: Picks
    matrix: Float32s
    n_detections: Int64s
    truth: Int64s
    weight: Float64s
    slice_number: Int64s
    age: Float64s
    sometimes: tuple[str, ...]
    lender: Int64s

    @property
    def borrowed(self) -> Bools:
        """bool[n], the objects whose context is another's."""
        borrowed: Bools = self.lender >= 0
        return borrowed

    @property
    def neighbourhood(self) -> Int64s:
        """int64[n], the object whose surroundings each object is seen in: its lender, or itself."""
        return np.where(self.borrowed, self.lender, np.arange(len(self.table)))

    def of_part(self, recipe: Recipe, part: Part, rotation: int) -> Bools:
        """bool[m], the alerts of the objects in `part`; re-observed ones are in no part but the one that trains."""
        chosen: Bools = part_of(self.slice_number, rotation, recipe.split.slices)[self.picks.row] == part
        return chosen if part == Part.TRAIN else chosen & self.first_hand

    @property
    def first_hand(self) -> Bools:
        """bool[m], the alerts that are as their own survey has them: not re-observed ones, which train but are never judged."""
        own: Bools = self.table.provenance != Provenance.REOBSERVED
        chosen: Bools = own[self.picks.row]
        return chosen

    def alert_weight(self) -> Float64s:
        """float64[m] weight of each alert: its object's, divided among the object's alerts."""
        per_object = np.bincount(self.picks.row, minlength=len(self.table))
        weight: Float64s = (self.weight / np.maximum(per_object, 1))[self.picks.row]
        return weight

    def one_each(self, among: Bools, seed: int) -> Int64s:
        """int64[…] one random alert, of those `among` (bool[m]), of each object that has any."""
        places = np.flatnonzero(among)
        rows, first, counts = np.unique(self.picks.row[places], return_index=True, return_counts=True)
        names = self.table.object_id[rows].tolist()
        step = [random_number(seed, f"alert:{name}") % count for name, count in zip(names, counts.tolist(), strict=True)]
        chosen: Int64s = places[first + np.array(step, dtype=np.int64)]
        return chosen


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model before its bundle is written."""

    trees: str
    rounds: int
    calibration: Calibration
    novelty: Novelty


def read_sets(recipe: Recipe, data: Path, survey: SurveyFile | None = None) -> LightCurves:
    """All labelled light curves that the recipe names; InvalidConfig for an unknown set, or one of another survey.

    `survey` describes the bands of tables in `data` instead of what lies beside them.
    """
    known = {reader.origin.name: reader.survey for reader in READERS}
    if unknown := [name for name in recipe.data.sets if not is_table(data / name) and known.get(name, "") != recipe.survey]:
        there = sorted(name for name, its in known.items() if its == recipe.survey)
        raise InvalidConfig(f"recipe {recipe.name}: data.sets: {unknown} are no sets for {recipe.survey}; there are {there}")
    tables = [light_curves(name, data, survey) for name in recipe.data.sets]
    if other := sorted({table.survey for table in tables} - {recipe.survey}):
        raise InvalidConfig(f"recipe {recipe.name}: survey is {recipe.survey}, but the light curves are of {', '.join(other)}")
    table = joined(_licensed(recipe, tables))
    if recipe.reobserved is not None:
        table = joined([table, *_licensed(recipe, reobserved_sets(recipe, recipe.reobserved, table, data))])
    return labelled(table if recipe.inputs.points == "all" else table.bare(), recipe.data.min_objects)


def _licensed(recipe: Recipe, tables: Sequence[LightCurves]) -> Sequence[LightCurves]:
    """What the recipe takes of the tables; InvalidConfig if it asks for stated licences and that is nothing."""
    if recipe.data.licence == "any":
        return tables
    kept = [table.where(table.licensed(), "objects", "from a place that states no licence") for table in tables]
    if not any(map(len, kept)):
        names = ", ".join(origin.name for table in tables for origin in table.origins)
        raise InvalidConfig(
            f'recipe {recipe.name}: data.licence is "stated", and nothing of {names} is from a place that states one'
        )
    return kept


def inputs_of(recipe: Recipe, bands: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the features that the recipe asks for, in the families' order; InvalidConfig for an unknown family or exclusion."""
    return family_inputs(recipe.inputs, bands, f"recipe {recipe.name}", recipe.survey)


def family_inputs(inputs: Inputs, bands: tuple[str, ...], where: str, survey: str) -> tuple[str, ...]:
    """Names of the features that `inputs` asks for; `where` and `survey` are named in errors."""
    known = {family.name: family for family in features.FAMILIES}
    if unknown := [name for name in inputs.families if name not in known]:
        raise InvalidConfig(f"{where}: inputs.families: {unknown} do not exist; there are {sorted(known)}")
    if unknown := [band for band in inputs.bands if band not in bands]:
        raise InvalidConfig(f"{where}: inputs.bands: {unknown} are no bands of {survey}; there are {list(bands)}")
    chosen = [band for band in bands if band in (inputs.bands or bands)]
    names = [feature.name for name in inputs.families for feature in known[name].outputs(chosen)]
    out = {name: excluded for excluded in inputs.exclude for name in names if name == excluded or name.startswith(f"{excluded}_")}
    if idle := [excluded for excluded in inputs.exclude if excluded not in out.values()]:
        raise InvalidConfig(f"{where}: inputs.exclude: {idle} exclude nothing; there are {names}")
    return tuple(name for name in names if name not in out)


def examples_of(recipe: Recipe, table: LightCurves) -> Examples:
    """Examples as the stream brings them, with features from the serving code; InvalidData if there is nothing to learn."""
    seen = np.bincount(picks_of(table, recipe.view).row, minlength=len(table)) > 0
    table = labelled(table.where(seen, "objects", "no alert whose whole window is known"), recipe.data.min_objects)
    picks = picks_of(table, recipe.view)
    present = set(table.label.tolist())
    leaves = tuple(leaf for leaf in taxonomy.LEAVES if leaf.name in present)
    if len(leaves) < 2:
        raise InvalidData(f"recipe {recipe.name}: the data hold {len(leaves)} classes; a model needs two")
    place = {leaf.name: index for index, leaf in enumerate(leaves)}
    truth = np.array([place[label] for label in table.label.tolist()], dtype=np.int64)
    inputs = inputs_of(recipe, table.bands)
    slice_number = slices(table.group.tolist(), recipe.seed, recipe.split.slices, table.part.tolist())
    table, lender = with_borrowed(table, slice_number, recipe.data.borrow, recipe.seed)
    alerts = alerts_of(table, picks, recipe.view, recipe.inputs.points)
    return Examples(
        table=table,
        leaves=leaves,
        inputs=inputs,
        picks=picks,
        matrix=features.compute(alerts, inputs, recipe.inputs.period_budget),
        n_detections=alerts.light_curves.where(alerts.light_curves["kind"] == Kind.DETECTION).lengths,
        truth=truth,
        weight=_weights(recipe, leaves, truth),
        slice_number=slice_number,
        age=table.curves["epoch"][picks.point] - first_detections(table)[picks.row],
        sometimes=_sometimes(recipe, inputs),
        lender=lender,
    )


def _sometimes(recipe: Recipe, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The inputs that only some objects have; InvalidConfig for a name that is no input."""
    if unknown := [name for name in recipe.inputs.sometimes if name not in inputs]:
        raise InvalidConfig(f"recipe {recipe.name}: inputs.sometimes: {unknown} are no inputs; there are {list(inputs)}")
    return recipe.inputs.sometimes


def only(examples: Examples, columns: Bools) -> Examples:
    """The same examples with only the inputs that `columns` (bool[number of inputs]) marks."""
    names = tuple(name for name, kept in zip(examples.inputs, columns.tolist(), strict=True) if kept)
    return replace(examples, inputs=names, matrix=np.ascontiguousarray(examples.matrix[:, columns]))


def alerts_where(examples: Examples, among: Bools) -> Examples:
    """The same objects with the alerts `among` (bool[m]) alone."""
    return replace(
        examples,
        picks=Picks(examples.picks.row[among], examples.picks.point[among]),
        **{name: getattr(examples, name)[among] for name in ("matrix", "n_detections", "age")},
    )


def first_detections(table: LightCurves) -> Float64s:
    """float64[n], MJD TAI: the epoch of each object's first known detection; infinite if there is none."""
    detected = np.flatnonzero(table.curves["kind"] == Kind.DETECTION)
    first = np.full(len(table), np.inf)
    np.minimum.at(first, table.curves.rows[detected], table.curves["epoch"][detected])
    return first


def shares(recipe: Recipe, leaves: tuple[Class, ...]) -> Float64s:
    """float64[number of leaves] the recipe's share of each leaf; InvalidConfig naming a leaf without one."""
    if missing := [leaf.name for leaf in leaves if leaf.name not in recipe.priors.shares]:
        raise InvalidConfig(f"recipe {recipe.name}: priors.shares: no share for {missing}")
    given = np.array([recipe.priors.shares[leaf.name] for leaf in leaves])
    normalised: Float64s = given / given.sum()
    return normalised


def classifier_of(recipe: Recipe, examples: Examples, fitted: Fitted, explain: bool = False) -> LightGBMClassifier:
    """The serving classifier of a fitted model, so that scores are made by the very code that will serve."""
    files = bundle(recipe, examples, fitted, {}, "")
    return LightGBMClassifier(files, features.check_names, describe=features.teller if explain else None)


def bundle(recipe: Recipe, examples: Examples, fitted: Fitted, metrics: dict[str, float], card: str) -> dict[str, bytes]:
    """The files of the bundle."""
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version,
        survey=recipe.survey,
        bands=examples.table.bands,
        leaves=tuple(leaf.id for leaf in examples.leaves),
        inputs=examples.inputs,
        min_detections=recipe.min_detections,
        trees=fitted.rounds * len(examples.leaves),
        seed=recipe.seed,
        data_hash=examples.table.digest(),
        training=_training_sets(recipe, examples),
        period_budget=recipe.inputs.period_budget,
        view=recipe.view,
        metrics=metrics,
    )
    return bundle_files(manifest, fitted.trees, fitted.calibration, card, fitted.novelty)


def nan_pattern(examples: Examples) -> Examples:
    """The same examples for a model that sees only which features are undefined: what missingness alone betrays.

    What only some objects have stays undefined where it is, so that it is hidden from this model as it is from the real one.
    """
    undefined = np.isnan(examples.matrix)
    gaps = undefined & np.isin(examples.inputs, examples.sometimes)
    return replace(examples, matrix=np.where(gaps, np.float32(np.nan), undefined.astype(np.float32)))


def counts_only(examples: Examples) -> Examples:
    """The same examples for a model that sees only how many detections there are, in all and in each band."""
    seen = np.array([name.startswith("n_detections") for name in examples.inputs])
    return replace(examples, matrix=np.where(seen, examples.matrix, np.float32(0.0)), sometimes=())


def _weights(recipe: Recipe, leaves: tuple[Class, ...], truth: Int64s) -> Float64s:
    counts = np.bincount(truth, minlength=len(leaves)).astype(np.float64)
    pull = recipe.priors.pull
    per_object = shares(recipe, leaves) ** pull * counts ** (1 - pull) / counts
    weight = per_object[truth]
    normalised: Float64s = weight / weight.mean()
    return normalised


def temperature(raw: Float64s, truth: Int64s, weight: Float64s) -> float:
    """The temperature with the smallest weighted log loss, by golden-section search; 1 where there is nothing to learn from."""
    if not len(raw):
        return 1.0

    def loss(log_t: float) -> float:
        scaled = raw / np.exp(log_t)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        log_p = scaled[np.arange(len(raw)), truth] - np.log(np.exp(scaled).sum(axis=1))
        return -float(np.average(log_p, weights=weight))

    low, high = _LOG_TEMPERATURES
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return round(float(np.exp((low + high) / 2)), 4)


def _training_sets(recipe: Recipe, examples: Examples) -> tuple[TrainingSet, ...]:
    origins = {origin.name: origin for origin in examples.table.origins}
    of_alert = examples.table.source[examples.picks.row]
    return tuple(
        TrainingSet(
            name=name,
            source=f"{origins[name].what}; {origins[name].source}",
            licence=origins[name].licence,
            citation=origins[name].citation,
            objects=int((examples.table.source == name).sum()),
            examples=int((of_alert == name).sum()),
        )
        for name in (*recipe.data.sets, *(recipe.reobserved.sets if recipe.reobserved else ()))
        if (examples.table.source == name).any()
    )
