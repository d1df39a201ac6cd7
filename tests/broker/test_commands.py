"""The commands against a real Kafka, as a person would run them one after the other."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.broker.service import ROOT, streamer
from tests.kafka_fixtures import Kafka, Names
from tests.kafka_server import eventually, free_ports

pytestmark = pytest.mark.kafka
COUNT = 200


@contextmanager
def running(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running service; ended in any case."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamer.cli", "run", str(config)], cwd=ROOT, stderr=errors, env=dict(os.environ)
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def answer(port: int, path: str) -> str:
    """What the service says over HTTP; empty as long as it says nothing good."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return str(response.read().decode())
    except OSError:
        return ""


@pytest.mark.parametrize("framing", ["container", "json"])
def test_simulated_alerts_go_through_the_service_and_out_to_a_subscriber(
    kafka: Kafka, names: Names, tmp_path: Path, framing: str
) -> None:
    packets, tagged, dead = names("packets"), names("tagged"), names("dead")
    for topic in (packets, tagged, dead):
        kafka.create_topic(topic, 2)
    (port,) = free_ports(1)
    config = tmp_path / "streamer.toml"
    config.write_text(
        f"""
        [source]
        kind = "kafka"
        servers = "{kafka.bootstrap}"
        topics = ["{packets}"]
        group = "{names("group")}"
        [sink]
        kind = "kafka"
        servers = "{kafka.bootstrap}"
        topic = "{tagged}"
        dead_letter_topic = "{dead}"
        framing = "{framing}"
        [model]
        name = []
        [telemetry]
        port = {port}
        [worker]
        instance = "{names("instance")}"
        """
    )
    said = streamer("check", str(config))
    assert said.returncode == 0, said.stderr
    fed = streamer(
        "simulate",
        "--survey",
        "lsst",
        "--count",
        str(COUNT),
        "--seed",
        "1",
        "--broken",
        "0.1",
        "--servers",
        kafka.bootstrap,
        "--topic",
        packets,
    )
    assert (fed.returncode, fed.stdout) == (0, "")
    assert fed.stderr.startswith(f"streamer: {COUNT:,} packets, ")
    assert fed.stderr.endswith(f" of them broken, sent to {packets}\n")

    with running(config, tmp_path / "log") as service:
        eventually(
            240, lambda: f"streamer_messages_total {COUNT}.0" in answer(port, "/metrics"), "the service has read all packets"
        )
        assert answer(port, "/healthz") == "alive\n"
        eventually(10, lambda: answer(port, "/readyz") == "ready\n", "the service is ready")
        metrics = answer(port, "/metrics")
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=10) == 0, (tmp_path / "log").read_text()

    rejected = sum(
        float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith("streamer_dead_letters_total{")
    )
    found = streamer("subscribe", tagged, "--servers", kafka.bootstrap, "--limit", str(COUNT - int(rejected)), "--json")
    records = [json.loads(line) for line in found.stdout.splitlines()]
    assert 0 < rejected < COUNT / 2
    assert len({record["tag_id"] for record in records}) == len(records) == COUNT - rejected
    assert {record["input"]["source"] for record in records} == {packets}
    assert all(isinstance(record["published"], int) for record in records)
    if framing == "container":
        letters = streamer("subscribe", dead, "--servers", kafka.bootstrap, "--limit", str(int(rejected)), "--json")
        assert len(letters.stdout.splitlines()) == rejected
    people = streamer("subscribe", tagged, "--servers", kafka.bootstrap, "--limit", "3")
    assert people.stdout.count("lsst") == 3


def test_a_topic_or_a_broker_that_is_not_there_is_one_clear_line(kafka: Kafka, names: Names, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    config = tmp_path / "streamer.toml"
    text = f'[source]\nkind = "kafka"\nservers = "{kafka.bootstrap}"\ntopics = ["{names("none")}"]\ngroup = "g"\n'
    text += f'[sink]\nkind = "kafka"\nservers = "127.0.0.1:{port}"\n[telemetry]\nport = 0\n[model]\nname = []\n'
    config.write_text(text)
    said = streamer("check", str(config))
    assert said.returncode == 1
    assert [line.split(":")[1].strip() for line in said.stderr.splitlines()] == ["source.topics", "sink.servers"]


def test_a_pattern_that_kafka_cannot_read_is_one_clear_line(kafka: Kafka, tmp_path: Path) -> None:
    config = tmp_path / "streamer.toml"
    text = f'[source]\nkind = "kafka"\nservers = "{kafka.bootstrap}"\npattern = "ztf_(?:a|b)"\ngroup = "g"\n'
    text += f'[sink]\nkind = "kafka"\nservers = "{kafka.bootstrap}"\n[telemetry]\nport = 0\n[model]\nname = []\n'
    config.write_text(text)
    for command in ("check", "run"):
        said = streamer(command, str(config))
        lines = [line for line in said.stderr.splitlines() if line.startswith("streamer: ")]
        assert said.returncode == 1
        assert "Traceback" not in said.stderr
        assert [line for line in lines if "ztf_(?:a|b)" in line] == lines
        assert len(lines) == 1
