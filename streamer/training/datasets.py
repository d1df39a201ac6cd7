"""The one form that all training data takes: labelled light curves with their groups, and a count of what was dropped and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.errors import InvalidData

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
    states_licence : bool
        Whether every place that its content is from states a licence.
    nature : str
        ``real``, ``simulated`` or ``re-observed``.
    whole : str
        Of which alerts everything that their packet carries is known: the others are no examples.
    """

    name: str
    what: str
    source: str
    licence: str
    states_licence: bool
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
    object_id, label, original, group, provenance, source, part : str[n]
        Identifier; leaf of the taxonomy (empty: no label); the label as the data set writes it (empty: none); what must stay
        together in a split; a :class:`streamer.training.labels.Provenance`; the data set's name; a
        :class:`streamer.training.split.Part` that the object is kept for (empty: its group decides).
    curves : Ragged of (epoch float64 MJD TAI, band int8, flux float32 nJy, flux_err float32 nJy, total float32 nJy, kind int8,
        complete bool)
        As in :class:`streamer.data.batch.AlertBatch`, ordered by epoch and band; ``total`` is NaN where it is not known.
        ``complete``: all that an alert packet at that epoch would carry is here. Band codes are those of
        :func:`streamer.data.photometry.codes_of_bands`.
    context : Ragged of (epoch float64 MJD TAI, and a float32 column for each name) or None
        What is known of the object besides its light curve from that epoch on (names as in
        :class:`streamer.data.batch.AlertBatch`), ordered by epoch; NaN where it is not known. None: nothing is known of any.
    unlicensed : bool[n] or None
        Objects that are from a place that states no licence; None: as their data set's origin says.
    position : float64[n, 2] or None
        Right ascension and declination, degrees ICRS; NaN where they are not known, None: of none. They are inputs of no model:
        reports ask what they would have betrayed.
    dropped : tuple of Dropped
    origins : tuple of Origin
        Where the data sets are from.
    """

    survey: str
    bands: tuple[str, ...]
    object_id: Names
    label: Names
    original: Names
    group: Names
    provenance: Names
    source: Names
    part: Names
    curves: Ragged
    context: Ragged | None = None
    unlicensed: Bools | None = None
    position: Float64s | None = None
    dropped: tuple[Dropped, ...] = ()
    origins: tuple[Origin, ...] = ()

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
        columns = {name: getattr(self, name)[rows] for name in PER_OBJECT}
        context = None if self.context is None else self.context.take(rows)
        unlicensed = None if self.unlicensed is None else self.unlicensed[rows]
        position = None if self.position is None else self.position[rows]
        return replace(self, curves=self.curves.take(rows), context=context, unlicensed=unlicensed, position=position, **columns)

    def licensed(self) -> Bools:
        """bool[n], the objects that are from places that state a licence."""
        if self.unlicensed is not None:
            return ~self.unlicensed
        licensed: Bools = np.isin(self.source, [origin.name for origin in self.origins if origin.states_licence])
        return licensed

    def bare(self) -> LightCurves:
        """The same light curves without what only some sets know: total flux and context."""
        total = np.full(self.curves.offsets[-1], np.nan, dtype=np.float32)
        return replace(self, curves=Ragged(self.curves.offsets, {**self.curves.columns, "total": total}), context=None)

    def digest(self) -> str:
        """SHA-256 (hex) of everything that training reads: identifiers, labels, groups, points and context, in their order."""
        sha = hashlib.sha256()
        for names in (self.object_id, self.label, self.group, self.provenance, self.source):
            sha.update("\n".join(names.tolist()).encode())
            sha.update(b"\0")
        if (self.part != "").any():
            sha.update("\n".join(self.part.tolist()).encode())
        for table in (self.curves, self.context):
            if table is not None:
                sha.update(table.offsets.astype("<i8").tobytes())
                for name in sorted(table.columns):
                    column = table[name]
                    sha.update(name.encode())
                    sha.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
        return sha.hexdigest()


PER_OBJECT = ("object_id", "label", "original", "group", "provenance", "source", "part")
"""The columns of :class:`LightCurves` with one entry for each object."""


def joined(tables: Sequence[LightCurves]) -> LightCurves:
    """All light curves of `tables` (one survey), in their order; an object whose group an earlier *table* holds is left out.

    The same supernova occurs in several sets; it counts once, with the first set's light curve, and the context of the first set
    that knows any. InvalidData if they are of different surveys.
    """
    first = tables[0]
    for table in tables[1:]:
        if (table.survey, table.bands) != (first.survey, first.bands):
            raise InvalidData(
                f"light curves of {table.survey} (bands {' '.join(table.bands)}) and of {first.survey} "
                f"(bands {' '.join(first.bands)}) cannot be learnt from together"
            )
    seen: set[str] = set()
    kept = []
    for table in tables:
        new = np.array([group not in seen for group in table.group.tolist()], dtype=np.bool_)
        kept.append(table.where(new, "objects", "in an earlier data set"))
        seen.update(table.group.tolist())
    group = np.concatenate([table.group for table in kept])
    columns = {name: np.concatenate([getattr(table, name) for table in kept]) for name in PER_OBJECT}
    curves = Ragged(
        offsets_from_lengths(np.concatenate([table.curves.lengths for table in kept])),
        {name: np.concatenate([table.curves[name] for table in kept]) for name in first.curves.columns},
    )
    return LightCurves(
        first.survey,
        first.bands,
        curves=curves,
        context=_joined_context(kept, tables, group),
        unlicensed=~np.concatenate([table.licensed() for table in kept]),
        position=_joined_positions(kept),
        dropped=tuple(entry for table in kept for entry in table.dropped),
        origins=tuple(dict.fromkeys(origin for table in kept for origin in table.origins)),
        **columns,
    )


def _joined_positions(kept: Sequence[LightCurves]) -> Float64s | None:
    if all(table.position is None for table in kept):
        return None
    return np.concatenate([np.full((len(table), 2), np.nan) if table.position is None else table.position for table in kept])


def _joined_context(kept: Sequence[LightCurves], tables: Sequence[LightCurves], group: Names) -> Ragged | None:
    """The context of all `kept`, one after the other; an object of `group` without any has that of its group in one of `tables`."""
    if all(table.context is None for table in tables):
        return None
    own, known = _stacked(kept), _stacked(tables)
    names = np.concatenate([table.group for table in tables])
    has = np.flatnonzero(known.lengths > 0)
    place = dict(zip(names[has][::-1].tolist(), has[::-1].tolist(), strict=True))
    rows = [
        len(known) + row if length or name not in place else place[name]
        for row, (name, length) in enumerate(zip(group.tolist(), own.lengths.tolist(), strict=True))
    ]
    columns = {name: np.concatenate([known[name], own[name]]) for name in known.columns}
    return Ragged(offsets_from_lengths(np.concatenate([known.lengths, own.lengths])), columns).take(np.array(rows, dtype=np.int64))


def _stacked(tables: Sequence[LightCurves]) -> Ragged:
    """The context of all `tables`; a column that one of them lacks is NaN there."""
    names = sorted({name for table in tables if table.context is not None for name in table.context.columns})
    parts = [
        table.context if table.context is not None else Ragged(np.zeros(len(table) + 1, dtype=np.int64), {"epoch": np.zeros(0)})
        for table in tables
    ]
    columns = {
        name: np.concatenate([part.columns.get(name, np.full(part.offsets[-1], np.nan, dtype=np.float32)) for part in parts])
        for name in names
    }
    return Ragged(offsets_from_lengths(np.concatenate([part.lengths for part in parts])), columns)


def labelled(table: LightCurves, min_objects: int) -> LightCurves:
    """Only the objects with a label that at least `min_objects` objects share; the others are counted."""
    table = table.where(table.label != "", "objects", "no label")
    counts = Counter(table.label.tolist())
    for label, count in sorted(counts.items()):
        if count < min_objects:
            table = table.where(table.label != label, "objects", f"class {label} has fewer than {min_objects} objects")
    return table
