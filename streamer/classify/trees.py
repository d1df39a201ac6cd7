"""Whether a text of LightGBM trees is safe to give to LightGBM, which trusts what it reads.

A child index out of range makes its predictor read foreign memory, and a cycle makes it run for ever; so the shape of every tree is
checked here before the text is used.
"""

from __future__ import annotations

import re

from streamer.classify.manifest import TREES, Manifest
from streamer.errors import InvalidBundle

_TREE = re.compile(r"^Tree=(\d+)$", re.MULTILINE)
_END = "\nend of trees\n"


def check_trees(text: str, manifest: Manifest) -> None:
    """InvalidBundle unless `text` is a whole multiclass model that fits the manifest and whose trees are trees."""
    end = text.find(_END)
    starts = [found.start() for found in _TREE.finditer(text)]
    head = text[: starts[0]] if starts else text
    classes = str(len(manifest.leaves))
    _agree("num_class", _value(head, "num_class", "header"), classes)
    _agree("num_tree_per_iteration", _value(head, "num_tree_per_iteration", "header"), classes)
    _agree("max_feature_idx", _value(head, "max_feature_idx", "header"), str(len(manifest.inputs) - 1))
    _agree("feature_names", _value(head, "feature_names", "header"), " ".join(manifest.inputs))
    _agree("number of trees", str(len(starts)), str(manifest.trees))
    if not _value(head, "objective", "header").startswith("multiclass "):
        raise InvalidBundle(f"{TREES}: the objective is not multiclass")
    if end < starts[-1]:
        raise InvalidBundle(f"{TREES}: cut off before the end of the trees")
    stops = [*starts[1:], end + 1]
    # LightGBM finds the trees by these lengths, not by their names
    lengths = [stop - start for start, stop in zip(starts, stops, strict=True)]
    if _integers(head, "tree_sizes", "header", len(starts)) != lengths or not text.isascii():
        raise InvalidBundle(f"{TREES}: tree_sizes are not the lengths of the trees")
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        _check_tree(text[start:stop], f"tree {number}", len(manifest.inputs))


def _check_tree(text: str, where: str, n_inputs: int) -> None:
    (n_leaves,) = _integers(text, "num_leaves", where, 1)
    if not 1 <= n_leaves <= 1 << 16:
        raise InvalidBundle(f"{TREES}: {where}: {n_leaves} leaves")
    if _integers(text, "num_cat", where, 1) != [0]:
        raise InvalidBundle(f"{TREES}: {where}: categorical splits are not supported")
    if "\nis_linear=0\n" not in text:
        raise InvalidBundle(f"{TREES}: {where}: linear leaves are not supported")
    if n_leaves == 1:
        return
    n_nodes = n_leaves - 1
    children = [*_integers(text, "left_child", where, n_nodes), *_integers(text, "right_child", where, n_nodes)]
    # a child is an inner node (from 0) or ~leaf; each but the root is the child of one earlier node, so there is no cycle
    if sorted(children) != [*range(-n_leaves, 0), *range(1, n_nodes)]:
        raise InvalidBundle(f"{TREES}: {where}: its nodes do not form a tree")
    if any(0 <= child <= place % n_nodes for place, child in enumerate(children)):
        raise InvalidBundle(f"{TREES}: {where}: its nodes do not form a tree")
    if not all(0 <= column < n_inputs for column in _integers(text, "split_feature", where, n_nodes)):
        raise InvalidBundle(f"{TREES}: {where}: splits a feature that is not there")
    for name, expected in (("threshold", n_nodes), ("decision_type", n_nodes), ("leaf_value", n_leaves)):
        if len(_value(text, name, where).split()) != expected:
            raise InvalidBundle(f"{TREES}: {where}: {name} has not {expected} entries")


def _integers(text: str, name: str, where: str, expected: int) -> list[int]:
    try:
        values = [int(part) for part in _value(text, name, where).split()]
    except ValueError as error:
        raise InvalidBundle(f"{TREES}: {where}: {name} is not made of whole numbers") from error
    if len(values) != expected:
        raise InvalidBundle(f"{TREES}: {where}: {name} has {len(values)} entries instead of {expected}")
    return values


def _value(text: str, name: str, where: str) -> str:
    """Value of the first line ``name=value``."""
    start = text.find(f"\n{name}=")
    if start < 0:
        raise InvalidBundle(f"{TREES}: {where}: {name} is missing")
    start += len(name) + 2
    stop = text.find("\n", start)
    return text[start:] if stop < 0 else text[start:stop]


def _agree(what: str, found: str, expected: str) -> None:
    if found != expected:
        raise InvalidBundle(f"{TREES}: {what} is {found:.200}, but the manifest needs {expected:.200}")
