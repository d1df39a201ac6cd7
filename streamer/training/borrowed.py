"""Context for objects that have none, borrowed from real objects of like kind.

The Bright Transient Survey's light curves come without what a packet says of the neighbourhood. A model trained on them beside
packets would know a supernova by the missing neighbours. So each such object takes the neighbourhood of a real one: its own, where
another set knows it, else that of an object of like kind from its own slice of the data, so that no neighbourhood is on two sides
of a split. Numbers are spread a little, or trees would know a lender by them. What counts detections is the borrower's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from streamer.data.arrays import Bools, Column, Float32s, Float64s, Int64s
from streamer.data.photometry import Kind, flux_from_magnitude
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.surveys.ztf_kernel import REFERENCE_RADIUS
from streamer.training.datasets import LightCurves
from streamer.training.split import random_number

SPREAD = {
    "reference_distance": 0.2,
    "nearest_source_distance": 0.2,
    "galaxy_distance": 0.2,
    "gaia_distance": 0.2,
    "reference_magnitude": 0.3,
    "nearest_source_magnitude": 0.3,
}
"""Standard deviation of what is added to a borrowed number: of the logarithm of a distance, of a magnitude. Distances share one
random number and magnitudes another, so that a neighbour stays one neighbour."""
_COUNTED = ("n_history", "history_age")
"""What is of the light curve itself, and counted anew if the lender knows it."""


def with_borrowed(table: LightCurves, slice_number: Int64s, like: Sequence[Sequence[str]], seed: int) -> tuple[LightCurves, Int64s]:
    """The same light curves; objects of the classes in `like` that have no context borrow it.

    Parameters
    ----------
    table : LightCurves of n objects
    slice_number : int64[n]
        The slice of the data that each object is in.
    like : sequence of groups of classes
        An object borrows from the objects of its group.
    seed : int
        Decides, with the borrower's identifier, from whom.

    Returns
    -------
    tuple of LightCurves and int64[n]
        The light curves, and the row of each object's lender; −1 for those that have context of their own, and those that stay
        without, since there is no lender in their slice.
    """
    context = table.context
    if context is None or not like:
        return table, np.full(len(table), -1, dtype=np.int64)
    lender = _lenders(table, context, slice_number, like, seed)
    borrows = np.flatnonzero(lender >= 0)
    last = context.offsets[lender[borrows] + 1] - 1
    detected = table.curves["kind"] == Kind.DETECTION
    epochs = [table.curves["epoch"][start:end][detected[start:end]] for start, end in _spans(table.curves, borrows)]
    spread = _spread(table, borrows, seed)
    parts: list[dict[str, Column]] = [context.row(row) for row in range(len(table))]
    for place, row in enumerate(borrows.tolist()):
        parts[row] = _lent(context, int(last[place]), epochs[place], spread[place])
    lengths = np.array([len(part["epoch"]) for part in parts], dtype=np.int64)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in context.columns}
    made = Ragged(offsets_from_lengths(lengths), columns)
    return replace(table, context=made, curves=_with_totals(table.curves, made)), lender


def _spans(ragged: Ragged, rows: Int64s) -> list[tuple[int, int]]:
    return list(zip(ragged.offsets[rows].tolist(), ragged.offsets[rows + 1].tolist(), strict=True))


def _lenders(table: LightCurves, context: Ragged, slice_number: Int64s, like: Sequence[Sequence[str]], seed: int) -> Int64s:
    """int64[n] the object whose context each object takes; −1 for those that have one, or find none."""
    lender = np.full(len(table), -1, dtype=np.int64)
    has: Bools = context.lengths > 0
    for classes in like:
        inside = np.isin(table.label, list(classes))
        for number in np.unique(slice_number):
            here = inside & (slice_number == number)
            pool = np.flatnonzero(here & has)
            for row in np.flatnonzero(here & ~has).tolist() if len(pool) else ():
                lender[row] = pool[random_number(seed, f"lender:{table.object_id[row]}") % len(pool)]
    return lender


def _spread(table: LightCurves, rows: Int64s, seed: int) -> Float64s:
    """float64[len(rows), 2] two standard normal numbers for each object, the same at every run."""
    numbers = [
        np.random.default_rng(random_number(seed, f"spread:{name}")).normal(size=2) for name in table.object_id[rows].tolist()
    ]
    return np.array(numbers)


def _lent(context: Ragged, entry: int, epoch: Float64s, spread: Float64s) -> dict[str, Column]:
    """Context from each of the borrower's detections on, at `epoch` (MJD)."""
    made: dict[str, Column] = {}
    for name, column in context.columns.items():
        value = float(column[entry])
        if name in SPREAD:
            is_distance = name.endswith("distance")
            value = value * np.exp(SPREAD[name] * spread[0]) if is_distance else value + SPREAD[name] * spread[1]
        made[name] = np.full(len(epoch), value, dtype=np.float32)
    own = (np.arange(1, len(epoch) + 1), epoch - epoch[:1])
    for name, counted in zip(_COUNTED, own, strict=True):
        if name in made:
            made[name] = np.where(np.isnan(made[name]), np.nan, counted).astype(np.float32)
    made["epoch"] = epoch
    return made


def _with_totals(curves: Ragged, context: Ragged) -> Ragged:
    """Total fluxes also of the objects that had none at all: with the reference's source, where the detections lie on it."""
    total: Float32s = np.array(curves["total"], dtype=np.float32)
    distance, magnitude = (context.columns.get(name) for name in ("reference_distance", "reference_magnitude"))
    if distance is None or magnitude is None:
        return curves
    for row in np.flatnonzero(context.lengths > 0).tolist():
        points, first = slice(curves.offsets[row], curves.offsets[row + 1]), context.offsets[row]
        if np.isnan(total[points]).all() and distance[first] < REFERENCE_RADIUS and magnitude[first] > 0:
            total[points] = curves["flux"][points] + np.float32(flux_from_magnitude(np.array(magnitude[first])))
    return Ragged(curves.offsets, {**curves.columns, "total": total})
