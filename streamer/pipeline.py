"""The pure composition: messages in, outcome out.

rows = framing(messages); for each writer schema: columns → alerts → features → scores. Every row ends as a score or as a rejection;
nothing here reads a clock, logs or touches a network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from streamer.classify.classifier import Classifier, unasked
from streamer.classify.further import Question
from streamer.classify.taxonomy import NOT_CLASSIFIED
from streamer.codec.columns import Decoded, Status, allowance
from streamer.codec.decode import Program
from streamer.codec.framing import REASON_OF_STATUS, Framing
from streamer.codec.projection import Projection
from streamer.codec.rows import Rows
from streamer.codec.types import root_of
from streamer.data.arrays import Bools, Int64s
from streamer.data.batch import NOTHING_REJECTED, AlertBatch, KnownObject, RawBatch, Rejections, Scores, State, Why
from streamer.data.photometry import Kind
from streamer.data.schema import WriterSchema
from streamer.data.tally import Tally
from streamer.errors import InvalidSchema, Reason, Stage, UnsupportedSchema
from streamer.features import compute, series_read
from streamer.features.spectrum import PERIOD_BUDGET
from streamer.surveys import survey_of
from streamer.surveys.survey import Survey

UNKNOWN_SURVEY = "unknown"
MAX_SCHEMAS = 256
"""Compiled schemas kept; beyond that all are forgotten and those still in use compiled again."""

MAX_ISOLATED = 8
"""Alerts of one batch that may fail in our own code and become dead letters."""

_GROUP_STAGES = (Stage.CODEC, Stage.SURVEYS, Stage.FEATURES, Stage.CLASSIFY)
"""What a group of alerts goes through, in order; the first that is not done is where it failed."""

Lap = Callable[[Stage], None]
"""Called when the work of a stage on a group of alerts is done; the worker's stop-watch."""


Recognise = Callable[[AlertBatch], Mapping[int, KnownObject]]
"""Which alerts, by index, are objects of a catalogue."""


def no_lap(_stage: Stage) -> None:
    """For callers who do not time."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Alerts of one survey and writer schema with their scores."""

    alerts: AlertBatch
    scores: Scores
    classifier: Classifier | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: every row of `rows` is in one of `scored` or in `rejections`, never in both."""

    rows: Rows
    scored: tuple[Scored, ...]
    rejections: Rejections
    survey_of_rejected: tuple[str, ...]
    """The survey of each rejection, ``unknown`` where it could not be told."""
    read_by_library: Mapping[str, int]
    """Rows by survey whose schema only fastavro reads."""

    @property
    def tally(self) -> Tally:
        """The balance sheet."""
        answers: Counter[tuple[str, State, Why]] = Counter()
        withdrawn: Counter[str] = Counter()
        private: Counter[str] = Counter()
        for part in self.scored:
            survey = part.alerts.survey
            for (state, why), count in Counter(zip(part.scores.state.tolist(), part.scores.why, strict=True)).items():
                answers[survey, State(state), why] += count
            withdrawn[survey] += int(part.alerts.withdrawn.sum())
            private[survey] += int(np.count_nonzero(~part.alerts.public))
        rejected = Counter(zip(self.survey_of_rejected, self.rejections.stage, self.rejections.reason, strict=True))
        for (survey, _, reason), count in rejected.items():
            private[survey] += count if reason is Reason.PRIVATE else 0
        return Tally(
            messages=len(self.rows.raw),
            read=len(self.rows),
            answers=dict(answers),
            rejected=dict(rejected),
            withdrawn=dict(+withdrawn),
            private=dict(+private),
            read_by_library=self.read_by_library,
        )

    def alert_ids(self) -> list[tuple[str, int]]:
        """(survey, alert id) of every alert that was understood."""
        return [(part.alerts.survey, alert) for part in self.scored for alert in part.alerts.alert_id.tolist()]


@dataclass(frozen=True, slots=True)
class _Reader:
    """How packets of one writer schema are read, or why they cannot be."""

    survey: Survey | None
    program: Program | None
    reason: Reason = Reason.UNSUPPORTED_SCHEMA
    detail: str = ""


def period_work(classifier: Classifier, most: int | None) -> int:
    """Points × frequencies of one period search: those of the classifier's training, unless `most` allows less."""
    trained = classifier.period_budget or PERIOD_BUDGET
    return trained if most is None else min(trained, most)


class Pipeline:
    """Messages to outcome.

    Parameters
    ----------
    framing : Framing
        Takes the framing off.
    classifiers : mapping of survey name to Classifier
        A survey without one gets NOT_CLASSIFIED(NO_MODEL).
    allow_private : bool
        Whether alerts that are not public may go on; without, they are rejected as PRIVATE.
    largest : int or None, bytes
        Alerts with larger bodies are rejected as TOO_LARGE: the sink could not take them whole. None takes all.
    most_period_work : int or None
        Most points × frequencies of a period search, where a classifier was trained with more; None keeps to its training.
    questions : mapping of survey name to sequence of Question
        What else is asked of its alerts.
    catalogues : mapping of survey name to Recognise
        Where its known objects are looked up.
    """

    def __init__(
        self,
        framing: Framing,
        classifiers: Mapping[str, Classifier],
        *,
        allow_private: bool,
        largest: int | None = None,
        most_period_work: int | None = None,
        questions: Mapping[str, Sequence[Question]] = MappingProxyType({}),
        catalogues: Mapping[str, Recognise] = MappingProxyType({}),
    ) -> None:
        self._framing = framing
        self._classifiers = classifiers
        self._allow_private = allow_private
        self._largest = largest
        self._most_period_work = most_period_work
        self._questions = questions
        self._catalogues = catalogues
        self._readers: dict[WriterSchema, _Reader] = {}
        self._isolated_so_far = 0

    def __call__(self, raw: RawBatch, lap: Lap = no_lap) -> Outcome:
        """What becomes of each alert in `raw`."""
        self._isolated_so_far = 0
        rows, unread = self._framing.rows(raw)
        lap(Stage.CODEC)
        scored: list[Scored] = []
        readable = np.ones(len(rows), dtype=np.bool_)
        readable[unread.row] = False
        oversized = self._oversized(rows, readable)
        readable[oversized.row] = False
        rejected = [unread, oversized]
        allowed = allowance(len(rows))
        for number, schema in enumerate(rows.schemas):
            group = np.flatnonzero(readable & (rows.schema == number))
            for part, rejections in self._isolated(rows, group, self._reader(schema), allowed, lap):
                scored += [part] if part is not None and len(part.alerts) else []
                rejected.append(rejections)
        rejections = Rejections.joined(rejected)
        return Outcome(rows, tuple(scored), rejections, self._surveys(rows, rejections.row), self._read_by_library(rows))

    def _isolated(
        self, rows: Rows, group: Int64s, reader: _Reader, allowed: Int64s, lap: Lap
    ) -> Iterator[tuple[Scored | None, Rejections]]:
        """The group's outcome; if our own code fails on it, that of its halves, down to the alerts that make it fail.

        So that an alert which nobody foresaw costs a dead letter, and not the service. Where more than ``MAX_ISOLATED`` alerts of a
        batch fail, the mistake is not theirs, and the exception goes on.
        """
        if not len(group):
            return
        done: list[Stage] = []

        def lapped(stage: Stage) -> None:
            done.append(stage)
            lap(stage)

        left = allowed.copy()
        try:
            outcome = self._group(rows, group, reader, left, lapped)
        except Exception as error:
            if len(group) == 1:
                self._isolated_so_far += 1
                if self._isolated_so_far > MAX_ISOLATED:
                    raise
                detail = f"{type(error).__name__}: {error}"[:200]
                yield None, Rejections.of([(int(group[0]), _GROUP_STAGES[len(done)], Reason.INTERNAL_ERROR, detail)])
                return
            middle = len(group) // 2
            for half in (group[:middle], group[middle:]):
                yield from self._isolated(rows, half, reader, allowed, lap)
        else:
            allowed[:] = left
            yield outcome

    def _group(self, rows: Rows, group: Int64s, reader: _Reader, allowed: Int64s, lap: Lap) -> tuple[Scored | None, Rejections]:
        if reader.survey is None or reader.program is None:
            return None, Rejections.of((row, Stage.CODEC, reader.reason, reader.detail) for row in group.tolist())
        decoded = reader.program.decode(rows.bodies.take(group), allowed)
        kept, undecoded = _decoded(decoded, group)
        lap(Stage.CODEC)
        kept, private = self._shown(reader.survey, decoded, kept, group)
        alerts, impossible = reader.survey.to_alerts(decoded.take(kept), group[kept])
        lap(Stage.SURVEYS)
        scored = self._scored(alerts, lap)
        return scored, Rejections.joined([undecoded, impossible, private])

    def _oversized(self, rows: Rows, readable: Bools) -> Rejections:
        """The readable rows that the sink could not take whole."""
        if self._largest is None:
            return NOTHING_REJECTED
        sizes = rows.bodies.end - rows.bodies.start
        detail = f"larger than the {self._largest} bytes that the output topic leaves for a whole packet"
        too_large = np.flatnonzero(readable & (sizes > self._largest)).tolist()
        return Rejections.of((row, Stage.MESSAGES, Reason.TOO_LARGE, detail) for row in too_large)

    def _shown(self, survey: Survey, decoded: Decoded, kept: Int64s, group: Int64s) -> tuple[Int64s, Rejections]:
        """Those of the `kept` rows that may go on, and the rejections of the others."""
        if self._allow_private:
            return kept, NOTHING_REJECTED
        public = survey.is_public(decoded)[kept]
        detail = "not public, and no private topic is set"
        hidden = group[kept[~public]].tolist()
        return kept[public], Rejections.of((row, Stage.SURVEYS, Reason.PRIVATE, detail) for row in hidden)

    def _scored(self, alerts: AlertBatch, lap: Lap) -> Scored:
        classifier = self._classifiers.get(alerts.survey)
        questions = self._questions.get(alerts.survey, ())
        if classifier is not None:
            matrix = compute(alerts, classifier.inputs, period_work(classifier, self._most_period_work))
        asked = [compute(alerts, question.inputs) for question in questions]
        lap(Stage.FEATURES)
        if classifier is None:
            scores = unasked(len(alerts), Why.NO_MODEL)
        else:
            scores = classifier.scores(matrix, number_of_detections(alerts))
        scores = _with_solar_system(scores, alerts)
        further = [question.answer(alerts, each, scores, classifier) for question, each in zip(questions, asked, strict=True)]
        scores = replace(scores, further=(*scores.further, *further), known={**scores.known, **self._known(alerts)})
        lap(Stage.CLASSIFY)
        return Scored(alerts, scores, classifier)

    def _known(self, alerts: AlertBatch) -> Mapping[int, KnownObject]:
        recognise = self._catalogues.get(alerts.survey)
        return {} if recognise is None else recognise(alerts)

    def _reader(self, schema: WriterSchema) -> _Reader:
        if schema not in self._readers:
            if len(self._readers) >= MAX_SCHEMAS:
                self._readers.clear()
            self._readers[schema] = _reader(schema, self._wanted)
        return self._readers[schema]

    def _wanted(self, survey: Survey) -> Projection:
        """What to decode: of the large series those that models read; all of them without a model, as somebody else will look."""
        classifier = self._classifiers.get(survey.name)
        if classifier is None:
            return survey.projection
        names = [name for question in self._questions.get(survey.name, ()) for name in question.inputs]
        return survey.reading(series_read((*classifier.inputs, *names), survey.bands))

    def _read_by_library(self, rows: Rows) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for number, schema in enumerate(rows.schemas):
            reader = self._reader(schema)
            if reader.survey is not None and reader.program is not None and reader.program.why_not_compiled:
                counts[reader.survey.name] += int(np.count_nonzero(rows.schema == number))
        return dict(counts)

    def _surveys(self, rows: Rows, rejected: Int64s) -> tuple[str, ...]:
        readers = [self._reader(schema) for schema in rows.schemas]
        names = [reader.survey.name if reader.survey else UNKNOWN_SURVEY for reader in readers]
        return tuple(names[schema] if schema >= 0 else UNKNOWN_SURVEY for schema in rows.schema[rejected].tolist())


def number_of_detections(alerts: AlertBatch) -> Int64s:
    """int64[n] detections in each light curve, all bands."""
    curves = alerts.light_curves
    return curves.count(curves["kind"] == int(Kind.DETECTION))


def _reader(schema: WriterSchema, wanted: Callable[[Survey], Projection]) -> _Reader:
    survey = None
    try:
        survey = survey_of(root_of(schema))
        return _Reader(survey, Program(schema, wanted(survey)))
    except InvalidSchema as error:
        return _Reader(survey, None, Reason.INVALID_SCHEMA, str(error))
    except UnsupportedSchema as error:
        return _Reader(survey, None, Reason.UNSUPPORTED_SCHEMA, str(error))


def _decoded(decoded: Decoded, group: Int64s) -> tuple[Int64s, Rejections]:
    """Indices of the rows that were decoded, and the rejections of the others."""
    bad = np.flatnonzero(decoded.status != int(Status.OK))
    if not len(bad):
        return np.arange(len(group)), NOTHING_REJECTED
    entries = [
        (row, Stage.CODEC, *REASON_OF_STATUS[Status(decoded.status[i])]) for i, row in zip(bad, group[bad].tolist(), strict=True)
    ]
    return np.flatnonzero(decoded.status == Status.OK), Rejections.of(entries)


def _with_solar_system(scores: Scores, alerts: AlertBatch) -> Scores:
    """Scores in which a known moving object has no class: no variability model is trained on those."""
    moving = alerts.solar_system
    if not moving.any():
        return scores
    return replace(
        scores,
        state=np.where(moving, int(State.NOT_CLASSIFIED), scores.state).astype(np.int8),
        why=tuple(Why.SOLAR_SYSTEM if is_moving else why for is_moving, why in zip(moving.tolist(), scores.why, strict=True)),
        class_id=np.where(moving, NOT_CLASSIFIED, scores.class_id).astype(np.int32),
        leaves=np.where(moving[:, None], np.nan, scores.leaves),
        possible=None if scores.possible is None else scores.possible & ~moving[:, None],
        novelty=None if scores.novelty is None else np.where(moving, np.float32(np.nan), scores.novelty),
        reasons={row: reasons for row, reasons in scores.reasons.items() if not moving[row]},
    )
