"""A real Apache Kafka for the tests: one KRaft node on loopback ports, started from its published jars.

Nothing smaller keeps Kafka's transactional promises, so nothing smaller proves anything about delivery. The jars come through
Maven once and stay in a cache folder (``STREAMER_TEST_CACHE``, else ``~/.cache/streamer-test``).
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

KAFKA = "4.4.0"
OLDEST_JAVA = 17
START_S = 60.0
STOP_S = 20.0

_POM = f"""<project><modelVersion>4.0.0</modelVersion>
<groupId>streamer</groupId><artifactId>test-kafka</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA}</version></dependency>
</dependencies></project>
"""

_TOGETHER = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={data}
"""

_BROKER = """process.roles=broker
node.id=1
controller.quorum.voters=2@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={data}
"""

_CONTROLLER = """process.roles=controller
node.id=2
controller.quorum.voters=2@127.0.0.1:{controller}
listeners=CONTROLLER://127.0.0.1:{controller}
log.dirs={data}-of-the-controller
"""

_COMMON = """controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.ms=-1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""

_FENCED_S = 3.0
"""After so long the controller has noticed that a broker is gone: its session and a heartbeat."""


class NoKafka(Exception):
    """Why no broker can be had here: a reason to skip, which pytest shows to a person."""


def java_version() -> int | None:
    """The major version of the Java on the path."""
    if not (java := shutil.which("java")):
        return None
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    found = re.search(r'version "(\d+)', answer)
    return int(found[1]) if found else None


def jars() -> Path:
    """The folder with the broker's jars, fetched when it is not there yet; raises NoKafka."""
    if (java_version() or 0) < OLDEST_JAVA:
        raise NoKafka(f"no Java ≥ {OLDEST_JAVA} here")
    cache = Path(os.environ.get("STREAMER_TEST_CACHE") or Path.home() / ".cache" / "streamer-test")
    folder = cache / f"kafka-{KAFKA}"
    if folder.is_dir():
        return folder
    if not (mvn := shutil.which("mvn")):
        raise NoKafka(f"no Maven here to fetch Kafka {KAFKA}")
    partial = cache / f"kafka-{KAFKA}.{uuid.uuid4().hex}"  # a half-filled folder must never look complete
    partial.mkdir(parents=True)
    try:
        (partial / "pom.xml").write_text(_POM)
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={partial / 'jars'}", "-DincludeScope=runtime"]
        done = subprocess.run([mvn, "-q", "-B", *copy], cwd=partial, capture_output=True, text=True, timeout=240, check=False)
        if done.returncode:
            raise NoKafka(f"Maven could not fetch Kafka {KAFKA}: {(done.stdout + done.stderr)[-300:].strip()}")
        if not folder.is_dir():
            (partial / "jars").rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on, each different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def eventually(seconds: float, happened: Callable[[], bool], what: str) -> None:
    """Return as soon as `happened`; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def create_topic(bootstrap: str, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
    """Create a topic and wait until the broker lists it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(name, partitions, 1, config=dict(config or {}))]).values():
        made.result(30)
    eventually(10, lambda: name in admin.list_topics(timeout=10).topics, f"topic {name}")


@dataclass
class ExternalKafka:
    """The broker that STREAMER_TEST_KAFKA names; it cannot be killed."""

    bootstrap: str

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic and wait until the broker lists it."""
        create_topic(self.bootstrap, name, partitions, config)


class _Node:
    """One process of Kafka, with a log beside its settings."""

    def __init__(self, properties: Path, memory: str) -> None:
        self._log = properties.with_suffix(".log").open("ab")
        command = ["java", f"-Xmx{memory}", "-cp", f"{jars()}/*", "kafka.Kafka", str(properties)]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


@dataclass
class KafkaServer:
    """One broker process; its data folder survives `kill` and `restart`.

    Parameters
    ----------
    folder : Path
        For settings, log and data.
    settings : mapping
        More broker properties; ``{port}`` and ``{controller}`` stand for the ports of the two listeners.
    users : mapping
        User name → password, for SCRAM-SHA-512.
    mortal : bool
        The controller is a process of its own that outlives the broker, as in a cluster. A node that is both and is killed right
        after a commit may lose it: starting, it thinks for a moment that it still leads and then that nobody does, and Kafka 4.4
        leaves out the marks that end the transaction ("Couldn't find leader endpoint … can be skipped").
    """

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    mortal: bool = False
    bootstrap: str = field(init=False, default="")
    _broker: _Node | None = field(init=False, default=None)
    _controller: _Node | None = field(init=False, default=None)

    def start(self) -> None:
        """Start, and return when the broker answers a metadata request."""
        properties = self.folder / "server.properties"
        if not properties.exists():
            self._format(properties)
        if self.mortal and self._controller is None:
            self._controller = _Node(self.folder / "controller.properties", "256m")
        self._broker = _Node(properties, "1g")
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        try:
            eventually(START_S, lambda: self._answers(admin), "a metadata answer of the test broker")
        except BaseException:
            self.stop()
            raise

    def _format(self, properties: Path) -> None:
        port, controller = free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        # 16 bytes in base64, the first of them fixed: an id that began with "-" would be taken for an option
        cluster = base64.urlsafe_b64encode(b"s" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        roles = (
            {properties: _BROKER, self.folder / "controller.properties": _CONTROLLER} if self.mortal else {properties: _TOGETHER}
        )
        for path, role in roles.items():
            lines = role + _COMMON + "".join(f"{name}={value}\n" for name, value in self.settings.items())
            path.write_text(lines.format(port=port, controller=controller, data=self.folder / "data"))
            tool = ["java", "-cp", f"{jars()}/*", "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(path)]
            for name, password in self.users.items():
                tool += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
            subprocess.run(tool, check=True, capture_output=True, timeout=60)

    def _answers(self, admin: AdminClient) -> bool:
        if self._broker is None or self._broker.has_ended():
            raise AssertionError(f"the test broker ended: {(self.folder / 'server.log').read_text()[-800:]}")
        try:
            return bool(admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def stop(self) -> None:
        """Stop in order, within a time limit."""
        for node in (self._broker, self._controller):
            if node is not None:
                node.end(signal.SIGTERM)
        self._broker = self._controller = None

    def kill(self) -> None:
        """End the broker as a power cut would."""
        if self._broker is not None:
            self._broker.end(signal.SIGKILL)
        self._broker = None

    def restart(self) -> None:
        """Kill the broker, and start it again on the same port with the same data when the controller has noticed."""
        self.kill()
        if self.mortal:
            time.sleep(_FENCED_S)
        self.start()

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic and wait until the broker lists it."""
        create_topic(self.bootstrap, name, partitions, config)
