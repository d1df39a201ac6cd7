"""From a recipe to a bundle, its card and its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from streamer.classify.bundle import bundle_checksum
from streamer.classify.manifest import CARD, MANIFEST, Manifest
from streamer.training.evaluate import (
    EVALUATION,
    RECIPE,
    baselines,
    cross_fitted,
    described,
    on_real_packets,
    scored,
    section,
)
from streamer.training.fit import bundle, classifier_of, examples_of, fit, read_sets
from streamer.training.folders import written
from streamer.training.recipe import read_recipe
from streamer.training.report import card, headline, write_report
from streamer.training.split import Part
from streamer.training.survey_file import SurveyFile


def train(recipe_path: Path, data: Path, out: Path, progress: Callable[[str], None], survey: SurveyFile | None = None) -> Path:
    """Train, evaluate and write a model; the same recipe and data give the same bytes.

    Parameters
    ----------
    recipe_path : Path
        A TOML file, see :class:`streamer.training.recipe.Recipe`.
    data : Path
        The folder of the training data: as they were collected (with ``lightcurves`` in it), or with light-curve tables.
    out : Path
        Gets the bundle as ``<name>/`` and its report, with a copy of its card, as ``reports/<name>/``; made if it is missing.
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
    progress(f"reading {', '.join(recipe.data.sets)} from {data}")
    table = read_sets(recipe, data, survey)
    progress(f"features of {len(table)} objects")
    examples = examples_of(recipe, table)
    progress(f"fitting {len(examples.picks)} examples, {len(examples.inputs)} inputs, {len(examples.leaves)} classes")
    fitted = fit(recipe, examples, rotation=0)
    progress("scoring the test part")
    test = examples.of_part(recipe, Part.TEST, 0)
    classifier = classifier_of(recipe, examples, fitted)
    held_out = scored(classifier, examples, test)
    real_packets = on_real_packets(recipe, classifier, data)  # before the long part: it fails where packets are missing
    evaluation: dict[str, object] = {
        "name": recipe.name,
        "version": recipe.version,
        **described(recipe, examples),
        "held_out": section(recipe, examples, test, held_out),
    }
    if recipe.split.rotations > 1:
        tested, probability = cross_fitted(recipe, examples, progress)
        evaluation["cross_fitted"] = section(recipe, examples, tested, probability)
    else:
        tested = test
    evaluation["baselines"] = baselines(recipe, examples, tested, progress)
    evaluation["real_packets"] = real_packets
    plain = Manifest.of_json(bundle(recipe, examples, fitted, {}, "")[MANIFEST])
    files = bundle(recipe, examples, fitted, headline(evaluation), card(evaluation, plain))
    files |= {RECIPE: text.encode(), EVALUATION: (json.dumps(evaluation, indent=1, ensure_ascii=False) + "\n").encode()}
    progress("writing bundle and report")
    folder = written(files, out / recipe.name)
    report = out / "reports" / recipe.name
    write_report(evaluation, Manifest.of_json(files[MANIFEST]), bundle_checksum(files), report)
    (report / CARD).write_bytes(files[CARD])
    return folder
