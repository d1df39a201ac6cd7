"""The parts of card and report: paragraphs and tables, Markdown; every figure in them comes from the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamer.classify.conformal import LEVEL
from streamer.classify.manifest import Manifest
from streamer.training import doubt
from streamer.training.markdown import Tree, bullets, ece, interval, table
from streamer.training.windows import AGES, COUNTS, LADDER

_LITTLE = 0.3
"""F1 below which an answer of a class should not be used on its own."""
CALIBRATION = (
    "Expected calibration error of the answer, in equal-mass bins and in the mixture of classes that the probabilities assume; "
    "the noise floor is what perfect calibration would show with so many objects."
)
_IGNORANCE = (
    ("the model, on the objects of the rows below", "model"),
    ("always the commonest class", "commonest_class"),
    ("only how many detections in which band", "counts_only"),
    ("only which features are undefined", "nan_pattern"),
)
_REAL_FALLS_SHORT = "The light curves are simulated: on real alerts every figure will be worse, by how much nobody knows yet."
_FEW_EXAMPLES = 100
"""Alerts of a class below which it is said that there are few to learn from."""
_TOLD_APART = 0.7
"""AUC from which it is said that objects of a class betray their set."""
_SCORE_COLUMNS = ("objects", "accuracy", "macro-F1", "macro-F1 of judged classes, how many", "ECE (noise floor)")


def best_section(evaluation: Tree) -> Tree:
    """The scores over most objects: cross-fitted if there are any, else those of the bundle's own test part."""
    section: Tree = evaluation.get("cross_fitted") or evaluation["held_out"]
    return section


def summary(evaluation: Tree, manifest: Manifest) -> str:
    """What the model answers, from what, and what it was made with."""
    kind = "**simulated** light curves only" if evaluation["simulated"] else "real light curves"
    return (
        f"Says what kind of variable or transient {_shown(evaluation, manifest.survey)}. "
        f"Answers with one of {len(manifest.leaves)} classes ({', '.join(evaluation['leaves'])}) from "
        f"{manifest.min_detections} detection{'s' if manifest.min_detections > 1 else ''} up. Trained on {kind}; training data "
        f"SHA-256 `{manifest.data_hash}`, seed {manifest.seed}, {manifest.trees} trees."
    )


def _shown(evaluation: Tree, survey: str) -> str:
    """Of what the model tells the class, and from what."""
    if evaluation.get("view") == "history":
        return f"an object of {survey} is, from everything that is known of its light curve up to an epoch"
    days = f"the light curve that its packet carries ({evaluation['window_days']:g} days)"
    if reads_context(evaluation):
        return f"an alert of {survey.upper()} shows, from {days} and what the packet says of its surroundings; no position"
    return f"an alert of {survey.upper()} shows, from {days} and nothing else: no context, no position, no limits"


def reads_context(evaluation: Tree) -> bool:
    """Whether the model sees more than detections."""
    return bool(evaluation.get("contents", "detections") != "detections")


def mixture(evaluation: Tree) -> str:
    """How the classes stand when answers are weighted by the recipe's shares."""
    shares = set(evaluation["priors"]["shares"].values())
    return "with all classes alike" if len(shares) == 1 else "as the stream mixes the classes"


def how_measured(evaluation: Tree) -> str:
    """How objects were divided and scored, and what the figures mean."""
    parts = evaluation["data"]["parts"]
    text = (
        "Objects are divided by group, so that no object (nor the same supernova from another set) is on two sides: "
        + ", ".join(f"{count} {part}" for part, count in parts.items())
        + ". The score of an object is that of one random alert of it, or of one in each bin of detections. Intervals are 95 % "
        "bootstrap intervals over objects. "
        f"Classes with fewer than {evaluation['judged_from']} test objects are shown but not judged."
    )
    text += (
        " Models that see only how many detections there are, or only *which* features are undefined, stand beside the real one: "
        "what they score is the worth of the sampling and of missing values, which come from the sky but also from how the sets "
        "were made. (Undefined features also tell the sign of the flux, since colours need two fluxes of one sign.)"
    )
    if evaluation.get("cross_fitted"):
        text += (
            " *Held out* is the shipped bundle on its own test part. *Cross-fitted* rotates the four parts, so that every object "
            "is tested once by a model of the same recipe that never saw it; unless said otherwise, tables show that."
        )
    if evaluation["priors"]["pull"] < 1:
        text += (
            " Calibration (ECE) is judged in the mixture of classes that the probabilities assume; in another one, as in the rows "
            "that name one, it cannot be as good."
        )
    return text


def headline_table(evaluation: Tree) -> str:
    """Scores over all objects, with what ignorance would score."""
    rows = []
    for name, key in (("held out", "held_out"), ("cross-fitted", "cross_fitted")):
        if section := evaluation.get(key):
            rows.append(_headline_row(name, section["overall"]))
            rows.append(_headline_row(f"{name}, {mixture(evaluation)}", section["in_stream_mixture"]))
    for name, key in _IGNORANCE:
        if key in evaluation.get("baselines", {}):
            rows.append(_headline_row(f"*{name}*", evaluation["baselines"][key]))
    return table(("", *_SCORE_COLUMNS), rows)


def _headline_row(name: str, figures: Tree) -> tuple[str, ...]:
    return (name, str(figures["objects"]), *_scores(figures))


def _scores(figures: Tree) -> tuple[str, ...]:
    calibration = ece(figures["ece"]) if "ece" in figures else "–"
    n_judged = len(figures["judged_classes"])
    judged = f"{interval(figures['macro_f1_judged']) if n_judged > 1 else '–'}, {n_judged}"  # of one class it would be no mean
    return (interval(figures["accuracy"]), interval(figures["macro_f1"]), judged, calibration)


ALL_ALERTS = (
    "One random alert of each object is what a person meets; over *all* alerts, each object having one vote that its alerts share, "
    "chance weighs less. *Balanced* names the class whose probability, over the square root of its share of the training, is "
    "greatest: rare classes are named more often, at the price of accuracy. What is named in the end is decided by conformal sets."
)


def all_alerts_table(section: Tree) -> str:
    """Scores over all alerts, by two rules for naming a class."""
    rows = [
        (name, str(found["objects"]), str(found["alerts"]), interval(found["accuracy"]), interval(found["macro_f1"]))
        for name, found in (
            ("most probable class", section["all_alerts"]["most_probable"]),
            ("balanced", section["all_alerts"]["balanced"]),
        )
    ]
    return table(("the class named", "objects", "alerts", "accuracy", "macro-F1"), rows)


def detections_table(section: Tree) -> str:
    """Scores by the detections in the alert's window."""
    rows = [(name, str(bin_["objects"]), *_scores(bin_)) for name, bin_ in section["by_detections"].items()]
    return table(("detections", *_SCORE_COLUMNS), rows)


def class_table(evaluation: Tree, section: Tree) -> str:
    """Precision, recall and F1 of each class, with its objects."""
    classes = section["overall"]["classes"]
    rows = [
        (
            leaf if classes[leaf]["objects"] >= evaluation["judged_from"] else f"*{leaf}* (not judged)",
            str(classes[leaf]["objects"]),
            *(interval(classes[leaf][name]) for name in ("precision", "recall", "f1")),
        )
        for leaf in evaluation["leaves"]
    ]
    return table(("class", "objects", "precision", "recall", "F1"), rows)


def stages_table(bins: Tree, first: str) -> str:
    """Scores in bins of anything; `first` is the name of the first column."""
    rows = [(name, str(found["objects"]), *_scores(found)) for name, found in bins.items()]
    return table((first, *_SCORE_COLUMNS), rows)


def rare_table(section: Tree) -> str:
    """Average precision of the class that is asked for most, after a few detections."""
    found = section["rare"]
    rows = [
        (n, str(at["objects"]), str(at["ones"]), interval(at), "–" if at["chance"] is None else f"{at['chance']:.3f}")
        for n, at in found["at_detections"].items()
    ]
    return table(("detections", "objects", found["class"], "average precision", "by chance"), rows)


def f1_table(evaluation: Tree, section: Tree) -> str:
    """F1 of each class, and its objects, by the detections in the window."""
    bins = section["by_detections"]
    rows = [
        (leaf, *(f"{interval(found['f1'])}, {found['objects']}" for bin_ in bins.values() for found in [bin_["classes"][leaf]]))
        for leaf in evaluation["leaves"]
    ]
    return table(("F1, objects", *(f"{name} detection{'s' if name != '1' else ''}" for name in bins)), rows)


def calibration_table(section: Tree) -> str:
    """Calibration error over all, and by the detections in the window."""
    rows = [("all", ece(section["overall"]["ece"]))]
    rows += [(name, ece(bin_["ece"])) for name, bin_ in section["by_detections"].items()]
    return table(("detections", "ECE (noise floor)"), rows)


def confusion_table(leaves: Sequence[str], rows: Sequence[Sequence[int]]) -> str:
    """Objects by true class and answer."""
    return table(("true class ↓ answer →", *leaves), [(leaf, *map(str, row)) for leaf, row in zip(leaves, rows, strict=True)])


def training_sets(manifest: Manifest) -> str:
    """The data sets with licences and citations."""
    rows = [
        (f"`{part.name}`", str(part.objects), str(part.examples), part.source, part.licence, part.citation)
        for part in manifest.training
    ]
    return table(("set", "objects", "examples", "what and from where", "licence stated there", "cite"), rows)


def classes_table(evaluation: Tree) -> str:
    """What each class was learned from."""
    rows = [
        (leaf, str(entry["objects"]), str(entry["examples"]), _counts(entry["by_set"]), _counts(entry["by_provenance"]))
        for leaf, entry in evaluation["data"]["classes"].items()
    ]
    return table(("class", "objects", "alerts", "objects from", "labels"), rows)


def whole_windows(evaluation: Tree) -> str:
    """Which alerts are examples, and why not all."""
    if evaluation.get("view") == "history":
        return (
            "An example is an object with everything up to one of its detections: number "
            + ", ".join(map(str, COUNTS))
            + ", the last one within "
            + ", ".join(f"{age:g}" for age in AGES[:-1])
            + " days of the first, and the last of all. The same detection is one example."
        )
    sets = evaluation["data"]["whole_windows"]
    return (
        "An example is an alert with all that its packet carries. An alert whose window is known only in part is none, since the "
        "stream has no such windows. Of an object's alerts with a whole window, "
        + ", ".join(f"number {n}" if n == LADDER[0] else str(n) for n in LADDER)
        + " and the last are examples: an object with a full history is seen young and old, one known from a single collected "
        "packet only as that packet caught it. Whole windows have\n\n"
        + bullets(f"of `{name}`: {text}." for name, text in sets.items())
    )


def on_real_packets(evaluation: Tree, level: str) -> list[str]:
    """For each set of labelled packets a heading, a paragraph and a table."""
    return [text for found in evaluation.get("real_packets", ()) for text in _packets_text(found, level)]


def _packets_text(found: Tree, level: str) -> tuple[str, ...]:
    rows = [
        (
            row["class"],
            row["detections"],
            *(str(row[name]) for name in ("alerts", "objects", "right")),
            "–" if row["probability_of_class"] is None else f"{row['probability_of_class']:.3f}",
            _counts(row["answers"]),
        )
        for row in found["rows"]
    ]
    text = (
        f"The model tried on `{found['set']}`: {found['what']} ({found['source']}; licence stated there: {found['licence']}; "
        f"cite {found['citation']}), through the pipeline that serves. **{found['alerts']} alerts of {found['objects']} objects, "
        f"{found['right']} answered rightly**: far too few for an interval or a score by class, and matched by position; they show "
        "how the model behaves, not how good it is."
    )
    head = ("class", "detections", "alerts", "objects", "right", "mean probability of the class", "answers")
    return f"{level} On real packets with a known class", text, table(head, rows)


def priors(evaluation: Tree) -> str:
    """Which mixture of classes the probabilities assume."""
    assumed = evaluation["priors"]
    shares = assumed["shares"]
    text = ", ".join(f"{leaf} {share:.2%}" for leaf, share in shares.items()) if len(set(shares.values())) > 1 else "all equal"
    return (
        f"Probabilities assume a mixture between what the sets hold and the shares of the recipe: a class weighs "
        f"share^{assumed['pull']:g} × objects^{1 - assumed['pull']:g}. Shares: {text}. Source of the shares: "
        f"{' '.join(assumed['source'].split())}."
    )


def dropped(evaluation: Tree) -> str:
    """What of the data was left out, why, and how much."""
    rows = [(f"`{entry['set']}`", entry["what"], entry["reason"], str(entry["count"])) for entry in evaluation["data"]["dropped"]]
    return table(("set", "what", "why", "how many"), rows) if rows else "Nothing was left out."


def warnings(evaluation: Tree) -> list[str]:
    """What not to trust, a sentence each."""
    best = best_section(evaluation)
    classes = best["overall"]["classes"]
    few = [leaf for leaf in evaluation["leaves"] if classes[leaf]["objects"] < evaluation["judged_from"]]
    weak = [leaf for leaf in evaluation["leaves"] if leaf not in few and (classes[leaf]["f1"]["value"] or 0.0) < _LITTLE]
    lines = [_REAL_FALLS_SHORT] if evaluation["simulated"] else []
    if few:
        lines.append(f"Too few test objects to judge: {', '.join(few)}.")
    if weak:
        lines.append(f"F1 below {_LITTLE:g}, so that an answer is more often wrong than right or mostly missed: {', '.join(weak)}.")
    scarce = [leaf for leaf, entry in evaluation["data"]["classes"].items() if entry["examples"] < _FEW_EXAMPLES]
    if scarce:
        lines.append(f"Learned from fewer than {_FEW_EXAMPLES} alerts: {', '.join(scarce)}.")
    lines += _by_position(evaluation) + _reobserved(evaluation) + _borrowed(evaluation)
    lines += [
        f"With {name} detection{'s' if name != '1' else ''} the macro-F1 is {interval(bin_['macro_f1'])}."
        for name, bin_ in best["by_detections"].items()
        if (bin_["macro_f1"]["value"] or 0.0) < _LITTLE
    ]
    lines += _untried(evaluation, best)
    if short := doubt.short_of(best, LEVEL):
        lines.append(f"Conformal sets hold fewer than {LEVEL:.0%} of the objects of: {', '.join(short)}.")
    if short := doubt.short_at(best, LEVEL):
        lines.append(
            f"Conformal sets hold the class of fewer than {LEVEL:.0%} of alerts with so many detections: {', '.join(short)}."
        )
    lines += [
        f"Within {row['class']} a model tells the sets apart with AUC {interval(row['auc'])}."
        for row in evaluation["pitfalls"]["origin"]
        if row["auc"]["low"] > _TOLD_APART
    ]
    if len(evaluation["data"]["classes"]) and not evaluation["simulated"]:
        lines += _one_sided(evaluation)
    return lines


def _untried(evaluation: Tree, section: Tree) -> list[str]:
    """For each bin of detections the classes that have too few test objects there, though not everywhere."""
    overall = section["overall"]["judged_classes"]
    lines = []
    for name, bin_ in section["by_detections"].items():
        if few := [leaf for leaf in overall if leaf not in bin_["judged_classes"]]:
            noun = "detection" if name == "1" else "detections"
            counts = ", ".join(f"{leaf} {bin_['classes'][leaf]['objects']}" for leaf in few)
            lines.append(f"With {name} {noun} there are fewer than {evaluation['judged_from']} test objects of: {counts}.")
    return lines


def _by_position(evaluation: Tree) -> list[str]:
    """Classes most of whose labels are machine matches by position."""
    classes = evaluation["data"]["classes"]
    loose = [leaf for leaf, entry in classes.items() if 2 * entry["by_provenance"].get("position", 0) > entry["objects"]]
    return [f"Labels are mostly catalogue matches by position, some of them wrong: {', '.join(loose)}."] if loose else []


def _reobserved(evaluation: Tree) -> list[str]:
    """Classes most of whose light curves are those of other surveys, as ours would have seen them."""
    classes = evaluation["data"]["classes"]
    made = [leaf for leaf, entry in classes.items() if 2 * entry["by_provenance"].get("re-observed", 0) > entry["objects"]]
    return [f"Learned mostly from other surveys' light curves, re-observed: {', '.join(made)}."] if made else []


def _borrowed(evaluation: Tree) -> list[str]:
    """What is said where context is another object's."""
    lines = []
    if count := evaluation.get("borrowed", 0):
        objects, lenders = evaluation["data"]["objects"], evaluation.get("lenders", "few")
        lines.append(
            f"The context of {count} of {objects} objects is borrowed from {lenders} others of like kind: scores, calibration and "
            "sets over all objects hang on those; see what it is worth on objects with context of their own. The model is right "
            "or wrong about all together that stand in one neighbourhood: for the sets they count as one, but intervals take them "
            "for independent, and are too narrow."
        )
    enough, known = evaluation["judged_from"], evaluation.get("sometimes", {})
    if few := {leaf: number for leaf, number in known.items() if number < enough}:
        lines.append(f"Fewer than {enough} objects have of their own what only some objects have as inputs, of: {_counts(few)}.")
    return lines


def _one_sided(evaluation: Tree) -> list[str]:
    """Sets that (nearly) own their classes: there the model may have learned the set instead of the class."""
    classes = evaluation["data"]["classes"]
    owners: dict[str, list[str]] = {}
    for leaf, entry in classes.items():
        name, count = max(entry["by_set"].items(), key=lambda item: item[1])
        if count >= 0.9 * entry["objects"]:
            owners.setdefault(name, []).append(leaf)
    if len(owners) < 2:
        return []
    return [
        f"Nearly all objects of {', '.join(leaves)} are from `{name}`: how that set was chosen may pass for a trait of the class."
        for name, leaves in owners.items()
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
