"""What Prometheus scrapes, and what the probes answer."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamer.data.batch import State, Why
from streamer.data.tally import Tally
from streamer.errors import Reason, Stage
from streamer.telemetry import Latencies, MetricsServer, NoTelemetry, PrometheusTelemetry, SystemClock
from streamer.testing import HandClock

LABELS = ("survey", "outcome", "why", "stage", "reason", "topic", "partition", "name", "version", "checksum", "le")
TALLY = Tally(
    messages=7,
    read=8,
    answers={
        ("ztf", State.CLASSIFIED, Why.NONE): 3,
        ("ztf", State.PARENT_ONLY, Why.NONE): 1,
        ("ztf", State.NOT_CLASSIFIED, Why.TOO_FEW_POINTS): 2,
    },
    rejected={("unknown", Stage.CODEC, Reason.TRUNCATED): 1},
    withdrawn={"lsst": 4},
    private={"ztf": 5},
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def telemetry(clock: HandClock) -> PrometheusTelemetry:
    return PrometheusTelemetry(clock, patience=30.0, needs_assignment=True)


@pytest.fixture
def server(telemetry: PrometheusTelemetry) -> Iterator[MetricsServer]:
    made = MetricsServer(telemetry, 0, "127.0.0.1")
    yield made
    made.close()


def get(server: MetricsServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(server: MetricsServer) -> dict[str, float]:
    """Every sample of /metrics as ``name{label=value,…}``."""
    status, text = get(server, "/metrics")
    assert status == 200
    return {
        sample.name
        + "{"
        + ",".join(f"{name}={sample.labels[name]}" for name in LABELS if name in sample.labels)
        + "}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_batch_is_counted_under_the_published_names(telemetry: PrometheusTelemetry, server: MetricsServer) -> None:
    telemetry.committed(TALLY, {Stage.CODEC: 0.5, Stage.SINKS: 0.25}, np.array([0.5, 3.0]))
    found = samples(server)
    expected = {
        "streamer_messages_total{}": 7,
        "streamer_alerts_total{survey=ztf,outcome=classified}": 3,
        "streamer_alerts_total{survey=ztf,outcome=parent_only}": 1,
        "streamer_alerts_total{survey=ztf,outcome=not_classified}": 2,
        "streamer_alerts_total{survey=unknown,outcome=rejected}": 1,
        "streamer_not_classified_total{survey=ztf,why=TOO_FEW_POINTS}": 2,
        "streamer_dead_letters_total{survey=unknown,stage=codec,reason=TRUNCATED}": 1,
        "streamer_withdrawn_sources_total{survey=lsst}": 4,
        "streamer_private_total{survey=ztf}": 5,
        "streamer_stage_seconds_sum{stage=codec}": 0.5,
        "streamer_stage_seconds_count{stage=sinks}": 1,
        "streamer_batch_messages_sum{}": 7,
        "streamer_latency_seconds_count{}": 2,
        "streamer_latency_seconds_sum{}": 3.5,
        "streamer_latency_seconds_bucket{le=0.5}": 1,
        "streamer_ledger_imbalance{}": 8 - 7,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_aborts_duplicates_and_models_are_shown(telemetry: PrometheusTelemetry, server: MetricsServer) -> None:
    telemetry.aborted()
    telemetry.duplicates(3)
    telemetry.model("ztf", "early", "1.0", "ab12", "forest")
    found = samples(server)
    assert found["streamer_transactions_aborted_total{}"] == 1
    assert found["streamer_duplicates_total{}"] == 3
    assert found["streamer_model_info{survey=ztf,name=early,version=1.0,checksum=ab12}"] == 1


def test_lag_is_shown_for_what_is_assigned_now_and_nothing_else(telemetry: PrometheusTelemetry, server: MetricsServer) -> None:
    telemetry.lag({("a", 0): 5, ("a", 1): 6})
    telemetry.lag({("a", 1): 4})
    lags = {name: value for name, value in samples(server).items() if name.startswith("streamer_consumer_lag")}
    assert lags == {"streamer_consumer_lag{topic=a,partition=1}": 4}


def test_two_telemetries_do_not_share_a_registry(clock: HandClock) -> None:
    PrometheusTelemetry(clock)
    PrometheusTelemetry(clock)


def test_ready_means_turning_assigned_and_committing(telemetry: PrometheusTelemetry, server: MetricsServer) -> None:
    assert get(server, "/readyz")[0] == 503
    telemetry.turned()
    assert get(server, "/readyz")[0] == 503
    telemetry.lag({("a", 0): 5})
    assert get(server, "/readyz") == (200, "ready\n")
    telemetry.aborted()
    assert get(server, "/readyz")[0] == 503
    telemetry.committed(Tally(), {}, np.zeros(0))
    assert get(server, "/readyz")[0] == 200
    telemetry.lag({})
    assert get(server, "/readyz")[0] == 503


def test_a_source_without_partitions_is_ready_when_the_loop_turns(clock: HandClock) -> None:
    telemetry = PrometheusTelemetry(clock)
    telemetry.turned()
    telemetry.lag({})
    assert telemetry.health.is_ready()


def test_a_loop_that_stands_still_is_neither_alive_nor_ready(
    telemetry: PrometheusTelemetry, server: MetricsServer, clock: HandClock
) -> None:
    telemetry.turned()
    telemetry.lag({("a", 0): 5})
    assert get(server, "/healthz")[0] == 200
    clock.advance(31)
    assert get(server, "/healthz")[0] == 503
    assert get(server, "/readyz")[0] == 503
    telemetry.turned()
    assert get(server, "/healthz")[0] == 200


def test_an_unknown_path_is_told_what_there_is(server: MetricsServer) -> None:
    status, text = get(server, "/")
    assert status == 404
    assert "/metrics" in text


def test_a_port_that_is_taken_is_an_error(telemetry: PrometheusTelemetry, server: MetricsServer) -> None:
    with pytest.raises(OSError, match="in use"):
        MetricsServer(telemetry, server.port, "127.0.0.1")


def test_a_latency_on_the_bound_belongs_below_it_and_a_clock_that_is_ahead_is_no_harm() -> None:
    latencies = Latencies()
    latencies.observe(np.array([0.05, -1.0, 1e9]))
    [family] = latencies.collect()
    counts = {sample.labels.get("le"): sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert counts["0.05"] == 2
    assert counts["86400.0"] == 2
    assert counts["+Inf"] == 3


def test_the_systems_clock_moves_on() -> None:
    clock = SystemClock()
    assert clock.now_ms() > 1_700_000_000_000
    assert clock.monotonic() <= clock.monotonic()


def test_nobody_need_watch() -> None:
    telemetry = NoTelemetry()
    telemetry.turned()
    telemetry.committed(TALLY, {}, np.zeros(0))
    telemetry.aborted()
    telemetry.lag({})
    telemetry.duplicates(1)
