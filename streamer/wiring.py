"""The only place that constructs: settings → the things that run."""

from __future__ import annotations

import fcntl
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer import __version__, config, tagged
from streamer.claim import claimed
from streamer.classify.bundle import LightGBMClassifier
from streamer.classify.further import ModelQuestion, Question, questions_of
from streamer.classify.manifest import Manifest, read_manifest
from streamer.codec.encode import ContainerFrame, Frame, JsonFrame, RegistryFrame, SingleObjectFrame, bare
from streamer.codec.framing import Framing
from streamer.data.batch import Cursor
from streamer.data.message import Message
from streamer.data.schema import WriterSchema
from streamer.errors import Invalid, InvalidConfig, InvalidSchema, SchemaUnavailable
from streamer.features import check_names, teller
from streamer.messages import Encoder, OwnSchemas, Shape
from streamer.pipeline import Outcome, Pipeline, Recognise, period_work
from streamer.ports import Clock, Schemas, Sink, Source
from streamer.sinks.archive import ArchiveSink
from streamer.sinks.kafka import Destination, KafkaSink
from streamer.sources.archive import ArchiveSource
from streamer.sources.kafka import KafkaSource, Subscription
from streamer.sources.simulator import SimulatorSource, simulate
from streamer.stores.bundled import BundledSchemas, bundled_schema
from streamer.stores.models import ModelStore
from streamer.stores.psrcat import known_pulsars
from streamer.stores.schemas import FirstOf, registry_ids, schemas_from
from streamer.surveys import SURVEYS
from streamer.telemetry import PrometheusTelemetry, SystemClock, serving
from streamer.worker import Limits, Worker

log = logging.getLogger(__name__)

DEAD_LETTER_VERSION = "1.0"
WARM_UP_ALERTS = 64
"""Enough that some have the detections that a model asks for."""
ALERTS_OF = tuple(survey.name for survey in SURVEYS)
"""The surveys whose alerts a model may answer for."""
TAGGED_SUBJECT = "streamer-tagged"

ROOM_AROUND_PACKET = 131_072
"""bytes; for the tag, the schema in a container's header and Kafka's own record."""

WHOLE_PACKETS_TOGETHER = 262_144
"""bytes; whole packets that librdkafka compresses together. In runs taken in turn (real ZTF packets with their tags, lz4,
transactions of 256) the client's CPU time for a packet was half of that with the default of 1 MB, and two thirds of that with
64 kB. Tags are cheapest with the default."""

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


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a service.

    Parameters
    ----------
    classifiers : mapping of survey name to classifier
        What says which class an alert is of.
    questions : mapping of survey name to Questions
        What else is asked: of other models, and of the classifier's probabilities.
    every : tuple of classifiers
        All bundles that were loaded, in the order of their names in the settings.
    """

    classifiers: Mapping[str, LightGBMClassifier]
    questions: Mapping[str, tuple[Question, ...]]
    every: tuple[LightGBMClassifier, ...]


def models(settings: config.Model, answering: config.Classify | None = None) -> Models:
    """The named models; InvalidBundle or InvalidConfig if one cannot be used."""
    every = tuple(_model(_bundle(name, settings.folder), answering or config.Classify()) for name in settings.name)
    found: dict[tuple[str, str], LightGBMClassifier] = {}
    for model in every:
        place = (model.survey, model.manifest.score)
        if place in found:
            raise InvalidConfig(f"model.name: {found[place].name} and {model.name} are both for {model.survey}; name one of them")
        found[place] = model
    questions: dict[str, tuple[Question, ...]] = {}
    for (survey, score), model in found.items():
        basis = model.manifest.basis
        asked = (ModelQuestion(model, score, basis),) if score else questions_of(model.leaves, basis)
        questions[survey] = (*questions.get(survey, ()), *asked)
    return Models({survey: model for (survey, score), model in found.items() if not score}, questions, every)


def catalogues(settings: config.Candidates) -> dict[str, Recognise]:
    """Where known objects are looked up, by survey; InvalidData if a catalogue cannot be read."""
    return {} if settings.catalogue is None else {"pulsar": known_pulsars(settings.catalogue).matches}


def _model(files: Mapping[str, bytes], answering: config.Classify) -> LightGBMClassifier:
    explained = answering.explain and not read_manifest(files).score  # a further score has no reasons in the tag
    describe = teller if explained else None
    _check_reads_alerts(read_manifest(files))
    return LightGBMClassifier(files, check_names, level=answering.conformal_level, describe=describe)


def _check_reads_alerts(manifest: Manifest) -> None:
    if manifest.survey not in ALERTS_OF:
        raise InvalidConfig(
            f"model.name: {manifest.name} is for light curves of {manifest.survey}, of which there are no alerts (there are of "
            f"{', '.join(ALERTS_OF)}): use it with streamer classify --table"
        )
    if manifest.view != "stream":
        raise InvalidConfig(
            f'model.name: {manifest.name} was trained on whole light curves (view = "history" in its recipe), and an alert carries '
            "only a part of one: use it with streamer classify --table. For alerts name a model that reads them (streamer models "
            'list), or train one with view = "stream"'
        )


def _bundle(name: str, folder: Path | None) -> Mapping[str, bytes]:
    """The files of the bundle that is named, or whose folder is."""
    if "/" in name:
        return ModelStore(packaged=Path(name).parent).files(Path(name).name)
    return model_store(folder).files(name)


def model_store(folder: Path | None) -> ModelStore:
    """The bundles of `folder` and those that are shipped."""
    return ModelStore((folder,) if folder else ())


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


def transactional_id(group: str, worker: config.Worker, slot: int = 0) -> str:
    """The same after a restart, and never shared by two live workers."""
    return f"streamer.{group}.{worker.instance or socket.gethostname()}.{slot}"


def member(worker: config.Worker, slot: int = 0) -> str | None:
    """Name by which a worker keeps its place in the group while it restarts; None if nobody will start it again in its place."""
    if worker.instance is None and worker.workers == 1:
        return None
    return f"{worker.instance or socket.gethostname()}.{slot}"


def subscription(source: config.KafkaSource, worker: config.Worker, slot: int = 0) -> Subscription:
    """What the Kafka source reads, and as whom."""
    client = {
        **client_settings(source),
        "queued.max.messages.kbytes": source.queue_mib * 1024,
    }
    return Subscription(",".join(source.servers), topics(source), source.group, member(worker, slot), client)


def topics(source: config.KafkaSource) -> tuple[str, ...]:
    """The topics to read, or the pattern of their names as the Kafka client knows patterns."""
    return source.topics if source.pattern is None else (f"^({source.pattern})$",)


def destination(sink: config.KafkaSink) -> Destination:
    """Where the Kafka sink writes."""
    client = {**client_settings(sink), "transaction.timeout.ms": round(sink.transaction_timeout * 1000)}
    if sink.shape == "full":
        client["batch.size"] = WHOLE_PACKETS_TOGETHER
    return Destination(",".join(sink.servers), sink.topic, sink.dead_letter_topic, sink.private_topic, sink.largest, client)


def client_settings(broker: config.Broker) -> dict[str, str | int | bool]:
    """How librdkafka reaches a cluster; holds the password in clear."""
    settings: dict[str, Any] = {"security.protocol": broker.security_protocol}
    if broker.security_protocol.startswith("SASL"):
        settings |= {"sasl.mechanism": broker.sasl_mechanism, "sasl.username": broker.username, "sasl.password": broker.secret()}
    if broker.ca_file is not None:
        settings["ssl.ca.location"] = str(broker.ca_file)
    return settings


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
