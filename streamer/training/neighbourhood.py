"""What context is worth: a model with it and the same model without, on the objects whose context is their own.

Objects that borrowed their context cannot tell, since their lender was of like kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from streamer import features
from streamer.training.crossfit import Said, grown, said
from streamer.training.doubt import abstention_table, coverage_table, set_size_table
from streamer.training.evaluate import section
from streamer.training.fit import Examples
from streamer.training.kept import Kept
from streamer.training.markdown import Tree, interval, table
from streamer.training.metrics import Figures
from streamer.training.recipe import Recipe
from streamer.training.windows import alerts_of

JUDGED_FROM = 8
"""Objects of a class from which it is averaged over: few have context of their own."""
_AGES = ("16", "32", "all")


def neighbourhood(recipe: Recipe, examples: Examples, judged: Said, kept: Kept, progress: Callable[[str], None]) -> Figures | None:
    """Cross-fitted scores with and without context, on objects that borrowed nothing; JSON-able, None if no object borrowed any."""
    if not examples.borrowed.any():
        return None
    progress("the same model without context")
    blind = light_curve_only(recipe, examples)
    without = said(recipe, blind, grown(recipe, blind, recipe.split.rotations, kept, lambda _: None))
    own = ~examples.borrowed[examples.picks.row]
    few = recipe.model_copy(update={"judged_from": JUDGED_FROM})
    return {
        "borrowed": int(examples.borrowed.sum()),
        "judged_from": JUDGED_FROM,
        **{
            name: section(few, examples, replace(answers, among=answers.among & own))
            for name, answers in (("with", judged), ("without", without))
        },
    }


def light_curve_only(recipe: Recipe, examples: Examples) -> Examples:
    """The same examples with nothing known but the difference fluxes of their detections: all other inputs are undefined."""
    alerts = alerts_of(examples.table, examples.picks, recipe.view, "detections")
    matrix = features.compute(alerts, examples.inputs, recipe.inputs.period_budget)
    return replace(examples, matrix=matrix, sometimes=(), lender=np.full(len(examples.table), -1, dtype=np.int64))


def paragraphs(evaluation: Tree) -> list[str]:
    """The part of the report; nothing where no object borrowed."""
    found = evaluation.get("neighbourhood")
    if not found:
        return []
    text = (
        f"{found['borrowed']} objects, of sets without context, borrowed that of an object of like kind from their own slice; over "
        f"all slices {evaluation.get('lenders', 'few')} lend, so that many objects stand in one place. What "
        "context is worth can be asked of the others: the same recipe with it, and without, on the objects whose context is their "
        f"own. Averages are over classes with {found['judged_from']} or more objects."
    )
    return [
        "## What context is worth",
        text,
        _scores(found),
        "With context, on these objects:",
        abstention_table(found["with"]),
        coverage_table(found["with"]),
        set_size_table(found["with"]),
        "Without:",
        abstention_table(found["without"]),
    ]


def _scores(found: Tree) -> str:
    rows = []
    for name, key in (("with context", "with"), ("light curve alone", "without")):
        part = found[key]
        rows.append((name, "one random alert", *_row(part["overall"])))
        rows += [
            (name, f"{bin_} detection{'s' if bin_ != '1' else ''}", *_row(part["by_detections"][bin_]))
            for bin_ in part["by_detections"]
        ]
        rows += [(name, f"by {age} days" if age != "all" else "latest alert", *_row(part["up_to_age"][age])) for age in _AGES]
    return table(("", "which alert", "objects", "accuracy", "macro-F1", "of classes"), rows)


def _row(figures: Tree) -> tuple[str, ...]:
    n_judged = len(figures["judged_classes"])
    return (
        str(figures["objects"]),
        interval(figures["accuracy"]),
        interval(figures["macro_f1_judged"]) if n_judged > 1 else "–",
        str(n_judged),
    )
