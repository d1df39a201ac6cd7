"""LightGBM's text of a model as checked tables.

LightGBM trusts what it reads: a child index out of range makes its predictor read foreign memory, and a cycle makes it run for
ever. So all that it follows is checked here before the text is given to it, and what could be read in two ways is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from streamer.classify.manifest import TREES, Manifest
from streamer.errors import InvalidBundle

DEFAULT_LEFT = 2
"""The bit of a decision that sends missing values to the left."""

MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 4, 8
"""What a decision takes for missing: nothing (NaN is read as zero), zero and NaN, NaN."""

_DECISIONS = {kind | side for kind in (MISSING_NONE, MISSING_ZERO, MISSING_NAN) for side in (0, DEFAULT_LEFT)}

_TREE = re.compile(r"^Tree=(\d+)$", re.MULTILINE)
_END = "\nend of trees\n"


@dataclass(frozen=True, slots=True)
class Tree:
    """One regression tree. A node sends a row to the left if its input is at most the threshold, and missing values to one side.

    Parameters
    ----------
    inputs, thresholds, decisions : list, one entry for each inner node
        The column it reads, the number it compares with, and how it treats missing values.
    left, right : list of int, one entry for each inner node
        Its children: an inner node, always later than its parent, or ``~leaf``.
    leaf_values : list of float
        One more than there are inner nodes.
    """

    inputs: list[int]
    thresholds: list[float]
    decisions: list[int]
    left: list[int]
    right: list[int]
    leaf_values: list[float]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A model of numerical splits and constant leaves; its raw scores are sums of leaves.

    Parameters
    ----------
    n_classes : int
    n_outputs : int
        Raw scores of a row; tree t adds to the score ``t % n_outputs``.
    input_names : tuple of str
    objective : str
    averaged : bool
        Whether it is a random forest, whose outputs are means.
    trees : tuple of Tree
    """

    n_classes: int
    n_outputs: int
    input_names: tuple[str, ...]
    objective: str
    averaged: bool
    trees: tuple[Tree, ...]


def read_trees(text: str) -> Ensemble:
    """The model in LightGBM's text; InvalidBundle, naming the place, if it is not whole or its trees are not trees."""
    starts = [found.start() for found in _TREE.finditer(text)]
    head = _entries(text[: starts[0]] if starts else text, "header")
    (n_outputs,) = _integers(head, "num_tree_per_iteration", "header", 1)
    (last_input,) = _integers(head, "max_feature_idx", "header", 1)
    names = tuple(_value(head, "feature_names", "header").split(" "))
    if n_outputs < 1 or len(names) != last_input + 1:
        raise InvalidBundle(f"{TREES}: header: max_feature_idx or num_tree_per_iteration is wrong")
    end = text.find(_END)
    if not starts or end < starts[-1]:
        raise InvalidBundle(f"{TREES}: cut off before the end of the trees")
    stops = [*starts[1:], end + 1]
    # LightGBM finds the trees by these lengths, not by their names
    lengths = [stop - start for start, stop in zip(starts, stops, strict=True)]
    if _integers(head, "tree_sizes", "header", len(starts)) != lengths or not text.isascii():
        raise InvalidBundle(f"{TREES}: tree_sizes are not the lengths of the trees")
    if "\r" in text or "\0" in text:  # for LightGBM they end a line, for us they do not
        raise InvalidBundle(f"{TREES}: holds control characters")
    return Ensemble(
        n_classes=_integers(head, "num_class", "header", 1)[0],
        n_outputs=n_outputs,
        input_names=names,
        objective=_value(head, "objective", "header"),
        averaged="average_output" in head,
        trees=tuple(
            _tree(_entries(text[start:stop], f"tree {number}"), f"tree {number}", len(names))
            for number, (start, stop) in enumerate(zip(starts, stops, strict=True))
        ),
    )


def check_fit(ensemble: Ensemble, manifest: Manifest) -> None:
    """InvalidBundle unless the model is a multiclass model of the manifest's inputs, leaves and number of trees."""
    classes = len(manifest.leaves)
    _agree("num_class", ensemble.n_classes, classes)
    _agree("num_tree_per_iteration", ensemble.n_outputs, classes)
    _agree("max_feature_idx", len(ensemble.input_names) - 1, len(manifest.inputs) - 1)
    _agree("feature_names", " ".join(ensemble.input_names), " ".join(manifest.inputs))
    _agree("number of trees", len(ensemble.trees), manifest.trees)
    if not ensemble.objective.startswith("multiclass "):
        raise InvalidBundle(f"{TREES}: the objective is not multiclass")


def _tree(entries: Mapping[str, str], where: str, n_inputs: int) -> Tree:
    (n_leaves,) = _integers(entries, "num_leaves", where, 1)
    if not 1 <= n_leaves <= 1 << 16:
        raise InvalidBundle(f"{TREES}: {where}: {n_leaves} leaves")
    if _integers(entries, "num_cat", where, 1) != [0]:
        raise InvalidBundle(f"{TREES}: {where}: categorical splits are not supported")
    if _value(entries, "is_linear", where) != "0":
        raise InvalidBundle(f"{TREES}: {where}: linear leaves are not supported")
    if n_leaves == 1:
        return Tree([], [], [], [], [], _numbers(entries, "leaf_value", where, n_leaves))
    n_nodes = n_leaves - 1
    tree = Tree(
        inputs=_integers(entries, "split_feature", where, n_nodes),
        thresholds=_numbers(entries, "threshold", where, n_nodes),
        decisions=_integers(entries, "decision_type", where, n_nodes),
        left=_integers(entries, "left_child", where, n_nodes),
        right=_integers(entries, "right_child", where, n_nodes),
        leaf_values=_numbers(entries, "leaf_value", where, n_leaves),
    )
    children = tree.left + tree.right
    # a child is an inner node (from 0) or ~leaf; each but the root is the child of one earlier node, so there is no cycle
    if sorted(children) != [*range(-n_leaves, 0), *range(1, n_nodes)]:
        raise InvalidBundle(f"{TREES}: {where}: its nodes do not form a tree")
    if any(0 <= child <= place % n_nodes for place, child in enumerate(children)):
        raise InvalidBundle(f"{TREES}: {where}: its nodes do not form a tree")
    if not all(0 <= column < n_inputs for column in tree.inputs):
        raise InvalidBundle(f"{TREES}: {where}: splits a feature that is not there")
    if not _DECISIONS.issuperset(tree.decisions):
        raise InvalidBundle(f"{TREES}: {where}: decision_type is not that of a numerical split")
    return tree


def _entries(block: str, where: str) -> dict[str, str]:
    """The lines ``name=value``; a name that comes twice is refused, since LightGBM may take the other one."""
    entries: dict[str, str] = {}
    for line in filter(None, block.split("\n")):
        name, _, value = line.partition("=")
        if name in entries:
            raise InvalidBundle(f"{TREES}: {where}: {name:.80} appears twice")
        if not name.isidentifier():
            raise InvalidBundle(f"{TREES}: {where}: {line:.80} is no entry")
        entries[name] = value
    return entries


def _integers(entries: Mapping[str, str], name: str, where: str, expected: int) -> list[int]:
    value = _value(entries, name, where)
    try:
        if "_" in value:  # for Python 1_0 is ten
            raise ValueError
        values = [int(part) for part in value.split()]
    except ValueError as error:
        raise InvalidBundle(f"{TREES}: {where}: {name} is not made of whole numbers") from error
    if len(values) != expected:
        raise InvalidBundle(f"{TREES}: {where}: {name} has {len(values)} entries instead of {expected}")
    return values


def _numbers(entries: Mapping[str, str], name: str, where: str, expected: int) -> list[float]:
    value = _value(entries, name, where)
    try:
        if "_" in value:
            raise ValueError
        values = [float(part) for part in value.split()]
    except ValueError as error:
        raise InvalidBundle(f"{TREES}: {where}: {name} is not made of numbers") from error
    if len(values) != expected:
        raise InvalidBundle(f"{TREES}: {where}: {name} has {len(values)} entries instead of {expected}")
    return values


def _value(entries: Mapping[str, str], name: str, where: str) -> str:
    if name not in entries:
        raise InvalidBundle(f"{TREES}: {where}: {name} is missing")
    return entries[name]


def _agree(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise InvalidBundle(f"{TREES}: {what} is {found!s:.200}, but the manifest needs {expected!s:.200}")
