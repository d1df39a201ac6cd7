"""LightGBM's text of trees made by hand, and random trees."""

from collections.abc import Sequence

import numpy as np

from streamer.classify.trees import Tree

SPECIAL = (0.0, -0.0, 1e-36, -1e-36, 1.0000000180025095e-35, -1.0000000180025095e-35, 2e-35, -2e-35, 5e-324, 1.0, -1.0, 0.1, 1e300)
"""Thresholds on which an evaluator may stumble."""

DECISIONS = (0, 2, 4, 6, 8, 10)
"""What a numerical split may do with missing values: nothing, zero or NaN is missing; to the right or to the left."""


def text_of(trees: Sequence[Tree], n_inputs: int, n_outputs: int = 1, names: Sequence[str] | None = None) -> str:
    """A model of these trees in LightGBM's format."""
    blocks = [_block(number, tree) for number, tree in enumerate(trees)]
    head = [
        "tree",
        "version=v4",
        f"num_class={n_outputs}",
        f"num_tree_per_iteration={n_outputs}",
        "label_index=0",
        f"max_feature_idx={n_inputs - 1}",
        f"objective=multiclass num_class:{n_outputs}" if n_outputs > 1 else "objective=regression",
        "feature_names=" + " ".join(names or [f"x{number}" for number in range(n_inputs)]),
        "feature_infos=" + " ".join(["[-1:1]"] * n_inputs),
        "tree_sizes=" + " ".join(str(len(block)) for block in blocks),
        "",
        "",
    ]
    return "\n".join(head) + "".join(blocks) + "end of trees\n\nparameters:\nend of parameters\n\npandas_categorical:null\n"


def _block(number: int, tree: Tree) -> str:
    n_nodes = len(tree.inputs)
    lines: list[tuple[str, Sequence[float]]] = [
        ("split_feature", tree.inputs),
        ("split_gain", [1] * n_nodes),
        ("threshold", tree.thresholds),
        ("decision_type", tree.decisions),
        ("left_child", tree.left),
        ("right_child", tree.right),
        ("leaf_value", tree.leaf_values),
        ("leaf_weight", [1] * (n_nodes + 1)),
        ("leaf_count", [1] * (n_nodes + 1)),
        ("internal_value", [0] * n_nodes),
        ("internal_weight", [1] * n_nodes),
        ("internal_count", [1] * n_nodes),
    ]
    text = "".join(f"{name}={' '.join(map(repr, values))}\n" for name, values in lines)
    return f"Tree={number}\nnum_leaves={n_nodes + 1}\nnum_cat=0\n{text}is_linear=0\nshrinkage=1\n\n\n"


def random_tree(random: np.random.Generator, n_leaves: int, n_inputs: int, thresholds: Sequence[float] = SPECIAL) -> Tree:
    """A tree of any shape that splits special values and treats missing ones in every way, grown leaf by leaf as LightGBM does."""
    left, right = [0] * (n_leaves - 1), [0] * (n_leaves - 1)
    above: list[tuple[list[int], int] | None] = [None]  # where the child is written that is each leaf
    for node in range(n_leaves - 1):
        chosen = int(random.integers(len(above)))
        place = above[chosen]
        if place is not None:
            place[0][place[1]] = node
        left[node], right[node] = ~chosen, ~len(above)
        above[chosen] = (left, node)
        above.append((right, node))
    return Tree(
        inputs=random.integers(n_inputs, size=n_leaves - 1).tolist(),
        thresholds=random.choice(thresholds, n_leaves - 1).tolist(),
        decisions=random.choice(DECISIONS, n_leaves - 1).tolist(),
        left=left,
        right=right,
        leaf_values=random.normal(size=n_leaves).tolist(),
    )


def stump(column: int, threshold: float, decision: int, left: float, right: float) -> Tree:
    """A tree of one split."""
    return Tree([column], [threshold], [decision], [-1], [-2], [left, right])
