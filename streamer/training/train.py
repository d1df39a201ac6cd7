"""From a recipe to a bundle, its card and its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from streamer.classify.manifest import CARD
from streamer.training import html
from streamer.training.ablation import ablation
from streamer.training.crossfit import calibrations, grown, novelty, said
from streamer.training.datasets import LightCurves
from streamer.training.evaluate import (
    baselines,
    described,
    on_real_packets,
    packet_sets,
    section,
    served,
)
from streamer.training.fit import Examples, Fitted, bundle, classifier_of, examples_of, read_sets
from streamer.training.folders import EVALUATION, delivered, told
from streamer.training.kept import Kept
from streamer.training.latitude import latitude
from streamer.training.licences import licences
from streamer.training.looked_at import looked_at
from streamer.training.neighbourhood import neighbourhood
from streamer.training.pitfalls import check_allowed, pitfalls
from streamer.training.quick import quick
from streamer.training.recipe import Recipe, read_recipe
from streamer.training.report import card, headline, score_line, write_report
from streamer.training.selection import selected
from streamer.training.split import Part
from streamer.training.survey_file import SurveyFile
from streamer.training.temporal import temporal
from streamer.training.tuning import tuned

PROGRESS = "progress"
"""Folder, beside the bundles, of the steps that are done: an interrupted training goes on where it stopped."""


def train(
    recipe_path: Path, data: Path | None, out: Path, progress: Callable[[str], None], survey: SurveyFile | None = None
) -> Path:
    """Train, evaluate and write a model; the same recipe and data give the same bytes.

    Parameters
    ----------
    recipe_path : Path
        A TOML file, see :class:`streamer.training.recipe.Recipe`.
    data : Path
        The folder of the training data: as they were collected (with ``lightcurves`` in it), or with light-curve tables; None
        trains a small version of the recipe on simulated light curves.
    out : Path
        Gets the bundle as ``<name>/``, its report, with a copy of its card, as ``reports/<name>/``, and the steps that are done as
        ``progress/``; made if it is missing.
    progress : callable of str
        Told what is being done.
    survey : SurveyFile or None
        Describes the bands of the tables, instead of what lies beside them.

    Returns
    -------
    Path
        The bundle's folder.

    Raises
    ------
    InvalidConfig, InvalidData
        If the recipe or the data cannot be used; nothing is written then.
    """
    text, recipe = read_recipe(recipe_path)
    if data is None:
        recipe, table = quick(recipe)
        text = f"# a small version of {recipe_path.name}, on simulated light curves\n{text}"
    else:
        table = _read(recipe, data, survey, progress)
    progress(f"features of {len(table)} objects")
    examples = examples_of(recipe, table)
    check_allowed(examples.inputs, f"recipe {recipe.name}")
    files = fitted(text, recipe, examples, data, Kept(out / PROGRESS), progress)
    progress("writing bundle and report")
    evaluation = json.loads(files[EVALUATION])
    folder = delivered(files, evaluation, write_report, out)
    page = html.page(files[CARD].decode())
    reports = out / "reports" / recipe.name
    (reports / "card.html").write_text(page, encoding="utf-8")
    progress(score_line(evaluation))
    progress(f"report: {reports / 'report.md'}, card: {reports / 'card.md'} (both also as .html)")
    return folder


def _read(recipe: Recipe, data: Path, survey: SurveyFile | None, progress: Callable[[str], None]) -> LightCurves:
    packet_sets(recipe)  # a name that nobody knows is told before the long part
    progress(f"reading {', '.join(recipe.data.sets)} from {data}")
    return read_sets(recipe, data, survey)


def fitted(
    text: str, recipe: Recipe, examples: Examples, data: Path | None, kept: Kept, progress: Callable[[str], None]
) -> dict[str, bytes]:
    """The bundle's files, from examples: tuned, cross-fitted, calibrated and judged."""
    examples, selection = selected(recipe, examples, kept, progress)
    recipe, tuning = tuned(recipe, examples, kept, progress)
    without = ablation(recipe, examples, kept, progress)
    progress(f"fitting {len(examples.picks)} examples, {len(examples.inputs)} inputs, {len(examples.leaves)} classes")
    models = grown(recipe, examples, recipe.split.rotations, kept, progress)
    calibration = calibrations(recipe, examples, models)[0]
    shipped = Fitted(models[0].trees, models[0].rounds, calibration, novelty(recipe, examples))
    classifier = classifier_of(recipe, examples, shipped)
    real_packets = [] if data is None else on_real_packets(recipe, classifier, data)
    evaluation: dict[str, object] = {
        "name": recipe.name,
        "version": recipe.version,
        **described(recipe, examples),
        "selection": selection,
        "tuning": tuning,
        "ablation": without,
        "trees": recipe.trees.model_dump(),
        "held_out": section(recipe, examples, served(classifier, examples, examples.of_part(recipe, Part.TEST, 0))),
    }
    judged = said(recipe, examples, models)
    if len(models) > 1:
        evaluation["cross_fitted"] = section(recipe, examples, judged)
    evaluation["temporal"] = temporal(recipe, examples, kept, progress)
    evaluation["baselines"] = baselines(recipe, examples, judged, kept, progress)
    evaluation["neighbourhood"] = neighbourhood(recipe, examples, judged, kept, progress)
    evaluation["pitfalls"] = pitfalls(recipe, examples, progress)
    evaluation["latitude"] = latitude(recipe, examples, models, kept, progress)
    evaluation["licences"] = licences(recipe, examples, models[0], kept, progress)
    evaluation["real_packets"] = real_packets
    explaining = classifier_of(recipe, examples, shipped, explain=True)
    evaluation["looked_at"] = looked_at(recipe, examples, classifier, explaining, data)
    return told(partial(bundle, recipe, examples, shipped), text, evaluation, headline(evaluation), card)
