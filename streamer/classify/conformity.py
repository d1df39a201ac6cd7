"""How well each class conforms to what a model says of an alert: the number that conformal sets are made of.

Any number will do for coverage; which one decides how much the sets say. The probability alone leaves classes from all over the
taxonomy in the set of an alert that the model is unsure of, and then nothing can be answered. So what counts is how near a class
comes to the most probable one, and how probable its whole branch is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.classify.taxonomy import Class, ancestors
from streamer.data.arrays import Float64s, Int64s

Branches = tuple[Int64s, ...]
"""The columns of the classes in each branch."""


def branches(leaves: Sequence[Class]) -> Branches:
    """Which classes are below the same child of the nearest common ancestor of all `leaves`."""
    paths = [(*reversed(ancestors(leaf)), leaf) for leaf in leaves]
    common = 0
    while all(len(path) > common + 1 for path in paths) and len({path[common] for path in paths}) == 1:
        common += 1
    tops = np.array([path[common].id for path in paths])
    return tuple(np.flatnonzero(tops == top) for top in dict.fromkeys(tops.tolist()))


def conformity(probabilities: Float64s, of_branches: Branches) -> Float64s:
    """float64[n, k] from 0 to 1: of each class, p / max p · √(probability of its branch).

    Parameters
    ----------
    probabilities : float64[n, k]
        A row of NaN stays one; where all are 0, nothing conforms.
    of_branches : Branches
        As from :func:`branches`.
    """
    largest = probabilities.max(axis=1, keepdims=True)
    found: Float64s = probabilities / np.where(largest == 0.0, 1.0, largest)
    for columns in of_branches:
        share = np.zeros(len(probabilities))
        for column in columns.tolist():  # one after the other: NumPy's sum rounds a single row differently from several
            share += probabilities[:, column]
        found[:, columns] *= np.sqrt(np.minimum(share, 1.0))[:, np.newaxis]
    return found
