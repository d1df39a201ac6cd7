"""The parts of card and report that ask what else a model may have learned, and whether its inputs earn their place; Markdown."""

from __future__ import annotations

from streamer.training.markdown import Tree, difference, interval, table

_SELECTION = (
    "Of all features of the families, those with the least gain in training went, step by step; of each number of inputs a model "
    "was grown, and judged on validation objects. Taken were the fewest inputs whose log loss is no more than one standard error, "
    "that of the difference on the same objects, above the lowest. The bundle's manifest names them."
)
_BLIND = ", without context (it is borrowed, and objects of the past and of the future share lenders)"
_LENDERS = (
    " Objects that borrowed their context are not among them: those of one slice share a few lenders, and would be known by them."
)
_FAMILIES = (
    "The model grown without each family of inputs, on {objects} validation objects. A loss that rises, or a macro-F1 that falls, "
    "without a family speaks for it, as far as it is beyond the standard error of the difference, or the interval, on the same "
    "objects. Families tell much of the same, so that of two that could stand in for each other neither is missed."
)


def pitfalls(evaluation: Tree) -> list[str]:
    """What betrays the survey of origin, the split, and which objects are the same."""
    found = evaluation["pitfalls"]
    paragraphs = [_origins(found["origin"])]
    split = found["split"]
    paragraphs.append(
        f"A model that tells the {split['test']} test objects from the {split['others']} others by their inputs has AUC "
        f"{interval(split['auc'])}; .5 is chance, as a split by a hash of the group should have."
        + (_LENDERS if evaluation.get("borrowed") else "")
    )
    pairs = found["duplicates"]["pairs"]
    paragraphs.append(
        "No two objects of different groups share three or more points."
        if not pairs
        else f"{pairs} pairs of objects of different groups share three or more points, {found['duplicates']['first']} first."
    )
    paragraphs.append(
        "No input may be, and a recipe that asks for one is refused: " + ", ".join(f"`{name}`" for name in found["forbidden"]) + "."
    )
    return paragraphs


def _origins(origins: list[Tree]) -> str:
    if not origins:
        return "No class has eight or more objects of each of two sets, so that within a class no set can be told from another."
    rows = [
        (row["class"], ", ".join(f"`{name}` {count}" for name, count in row["objects"].items()), interval(row["auc"]))
        for row in origins
    ]
    return (
        "How well a model tells, *within* a class, from which set an object is (AUC; .5 is not at all). Where it is high, and sets "
        "differ in what classes they hold, a class may be recognised by its set:\n\n" + table(("class", "objects", "AUC"), rows)
    )


def ablation(evaluation: Tree) -> list[str]:
    """The model without each family of inputs, on validation objects."""
    rows = evaluation["ablation"]
    if not rows:
        return []
    text = [
        (
            row["name"],
            str(row["inputs"]),
            f"{row['loss']:.4f}",
            f"{row['excess']:+.4f} ± {row['error']:.4f}" if "excess" in row else "–",
            f"{row['macro_f1']:.3f}",
            difference(row["gained"]) if "gained" in row else "–",
        )
        for row in rows
    ]
    return [
        "## Which inputs earn their place",
        _FAMILIES.format(objects=rows[0]["objects"]),
        table(("", "inputs", "log loss", "change", "macro-F1", "change"), text),
    ]


def selection(evaluation: Tree) -> list[str]:
    """How many inputs were tried, and how many were taken."""
    rows = evaluation.get("selection")
    if not rows:
        return []
    text = [
        (
            f"**{row['inputs']}**, taken" if row["chosen"] else str(row["inputs"]),
            f"{row['loss']:.4f}",
            f"{row['excess']:+.4f} ± {row['error']:.4f}" if row["excess"] else "lowest",
            f"{row['macro_f1']:.3f}",
        )
        for row in rows
    ]
    return ["## How many inputs", _SELECTION, table(("inputs", "log loss", "above the lowest", "macro-F1"), text)]


def tuning(evaluation: Tree) -> list[str]:
    """How the settings of the trees were found."""
    trees = ", ".join(f"{name} {value}" for name, value in evaluation["trees"].items())
    trials = evaluation["tuning"]["trials"]
    if not trials:
        return ["## Settings", f"Settings of the trees, those of the recipe: {trees}."]
    names = list(trials[0]["settings"])
    rows = [
        (str(number + 1), *(f"{trial['settings'][name]:g}" for name in names), f"{trial['loss']:.4f}", f"{trial['macro_f1']:.3f}")
        for number, trial in enumerate(trials)
    ]
    folds = evaluation["tuning"]["folds"]
    judged_on = "one validation slice" if folds == 1 else f"{folds} validation slices"
    found = (
        f"Of {len(trials)} trials on {judged_on} the one with the lowest log loss; the slice that tests the shipped bundle was in "
        f"none. Settings of the trees: {trees}."
    )
    return ["## Settings", found, table(("trial", *names, "log loss", "macro-F1"), rows)]


def temporal(evaluation: Tree) -> list[str]:
    """The model of the past on the objects of the future."""
    found = evaluation.get("temporal")
    if not found:
        return []
    overall = found["overall"]
    rows = [
        (
            leaf,
            str(found.get("learned_from", {}).get(leaf, "–")),
            str(entry["objects"]),
            *(interval(entry[name]) for name in ("precision", "recall", "f1")),
        )
        for leaf, entry in overall["classes"].items()
        if entry["objects"]
    ]
    without = _BLIND if found.get("without_context") else ""
    text = (
        f"A model of the same recipe{without}, grown with alerts before MJD {found['night']:g} of {found['trained_on']} objects, "
        f"on {overall['objects']} objects first detected after it: accuracy {interval(overall['accuracy'])}, macro-F1 over the "
        f"{len(overall['macro_f1_classes'])} classes among them {interval(overall['macro_f1'])}, over the "
        f"{len(overall['judged_classes'])} with {evaluation['judged_from']} or more objects "
        f"{interval(overall['macro_f1_judged'])}."
    )
    return ["## The past on the future", text, table(("class", "learned from", "objects", "precision", "recall", "F1"), rows)]
