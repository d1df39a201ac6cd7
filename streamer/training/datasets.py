"""The one form that all training data takes: labelled light curves with their groups, and a count of what was dropped and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamer.data.arrays import Bools, Int64s
from streamer.data.ragged import Ragged, offsets_from_lengths

Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a person must know to trust, cite and obtain a data set.

    Parameters
    ----------
    name : str
        The data set's name; also the folder below ``lightcurves``.
    what, source, licence, citation : str
        What it holds, where it is from, the licence stated there (``none stated`` if there is none), what to cite.
    nature : str
        ``real`` or ``simulated``.
    whole : str
        Of which alerts everything that their packet carries is known: the others are no examples.
    """

    name: str
    what: str
    source: str
    licence: str
    citation: str
    nature: str
    whole: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many objects or points of a data set were left out, and why."""

    source: str
    what: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class LightCurves:
    """n labelled light curves of one survey.

    Parameters
    ----------
    survey : str
    bands : tuple of str
        The survey's bands, as in its alerts.
    object_id, label, group, provenance, source : str[n]
        Identifier; leaf of the taxonomy (empty: no label); what must stay together in a split; a
        :class:`streamer.training.labels.Provenance`; the data set's name.
    curves : Ragged of (epoch float64 MJD TAI, band int8, flux float32 nJy, flux_err float32 nJy, total float32 nJy, kind int8,
        complete bool)
        As in :class:`streamer.data.batch.AlertBatch`, ordered by epoch and band; ``total`` is NaN where it is not known.
        ``complete``: all that an alert packet at that epoch would carry is here.
    dropped : tuple of Dropped
    """

    survey: str
    bands: tuple[str, ...]
    object_id: Names
    label: Names
    group: Names
    provenance: Names
    source: Names
    curves: Ragged
    dropped: tuple[Dropped, ...] = ()

    def __len__(self) -> int:
        return len(self.object_id)

    def where(self, keep: Bools, what: str, reason: str) -> LightCurves:
        """The light curves that `keep` (bool[n]) marks; what was left out is counted by data set."""
        lost = Counter(self.source[~keep].tolist())
        chosen = self.take(np.flatnonzero(keep))
        dropped = tuple(Dropped(source, what, reason, count) for source, count in sorted(lost.items()))
        return replace(chosen, dropped=self.dropped + dropped)

    def take(self, rows: Int64s) -> LightCurves:
        """The light curves at `rows`, in that order."""
        columns = {name: getattr(self, name)[rows] for name in ("object_id", "label", "group", "provenance", "source")}
        return replace(self, curves=self.curves.take(rows), **columns)

    def digest(self) -> str:
        """SHA-256 (hex) of everything that training reads: identifiers, labels, groups and points, in their order."""
        sha = hashlib.sha256()
        for names in (self.object_id, self.label, self.group, self.provenance, self.source):
            sha.update("\n".join(names.tolist()).encode())
            sha.update(b"\0")
        sha.update(self.curves.offsets.astype("<i8").tobytes())
        for name in sorted(self.curves.columns):
            column = self.curves[name]
            sha.update(name.encode())
            sha.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
        return sha.hexdigest()


def joined(tables: Sequence[LightCurves]) -> LightCurves:
    """All light curves of `tables` (one survey), in their order; an object whose group an earlier *table* holds is left out.

    The same supernova occurs in several sets; it counts once, with the first set's light curve.
    """
    first = tables[0]
    seen: set[str] = set()
    kept = []
    for table in tables:
        new = np.array([group not in seen for group in table.group.tolist()], dtype=np.bool_)
        kept.append(table.where(new, "objects", "in an earlier data set"))
        seen.update(table.group.tolist())
    columns = {
        name: np.concatenate([getattr(table, name) for table in kept])
        for name in ("object_id", "label", "group", "provenance", "source")
    }
    curves = Ragged(
        offsets_from_lengths(np.concatenate([table.curves.lengths for table in kept])),
        {name: np.concatenate([table.curves[name] for table in kept]) for name in first.curves.columns},
    )
    dropped = tuple(entry for table in kept for entry in table.dropped)
    return LightCurves(first.survey, first.bands, curves=curves, dropped=dropped, **columns)


def labelled(table: LightCurves, min_objects: int) -> LightCurves:
    """Only the objects with a label that at least `min_objects` objects share; the others are counted."""
    table = table.where(table.label != "", "objects", "no label")
    counts = Counter(table.label.tolist())
    for label, count in sorted(counts.items()):
        if count < min_objects:
            table = table.where(table.label != label, "objects", f"class {label} has fewer than {min_objects} objects")
    return table
