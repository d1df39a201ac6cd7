"""What flows from stage to stage: messages, the rows found in them, alerts, scores, and what was rejected.

A *message* is what a source reads as one piece (a Kafka message, a file, a slice of a large file). A *row* is one alert, or one
message in which no alert could be found. Rows are numbered once, by the codec, and keep their number to the end:
rows = classified + not classified + rejected, always.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np

from streamer.data.arrays import Bools, Float32s, Float64s, Int8s, Int32s, Int64s, Texts
from streamer.data.ragged import Ragged
from streamer.errors import Reason, Stage

NO_PARTITION = -1
"""Partition number of what was read from a file."""
NO_TIME = -1
"""A time in milliseconds that is not known."""

Cursor = dict[tuple[str, int], int]
"""(topic or file, partition) → the next position to read."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Where each message of a batch was read.

    Parameters
    ----------
    names : tuple of str
        Topics or files, each once.
    name : int32[n]
        Index into `names`.
    partition : int32[n]
        Kafka partition; ``NO_PARTITION`` for files.
    offset : int64[n]
        Kafka offset; for files the number of the first record of the message within its file.
    count : int64[n]
        How many positions the message covers: 1 in Kafka, in a container file its number of records.
    """

    names: tuple[str, ...]
    name: Int32s
    partition: Int32s
    offset: Int64s
    count: Int64s

    def __len__(self) -> int:
        return len(self.offset)

    def first(self) -> Cursor:
        """Where to seek to read the whole batch again."""
        return self._extreme(self.offset, np.minimum)

    def next(self) -> Cursor:
        """Where to go on when the batch is done: what a commit stores."""
        return self._extreme(self.offset + self.count, np.maximum)

    def _extreme(self, values: Int64s, choose: np.ufunc) -> Cursor:
        if not len(values):
            return {}
        places, group = np.unique(np.stack([self.name, self.partition]), axis=1, return_inverse=True)
        extremes = values[np.argmax(group[None, :] == np.arange(places.shape[1])[:, None], axis=1)]
        choose.at(extremes, group, values)
        return {
            (self.names[name], partition): value for name, partition, value in zip(*places.tolist(), extremes.tolist(), strict=True)
        }

    @classmethod
    def of(cls, entries: Iterable[tuple[str, int, int, int]]) -> Positions:
        """Positions of (name, partition, offset, count) entries, in their order."""
        index: dict[str, int] = {}
        rows = [(index.setdefault(name, len(index)), *rest) for name, *rest in entries]
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 4)
        return cls(
            tuple(index),
            table[:, 0].astype(np.int32),
            table[:, 1].astype(np.int32),
            table[:, 2].copy(),
            table[:, 3].copy(),
        )


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Messages as a source read them.

    Parameters
    ----------
    payloads : sequence of bytes[n]
        The messages' bytes, never copied after this.
    positions : Positions
        Where each was read.
    produced : int64[n], ms since 1970 UTC
        When the survey sent it (its ``producer_timestamp`` header, or the broker's time stamp); ``NO_TIME`` if unknown.
    received : int64[n], ms since 1970 UTC
        When the source read it.
    """

    payloads: Sequence[bytes]
    positions: Positions
    produced: Int64s
    received: Int64s

    def __len__(self) -> int:
        return len(self.payloads)


@dataclass(frozen=True, slots=True)
class Rejections:
    """Rows that left the pipeline early.

    Parameters
    ----------
    row : int64[n]
        Row numbers.
    stage, reason, detail : sequences of n
        Where and why (closed sets), and one sentence for a person.
    """

    row: Int64s
    stage: tuple[Stage, ...] = ()
    reason: tuple[Reason, ...] = ()
    detail: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, entries: Iterable[tuple[int, Stage, Reason, str]]) -> Rejections:
        """Rejections of (row, stage, reason, detail) entries."""
        rows = list(entries)
        if not rows:
            return NOTHING_REJECTED
        number, stage, reason, detail = zip(*rows, strict=True)
        return cls(np.array(number, dtype=np.int64), stage, reason, detail)

    @classmethod
    def joined(cls, parts: Sequence[Rejections]) -> Rejections:
        """All rejections of `parts`, in their order."""
        return cls(
            np.concatenate([part.row for part in parts]) if parts else NOTHING_REJECTED.row,
            tuple(stage for part in parts for stage in part.stage),
            tuple(reason for part in parts for reason in part.reason),
            tuple(detail for part in parts for detail in part.detail),
        )


NOTHING_REJECTED = Rejections(np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class AlertBatch:
    """n alerts of one survey, in the units that streamer uses everywhere.

    Parameters
    ----------
    survey : str
        Name of the survey (``ztf``, ``lsst`` …), as in metrics and topics.
    bands : tuple of str
        The survey's bands, in the order in which per-band features are named.
    row : int64[n]
        Row numbers.
    alert_id : int64[n]
        Identifies the triggering measurement (ZTF ``candid``, LSST ``diaSourceId``).
    object_id : bytes[n]
        The survey's identifier of the object, UTF-8.
    key : bytes[n]
        The identifier with its name space (``ZTF:ZTF18abcdefg``, ``LSST:dia:…``), UTF-8: the Kafka key.
    epoch : float64[n], MJD TAI
        Time of the triggering measurement.
    ra, dec : float64[n], deg ICRS
    band : int8[n]
        Band code of the triggering measurement (:data:`streamer.data.photometry.BANDS`).
    flux, flux_err : float32[n], nJy
        Difference flux of the triggering measurement, signed; NaN if it was not measured.
    light_curves : Ragged of (epoch float64 MJD TAI, band int8, flux float32 nJy, flux_err float32 nJy, total float32 nJy,
            kind int8)
        The points of each object that are no later than its alert, ordered by epoch, no two with the same (epoch, band, kind).
        ``flux`` is the difference flux, ``total`` the flux including the reference (NaN where the reference is not known),
        ``kind`` a :class:`streamer.data.photometry.Kind`. The triggering measurement is one of the points.
    context : mapping of name to float32[n]
        What the packet says besides the light curve; NaN where absent. The names are the survey file's.
    series : mapping of name to Ragged
        Further series (a pulsar's profile …); empty for optical surveys.
    solar_system : bool[n]
        The alert belongs to a known moving object.
    public : bool[n]
        The alert may be shown to anybody.
    night : bytes[n]
        The survey's name of the observing night, ``YYYYMMDD``.
    withdrawn : int64[n]
        How many sources of the history the survey has withdrawn; they are not in the light curve.
    """

    survey: str
    bands: tuple[str, ...]
    row: Int64s
    alert_id: Int64s
    object_id: Texts
    key: Texts
    epoch: Float64s
    ra: Float64s
    dec: Float64s
    band: Int8s
    flux: Float32s
    flux_err: Float32s
    light_curves: Ragged
    context: Mapping[str, Float32s]
    solar_system: Bools
    public: Bools
    night: Texts
    withdrawn: Int64s
    series: Mapping[str, Ragged] = field(default_factory=dict)
    shared: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What several readers would each compute of this batch again, kept by the first; a batch made of this one begins with none."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: Int64s) -> AlertBatch:
        """The given alerts (indices into this batch, not row numbers), in the given order."""
        return AlertBatch(
            survey=self.survey,
            bands=self.bands,
            light_curves=self.light_curves.take(rows),
            context={name: column[rows] for name, column in self.context.items()},
            series={name: table.take(rows) for name, table in self.series.items()},
            **{name: getattr(self, name)[rows] for name in _PER_ALERT},
        )


_PER_ALERT = (
    "row", "alert_id", "object_id", "key", "epoch", "ra", "dec", "band", "flux", "flux_err", "solar_system", "public", "night",
    "withdrawn",
)  # fmt: skip


class State(IntEnum):
    """What the service says of an alert; the symbols of the tagged schema, in its order."""

    UNKNOWN = 0
    """A state that this reader's schema version does not know; never written."""
    CLASSIFIED = 1
    PARENT_ONLY = 2
    """Only an inner class of the taxonomy can be named."""
    NOT_CLASSIFIED = 3


class Why(StrEnum):
    """Why an alert has its state: a closed set, since it labels metrics."""

    UNKNOWN = "UNKNOWN"
    """A reason that this reader's schema version does not know; never written."""
    NONE = "NONE"
    """Nothing stood in the way."""
    TOO_FEW_POINTS = "TOO_FEW_POINTS"
    """Fewer detections than the model needs, or too few points in a series to compute one of its inputs."""
    SOLAR_SYSTEM = "SOLAR_SYSTEM"
    """A known moving object."""
    NO_MODEL = "NO_MODEL"
    """No model is loaded for this survey."""
    AMBIGUOUS = "AMBIGUOUS"
    """Several classes are possible: their common ancestor answers, or nothing if that is above all classes of the model."""
    ATYPICAL = "ATYPICAL"
    """No class is possible: the alert looks like none that the model learned."""
    FEW_EXAMPLES = "FEW_EXAMPLES"
    """The only possible class has too few known objects to be named: an ancestor answers."""


UNASKED = frozenset({Why.TOO_FEW_POINTS, Why.SOLAR_SYSTEM, Why.NO_MODEL})
"""Reasons for which the model was not asked at all; otherwise there are probabilities, even where the answer is withheld."""


class Basis(IntEnum):
    """What a further score was trained on; the symbols of the tagged schema, in its order."""

    UNKNOWN = 0
    """Never written."""
    REAL = 1
    SIMULATED = 2
    MIXED = 3


@dataclass(frozen=True, slots=True)
class FurtherScore:
    """The answer of each of n alerts to another question than the class.

    Parameters
    ----------
    name : str
        What is scored, as subscribers see it.
    value : float64[n]
        A probability, 0 to 1, unless the name says otherwise; NaN where there is none, and then it is not in the tag.
    basis : Basis
    epochs : int64[n] or None
        Number of epochs that the score rests on, ``MISSING`` where it is one alert's; None if it is always.
    """

    name: str
    value: Float64s
    basis: Basis
    epochs: Int64s | None = None


@dataclass(frozen=True, slots=True)
class KnownObject:
    """An object of a catalogue.

    Parameters
    ----------
    catalogue, name : str
    separation : float, arcsec
        Between the alert and the catalogue's position.
    harmonic : str or None
        Period of the alert over the catalogue's: ``1``, ``2``, ``1/3`` …; None if periods were not compared.
    """

    catalogue: str
    name: str
    separation: float
    harmonic: str | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """How much one input speaks for an answer.

    Parameters
    ----------
    input : str
        Name of the feature.
    value : float
        In the feature's unit; NaN if undefined.
    contribution : float
        What it adds to the answer's raw score (TreeSHAP).
    text : str
        The same for people.
    """

    input: str
    value: float
    contribution: float
    text: str


@dataclass(frozen=True, slots=True)
class Scores:
    """What the classifier says of each alert of an :class:`AlertBatch`.

    Parameters
    ----------
    state : int8[n]
        :class:`State`.
    why : sequence of n :class:`Why`
    class_id : int32[n]
        The answer's id in the taxonomy: a leaf, an inner class, or 300 for NotClassified.
    leaves : float64[n, number of leaves]
        Calibrated probabilities in the order of the classifier's leaves, each row summing to 1; NaN where the model was not asked.
    possible : bool[n, number of leaves] or None
        The conformal set of each alert, in the order of the leaves; None if the model gives no sets.
    level : float or None
        The share of each class's objects whose set holds their class; None if the model gives no sets.
    novelty : float32[n] or None
        How far from the training data, 0 to 1; NaN where the model was not asked, None if it does not measure it.
    reasons : mapping of int to tuple of Contribution
        The weightiest inputs of alerts, by index, the weightiest first; empty unless asked for.
    further : tuple of FurtherScore
        Answers to other questions than the class.
    known : mapping of int to KnownObject
        Alerts, by index, that were recognised as objects of a catalogue.
    """

    state: Int8s
    why: tuple[Why, ...]
    class_id: Int32s
    leaves: Float64s
    possible: Bools | None = None
    level: float | None = None
    novelty: Float32s | None = None
    reasons: Mapping[int, tuple[Contribution, ...]] = field(default_factory=dict)
    further: tuple[FurtherScore, ...] = ()
    known: Mapping[int, KnownObject] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.state)
