"""The parts of card and report that say what a model does not know: calibration, abstention, conformal sets; Markdown."""

from __future__ import annotations

from streamer.training.markdown import Tree, ece, interval, table

SETS = (
    "A conformal set holds every class that an alert may be of. It is made for each class apart, so that at least 90 % of the "
    "alerts of *every* class, not only of the frequent ones, should have their class in the set. Intervals of the coverage are "
    "exact (Clopper–Pearson, 95 %). A set of one class is answered with that class, a larger one with the lowest common "
    "ancestor, an empty one with nothing."
)
_BINS = ("all", "1-2", "3-5", "6+")
_SIZES = ("all", "1-2", "1", "2", "3-5", "6-14", "15+")


def abstention_table(section: Tree) -> str:
    """What is answered at which depth, how often a named class is right, and how well calibrated what is named is."""
    rows = []
    for name in _BINS:
        found = section["uncertainty"][name]["answered"]
        n = found["objects"]
        states = found["states"]
        rows.append(
            (
                name,
                str(n),
                *(f"{states[state] / n:.1%}" if n else "–" for state in ("CLASSIFIED", "PARENT_ONLY", "NOT_CLASSIFIED")),
                interval(found["accuracy"]),
                ece(found["ece"]),
                ece(found["ece_of_all"]),
            )
        )
    head = (
        "detections",
        "objects",
        "a class named",
        "only a parent",
        "no answer",
        "named classes that are right",
        "ECE of what is named (noise floor)",
        "ECE of all (noise floor)",
    )
    return table(head, rows)


def coverage_table(section: Tree) -> str:
    """Coverage and size of the conformal sets by true class."""
    sets = section["uncertainty"]["all"]["sets"]
    rows = [(leaf, *_set_row(found)) for leaf, found in sets["classes"].items()]
    return table(
        ("true class", "objects", "coverage", "mean size", "empty", "of one class"), [("all", *_set_row(sets["overall"])), *rows]
    )


def set_size_table(section: Tree) -> str:
    """Coverage and size of the sets by the detections in the window."""
    rows = [(name, *_set_row(section["uncertainty"][name]["sets"]["overall"])) for name in _SIZES]
    return table(("detections", "objects", "coverage", "mean size", "empty", "of one class"), rows)


def short_of(section: Tree, level: float) -> list[str]:
    """Classes whose exact interval of the coverage lies wholly below `level`."""
    classes = section["uncertainty"]["all"]["sets"]["classes"]
    return [leaf for leaf, found in classes.items() if found["objects"] and found["coverage"]["high"] < level]


def short_at(section: Tree, level: float) -> list[str]:
    """Numbers of detections at which the exact interval of the coverage over all classes lies wholly below `level`."""
    found = {name: section["uncertainty"][name]["sets"]["overall"] for name in _SIZES}
    return [name for name, sets in found.items() if sets["objects"] and sets["coverage"]["high"] < level]


def _set_row(found: Tree) -> tuple[str, ...]:
    size = "–" if found["size"] is None else f"{found['size']:.2f}"
    return str(found["objects"]), interval(found["coverage"]), size, str(found["empty"]), str(found["single"])
