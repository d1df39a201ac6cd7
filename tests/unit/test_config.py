"""Settings: what a file and the environment may say, and what a person reads when they are wrong."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from streamer import config
from streamer.errors import InvalidConfig
from streamer.surveys import SURVEYS

Write = Callable[[str], Path]

SMALLEST = """
[source]
kind = "kafka"
servers = "localhost:9092"
topics = ["ztf_20260101_programid1"]
group = "streamer"

[sink]
kind = "kafka"
servers = "localhost:9092"
"""
FILES = """
[source]
kind = "archive"
paths = ["night"]

[sink]
kind = "archive"
folder = "out"
"""
SECTIONS = (
    config.KafkaSource, config.ArchiveSource, config.SimulatorSource, config.KafkaSink, config.ArchiveSink, config.Model,
    config.Telemetry, config.Worker,
)  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "streamer.toml"
        path.write_text(text)
        return path

    return write


def complaint(path: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidConfig) as caught:
        config.load(path, environ or {})
    return str(caught.value)


def with_line(section: str, line: str, text: str = SMALLEST) -> str:
    return text.replace(f"[{section}]", f"[{section}]\n{line}") if f"[{section}]" in text else f"{text}\n[{section}]\n{line}\n"


def test_the_smallest_configuration_has_all_defaults(written: Write) -> None:
    settings = config.load(written(SMALLEST), {})
    assert isinstance(settings.source, config.KafkaSource)
    assert isinstance(settings.sink, config.KafkaSink)
    assert settings.source.servers == ("localhost:9092",)
    assert settings.sink.topic == "streamer.{survey}.tagged"
    assert settings.sink.dead_letter_topic == "streamer.dead-letter"
    assert settings.sink.private_topic is None
    assert (settings.sink.shape, settings.sink.framing) == ("tag", "container")
    assert settings.model.name == ("variability-ztf", "variability-lsst", "pulsar-candidate-8", "pulsar-binary")


def test_the_issue_s_four_sections_are_understood(written: Write) -> None:
    text = SMALLEST + '[model]\nname = "mine"\n[telemetry]\nport = 8000\n'
    settings = config.load(written(with_line("sink", 'topic = "out"\nshape = "full"', text)), {})
    assert (settings.model.name, settings.telemetry.port) == (("mine",), 8000)
    assert isinstance(settings.sink, config.KafkaSink)
    assert (settings.sink.topic, settings.sink.shape) == ("out", "full")


def test_the_environment_wins_over_the_file(written: Write) -> None:
    environ = {"STREAMER_SOURCE__GROUP": "other", "STREAMER_TELEMETRY__PORT": "0", "STREAMER_SOURCE__TOPICS": "a, b"}
    settings = config.load(written(SMALLEST), environ)
    assert isinstance(settings.source, config.KafkaSource)
    assert (settings.source.group, settings.source.topics, settings.telemetry.port) == ("other", ("a", "b"), 0)


def test_variables_that_are_empty_or_not_of_the_form_are_ignored(written: Write) -> None:
    config.load(written(SMALLEST), {"STREAMER_SOURCE__GROUP": "", "STREAMER_REAL_DATA": "/data", "HOME": "/root"})


@pytest.mark.parametrize(
    ("section", "line", "expected"),
    [
        ("sink", 'shape = "small"', ["sink.shape", "'small'", "'tag', 'full'", "streamer.toml"]),
        ("source", 'topcis = ["a"]', ["source.topcis", "did you mean source.topics?", "streamer.toml"]),
        ("model", 'nmae = "x"', ["model.nmae", "did you mean model.name?", "folder"]),
        ("telemetry", "port = 70000", ["telemetry.port", "70000", "65535"]),
        ("telemetry", 'port = "many"', ["telemetry.port", "'many'", "integer"]),
        ("worker", "batch = 0", ["worker.batch", "0", "1"]),
        ("classify", "conformal_level = 1.0", ["classify.conformal_level", "1.0", "less than 1"]),
        ("classify", "conformal_level = 0.3", ["classify.conformal_level", "0.3", "0.5"]),
        ("classify", 'explain = "often"', ["classify.explain", "'often'", "boolean"]),
        ("sniks", "x = 1", ["sniks", "allowed here", "source, sink, model, features, classify, candidates, telemetry, worker"]),
        ("sink", 'shape = "full"\nframing = "json"', ["shape 'full'", "framing 'json'", "'container'"]),
        ("sink", 'framing = "registry"', ["framing 'registry'", "needs registry"]),
        ("source", 'pattern = "^ztf_.*"', ["either topics or pattern"]),
        ("sink", 'registry = "ftp://registry"', ["sink.registry", "'ftp://registry'", "https://", "streamer.toml"]),
        ("source", 'schemas = ["ftp://registry"]', ["source.schemas", "'ftp://registry'", "https://", "streamer.toml"]),
        ("source", 'security_protocol = "SASL_SSL"', ["SASL_SSL", "username", "password_file"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed_and_its_file(
    written: Write, section: str, line: str, expected: list[str]
) -> None:
    said = complaint(written(with_line(section, line)))
    assert [part for part in expected if part not in said] == [], said
    assert "\n" not in said


def test_a_wrong_variable_is_named_instead_of_the_file(written: Write) -> None:
    said = complaint(written(SMALLEST), {"STREAMER_SINK__SHAPE": "small"})
    assert "STREAMER_SINK__SHAPE" in said
    assert "streamer.toml" not in said


def test_an_unknown_variable_is_an_error_too(written: Write) -> None:
    assert "did you mean source.group?" in complaint(written(SMALLEST), {"STREAMER_SOURCE__GRUOP": "x"})


def test_a_section_that_does_not_exist_is_told_with_the_variable_that_made_it(written: Write) -> None:
    said = complaint(written(SMALLEST), {"STREAMER_SINKK__SHAPE": "tag"})
    assert said.startswith("sinkk (STREAMER_SINKK__SHAPE): there is no such setting; did you mean sink?")
    assert complaint(written(SMALLEST + "[sinkk]\n"), {"STREAMER_SINKK__SHAPE": "tag"}).startswith(f"sinkk ({written(SMALLEST)})")


def test_a_variable_with_one_underscore_too_few_is_told_and_others_are_not() -> None:
    environ = {"STREAMER_SINK_SHAPE": "tag", "STREAMER_WORKER_COMPILE_CACHE": "/x", "STREAMER_REAL_DATA": "/data"}
    environ |= {"STREAMER_SINK__TOPIC": "t", "STREAMER_MODEL_NAME": "", "STREAMER_PORT": "tcp://10.0.0.1:80"}
    assert config.misnamed(environ) == [
        "STREAMER_SINK_SHAPE sets nothing; did you mean STREAMER_SINK__SHAPE?",
        "STREAMER_WORKER_COMPILE_CACHE sets nothing; did you mean STREAMER_WORKER__COMPILE_CACHE?",
    ]


def test_every_problem_has_its_line(written: Write) -> None:
    text = with_line("sink", 'shape = "small"', with_line("worker", "batch = 0\nwait = -1"))
    assert [line.partition(" ")[0] for line in complaint(written(text)).splitlines()] == [
        "sink.shape",
        "worker.batch",
        "worker.wait",
    ]


@pytest.mark.parametrize("server", ["kafka://me:hunter2@broker", "me:hunter2@broker:9092"])
def test_credentials_in_a_server_are_refused_and_not_repeated(written: Write, server: str) -> None:
    said = complaint(written(SMALLEST.replace("localhost:9092", server)))
    assert "HOST:PORT" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("server", ["localhost", "localhost:", ":9092", "localhost:kafka"])
def test_a_server_without_host_or_port_is_an_error(written: Write, server: str) -> None:
    assert "HOST:PORT" in complaint(written(SMALLEST.replace("localhost:9092", server)))


def test_a_missing_setting_is_explained(written: Write) -> None:
    said = complaint(written(SMALLEST.replace('group = "streamer"', "")))
    assert "source.group" in said
    assert "missing" in said
    assert "Consumer group" in said


@pytest.mark.parametrize(("kind", "expected"), [('kind = "rabbit"', "'rabbit'"), ("", "missing")])
def test_a_wrong_kind_lists_the_kinds(written: Write, kind: str, expected: str) -> None:
    said = complaint(written(SMALLEST.replace('kind = "kafka"', kind, 1)))
    assert expected in said
    assert "kafka, archive, simulator" in said


@pytest.mark.parametrize(
    ("text", "expected"), [(SMALLEST.partition("[sink]")[0] + "[sink]" + FILES.partition("[sink]")[2], "'kafka'"),
                           (FILES.partition("[sink]")[0] + "[sink]" + SMALLEST.partition("[sink]")[2], "'archive'")]
)  # fmt: skip
def test_a_sink_that_cannot_keep_the_source_s_positions_is_refused(written: Write, text: str, expected: str) -> None:
    said = complaint(written(text))
    assert "positions" in said
    assert f"allowed with this source: {expected}" in said


def test_no_file_and_no_toml_are_one_clear_line(tmp_path: Path, written: Write) -> None:
    assert "cannot be read" in complaint(tmp_path / "none.toml")
    assert "not TOML" in complaint(written("[source"))


def test_paths_count_from_the_folder_of_the_file(written: Write, tmp_path: Path) -> None:
    settings = config.load(written(with_line("source", 'schemas = ["schemas", "http://registry:8081"]', FILES)), {})
    assert isinstance(settings.source, config.ArchiveSource)
    assert isinstance(settings.sink, config.ArchiveSink)
    assert settings.source.paths == (tmp_path / "night",)
    assert settings.source.schemas == (str(tmp_path / "schemas"), "http://registry:8081")
    assert settings.sink.folder == tmp_path / "out"
    models = config.load(written(with_line("model", 'name = ["./mine", "variability-lsst"]', FILES)), {}).model
    assert models.name == (str(tmp_path / "mine"), "variability-lsst")


SASL = with_line("source", 'security_protocol = "SASL_PLAINTEXT"\nusername = "me"')


def test_a_password_comes_from_the_environment_and_is_never_shown(written: Write) -> None:
    settings = config.load(written(SASL), {"STREAMER_SOURCE__PASSWORD": "hunter2"})
    assert isinstance(settings.source, config.KafkaSource)
    assert settings.source.secret() == "hunter2"
    assert "hunter2" not in f"{settings!r}{settings}{settings.model_dump_json()}"


def test_a_password_comes_from_a_file(written: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    settings = config.load(written(with_line("source", 'password_file = "secret"', SASL)), {})
    assert isinstance(settings.source, config.KafkaSource)
    assert settings.source.secret() == "hunter2"


def test_a_password_file_that_is_missing_is_a_clear_error(written: Write) -> None:
    settings = config.load(written(with_line("source", 'password_file = "secret"', SASL)), {})
    assert isinstance(settings.source, config.KafkaSource)
    with pytest.raises(InvalidConfig, match="cannot be read"):
        settings.source.secret()


@pytest.mark.parametrize("extra", [{"STREAMER_SINK__SHAPE": "small"}, {"STREAMER_SOURCE__PASSWORD_FILE": "x"}])
def test_a_password_is_in_no_error(written: Write, extra: dict[str, str]) -> None:
    assert "hunter2" not in complaint(written(SASL), {"STREAMER_SOURCE__PASSWORD": "hunter2", **extra})


def test_a_password_in_the_file_is_refused_without_repeating_it(written: Write) -> None:
    said = complaint(written(with_line("source", 'password = "hunter2"', SASL)))
    assert "STREAMER_SOURCE__PASSWORD" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_says_what_it_is_and_its_default(section: type[BaseModel]) -> None:
    fields = {name: field for name, field in section.model_fields.items() if name != "kind"}
    assert [name for name, field in fields.items() if not field.description] == []
    silent = [
        n
        for n, f in fields.items()
        if not f.is_required() and n not in ("topics", "pattern") and "Default:" not in (f.description or "")
    ]
    assert silent == []


@given(
    st.text(max_size=40),
    st.sampled_from(["SOURCE__SERVERS", "SINK__SHAPE", "TELEMETRY__PORT", "MODEL__FOLDER", "SINK__", "SOURCE__KIND"])
    | st.sampled_from(["MODEL__NAME", "SOURCE__SCHEMAS", "SOURCE__PATTERN", "SINK__TOPIC", "SINK__REGISTRY"]),
)
@example("~nobody", "MODEL__FOLDER")
@example("~nobody/x", "MODEL__NAME")
def test_no_value_of_a_variable_escapes_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, value: str, variable: str
) -> None:
    path = tmp_path_factory.mktemp("config") / "streamer.toml"
    path.write_text(SMALLEST)
    with contextlib.suppress(InvalidConfig):
        config.load(path, {f"STREAMER_{variable}": value})


def test_only_a_consumer_group_is_shared_out_to_several_workers(written: Write) -> None:
    assert config.load(written(with_line("worker", "workers = 3")), {}).worker.workers == 3
    said = complaint(written(with_line("worker", "workers = 3", FILES)))
    assert "worker.workers 3 needs source.kind 'kafka'" in said


def reading(topics: str) -> str:
    return SMALLEST.replace('topics = ["ztf_20260101_programid1"]', topics)


def test_a_pattern_that_is_no_regular_expression_is_one_clear_line(written: Write) -> None:
    said = complaint(written(reading('pattern = "ztf_([0-9"')))
    assert said.startswith("source.pattern (")
    assert "'ztf_([0-9' is not a regular expression" in said
    assert "\n" not in said


@pytest.mark.parametrize("line", ['registry = "htp://user:hunter2@reg"', 'registry = "ftp://user:hun@/ter2@reg/x"', "registry = 3"])
def test_the_credentials_of_an_address_are_in_no_error(written: Write, line: str) -> None:
    said = complaint(written(with_line("sink", line)))
    assert said.startswith("sink.registry (")
    assert "user" not in said
    assert "ter2" not in said


@pytest.mark.parametrize("scheme", ["ftp", "htp", "HTTPS", "file", ""])
def test_a_place_of_schemas_with_an_unknown_scheme_is_no_folder(written: Write, scheme: str) -> None:
    said = complaint(written(with_line("source", f'schemas = ["night", "{scheme}://user:hunter2@reg"]')))
    assert said.startswith("source.schemas (")
    assert f"'{scheme}://reg' is not an http:// or https:// address" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("source", "sink", "expected"),
    [
        ('topics = ["streamer.ztf.tagged"]', "", ["source.topics", "sink.topic 'streamer.{survey}.tagged'"]),
        ('topics = ["a", "streamer.unknown.tagged"]', "", ["source.topics", "sink.topic"]),
        ('pattern = "streamer.*"', 'topic = "out"', ["source.pattern", "sink.dead_letter_topic 'streamer.dead-letter'"]),
        ('pattern = "streamer.[[:alpha:]]+.tagged"', "", ["source.pattern", "sink.topic"]),
        (r"pattern = '.*\.lsst\..*'", "", ["source.pattern", "sink.topic"]),
        ('topics = ["streamer.dead-letter"]', "", ["source.topics", "sink.dead_letter_topic"]),
        ('topics = ["mine.lsst"]', 'private_topic = "mine.{survey}"', ["source.topics", "sink.private_topic 'mine.{survey}'"]),
    ],
)
def test_topics_that_are_written_cannot_be_read_too(written: Write, source: str, sink: str, expected: list[str]) -> None:
    said = complaint(written(with_line("sink", sink, reading(source))))
    assert [part for part in expected if part not in said] == [], said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("source", "sink"),
    [
        ('topics = ["streamer.dead-letter"]', 'dead_letter_topic = "streamer.dead-letter.again"'),
        ('pattern = "streamer[.]dead-letter"', 'dead_letter_topic = "streamer.dead-letter.again"'),
        ('pattern = "ztf_[0-9]+_programid1"', ""),
    ],
)
def test_dead_letters_can_be_read_where_new_ones_go_elsewhere(written: Write, source: str, sink: str) -> None:
    config.load(written(with_line("sink", sink, reading(source))), {})


def test_topics_of_the_same_name_on_other_servers_are_other_topics(written: Write) -> None:
    head, _, tail = reading('topics = ["streamer.ztf.tagged"]').rpartition("localhost")
    config.load(written(f"{head}elsewhere{tail}"), {})


def test_every_survey_may_stand_in_the_name_of_a_topic() -> None:
    assert {survey.name for survey in SURVEYS} <= set(config.SURVEY_NAMES)
