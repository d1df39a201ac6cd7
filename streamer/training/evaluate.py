"""How good a model is on objects that it never saw, said by the serving code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from streamer import features
from streamer.classify.bundle import LightGBMClassifier
from streamer.classify.calibration import Calibration
from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.errors import InvalidBundle, InvalidConfig
from streamer.stores.models import ModelStore
from streamer.training import coverage
from streamer.training.crossfit import Grown, Said, grown, unseen
from streamer.training.fit import Examples, counts_only, examples_of, nan_pattern, only, read_sets, shares
from streamer.training.folders import RECIPE
from streamer.training.kept import Kept
from streamer.training.metrics import Answers, Figures, average_precision, confusion, figures, of_all_alerts, reliability
from streamer.training.packets import PACKET_SETS, PacketSet, tried
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
EXACTLY = (1, 3, 5, 8, 10, 13, 21, 34)
"""Numbers of detections at which results are shown apart."""
AGE_BINS: tuple[tuple[str, float, float], ...] = (
    ("0-2", 0.0, 2.0),
    ("2-8", 2.0, 8.0),
    ("8-16", 8.0, 16.0),
    ("16-32", 16.0, 32.0),
    ("32-64", 32.0, 64.0),
    ("64-128", 64.0, 128.0),
    ("128+", 128.0, np.inf),
)
"""How results are told apart by the days since the object's first known detection: name, from, to (not included)."""
UP_TO = (16.0, 32.0, 64.0, 128.0, np.inf)
"""Ages (d) at which every object is looked at as it is by then, young or long known."""
_RARE = "SNIa"  # the type that cosmology and follow-up ask for
_RARE_AT = (3, 5, 10)
_BASELINE_ROTATIONS = 3  # what ignorance scores need not be known to the third digit


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
    examples = only(examples, np.isin(examples.inputs, classifier.inputs))
    if examples.leaves != classifier.leaves or examples.inputs != classifier.inputs:
        raise InvalidBundle(f"{folder}: leaves or inputs are not those that its recipe gives with the data in {data}")
    among = examples.of_part(recipe, Part.TEST, 0)
    return {
        "name": recipe.name,
        "version": recipe.version,
        "checksum": classifier.checksum,
        "same_data": examples.table.digest() == classifier.manifest.data_hash,
        **described(recipe, examples),
        "held_out": section(recipe, examples, served(classifier, examples, among)),
        "real_packets": on_real_packets(recipe, classifier, data),
    }


def on_real_packets(recipe: Recipe, classifier: LightGBMClassifier, data: Path) -> list[Figures]:
    """What the model answers for the labelled packets that the recipe names; InvalidConfig for an unknown set."""
    return [tried(packets, classifier, data, DETECTION_BINS) for packets in packet_sets(recipe)]


def packet_sets(recipe: Recipe) -> list[PacketSet]:
    """The sets of labelled packets that the recipe names; InvalidConfig for an unknown one."""
    known = {packets.origin.name: packets for packets in PACKET_SETS if packets.survey == recipe.survey}
    if unknown := [name for name in recipe.data.tried_on if name not in known]:
        raise InvalidConfig(
            f"recipe {recipe.name}: data.tried_on: {unknown} are no labelled packets of {recipe.survey}; there are {sorted(known)}"
        )
    return [known[name] for name in recipe.data.tried_on]


def bundle_folder(bundle: str | Path) -> Path:
    """The folder of a bundle given by name or by path; InvalidBundle if it is neither."""
    if Path(bundle).is_dir():
        return Path(bundle)
    if "/" in str(bundle):
        raise InvalidBundle(f"{bundle}: no such folder")
    return ModelStore().folder(str(bundle))


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
        "contents": recipe.inputs.points,
        **_surroundings(examples),
        "window_days": WINDOW_DAYS[recipe.survey] if recipe.view == "stream" else None,
        "leaves": [leaf.name for leaf in examples.leaves],
        "inputs": len(examples.inputs),
        "judged_from": recipe.judged_from,
        "data": {
            "sha256": table.digest(),
            "objects": len(table),
            "examples": len(examples.picks),
            "whole_windows": {name: whole[name] for name in recipe.data.sets if (source == name).any()},
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


def _surroundings(examples: Examples) -> Figures:
    """How many objects borrow context, from how many; of each class how many have, of their own, what only some objects have."""
    context = examples.table.context
    own = ~examples.borrowed & (context.lengths > 0 if context is not None else False)
    some = np.isfinite(examples.matrix[:, np.isin(examples.inputs, examples.sometimes)]).any(axis=1)
    known = np.zeros(len(examples.table), dtype=np.bool_)
    known[examples.picks.row[some]] = True
    counts = np.bincount(examples.truth[known & own], minlength=len(examples.leaves)).tolist()
    return {
        "borrowed": int(examples.borrowed.sum()),
        "lenders": len(np.unique(examples.lender[examples.borrowed])),
        "sometimes": dict(zip((leaf.name for leaf in examples.leaves), counts, strict=True)) if examples.sometimes else {},
    }


def served(classifier: LightGBMClassifier, examples: Examples, among: Bools) -> Said:
    """What the serving classifier says of the alerts `among`."""
    result = Said.nothing(len(examples.picks), len(examples.leaves))
    rows = np.flatnonzero(among)
    scores = classifier.scores(examples.matrix[rows], examples.n_detections[rows])
    result.among[rows] = True
    result.probability[rows] = scores.leaves
    result.state[rows] = scores.state
    result.class_id[rows] = scores.class_id
    if scores.possible is not None:
        result.possible[rows] = scores.possible
    return result


def section(recipe: Recipe, examples: Examples, said: Said) -> Figures:
    """Scores over the objects that were scored: one random alert of each, then one in each bin of detections and of age."""
    enough = said.among & (examples.n_detections >= recipe.min_detections)
    names = [leaf.name for leaf in examples.leaves]
    chosen = examples.one_each(enough, recipe.seed)
    answers = _answers(examples, chosen, said.probability)

    def those(inside: Bools) -> Figures:
        return figures(
            _answers(examples, examples.one_each(enough & inside, recipe.seed), said.probability),
            names,
            recipe.judged_from,
            recipe.seed,
        )

    by_detections = {}
    for name, first, last in DETECTION_BINS:
        inside = enough & (examples.n_detections >= first) & (examples.n_detections <= last)
        some = _answers(examples, examples.one_each(inside, recipe.seed), said.probability)
        by_detections[name] = {**figures(some, names, recipe.judged_from, recipe.seed), "reliability": reliability(some)}
    return {
        "overall": figures(answers, names, recipe.judged_from, recipe.seed),
        "in_stream_mixture": figures(_mixed(recipe, examples, answers), names, recipe.judged_from, recipe.seed),
        "all_alerts": _all_alerts(recipe, examples, said, enough),
        "by_detections": by_detections,
        "at_detections": {str(n): those(examples.n_detections == n) for n in EXACTLY},
        "by_age": {name: those((examples.age >= low) & (examples.age < high)) for name, low, high in AGE_BINS},
        "up_to_age": {_named(age): those(_latest(examples, enough, age)) for age in UP_TO},
        "uncertainty": _uncertainty(recipe, examples, said, enough),
        "rare": _rare(recipe, examples, said, enough),
        "confusion": confusion(answers, len(names)),
        "reliability": reliability(answers),
    }


def _all_alerts(recipe: Recipe, examples: Examples, said: Said, enough: Bools) -> Figures:
    """Scores over all alerts: of the most probable class, and of the class that is most probable for its share of the training."""
    chosen = np.flatnonzero(enough)
    answers = _answers(examples, chosen, said.probability)
    share = np.bincount(examples.truth, weights=examples.weight, minlength=len(examples.leaves))
    balanced = replace(answers, probability=answers.probability / np.sqrt(share / share.sum()))
    owner = examples.picks.row[chosen]
    return {
        name: of_all_alerts(some, owner, len(examples.leaves), recipe.seed)
        for name, some in (("most_probable", answers), ("balanced", balanced))
    }


def _named(age: float) -> str:
    return "all" if np.isinf(age) else f"{age:g}"


def _latest(examples: Examples, among: Bools, age: float) -> Bools:
    """bool[m], for each object its last example `among` that is not older than `age` days."""
    places = np.flatnonzero(among & (examples.age <= age))
    order = places[np.lexsort((examples.age[places], examples.picks.row[places]))]
    row = examples.picks.row[order]
    latest = np.zeros(len(examples.picks), dtype=np.bool_)
    latest[order[np.append(row[1:] != row[:-1], True)] if len(order) else order] = True
    return latest


def _uncertainty(recipe: Recipe, examples: Examples, said: Said, enough: Bools) -> Figures:
    """Conformal sets and abstention, over all and by the detections in the window."""
    names = [leaf.name for leaf in examples.leaves]
    ids = [leaf.id for leaf in examples.leaves]
    bins = (("all", 1, 2**62), ("1-2", 1, 2), ("3-5", 3, 5), ("6+", 6, 2**62), *DETECTION_BINS)
    found: Figures = {}
    for name, first, last in bins:
        inside = enough & (examples.n_detections >= first) & (examples.n_detections <= last)
        chosen = examples.one_each(inside, recipe.seed)
        answers = _answers(examples, chosen, said.probability)
        found[name] = {
            "sets": coverage.sets(said.possible[chosen], answers.truth, names),
            "answered": coverage.answered(
                answers, said.state[chosen].astype(np.int64), said.class_id[chosen].astype(np.int64), ids, recipe.seed
            ),
        }
    return found


def _rare(recipe: Recipe, examples: Examples, said: Said, enough: Bools) -> Figures:
    """Average precision of SN Ia against all others after a few detections; empty if the model does not know the class."""
    names = [leaf.name for leaf in examples.leaves]
    if _RARE not in names:
        return {}
    place = names.index(_RARE)
    at = {}
    for n in _RARE_AT:
        chosen = examples.one_each(enough & (examples.n_detections == n), recipe.seed)
        is_rare = examples.truth[examples.picks.row[chosen]] == place
        at[str(n)] = average_precision(said.probability[chosen, place], is_rare, recipe.seed)
    return {"class": _RARE, "at_detections": at}


def baselines(recipe: Recipe, examples: Examples, model: Said, kept: Kept, progress: Callable[[str], None]) -> Figures:
    """What ignorance scores: the commonest class, counts of detections, the pattern of undefined features; and the model beside it.

    All on the same objects: those of the first few rotations.
    """
    names = [leaf.name for leaf in examples.leaves]
    rotations = min(recipe.split.rotations, _BASELINE_ROTATIONS)
    tested = np.zeros(len(examples.picks), dtype=np.bool_)
    for rotation in range(rotations):
        tested |= examples.of_part(recipe, Part.TEST, rotation)
    chosen = examples.one_each(tested & model.among & (examples.n_detections >= recipe.min_detections), recipe.seed)
    common = int(np.bincount(examples.truth).argmax())
    always = np.zeros((len(examples.picks), len(names)))
    always[:, common] = 1.0
    result: dict[str, object] = {
        "model": _headline(recipe, examples, chosen, model.probability),
        "commonest_class": {"answer": names[common], **_headline(recipe, examples, chosen, always)},
    }
    for name, blind in (("counts_only", counts_only(examples)), ("nan_pattern", nan_pattern(examples))):
        progress(f"baseline: {name}")
        models = grown(recipe, blind, rotations, kept, lambda _: None)
        result[name] = _headline(recipe, examples, chosen, _plain(recipe, blind, models))
    return result


def _plain(recipe: Recipe, examples: Examples, models: list[Grown]) -> Float64s:
    """float64[m, k] probabilities without temperatures, by the model that tests each alert."""
    raw = unseen(recipe, examples, models)
    with np.errstate(invalid="ignore"):
        return Calibration.single(1.0).probabilities(raw, examples.n_detections)


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
