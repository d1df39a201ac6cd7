"""Metrics for Prometheus, and what an operator's probes ask: is it alive, is it ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streamer.data.arrays import Float64s
from streamer.data.batch import State
from streamer.data.tally import Tally
from streamer.errors import InvalidConfig, Stage
from streamer.ports import Clock, Probed

OUTCOMES = {State.CLASSIFIED: "classified", State.PARENT_ONLY: "parent_only", State.NOT_CLASSIFIED: "not_classified"}
_STAGE_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_BATCH = (1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096)
_LATENCY_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)


class SystemClock:
    """The machine's clock, as :class:`streamer.ports.Clock`."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()


class NoTelemetry:
    """For runs that nobody watches, as :class:`streamer.ports.Telemetry`."""

    def turned(self) -> None:
        """Ignore it."""

    def committed(self, tally: Tally, seconds: Mapping[Stage, float], latency: Float64s) -> None:
        """Ignore it."""

    def aborted(self) -> None:
        """Ignore it."""

    def lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """Ignore it."""

    def duplicates(self, count: int) -> None:
        """Ignore it."""


class Health:
    """Whether the loop turns, and whether what it does succeeds.

    Parameters
    ----------
    clock : Clock
    patience : float, s
        A loop that has not turned for so long is dead.
    needs_assignment : bool
        The source hands out partitions, and without one this worker is not ready.
    """

    def __init__(self, clock: Clock, patience: float = 60.0, needs_assignment: bool = False) -> None:
        self._clock = clock
        self._patience = patience
        self._turned_at = clock.monotonic()  # starting counts as a sign of life
        self._has_turned = False
        self._assigned = not needs_assignment
        self._needs_assignment = needs_assignment
        self._aborting = False

    def turned(self) -> None:
        """A sign of life."""
        self._turned_at = self._clock.monotonic()
        self._has_turned = True

    def assigned(self, partitions: int) -> None:
        """So many partitions are this worker's."""
        self._assigned = partitions > 0 or not self._needs_assignment

    def aborting(self, yes: bool) -> None:
        """Whether the last commit was aborted."""
        self._aborting = yes

    def is_alive(self) -> bool:
        """The loop has turned lately."""
        return self._clock.monotonic() - self._turned_at <= self._patience

    def is_ready(self) -> bool:
        """Models are loaded (or the loop would not turn), partitions are assigned, and the last commit went well."""
        return self.is_alive() and self._has_turned and self._assigned and not self._aborting


class Latencies(Collector):
    """The histogram ``streamer_latency_seconds``, which takes a whole batch at once: the client library's own takes one by one."""

    def __init__(self) -> None:
        self._bounds = np.array(_LATENCY_S)
        self._counts = np.zeros(len(_LATENCY_S) + 1, dtype=np.int64)
        self._sum = 0.0

    def observe(self, latency: Float64s) -> None:
        """Count float64[n] seconds."""
        self._counts = self._counts + np.bincount(np.searchsorted(self._bounds, latency), minlength=len(self._counts))
        self._sum += float(latency.sum())

    def collect(self) -> Iterable[Metric]:
        """The histogram as it stands."""
        names = [*(str(bound) for bound in _LATENCY_S), "+Inf"]
        buckets = list(zip(names, np.cumsum(self._counts).tolist(), strict=True))
        yield HistogramMetricFamily("streamer_latency_seconds", "From the survey's stamp to the commit", buckets, self._sum)


class PrometheusTelemetry:
    """A :class:`streamer.ports.Telemetry` with a registry of its own.

    Parameters
    ----------
    clock : Clock
    patience, needs_assignment
        As for :class:`Health`.
    """

    def __init__(self, clock: Clock, patience: float = 60.0, needs_assignment: bool = False) -> None:
        self.health = Health(clock, patience, needs_assignment)
        self.registry = CollectorRegistry()
        r = self.registry
        ProcessCollector(registry=r)
        self._messages = Counter("streamer_messages", "Messages read and committed", registry=r)
        self._alerts = Counter("streamer_alerts", "What became of each row", ["survey", "outcome"], registry=r)
        self._not_classified = Counter("streamer_not_classified", "Why alerts got no class", ["survey", "why"], registry=r)
        self._dead_letters = Counter("streamer_dead_letters", "Rejected rows", ["survey", "stage", "reason"], registry=r)
        self._private = Counter("streamer_private", "Alerts that are not public", ["survey"], registry=r)
        self._withdrawn = Counter("streamer_withdrawn_sources", "History sources taken back by the survey", ["survey"], registry=r)
        self._by_library = Counter("streamer_read_by_library", "Alerts whose schema only fastavro reads", ["survey"], registry=r)
        self._duplicates = Counter("streamer_duplicates", "Alerts seen before, lately", registry=r)
        self._aborted = Counter("streamer_transactions_aborted", "Transactions aborted and read again", registry=r)
        self._stages = Histogram("streamer_stage_seconds", "Time per batch and stage", ["stage"], buckets=_STAGE_S, registry=r)
        self._batch = Histogram("streamer_batch_messages", "Messages per batch", buckets=_BATCH, registry=r)
        self._latency = Latencies()
        r.register(self._latency)
        self._lag = Gauge("streamer_consumer_lag", "Messages still to read", ["topic", "partition"], registry=r)
        self._imbalance = Gauge("streamer_ledger_imbalance", "Rows unaccounted for since the start: must be 0", registry=r)
        labels = ["survey", "name", "version", "checksum", "evaluator"]
        self._model = Gauge("streamer_model_info", "Loaded models", labels, registry=r)

    def is_alive(self) -> bool:
        """The loop has turned lately."""
        return self.health.is_alive()

    def is_ready(self) -> bool:
        """Models are loaded, partitions are assigned, and the last commit went well."""
        return self.health.is_ready()

    def metrics(self) -> bytes:
        """All metrics, in Prometheus' text format."""
        return generate_latest(self.registry)

    def model(self, survey: str, name: str, version: str, checksum: str, evaluator: str) -> None:
        """A model is loaded for a survey; its trees are evaluated by our own ``forest`` or by LightGBM's ``booster``."""
        self._model.labels(survey, name, version, checksum, evaluator).set(1)

    def turned(self) -> None:
        """The loop went round."""
        self.health.turned()

    def committed(self, tally: Tally, seconds: Mapping[Stage, float], latency: Float64s) -> None:
        """Count a batch that is out."""
        self.health.aborting(False)
        self._messages.inc(tally.messages)
        self._batch.observe(tally.messages)
        self._imbalance.inc(tally.imbalance)
        self._count(tally)
        for stage, spent in seconds.items():
            self._stages.labels(stage.value).observe(spent)
        self._latency.observe(latency)

    def _count(self, tally: Tally) -> None:
        for (survey, state, why), count in tally.answers.items():
            self._alerts.labels(survey, OUTCOMES[state]).inc(count)
            if state is State.NOT_CLASSIFIED:
                self._not_classified.labels(survey, why.value).inc(count)
        for (survey, stage, reason), count in tally.rejected.items():
            self._alerts.labels(survey, "rejected").inc(count)
            self._dead_letters.labels(survey, stage.value, reason.value).inc(count)
        for survey, count in tally.withdrawn.items():
            self._withdrawn.labels(survey).inc(count)
        for survey, count in tally.private.items():
            self._private.labels(survey).inc(count)
        for survey, count in tally.read_by_library.items():
            self._by_library.labels(survey).inc(count)

    def aborted(self) -> None:
        """Count an aborted transaction; not ready until one succeeds."""
        self.health.aborting(True)
        self._aborted.inc()

    def lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """Show the lag of what is assigned now, and of nothing else."""
        self.health.assigned(len(lag))
        self._lag.clear()
        for (topic, partition), messages in lag.items():
            self._lag.labels(topic, str(partition)).set(messages)

    def duplicates(self, count: int) -> None:
        """Count alerts that came again."""
        self._duplicates.inc(count)


class MetricsServer:
    """``/metrics``, ``/healthz`` and ``/readyz`` over HTTP, served by a thread of its own.

    Parameters
    ----------
    probed : Probed
        Whom to ask.
    port : int
        0 takes any free one.
    host : str
        The address to listen on.
    """

    def __init__(self, probed: Probed, port: int, host: str = "0.0.0.0") -> None:  # noqa: S104  # scraped from outside
        self._server = ThreadingHTTPServer((host, port), _handler(probed))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(probed: Probed, port: int, address: str) -> Iterator[None]:
    """Within the block a :class:`MetricsServer` answers at `address`, unless `port` is 0; InvalidConfig if that cannot be."""
    if port == 0:
        yield
        return
    try:
        server = MetricsServer(probed, port, address)
    except OSError as error:
        raise InvalidConfig(f"telemetry.port {port} at {address} cannot be opened: {error.strerror}") from error
    try:
        yield
    finally:
        server.close()


def _handler(probed: Probed) -> type[BaseHTTPRequestHandler]:
    def answer(path: str) -> tuple[int, str, bytes]:
        match path:
            case "/metrics":
                return 200, CONTENT_TYPE_LATEST, probed.metrics()
            case "/healthz":
                return _probe(probed.is_alive(), "alive", "the loop does not turn")
            case "/readyz":
                return _probe(probed.is_ready(), "ready", "not ready")
        return 404, "text/plain", b"try /metrics, /healthz or /readyz\n"

    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        timeout = 10  # s; a silent client does not hold a thread for ever

        def do_GET(self) -> None:
            """Answer it."""
            status, kind, body = answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Keep quiet: a scrape is no event."""

    return Handler


def _probe(good: bool, yes: str, no: str) -> tuple[int, str, bytes]:
    return (200, "text/plain", f"{yes}\n".encode()) if good else (503, "text/plain", f"{no}\n".encode())
