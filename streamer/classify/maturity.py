"""Maturity: how many detections a light curve has, in bins that calibration and novelty share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Int64s


def bin_of(n_detections: Int64s, first: Sequence[int]) -> Int64s:
    """int64[n], the bin of each light curve.

    Parameters
    ----------
    n_detections : int64[n]
        Detections in each light curve.
    first : sequence of int
        The smallest number of detections of each bin, rising; the last has no upper end. Fewer than ``first[0]`` count as that.
    """
    place: Int64s = np.maximum(np.searchsorted(np.asarray(first), n_detections, side="right") - 1, 0)
    return place
