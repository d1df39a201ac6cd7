"""What `docker compose up` uses: valid, complete, and in step with what the service exports."""

import json
import re
import sys
import threading
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from streamer import config, telemetry
from streamer.data.batch import State, Why
from streamer.data.tally import Tally
from streamer.errors import Reason, Stage
from streamer.supervisor import Supervisor
from tests.kafka_server import eventually

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "streamer.json"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
EVENTFUL = Tally(
    messages=2,
    read=2,
    answers={("ztf", State.NOT_CLASSIFIED, Why.TOO_FEW_POINTS): 1},
    rejected={("ztf", Stage.CODEC, Reason.TRUNCATED): 1},
    withdrawn={"ztf": 1},
    private={"ztf": 1},
    read_by_library={"ztf": 1},
)
WORKER = "import time; time.sleep(60)"


def queries() -> list[str]:
    """Every PromQL expression of the dashboard."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def metrics_in(query: str) -> set[str]:
    """The metric names in a PromQL expression: identifiers that are neither called, nor labels, nor words of the language."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    names = re.findall(r"[A-Za-z_:][A-Za-z0-9_:]*(?!\w|\s*\()", bare)
    return set(names) - {"and", "or", "unless", "by", "without", "offset", "bool"}


def exported() -> dict[str, set[str]]:
    """Every sample that the service exports once each thing has happened, with its labels."""
    told = telemetry.PrometheusTelemetry(telemetry.SystemClock())
    told.model("ztf", "m", "1.0", "00", "forest")
    told.committed(EVENTFUL, {Stage.CODEC: 0.1}, np.array([1.0]))
    told.aborted()
    told.duplicates(1)
    told.lag({("topic", 0): 1})
    families = [*told.registry.collect(), *text_string_to_metric_families(of_a_supervisor())]
    names: dict[str, set[str]] = {}
    for sample in (sample for metric in families for sample in metric.samples):
        names.setdefault(sample.name, set()).update(sample.labels)
    return names


@cache
def of_a_supervisor() -> str:
    """What a supervisor exports itself, with a worker that says nothing."""
    supervisor = Supervisor(lambda _slot, _descriptor: [sys.executable, "-c", WORKER], 1, telemetry.SystemClock())
    running = threading.Thread(target=supervisor.run)
    running.start()
    try:
        eventually(30, lambda: b"streamer_worker_up{" in supervisor.metrics(), "there is a worker")
        return supervisor.metrics().decode()
    finally:
        supervisor.stop()
        running.join()


def test_every_query_names_a_metric_that_is_exported() -> None:
    known = exported()
    assert len(queries()) >= 20
    for query in queries():
        assert metrics_in(query), query
        assert metrics_in(query) <= set(known), query


def test_every_query_groups_by_labels_that_its_metrics_have() -> None:
    known = exported()
    for query in queries():
        labels = {label.strip() for group in re.findall(r"\bby\s*\(([^)]*)\)", query) for label in group.split(",")}
        labels |= set(re.findall(r"[{,]\s*(\w+)\s*=", query))
        for metric in metrics_in(query):
            assert labels <= known[metric], query


def test_every_exported_metric_is_on_the_dashboard() -> None:
    shown = {re.sub("_(bucket|sum|count)$", "", name) for query in queries() for name in metrics_in(query)}
    ours = {re.sub("_(bucket|sum|count|created)$", "", name) for name in exported() if name.startswith("streamer_")}
    assert {name.removesuffix("_total") for name in ours} == {name.removesuffix("_total") for name in shown}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sum by (le, a) (rate(x_bucket[5m])) / y", {"x_bucket", "y"}),
        ('x{by="sum"} > bool 3 or histogram_quantile(0.5, z_bucket)', {"x", "z_bucket"}),
    ],
)
def test_metric_names_are_found_in_a_query(query: str, expected: set[str]) -> None:
    assert metrics_in(query) == expected


def test_panels_neither_overlap_nor_share_an_id() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    places = [panel["gridPos"] for panel in panels]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_dashboard_uses_the_provisioned_data_source() -> None:
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    used = set(re.findall(r'"type": "prometheus",\s*"uid": "(\w+)"', DASHBOARD.read_text()))
    assert used == {source["uid"] for source in sources}
    assert [source["url"] for source in sources] == ["http://prometheus:9090"]


def test_grafana_looks_for_dashboards_where_they_are_mounted() -> None:
    (provider,) = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/streamer.yml").read_text())["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]


def test_prometheus_collects_from_the_port_that_streamer_opens() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"]
    settings = config.load(ROOT / "deploy" / "streamer.toml", {})
    assert job["static_configs"] == [{"targets": [f"streamer:{settings.telemetry.port}"]}]
    assert settings.telemetry.address == "0.0.0.0"
    assert f"127.0.0.1:{settings.telemetry.port}:{settings.telemetry.port}" in SERVICES["streamer"]["ports"]


def test_the_compose_file_is_valid_by_the_published_schema() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(COMPOSE)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(COMPOSE | {"service": {}})


def test_what_the_compose_file_mounts_and_names_is_there() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    folders = [mount.partition(":")[0] for mount in mounts if mount.startswith(".")]
    assert folders
    assert [folder for folder in folders if not (ROOT / folder).exists()] == []
    assert {mount.partition(":")[0] for mount in mounts if not mount.startswith(".")} == set(COMPOSE["volumes"])
    assert {name for service in SERVICES.values() for name in service.get("depends_on", ())} <= set(SERVICES)


def test_services_find_the_broker_by_its_name() -> None:
    settings = config.load(ROOT / "deploy" / "streamer.toml", {})
    assert isinstance(settings.source, config.KafkaSource)
    assert isinstance(settings.sink, config.KafkaSink)
    assert {*settings.source.servers, *settings.sink.servers} == {"kafka:9092"}
    command = SERVICES["simulator"]["command"].split()
    assert command[command.index("--servers") + 1] == "kafka:9092"
    assert settings.source.pattern is not None
    assert re.fullmatch(settings.source.pattern, command[command.index("--topic") + 1])
    assert "INSIDE://kafka:9092" in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


@pytest.mark.parametrize("commented", [False, True])
def test_topics_of_packets_that_name_their_schema_by_number_are_read_only_with_schemas(tmp_path: Path, commented: bool) -> None:
    text = (ROOT / "deploy" / "streamer.toml").read_text()
    if commented:  # as somebody who wants LSST too would change it
        text = re.sub(r"(?m)^pattern = .*\n", "", text)
        text = re.sub(r"(?m)^# ((?:pattern|schemas) = )", r"\1", text)
    (tmp_path / "streamer.toml").write_text(text)
    source = config.load(tmp_path / "streamer.toml", {}).source
    assert isinstance(source, config.KafkaSource)
    assert source.pattern is not None
    assert bool(re.fullmatch(source.pattern, "lsst-alerts-v10.0")) == bool(source.schemas) == commented


def test_a_stopping_container_is_given_the_time_to_drain() -> None:
    settings = config.load(ROOT / "deploy" / "streamer.toml", {})
    assert int(SERVICES["streamer"]["stop_grace_period"].removesuffix("s")) > settings.worker.drain


def test_the_image_holds_what_is_copied_into_it_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == let_in
    assert [name for name in copied if not (ROOT / name).exists()] == []
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users[-1:] == ["streamer"]
