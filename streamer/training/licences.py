"""What a model would be without the light curves that are from places which state no licence: the scores of both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streamer.classify.calibration import Calibration
from streamer.data.arrays import Float64s, Int64s
from streamer.training.crossfit import Grown, grown
from streamer.training.fit import Examples, alerts_where
from streamer.training.kept import Kept
from streamer.training.markdown import Tree, interval, table
from streamer.training.metrics import Answers, Figures, figures
from streamer.training.neighbourhood import light_curve_only
from streamer.training.recipe import Recipe
from streamer.training.split import Part

_ROTATION = 0
_ASK_HERE = '`data.licence = "stated"`'
_ASK = f"{_ASK_HERE} in the recipe"


def licences(recipe: Recipe, examples: Examples, shipped: Grown, kept: Kept, progress: Callable[[str], None]) -> Figures:
    """Which sets state a licence, and the model beside one of what is left without the others; JSON-able.

    Both are trees of one rotation without temperatures, on the same test objects: those that remain. What is asked is which class
    is named, and one rotation is enough to see whether anything is lost.

    Parameters
    ----------
    recipe : Recipe
    examples : Examples
    shipped : Grown
        The trees of the rotation that the shipped model is of.
    kept : Kept
    progress : callable of str
    """
    objects = examples.table.licensed()
    counts = np.bincount(examples.truth[objects], minlength=len(examples.leaves))
    remain = objects & (counts >= recipe.data.min_objects)[examples.truth]
    names = [leaf.name for leaf in examples.leaves]
    among = remain[examples.picks.row]
    fewer = alerts_where(examples, among)
    found: Figures = {
        "asked": recipe.data.licence,
        "sets": _sets(examples),
        "objects": int(remain.sum()),
        "classes": {name: int(count) for name, count in zip(names, counts.tolist(), strict=True)},
        "min_objects": recipe.data.min_objects,
        "borrowed": False,
        "with": None,
        "without": None,
    }
    parts = {part: int(fewer.of_part(recipe, part, _ROTATION).sum()) for part in Part}
    if objects.all() or np.count_nonzero(counts >= recipe.data.min_objects) < 2 or not all(parts.values()):
        return found
    progress("without what states no licence")
    if examples.borrowed.any():  # perhaps from what is left out
        found["borrowed"] = True
        fewer = light_curve_only(recipe, fewer)
    model = grown(recipe, fewer, 1, kept, lambda _: None)[_ROTATION]
    chosen = fewer.one_each(fewer.of_part(recipe, Part.TEST, _ROTATION), recipe.seed)
    everything = np.flatnonzero(among)[chosen]
    for name, raw in (("with", shipped.raw[everything]), ("without", model.raw[chosen])):
        found[name] = _scores(recipe, fewer, chosen, raw)
    return found


def _sets(examples: Examples) -> list[Figures]:
    licensed, source = examples.table.licensed(), examples.table.source
    return [
        {
            "set": origin.name,
            "licence": origin.licence,
            "objects": int((source == origin.name).sum()),
            "licensed": int(licensed[source == origin.name].sum()),
        }
        for origin in examples.table.origins
    ]


def _scores(recipe: Recipe, examples: Examples, chosen: Int64s, raw: Float64s) -> Figures:
    row = examples.picks.row[chosen]
    probability = Calibration.single(1.0).probabilities(raw, examples.n_detections[chosen])
    answers = Answers(examples.truth[row], probability, np.ones(len(row)), np.ones(len(row)))
    found = figures(answers, [leaf.name for leaf in examples.leaves], recipe.judged_from, recipe.seed)
    return {name: found[name] for name in ("objects", "accuracy", "macro_f1", "macro_f1_classes")}


def section(evaluation: Tree) -> list[str]:
    """The part of the report, Markdown; nothing for an evaluation that does not tell."""
    found = evaluation.get("licences")
    if not found:
        return []
    rows = [(f"`{one['set']}`", one["licence"], str(one["objects"]), str(one["licensed"])) for one in found["sets"]]
    head = ("set", "licence stated there", "objects", "from places that state one")
    return ["## Licences", table(head, rows), *_compared(found)]


def _compared(found: Tree) -> list[str]:
    objects, licensed = (sum(one[name] for one in found["sets"]) for name in ("objects", "licensed"))
    if objects == licensed and found["asked"] == "stated":
        return [f"The recipe says {_ASK_HERE}; what it left out is counted under *Data*."]
    if objects == licensed:
        return [f"All of it is from places that state a licence: {_ASK} would leave nothing out, and change no score."]
    if found["with"] is None:
        text = (
            f"With {_ASK} too little would remain to learn from: {licensed} objects, in fewer than two classes of "
            f"{found['min_objects']} or more, or none in some part of the split. So there are no scores to compare."
        )
        return [text]
    gone = [name for name, count in found["classes"].items() if count < found["min_objects"]]
    among = len(found["with"]["macro_f1_classes"])
    text = (
        f"With {_ASK}, {found['objects']} objects would remain"
        + (f", and the classes {', '.join(gone)} would not" if gone else "")
        + f". Both ways of training, on the {found['with']['objects']} test objects among those: one random alert each, trees of "
        f"one rotation, without temperatures; macro-F1 over the {among} classes among them. The first may also name a class that "
        "is not among them." + (" The second has no context, since that was borrowed." if found["borrowed"] else "")
    )
    rows = [
        (name, interval(found[key]["accuracy"]), interval(found[key]["macro_f1"]))
        for name, key in (("all objects", "with"), ("those from places that state a licence", "without"))
    ]
    return [text, table(("trained with", "accuracy", "macro-F1"), rows)]
