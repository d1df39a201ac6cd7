"""How good a model is on objects that it never saw, said by the serving code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from streamer import features
from streamer.classify.bundle import LightGBMClassifier
from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.errors import InvalidBundle, InvalidConfig
from streamer.stores.models import PACKAGED
from streamer.training.fit import Examples, classifier_of, counts_only, examples_of, fit, nan_pattern, read_sets, shares
from streamer.training.metrics import Answers, Figures, confusion, figures, reliability
from streamer.training.packets import PACKET_SETS, tried
from streamer.training.recipe import Recipe, parse_recipe
from streamer.training.split import Part
from streamer.training.windows import WINDOW_DAYS

DETECTION_BINS: tuple[tuple[str, int, int], ...] = (
    ("1", 1, 1),
    ("2", 2, 2),
    ("3-5", 3, 5),
    ("6-14", 6, 14),
    ("15+", 15, np.iinfo(np.int64).max),
)
"""How results are told apart by the detections in the alert's window: name, first, last."""
RECIPE = "recipe.toml"
EVALUATION = "evaluation.json"


def evaluate(bundle: str | Path, data: Path) -> dict[str, object]:
    """How the bundle scores on its test part, which its training never touched; the result can be written as JSON.

    Parameters
    ----------
    bundle : str or Path
        The name of a bundle of the package, or a bundle's folder.
    data : Path
        The folder of the training data.

    Raises
    ------
    InvalidBundle, InvalidConfig, InvalidData
        If the bundle or the data cannot be used.
    """
    folder = bundle_folder(bundle)
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    if RECIPE not in files:
        raise InvalidBundle(f"{folder}: no {RECIPE}: without it nobody can tell which objects the model was trained on")
    recipe = parse_recipe(files[RECIPE].decode(), str(folder / RECIPE))
    classifier = LightGBMClassifier(files, features.check_names)
    examples = examples_of(recipe, read_sets(recipe, data))
    if examples.leaves != classifier.leaves or examples.inputs != classifier.inputs:
        raise InvalidBundle(f"{folder}: leaves or inputs are not those that its recipe gives with the data in {data}")
    among = examples.of_part(recipe, Part.TEST, 0)
    return {
        "name": recipe.name,
        "version": recipe.version,
        "checksum": classifier.checksum,
        "same_data": examples.table.digest() == classifier.manifest.data_hash,
        **described(recipe, examples),
        "held_out": section(recipe, examples, among, scored(classifier, examples, among)),
        "real_packets": on_real_packets(recipe, classifier, data),
    }


def on_real_packets(recipe: Recipe, classifier: LightGBMClassifier, data: Path) -> list[Figures]:
    """What the model answers for the labelled packets that the recipe names; InvalidConfig for an unknown set."""
    known = {packets.origin.name: packets for packets in PACKET_SETS if packets.survey == recipe.survey}
    if unknown := [name for name in recipe.data.tried_on if name not in known]:
        raise InvalidConfig(
            f"recipe {recipe.name}: data.tried_on: {unknown} are no labelled packets of {recipe.survey}; there are {sorted(known)}"
        )
    return [tried(known[name], classifier, data, DETECTION_BINS) for name in recipe.data.tried_on]


def bundle_folder(bundle: str | Path) -> Path:
    """The folder of a bundle given by name or by path; InvalidBundle if it is neither."""
    for folder in (Path(bundle), PACKAGED / str(bundle)):
        if folder.is_dir():
            return folder
    names = sorted(path.name for path in PACKAGED.iterdir() if path.is_dir()) if PACKAGED.is_dir() else []
    raise InvalidBundle(f"{bundle}: neither a folder nor one of the package's bundles, which are {names}")


def described(recipe: Recipe, examples: Examples) -> dict[str, object]:
    """What the figures are about: data, classes, parts."""
    table = examples.table
    label, source, provenance = table.label, table.source, table.provenance
    alerts = label[examples.picks.row]
    whole = {origin.name: origin.whole for origin in table.origins}
    parts = {part.value: len(np.unique(examples.picks.row[examples.of_part(recipe, part, 0)])) for part in Part}
    return {
        "survey": recipe.survey,
        "simulated": bool(np.all(provenance == "simulated")),
        "view": recipe.view,
        "window_days": WINDOW_DAYS[recipe.survey] if recipe.view == "stream" else None,
        "leaves": [leaf.name for leaf in examples.leaves],
        "inputs": len(examples.inputs),
        "judged_from": recipe.judged_from,
        "data": {
            "sha256": table.digest(),
            "objects": len(table),
            "examples": len(examples.picks),
            "whole_windows": {name: whole[name] for name in recipe.data.sets},
            "parts": parts,
            "classes": {
                leaf.name: {
                    "objects": int((label == leaf.name).sum()),
                    "examples": int((alerts == leaf.name).sum()),
                    "by_set": _counts(source[label == leaf.name].tolist()),
                    "by_provenance": _counts(provenance[label == leaf.name].tolist()),
                }
                for leaf in examples.leaves
            },
            "dropped": [
                {"set": entry.source, "what": entry.what, "reason": entry.reason, "count": entry.count} for entry in table.dropped
            ],
        },
        "priors": {
            "source": recipe.priors.source,
            "pull": recipe.priors.pull,
            "shares": dict(
                zip((leaf.name for leaf in examples.leaves), np.round(shares(recipe, examples.leaves), 4).tolist(), strict=True)
            ),
        },
    }


def scored(classifier: LightGBMClassifier, examples: Examples, among: Bools) -> Float64s:
    """float64[m, leaves] probabilities of the alerts `among`, NaN for the others, by the serving classifier."""
    probability = np.full((len(examples.picks), len(examples.leaves)), np.nan)
    probability[among] = classifier.scores(examples.matrix[among], examples.n_detections[among]).leaves
    return probability


def cross_fitted(recipe: Recipe, examples: Examples, progress: Callable[[str], None]) -> tuple[Bools, Float64s]:
    """Which alerts were scored, and their probabilities, each by a model that never saw their object, with the parts rotated."""
    tested = np.zeros(len(examples.picks), dtype=np.bool_)
    probability = np.full((len(examples.picks), len(examples.leaves)), np.nan)
    for rotation in range(min(recipe.split.rotations, recipe.split.slices)):
        progress(f"rotation {rotation + 1} of {recipe.split.rotations}")
        among = examples.of_part(recipe, Part.TEST, rotation)
        classifier = classifier_of(recipe, examples, fit(recipe, examples, rotation))
        probability[among] = scored(classifier, examples, among)[among]
        tested |= among
    return tested, probability


def section(recipe: Recipe, examples: Examples, among: Bools, probability: Float64s) -> Figures:
    """Scores over the objects `among`: one random alert of each, then one in each bin of detections."""
    enough = among & (examples.n_detections >= recipe.min_detections)
    names = [leaf.name for leaf in examples.leaves]
    chosen = examples.one_each(enough, recipe.seed)
    answers = _answers(examples, chosen, probability)
    by_detections = {}
    for name, first, last in DETECTION_BINS:
        inside = enough & (examples.n_detections >= first) & (examples.n_detections <= last)
        some = _answers(examples, examples.one_each(inside, recipe.seed), probability)
        by_detections[name] = {**figures(some, names, recipe.judged_from, recipe.seed), "reliability": reliability(some)}
    return {
        "overall": figures(answers, names, recipe.judged_from, recipe.seed),
        "in_stream_mixture": figures(_mixed(recipe, examples, answers), names, recipe.judged_from, recipe.seed),
        "by_detections": by_detections,
        "confusion": confusion(answers, len(names)),
        "reliability": reliability(answers),
    }


def baselines(recipe: Recipe, examples: Examples, tested: Bools, progress: Callable[[str], None]) -> Figures:
    """What ignorance scores on the same objects: the commonest class, counts of detections, the pattern of undefined features."""
    names = [leaf.name for leaf in examples.leaves]
    chosen = examples.one_each(tested & (examples.n_detections >= recipe.min_detections), recipe.seed)
    common = int(np.bincount(examples.truth).argmax())
    always = np.zeros((len(examples.picks), len(names)))
    always[:, common] = 1.0
    result: dict[str, object] = {"commonest_class": {"answer": names[common], **_headline(recipe, examples, chosen, always)}}
    for name, blind in (("counts_only", counts_only(examples)), ("nan_pattern", nan_pattern(examples))):
        progress(f"baseline: {name}")
        _, probability = cross_fitted(recipe, blind, lambda _: None)
        result[name] = _headline(recipe, examples, chosen, probability)
    return result


def _headline(recipe: Recipe, examples: Examples, chosen: Int64s, probability: Float64s) -> Figures:
    names = [leaf.name for leaf in examples.leaves]
    all_figures = figures(_answers(examples, chosen, probability), names, recipe.judged_from, recipe.seed)
    return {name: all_figures[name] for name in ("objects", "accuracy", "macro_f1", "macro_f1_judged", "judged_classes")}


def _answers(examples: Examples, chosen: Int64s, probability: Float64s) -> Answers:
    truth = examples.truth[examples.picks.row[chosen]]
    return Answers(truth, probability[chosen], np.ones(len(chosen)), examples.weight[examples.picks.row[chosen]])


def _mixed(recipe: Recipe, examples: Examples, answers: Answers) -> Answers:
    """The same answers, each object weighted so that the classes stand in the recipe's shares."""
    counts = np.bincount(answers.truth, minlength=len(examples.leaves))
    weight = shares(recipe, examples.leaves)[answers.truth] / counts[answers.truth]
    return replace(answers, weight=weight / weight.mean(), assumed=weight / weight.mean())


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
