"""The service against a Kafka that wants a user name and a password (SCRAM-SHA-512)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.sources.simulator import simulate
from tests.broker.client import produce, values
from tests.broker.service import Service, Settings, streamer
from tests.kafka_fixtures import Names, started
from tests.kafka_server import KafkaServer, eventually, free_ports

pytestmark = pytest.mark.kafka

USER, PASSWORD, WRONG = "observer", "open-sesame-7391", "let-me-in-4482"
COUNT = 50


@pytest.fixture(scope="module")
def guarded_port() -> int:
    (port,) = free_ports(1)
    return port


@pytest.fixture(scope="module")
def guarded_kafka(tmp_path_factory: pytest.TempPathFactory, guarded_port: int) -> Iterator[KafkaServer]:
    """A broker with one door for the tests and one for those who have a password."""
    guarded = f"SASL_PLAINTEXT://127.0.0.1:{guarded_port}"
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},{guarded}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{{port}},{guarded}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }
    server = started(KafkaServer(tmp_path_factory.mktemp("guarded-kafka"), settings, {USER: PASSWORD}))
    yield server
    server.stop()


@pytest.fixture
def service(guarded_kafka: KafkaServer, guarded_port: int, names: Names, tmp_path: Path) -> Service:
    """A service that comes through the guarded door and has no password yet."""
    door = {"servers": f"127.0.0.1:{guarded_port}", "security_protocol": "SASL_PLAINTEXT", "username": USER}
    settings: Settings = {"source": door, "sink": door}
    return Service(guarded_kafka, names, tmp_path, settings, surveys=("lsst",))


def environ(password: str) -> dict[str, str]:
    """The environment with a password for both doors."""
    return {"STREAMER_SOURCE__PASSWORD": password, "STREAMER_SINK__PASSWORD": password}


def test_a_user_with_the_right_password_gets_through_and_the_password_is_never_shown(service: Service) -> None:
    said = streamer("check", str(service.config), environ=environ(PASSWORD))
    assert (said.returncode, said.stderr) == (0, "")
    produce(service.servers, service.inputs["lsst"], [alert.payload for alert in simulate("lsst", COUNT, 1)])
    with service.running(environ(PASSWORD)) as process:
        eventually(240, lambda: service.sum_of("streamer_messages_total") == COUNT, "all packets")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, service.log()
    assert len(values(service.servers, service.tagged["lsst"])) == COUNT
    assert PASSWORD not in said.stdout + service.log()


def test_a_wrong_password_is_one_clear_error_for_each_door_and_is_never_shown(service: Service) -> None:
    said = streamer("check", str(service.config), environ=environ(WRONG))
    assert said.returncode == 1
    print(said.stderr)
    lines = said.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["source.password", "sink.password"]
    with service.running(environ(WRONG)) as process:
        assert process.wait(60) == 1, service.log()
    print(service.log())
    last = service.log().splitlines()[-1]
    assert last.startswith("streamer: ")
    assert "uthentication" in last
    assert WRONG not in said.stdout + said.stderr + service.log()


def test_a_file_of_certificates_that_is_none_is_one_clear_line(service: Service) -> None:
    config = service.configured("certificates", {"source": {"security_protocol": "SASL_SSL", "ca_file": "no-such-file.pem"}})
    for command in ("check", "run"):
        said = streamer(command, str(config), environ=environ(PASSWORD))
        assert said.returncode == 1
        last = said.stderr.splitlines()[-1]
        assert last.startswith("streamer: source: not good for a Kafka client: ")
        assert "Traceback" not in said.stderr
