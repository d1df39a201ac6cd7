"""Objects that are one object, or nearly: what a split by group must not put on two sides.

Simulations reuse a light curve, and catalogues list an object twice. Two objects are kin if three or more of their detections are
at the same time, in the same band, and of the same flux.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from streamer.data.photometry import Kind
from streamer.training.datasets import LightCurves

SHARED = 3
"""Detections in common from which on two objects are kin."""
_SAME_EPOCH = 1e-4
"""d"""


def near_duplicates(table: LightCurves) -> list[tuple[int, int]]:
    """Pairs of rows of `table` that are kin, the lower row first, in rising order."""
    detected = np.flatnonzero(table.curves["kind"] == Kind.DETECTION)
    owner = table.curves.rows[detected]
    key = np.stack(
        [
            np.round(table.curves["epoch"][detected] / _SAME_EPOCH),
            table.curves["band"][detected].astype(np.float64),
            np.round(np.log(np.abs(table.curves["flux"][detected].astype(np.float64)) + 1.0), 3),
        ]
    )
    order = np.lexsort(key)
    same = np.all(key[:, order][:, 1:] == key[:, order][:, :-1], axis=0)
    shared: defaultdict[tuple[int, int], int] = defaultdict(int)
    for left, right in zip(owner[order][:-1][same].tolist(), owner[order][1:][same].tolist(), strict=True):
        if left != right:
            shared[min(left, right), max(left, right)] += 1
    return [pair for pair, count in sorted(shared.items()) if count >= SHARED]


def with_kin_in_one_group(table: LightCurves) -> LightCurves:
    """The same light curves; groups with kin in them are one, named as that of the first row."""
    group = table.group.tolist()
    for left, right in near_duplicates(table):
        one, other = group[left], group[right]
        group = [one if name == other else name for name in group]
    return replace(table, group=np.array(group, dtype=np.str_))
