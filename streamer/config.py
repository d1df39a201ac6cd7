"""Settings: a TOML file, overridden by environment variables named ``STREAMER_SECTION__KEY``.

Everything is checked here, once, before anything is consumed; what leaves this module is typed and frozen. Code below
:mod:`streamer.wiring` never sees it. Paths in a file count from the folder of that file. An environment variable that is empty
counts as not set; lists are written in it with commas.

The smallest configuration::

    [source]
    kind = "kafka"
    servers = "localhost:9092"
    topics = ["ztf_20260101_programid1"]
    group = "streamer"

    [sink]
    kind = "kafka"
    servers = "localhost:9092"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, model_validator
from pydantic import ValidationError as _ValidationError

from streamer.config_errors import Origins, lines, sections_of, without_credentials
from streamer.errors import InvalidConfig, why

PREFIX = "STREAMER_"
SURVEY_NAMES = ("ztf", "lsst", "pulsar", "unknown")
"""What stands in place of ``{survey}`` in the names of topics."""


def _from_folder(value: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path())
    try:
        return folder / value.expanduser()
    except RuntimeError as error:  # ~somebody who is not known here
        raise ValueError(f"{str(value)!r}: {error}") from error


def address(value: str) -> str:
    """The HTTP address of a registry as it is; ValueError, without credentials, if it is none."""
    scheme, _, rest = value.partition("://")
    if scheme not in ("http", "https") or not rest:
        raise ValueError(f"{without_credentials(value)!r} is not an http:// or https:// address")
    return value


def _schema_place(value: str, info: ValidationInfo) -> str:
    return address(value) if "://" in value else str(_from_folder(Path(value), info))


def _regular_expression(value: str) -> str:
    try:
        _compiled(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from error
    return value


def _compiled(pattern: str) -> re.Pattern[str]:
    """A POSIX pattern, as Kafka's client knows them, as Python knows them: without names of classes."""
    for name, characters in {"digit": "0-9", "alpha": "A-Za-z", "alnum": "0-9A-Za-z"}.items():
        pattern = pattern.replace(f"[:{name}:]", characters)
    return re.compile(pattern)


def _with_port(value: str) -> str:
    if "@" in value:  # not repeated: it may hold a password
        raise ValueError("a server is HOST:PORT; user name and password have their own settings")
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isdigit()):
        raise ValueError(f"{value!r} is not HOST:PORT")
    return value


def _several(value: object) -> object:
    """What a comma-separated text lists; anything else as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _bundle(value: str, info: ValidationInfo) -> str:
    return str(_from_folder(Path(value), info).absolute()) if "/" in value else value


Location = Annotated[Path, AfterValidator(_from_folder)]
Servers = Annotated[tuple[Annotated[str, AfterValidator(_with_port)], ...], BeforeValidator(_several), Field(min_length=1)]
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_several)]
Bundles = Annotated[tuple[Annotated[str, Field(min_length=1), AfterValidator(_bundle)], ...], BeforeValidator(_several)]
Schemas = Annotated[tuple[Annotated[str, AfterValidator(_schema_place)], ...], BeforeValidator(_several)]
Locations = Annotated[tuple[Location, ...], BeforeValidator(_several), Field(min_length=1)]


class Section(BaseModel):
    """What all sections have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class Packets(Section):
    """How packets from outside are read."""

    schemas: Schemas = ()
    """Where writer schemas are found by id, asked in this order: folders, or URLs of registries. Default: none; container files
    bring their own."""
    schema_cache: Location | None = None
    """Folder that keeps schemas from registries, so that an outage of the registry stops nothing. Default: no cache on disk."""
    bare_schema: Location | None = None
    """File with the Avro schema of packets that come with neither header nor id. Default: such packets become dead letters."""


class Broker(Section):
    """How a Kafka cluster is reached."""

    servers: Servers
    """Brokers to begin with, HOST:PORT, at least one."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Default: PLAINTEXT."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """Used with SASL_PLAINTEXT and SASL_SSL. Default: SCRAM-SHA-512."""
    username: str | None = None
    """SASL user name. Default: none."""
    password: SecretStr | None = None
    """SASL password; only from the environment, never from the file. Default: none."""
    password_file: Location | None = None
    """File whose first line is the SASL password. Default: none."""
    ca_file: Location | None = None
    """PEM file of the certificate authorities to trust. Default: the system's."""

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file exclude each other")
        named = self.username is not None and (self.password is not None or self.password_file is not None)
        if self.security_protocol.startswith("SASL") and not named:
            raise ValueError(f"security_protocol {self.security_protocol} needs username, and password or password_file")
        return self

    def secret(self) -> str | None:
        """The SASL password in clear; InvalidConfig if its file cannot be read. Not for printing."""
        if self.password_file is None:
            return self.password.get_secret_value() if self.password else None
        try:
            return self.password_file.read_text().partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidConfig(f"password_file {self.password_file} cannot be read: {why(error)}") from error


class KafkaSource(Broker, Packets):
    """Alerts from Kafka."""

    kind: Literal["kafka"]
    """This kind of source."""
    topics: Names = ()
    """Topics to read. Either this or `pattern`."""
    pattern: Annotated[str, Field(min_length=1), AfterValidator(_regular_expression)] | None = None
    """Regular expression (POSIX extended) over whole topic names; topics that appear later are picked up. Either this or
    `topics`."""
    group: str = Field(min_length=1)
    """Consumer group, whose committed offsets say what is done. (Rubin's must begin with the user name.)"""
    queue_mib: int = Field(default=64, ge=1, le=4096)
    """Memory for messages fetched ahead, MiB. Default: 64."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if bool(self.topics) == bool(self.pattern):
            raise ValueError("set either topics or pattern")
        return self

    def reads(self, topic: str) -> str | None:
        """Which setting lets the source read `topic`, whatever survey stands in place of ``{survey}``; None if none does."""
        names = {topic.replace("{survey}", survey) for survey in SURVEY_NAMES}
        if self.pattern is not None:
            return "pattern" if any(_compiled(self.pattern).fullmatch(name) for name in names) else None
        return "topics" if names & set(self.topics) else None


class ArchiveSource(Packets):
    """Alerts from files."""

    kind: Literal["archive"]
    """This kind of source."""
    paths: Locations
    """Files (.avro, .tar.gz of .avro) and folders, at least one."""


class SimulatorSource(Section):
    """Alerts that streamer makes up, for trying things out; each start begins anew."""

    kind: Literal["simulator"]
    """This kind of source."""
    survey: Literal["ztf", "lsst", "pulsar"] = "ztf"
    """Whose style of packets. Default: ztf."""
    count: int = Field(default=10_000, ge=1)
    """How many alerts. Default: 10000."""
    rate: float | None = Field(default=None, gt=0)
    """At most so many alerts per second. Default: as fast as they are read."""
    broken: float = Field(default=0.0, ge=0, le=1)
    """Share of packets to damage, 0 to 1. Default: 0."""
    seed: int = Field(default=0, ge=0)
    """The same seed gives the same packets. Default: 0."""


class Output(Section):
    """What a result looks like."""

    shape: Literal["tag", "full"] = "tag"
    """`tag`: a small record of its own; `full`: the whole original packet with the tag appended as one more field. Default: tag."""


class KafkaSink(Broker, Output):
    """Results to Kafka: one transaction for results, dead letters and input offsets."""

    kind: Literal["kafka"]
    """This kind of sink."""
    topic: str = Field(default="streamer.{survey}.tagged", min_length=1)
    """Topic of tagged alerts; ``{survey}`` is replaced by the survey's name. Default: streamer.{survey}.tagged."""
    dead_letter_topic: str = Field(default="streamer.dead-letter", min_length=1)
    """Topic of what could not be tagged. Default: streamer.dead-letter."""
    private_topic: str | None = Field(default=None, min_length=1)
    """Topic of tagged alerts that are not public (``{survey}`` as above). Default: none; they become dead letters without their
    bytes."""
    framing: Literal["container", "registry", "single-object", "json"] = "container"
    """How a tagged alert is wrapped: `container` (any Avro reader opens it), `registry` (small, needs `registry`), `single-object`
    (small, Avro's own), `json` (for people; only with shape tag). Dead letters are containers always. Default: container."""
    registry: Annotated[str, AfterValidator(address)] | None = None
    """URL of the schema registry for framing registry; our schemas are registered there. Default: none."""
    largest: int = Field(default=1_000_000, ge=200_000)
    """The largest message that the topics take (their `max.message.bytes`), bytes. Default: 1000000, Kafka's own."""
    transaction_timeout: float = Field(default=15.0, ge=1, le=900)
    """Seconds after which the broker ends the transaction of a worker that fell silent. Default: 15."""

    @model_validator(mode="after")
    def _agreeing(self) -> Self:
        if self.shape == "full" and self.framing == "json":
            raise ValueError(
                "shape 'full' cannot be written with framing 'json'; allowed: 'container', 'registry', 'single-object'"
            )
        if self.framing == "registry" and self.registry is None:
            raise ValueError("framing 'registry' needs registry, the URL of the schema registry")
        return self


class ArchiveSink(Output):
    """Results to Avro container files, made visible by renaming; a run that was cut off is resumed."""

    kind: Literal["archive"]
    """This kind of sink."""
    folder: Location
    """Where tagged-*.avro and dead-letters-*.avro go; made if missing."""
    private: bool = False
    """Whether to write tagged alerts that are not public too, to files of their own. Default: false."""


class Model(Section):
    """Which models answer."""

    name: Bundles = ("variability-ztf", "variability-lsst", "pulsar-candidate-8", "pulsar-binary")
    """Bundles to load, at most one for each survey and question: names, or paths of their folders, with a slash in them. Default:
    those that are shipped."""
    folder: Location | None = None
    """Folder of bundles that is searched before the shipped ones. Default: none."""


class Features(Section):
    """How much work features may be."""

    period_budget: int | None = Field(default=None, ge=1_024)
    """Most points × frequencies of one alert's period search; beyond, the highest frequencies are left out. Default: what each
    model was trained with, mostly 1048576. Less is faster for alerts with hundreds of detections, but their periods are then not
    those that the model was trained and tested with, and the log says so at each start."""


class Classify(Section):
    """How models answer."""

    conformal_level: float = Field(default=0.9, ge=0.5, lt=1)
    """Share of each class's objects whose conformal set shall hold their class; a higher level gives larger sets, so more alerts
    that only an inner class answers for, or none. At least 0.5. Models without calibration data for sets answer with the most
    probable class whatever it is. Default: 0.9."""
    explain: bool = False
    """Whether tags say which inputs weigh most for the answer. That costs hundreds of times what the answer costs: for looking at
    alerts, not for a whole stream. Default: false."""


class Candidates(Section):
    """Pulsar candidates."""

    catalogue: Location | None = None
    """File of known pulsars in the format of the ATNF pulsar catalogue (psrcat.db); candidates that are one of them are tagged with
    its name. Default: none."""


class Telemetry(Section):
    """Metrics and health over HTTP: /metrics, /healthz, /readyz."""

    port: int = Field(default=9464, ge=0, le=65535)
    """TCP port; 0 turns the server off. Default: 9464."""
    address: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen at. Default: 127.0.0.1, this machine only."""


class Worker(Section):
    """The loop, and how many of it."""

    workers: int = Field(default=1, ge=1, le=64)
    """Worker processes in the consumer group, one per core and no more than partitions; above 1 a supervisor keeps them running.
    Default: 1."""
    batch: int = Field(default=512, ge=1, le=10_000)
    """Most messages in one transaction. Default: 512."""
    wait: float = Field(default=0.2, gt=0, le=5)
    """Seconds that a batch may take to fill. Default: 0.2."""
    drain: float = Field(default=9.0, gt=0, le=60)
    """Seconds that an orderly stop may take; what is not committed by then is read again at the next start. Default: 9."""
    instance: str | None = Field(default=None, min_length=1)
    """Name of this service within its group, unique and the same after a restart: with the number of the worker it makes the
    transactional id. Default: the host name, which is enough for one service per host and group."""
    compile_cache: Location | None = None
    """Folder for compiled kernels, made if missing; only its owner should be able to write to it. Default: NUMBA_CACHE_DIR, else
    beside the package where that is writable, else the user's cache folder, else one among the temporary files."""


class Config(Section):
    """All settings of one service."""

    source: Annotated[KafkaSource | ArchiveSource | SimulatorSource, Field(discriminator="kind")]
    """Where alerts come from."""
    sink: Annotated[KafkaSink | ArchiveSink, Field(discriminator="kind")]
    """Where results go."""
    model: Model = Model()
    """Which models answer."""
    features: Features = Features()
    """How much work features may be."""
    classify: Classify = Classify()
    """How models answer."""
    candidates: Candidates = Candidates()
    """Pulsar candidates."""
    telemetry: Telemetry = Telemetry()
    """Metrics and health."""
    worker: Worker = Worker()
    """The loop."""

    @model_validator(mode="after")
    def _same_kind_of_memory(self) -> Self:
        """A commit is one act only where the sink can also store how far the source has got."""
        if isinstance(self.sink, KafkaSink) != isinstance(self.source, KafkaSource):
            allowed = "'kafka'" if isinstance(self.source, KafkaSource) else "'archive'"
            raise ValueError(
                f"sink.kind {self.sink.kind!r} cannot keep the positions of source.kind {self.source.kind!r}, so alerts could be "
                f"lost or doubled; allowed with this source: {allowed}"
            )
        return self

    @model_validator(mode="after")
    def _nothing_comes_back(self) -> Self:
        """What is written is not read again: every alert would be tagged, and fail, for ever.

        Dead letters may be read, to try them again, where those that fail once more go to another topic.
        """
        source, sink = self.source, self.sink
        if isinstance(source, KafkaSource) and isinstance(sink, KafkaSink) and set(source.servers) & set(sink.servers):
            for setting, topic in (
                ("topic", sink.topic),
                ("dead_letter_topic", sink.dead_letter_topic),
                ("private_topic", sink.private_topic),
            ):
                found = source.reads(topic) if topic else None
                if found is not None:
                    raise ValueError(f"source.{found} would read sink.{setting} {topic!r} back in; name other topics")
        return self

    @model_validator(mode="after")
    def _several_only_of_a_group(self) -> Self:
        if self.worker.workers > 1 and not isinstance(self.source, KafkaSource):
            raise ValueError(f"worker.workers {self.worker.workers} needs source.kind 'kafka': other sources are not shared out")
        return self


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The settings of a TOML file and of the ``STREAMER_SECTION__KEY`` variables in `environ`, which win.

    Raises
    ------
    InvalidConfig
        With one line for each thing that is wrong: the setting, where it was set, what is allowed.
    """
    tree = _tree(path)
    exposed = [f"{section}.password" for section, values in tree.items() if isinstance(values, dict) and "password" in values]
    if exposed:
        raise InvalidConfig(
            f"{exposed[0]} ({path}): a password does not belong in a file like this; use password_file or {_variable(exposed[0])}"
        )
    sections = frozenset(tree)
    overrides = _overridden(tree, environ)
    try:
        return Config.model_validate(tree, context={"folder": path.parent})
    except _ValidationError as error:
        origins = Origins(str(path), frozenset(overrides), _variable, sections)
        raise InvalidConfig("\n".join(lines(error, Config, origins))) from error


def models_alone(path: Path, environ: Mapping[str, str]) -> Model | None:
    """Which models answer, where other settings are wrong; None if these cannot be told from the file either."""
    try:
        tree = _tree(path)
        _overridden(tree, environ)
        return Model.model_validate(tree.get("model", {}), context={"folder": path.parent})
    except (InvalidConfig, _ValidationError):
        return None


def _overridden(tree: dict[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Put what variables say into the tree; their names."""
    overrides = {name: value for name, value in environ.items() if name.startswith(PREFIX) and "__" in name and value}
    for name, value in overrides.items():
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        values = tree.setdefault(section, {})
        if isinstance(values, dict):
            values[key] = value
    return list(overrides)


def misnamed(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that is ignored but would set something if it had a second underscore.

    No error: an orchestrator may set such variables for reasons of its own, as Kubernetes does for each service that it has.
    """
    meant = {_variable(setting).replace("__", "_"): _variable(setting) for setting in _settings(Config)}
    return [f"{name} sets nothing; did you mean {meant[name]}?" for name in sorted(environ) if name in meant and environ[name]]


def _settings(root: type[BaseModel]) -> Iterator[str]:
    """The dotted names of all settings, those of all kinds of a section."""
    for name, field in root.model_fields.items():
        for section in sections_of(field.annotation):
            yield from (f"{name}.{key}" for key in section.model_fields)


def _tree(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path}: cannot be read: {why(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfig(f"{path}: not TOML: {error}") from error


def _variable(setting: str) -> str:
    return PREFIX + setting.replace(".", "__").upper()
