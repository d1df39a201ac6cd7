"""A real Prometheus collects from the real service as deploy/ says, and answers every query of the dashboard."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamer.config import Model
from streamer.sources.simulator import simulate
from tests.broker.client import produce
from tests.broker.service import ROOT, Service
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import eventually, free_ports

pytestmark = pytest.mark.kafka

DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "streamer.json"
COLLECTED = ROOT / "deploy" / "prometheus.yml"
QUIET = ("streamer_transactions_aborted", "streamer_private", "streamer_withdrawn_sources", "streamer_read_by_library")
"""Metrics of what does not happen to these packets: they may have no series."""
OF_SUPERVISORS = "streamer_worker_"
"""How the metrics begin that there are only with several workers."""
STREAMS = (("ztf", 0.1), ("lsst", 0.1))


@pytest.fixture
def prometheus() -> str:
    """The program; without it CI fails and a user's clone skips, with the reason."""
    if found := shutil.which("prometheus"):
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("CI must have Prometheus (Debian package prometheus)")
    pytest.skip("no prometheus here (Debian package prometheus)")


class Prometheus:
    """A running Prometheus on a loopback port, with deploy's configuration pointed at one service."""

    def __init__(self, program: str, target: str, folder: Path) -> None:
        (port,) = free_ports(1)
        self._address = f"http://127.0.0.1:{port}"
        config = yaml.safe_load(COLLECTED.read_text())
        config["global"]["scrape_interval"] = "1s"
        [[static]] = [job["static_configs"] for job in config["scrape_configs"]]
        static["targets"] = [target]
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        self._log = (folder / "prometheus.log").open("wb")
        self.process = subprocess.Popen(
            [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def ask(self, path: str, **parameters: str) -> dict[str, Any]:
        """The answer of the HTTP interface; empty as long as there is none."""
        try:
            url = f"{self._address}{path}?{urllib.parse.urlencode(parameters)}"
            with urllib.request.urlopen(url, timeout=10) as response:
                return dict(json.load(response))
        except OSError:
            return {}

    def targets(self) -> list[str]:
        """The health of each target."""
        return [target["health"] for target in self.ask("/api/v1/targets").get("data", {}).get("activeTargets", ())]

    def value(self, query: str) -> list[float]:
        """The present values of a query; AssertionError if it is no good."""
        answer = self.ask("/api/v1/query", query=query.replace("$__rate_interval", "10s"))
        assert answer.get("status") == "success", (query, answer)
        assert not answer.get("warnings"), (query, answer)
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._log.close()


@contextmanager
def collecting(program: str, port: int, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that collects from a port of this machine."""
    made = Prometheus(program, f"127.0.0.1:{port}", folder)
    try:
        yield made
    finally:
        made.close()


def queries() -> list[str]:
    """Every PromQL expression of the dashboard."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_real_prometheus_answers_every_query_of_the_dashboard(
    kafka: Kafka, names: Names, tmp_path: Path, prometheus: str, workers: int
) -> None:
    service = Service(kafka, names, tmp_path, {"worker": {"workers": workers}})
    packets = {survey: [alert.payload for alert in simulate(survey, 200, 3, share)] for survey, share in STREAMS}
    quiet = QUIET if workers > 1 else (*QUIET, OF_SUPERVISORS)
    telling = [query for query in queries() if not any(name in query for name in quiet)]
    sent = 0

    def send() -> None:
        nonlocal sent
        for survey, payloads in packets.items():
            produce(service.servers, service.inputs[survey], payloads)
            sent += len(payloads)

    with service.running(), collecting(prometheus, service.port, tmp_path) as collected:
        eventually(240, lambda: service.answer("/readyz") == "ready\n", "the service is ready")
        eventually(30, lambda: collected.targets() == ["up"], "Prometheus has found the service")
        for number in count():  # the same packets again and again, so that there is a rate, and alerts that come again
            send()
            eventually(30, lambda: sum(collected.value("streamer_messages_total")) == sent, "Prometheus knows of all packets")
            silent = [query for query in telling if not collected.value(query)]
            if number >= 3 and not silent:
                break
            assert number < 10, silent
        found = {query: collected.value(query) for query in queries()}
        wrong = float(sum(collected.value("sum(streamer_dead_letters_total)")))
        alerts = float(sum(collected.value("sum(streamer_alerts_total)")))

    assert len(telling) >= 17
    assert found["sum(streamer_ledger_imbalance)"] == [0.0]
    assert len(found["streamer_model_info"]) == workers * len(Model().name)
    assert all(value > 0 for value in found["sum(rate(streamer_alerts_total[$__rate_interval]))"])
    assert not any(math.isnan(value) for values in found.values() for value in values)
    assert 0 < wrong < alerts == sent
    shown = sum(bool(values) for values in found.values())
    print(f"{len(found)} queries of the dashboard answered, {shown} with data; {workers} workers, {sent} packets")
