"""The only place that constructs: settings → the things that run."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from streamer import __version__, config, tagged
from streamer.claim import claimed
from streamer.classify.bundle import LightGBMClassifier
from streamer.codec.encode import ContainerFrame, Frame, JsonFrame, RegistryFrame, SingleObjectFrame, bare
from streamer.codec.framing import Framing
from streamer.data.batch import Cursor
from streamer.data.message import Message
from streamer.data.schema import WriterSchema
from streamer.errors import Invalid, InvalidConfig, InvalidSchema, SchemaUnavailable
from streamer.messages import Encoder, OwnSchemas, Shape
from streamer.pipeline import Outcome, Pipeline, period_work
from streamer.ports import Clock, Schemas, Sink, Source
from streamer.sinks.archive import ArchiveSink
from streamer.sinks.kafka import KafkaSink
from streamer.sources.archive import ArchiveSource
from streamer.sources.kafka import KafkaSource
from streamer.sources.simulator import SimulatorSource, simulate
from streamer.stores.bundled import BundledSchemas, bundled_schema
from streamer.stores.schemas import FirstOf, registry_ids, schemas_from
from streamer.telemetry import PrometheusTelemetry, SystemClock, serving
from streamer.wiring.bundles import Models, catalogues, model_store, models
from streamer.wiring.kafka import (
    WHOLE_PACKETS_TOGETHER,
    client_settings,
    destination,
    member,
    subscription,
    topics,
    transactional_id,
)
from streamer.worker import Limits, Worker

__all__ = [
    "WHOLE_PACKETS_TOGETHER",
    "Encode",
    "Models",
    "Service",
    "bare_schema",
    "catalogues",
    "client_settings",
    "destination",
    "doors",
    "encoder",
    "framing",
    "keeps_private",
    "largest_payload",
    "making",
    "member",
    "model_store",
    "models",
    "schemas",
    "service",
    "subscription",
    "topics",
    "transactional_id",
    "warm_up",
]

log = logging.getLogger(__name__)

DEAD_LETTER_VERSION = "1.0"
WARM_UP_ALERTS = 64
"""Enough that some have the detections that a model asks for."""
TAGGED_SUBJECT = "streamer-tagged"

ROOM_AROUND_PACKET = 131_072
"""bytes; for the tag, the schema in a container's header and Kafka's own record."""


Encode = Callable[[Outcome], Sequence[Message]]
"""Outcome to messages, stamped with the present time."""


@dataclass(frozen=True, slots=True)
class Service:
    """A worker with what a caller may want to ask of its parts.

    Parameters
    ----------
    worker : Worker
        Closes source and sink at the end of its run.
    source : Source
    classifiers : mapping of survey name to classifier
    telemetry : PrometheusTelemetry
    """

    worker: Worker[Outcome]
    source: Source
    classifiers: Mapping[str, LightGBMClassifier]
    telemetry: PrometheusTelemetry


@contextmanager
def service(
    settings: config.Config,
    clock: Clock | None = None,
    source: Source | None = None,
    watch: Callable[[Outcome], None] | None = None,
    slot: int = 0,
) -> Iterator[Service]:
    """The service that `settings` describe; nothing is consumed yet.

    Parameters
    ----------
    settings : Config
    clock : Clock, optional
        The system's by default.
    source : Source, optional
        Used instead of the one in the settings.
    watch : callable, optional
        Told every outcome before it is encoded.
    slot : int
        Which of the service's workers this is.

    Raises
    ------
    Invalid
        If a model, a schema, a file or a port is not as the settings say.
    Fatal
        If the broker of the sink does not answer.
    """
    clock = clock or SystemClock()
    loaded = models(settings.model, settings.classify)
    pipeline = Pipeline(
        framing(settings.source, clock),
        loaded.classifiers,
        allow_private=keeps_private(settings.sink),
        largest=largest_payload(settings.sink) if settings.sink.shape == "full" else None,
        most_period_work=settings.features.period_budget,
        questions=loaded.questions,
        catalogues=catalogues(settings.candidates),
    )
    encode = encoder(settings.sink, clock)
    telemetry = PrometheusTelemetry(clock, needs_assignment=isinstance(settings.source, config.KafkaSource))
    for model in loaded.every:
        telemetry.model(model.survey, model.name, model.version, model.checksum, model.evaluator)
        if (work := period_work(model, settings.features.period_budget)) < period_work(model, None):
            log.warning("periods are searched less than in training", extra={"model": model.name, "period_budget": work})
    with serving(telemetry, settings.telemetry.port, settings.telemetry.address), _sole(settings, slot, clock):
        if isinstance(settings.source, config.KafkaSource):  # others wait for nobody
            warm_up(pipeline, tuple(loaded.classifiers), clock)
        reader, sink = doors(settings, clock, loaded.every, source, slot)
        limits = Limits(messages=settings.worker.batch, wait=settings.worker.wait)
        worker = Worker(reader, pipeline, _watched(encode, watch), sink, telemetry, clock, limits)
        yield Service(worker, reader, loaded.classifiers, telemetry)


def warm_up(pipeline: Pipeline, surveys: Sequence[str], clock: Clock) -> None:
    """Run a few simulated alerts of each survey, so that the first batch finds everything compiled; they are counted nowhere.

    Processes of one machine take turns, so that only the first of them compiles: the others find its work in the cache.
    """
    sources = [SimulatorSource(simulate(survey, WARM_UP_ALERTS, seed=0), "warm-up", clock) for survey in surveys or ("ztf",)]
    batches = [source.read(WARM_UP_ALERTS, 0.0) for source in sources]
    with (Path(__file__).parent / "__init__.py").open("rb") as anything:
        with suppress(OSError):  # a file system without locks: then each compiles for itself
            fcntl.flock(anything, fcntl.LOCK_EX)
        for raw in batches:
            if raw is not None:
                pipeline(raw)


def framing(source: config.KafkaSource | config.ArchiveSource | config.SimulatorSource, clock: Clock) -> Framing:
    """What takes the framing off the packets of a source."""
    if isinstance(source, config.SimulatorSource):
        return Framing(BundledSchemas())
    return Framing(schemas(source, clock), bare_schema(source.bare_schema))


def schemas(packets: config.Packets, clock: Clock) -> Schemas:
    """The writer schemas that are named in the settings, then our own simulator's."""
    return FirstOf((BundledSchemas(), schemas_from(packets.schemas, clock, packets.schema_cache)))


def bare_schema(path: Path | None) -> WriterSchema | None:
    """The schema of bare datums; InvalidConfig if the file holds none."""
    if path is None:
        return None
    try:
        return WriterSchema.parse(path.read_bytes())
    except (OSError, InvalidSchema) as error:
        raise InvalidConfig(f"source.bare_schema: {path} is not an Avro schema: {error}") from error


def keeps_private(sink: config.KafkaSink | config.ArchiveSink) -> bool:
    """Whether the sink has a place for alerts that are not public."""
    return sink.private if isinstance(sink, config.ArchiveSink) else sink.private_topic is not None


def largest_payload(sink: config.KafkaSink | config.ArchiveSink) -> int | None:
    """The largest packet that fits into a message with what goes around it; None where nothing limits it."""
    return None if isinstance(sink, config.ArchiveSink) else max(sink.largest - ROOM_AROUND_PACKET, 0)


def encoder(sink: config.KafkaSink | config.ArchiveSink, clock: Clock) -> Encode:
    """What turns outcomes into the sink's messages."""
    own = OwnSchemas(bundled_schema("tagged", tagged.VERSION), bundled_schema("dead_letter", DEAD_LETTER_VERSION))
    encode = Encoder(own, Shape(sink.shape), *_frames(sink, clock), __version__, largest_payload(sink))
    return lambda outcome: encode(outcome, clock.now_ms())


def _frames(sink: config.KafkaSink | config.ArchiveSink, clock: Clock) -> tuple[Frame, Frame]:
    """The framings of tagged alerts and of dead letters; the latter are container files always, and so can be replayed anywhere.

    Raises
    ------
    InvalidConfig
        If the registry of registry frames does not take the schema of our tags.
    """
    if isinstance(sink, config.ArchiveSink):
        return bare, bare
    match sink.framing:
        case "container":
            return ContainerFrame(), ContainerFrame()
        case "single-object":
            return SingleObjectFrame(), ContainerFrame()
        case "json":
            return JsonFrame(), ContainerFrame()
        case "registry":
            return _registry_frame(sink, clock), ContainerFrame()


def _registry_frame(sink: config.KafkaSink, clock: Clock) -> RegistryFrame:
    frame = RegistryFrame(registry_ids(sink.registry or "", clock), TAGGED_SUBJECT)
    try:
        frame(bundled_schema("tagged", tagged.VERSION))
    except SchemaUnavailable as error:
        raise InvalidConfig(f"sink.registry: {error}") from error
    return frame


def doors(
    settings: config.Config,
    clock: Clock,
    models: Sequence[LightGBMClassifier],
    source: Source | None = None,
    slot: int = 0,
) -> tuple[Source, Sink]:
    """Source and sink; the sink knows what was committed before, and the source goes on from there."""
    if isinstance(settings.sink, config.ArchiveSink):
        archive = ArchiveSink(settings.sink.folder, made=making(settings, settings.sink, models))
        try:
            return source or _bounded_source(settings.source, clock, archive.committed(), settings.sink.folder), archive
        except Invalid:
            archive.close()
            raise
    if not isinstance(settings.source, config.KafkaSource):
        raise InvalidConfig("sink.kind 'kafka' needs source.kind 'kafka'")  # config.load says so before
    reader = KafkaSource(subscription(settings.source, settings.worker, slot), clock)
    name = transactional_id(settings.source.group, settings.worker, slot)
    try:
        return reader, KafkaSink(destination(settings.sink), name, clock, reader.group_metadata)
    except Exception:
        reader.close()  # a consumer that has joined its group keeps the process alive
        raise


def making(settings: config.Config, sink: config.ArchiveSink, models: Sequence[LightGBMClassifier]) -> dict[str, str]:
    """What decides how an alert's result looks, for people to read: results of one folder agree in it."""
    used = [
        f"{model.name} {model.version} ({model.checksum[:16]})"
        for model in sorted(models, key=lambda model: (model.survey, model.name))
    ]
    return {
        "models": " and ".join(used) or "none",
        "shape": sink.shape,
        "private alerts": "tagged" if sink.private else "withheld",
        "conformal level": f"{settings.classify.conformal_level:g}",
        "answers": "explained" if settings.classify.explain else "not explained",
        "schemas": f"tagged {tagged.VERSION} and dead_letter {DEAD_LETTER_VERSION}",
        "known pulsars": "none" if settings.candidates.catalogue is None else settings.candidates.catalogue.name,
    }


def _bounded_source(
    settings: config.KafkaSource | config.ArchiveSource | config.SimulatorSource, clock: Clock, start: Cursor, results: Path
) -> Source:
    match settings:
        case config.ArchiveSource():
            return ArchiveSource(settings.paths, clock, start, results)
        case config.SimulatorSource():
            alerts = simulate(settings.survey, settings.count, settings.seed, settings.broken)
            return SimulatorSource(alerts, f"simulated-{settings.survey}", clock, settings.rate, time.sleep)
        case config.KafkaSource():
            raise InvalidConfig("source.kind 'kafka' needs sink.kind 'kafka'")  # config.load says so before


def _sole(settings: config.Config, slot: int, clock: Clock) -> AbstractContextManager[None]:
    """As long as it is open, no other worker on this machine has the transactional id."""
    if not (isinstance(settings.source, config.KafkaSource) and isinstance(settings.sink, config.KafkaSink)):
        return nullcontext()
    return claimed(transactional_id(settings.source.group, settings.worker, slot), clock, time.sleep)


def _watched(encode: Encode, watch: Callable[[Outcome], None] | None) -> Encode:
    if watch is None:
        return encode

    def told(outcome: Outcome) -> Sequence[Message]:
        watch(outcome)
        return encode(outcome)

    return told
