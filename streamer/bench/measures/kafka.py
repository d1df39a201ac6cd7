"""Through a real Kafka: CPU against a bare consumer, throughput end to end, latency."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamer.bench.child import Timeline
from streamer.bench.models import Model, write_bundle
from streamer.bench.packets import BATCH, Sample
from streamer.bench.processes import Task, timelines
from streamer.bench.result import Cell, Measured, Table
from streamer.errors import Fatal
from streamer.sinks.feed import feed, paced
from streamer.telemetry import SystemClock

KEYS = (
    "worker_cpu_over_bare",
    "tags_per_s",
    "whole_packets_per_s",
    "lsst_tags_per_s",
    "candidate_tags_per_s",
    "latency_p50_s",
    "latency_p99_s",
)
PARTITIONS = 4
WARM_SHARE = 0.15
"""Share of the messages whose time does not count: connecting, the first fetches."""
LATENCY_RATE = 1_000.0
_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much goes through Kafka.

    Parameters
    ----------
    ztf, lsst, candidates : int
        Packets in each topic.
    rounds : int
    latency_s : float
        How long alerts are sent at 1,000 a second.
    most_workers : int
        Variants with more workers are left out.
    """

    ztf: int = 30_000
    lsst: int = 6_000
    rounds: int = 3
    latency_s: float = 20.0
    most_workers: int = 2
    candidates: int = 40_000


NORMAL = Amounts()


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run workers over a topic."""

    survey: str
    shape: str
    framing: str
    workers: int = 1

    @property
    def described(self) -> str:
        """For a table."""
        return f"{self.shape}, {self.framing}" + (f", {self.workers} workers" if self.workers > 1 else "")


TAG = Variant("ztf", "tag", "container")
TAG_SMALL = Variant("ztf", "tag", "single-object")
TAG_TWO = Variant("ztf", "tag", "container", workers=2)
FULL = Variant("ztf", "full", "container")
FULL_TWO = Variant("ztf", "full", "container", workers=2)
LSST = Variant("lsst", "tag", "container")
LSST_TWO = Variant("lsst", "tag", "container", workers=2)
CANDIDATES = Variant("pulsar", "tag", "single-object")
CANDIDATES_TWO = Variant("pulsar", "tag", "single-object", workers=2)
VARIANTS = (TAG, TAG_SMALL, FULL, TAG_TWO, FULL_TWO, LSST, LSST_TWO, CANDIDATES, CANDIDATES_TWO)


@dataclass(frozen=True, slots=True)
class Rates:
    """Figures of each round.

    Parameters
    ----------
    cpu : list of float, µs per message
        Of all worker processes together, every thread.
    rate : list of float, 1/s
        Messages committed.
    rss_mb : list of float, MB
        Of the largest worker at the end.
    """

    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)

    def add(self, found: Sequence[Timeline]) -> None:
        """One round of one or more processes that ran together; those that were given nothing to do are left out."""
        found = [each for each in found if each.at]
        if not found:
            raise Fatal("nothing came through Kafka")
        begin = max(each.at[_warm(each)] for each in found)
        end = min(each.at[-1] for each in found)
        if len(found) > 1 and end <= begin:  # one was done before the other was warm: of both together nothing is known
            self.rate.append(math.nan)
            self.cpu.append(math.nan)
            self.rss_mb.append(math.nan)
            return
        messages = sum(_at(each, end, each.messages) - _at(each, begin, each.messages) for each in found)
        cpu = sum(_at(each, end, each.cpu) - _at(each, begin, each.cpu) for each in found)
        self.rate.append(messages / max(end - begin, 1e-9))
        self.cpu.append(1e6 * cpu / max(messages, 1))
        self.rss_mb.append(max((each.rss_mb[-1] for each in found if each.rss_mb), default=float("nan")))


def measure(models: Sequence[tuple[Model, Sample]], servers: str, amounts: Amounts) -> Measured:
    """All variants in turn with a bare consumer on the same topics; then latency."""
    counts = {"ztf": amounts.ztf, "lsst": amounts.lsst, "pulsar": amounts.candidates}
    with _bench(models, servers) as bench:
        for _, sample in models:
            bench.fill(sample, counts[sample.survey])
        surveys = [sample.survey for _, sample in models]
        variants = [variant for variant in VARIANTS if variant.survey in surveys and variant.workers <= amounts.most_workers]
        bare = {survey: Rates() for survey in surveys}
        ours = {variant: Rates() for variant in variants}
        for _ in range(amounts.rounds):
            for survey in surveys:
                bare[survey].add(bench.bare(survey, counts[survey]))
                for variant in variants:
                    if variant.survey == survey:
                        ours[variant].add(bench.work(variant, counts[survey]))
        latency = bench.latency(models[0][1], amounts.latency_s)
    keys = {"lsst": "lsst_tags_per_s", "pulsar": "candidate_tags_per_s"}
    missing = {key: f"no {survey} packets were sent" for survey, key in keys.items() if survey not in surveys}
    values = _values(bare, ours) | {
        "latency_p50_s": float(np.percentile(latency, 50)),
        "latency_p99_s": float(np.percentile(latency, 99)),
    }
    return Measured(values, missing, {"kafka": _table(models, bare, ours, counts), "latency": _latency_table(latency)})


def _values(bare: Mapping[str, Rates], ours: Mapping[Variant, Rates]) -> dict[str, float | None]:
    return {
        "worker_cpu_over_bare": _over(ours[TAG].cpu, bare["ztf"].cpu),
        "tags_per_s": _best(ours, TAG, TAG_TWO),
        "whole_packets_per_s": _best(ours, FULL, FULL_TWO),
        "lsst_tags_per_s": _best(ours, LSST, LSST_TWO),
        "candidate_tags_per_s": _best(ours, CANDIDATES, CANDIDATES_TWO),
    }


def _best(ours: Mapping[Variant, Rates], *variants: Variant) -> float | None:
    return max((rate for each in variants if each in ours and (rate := _median(ours[each].rate)) is not None), default=None)


def _table(
    models: Sequence[tuple[Model, Sample]], bare: Mapping[str, Rates], ours: Mapping[Variant, Rates], counts: Mapping[str, int]
) -> Table:
    rows: list[list[Cell]] = []
    for survey, plain in bare.items():
        rows.append([survey, "bare consumer", *_medians(plain), None])
        for variant, rates in ours.items():
            if variant.survey == survey:
                rows.append([survey, variant.described, *_medians(rates), _over(rates.cpu, plain.cpu)])
    sent = "; ".join(f"{counts[sample.survey]:,} messages of {sample.described}, {model.described}" for model, sample in models)
    note = (
        f"{sent}. One broker on this machine, topics of {PARTITIONS} partitions, lz4; the service as it is, one transaction for at "
        f"most {BATCH} alerts; each round runs all in turn and the medians are shown; CPU is that of the consuming processes with "
        "all their threads, without the broker's. The bare consumer has the same settings and takes only the length of each "
        "message. Rates are of committed messages; the keys take the better of one worker and two."
    )
    return Table("through Kafka", ("survey", "what", "CPU µs", "messages/s", "memory MB", "CPU over bare"), rows, note)


def _latency_table(latency: Sequence[float]) -> Table:
    points = (50, 90, 99, 99.9, 100)
    rows: list[list[Cell]] = [[f"p{point:g}", float(np.percentile(latency, point))] for point in points]
    note = f"{len(latency):,} ZTF alerts at {LATENCY_RATE:,.0f}/s, one worker; from the producer's own time stamp to the commit"
    return Table("latency", ("percentile", "s"), rows, note)


def _medians(rates: Rates) -> list[Cell]:
    return [_median(rates.cpu), _median(rates.rate), _median(rates.rss_mb)]


def _median(values: Sequence[float]) -> float | None:
    """Of the rounds that say something; None if none does."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else None


def _over(costs: Sequence[float], plain: Sequence[float]) -> float | None:
    """The median of the ratios within each round."""
    return _median([a / b for a, b in zip(costs, plain, strict=True)])


def _warm(timeline: Timeline) -> int:
    """The first batch that counts."""
    return int(np.searchsorted(timeline.messages, WARM_SHARE * timeline.messages[-1]))


def _at(timeline: Timeline, moment: float, values: Sequence[float]) -> float:
    """The value at the last batch that was done by then."""
    return values[max(int(np.searchsorted(timeline.at, moment, side="right")) - 1, 0)]


@dataclass(slots=True)
class _Bench:
    """Topics and settings on one broker; every run has a consumer group and an output topic of its own."""

    servers: str
    folder: Path
    models: Mapping[str, Model]
    samples: Mapping[str, Sample]
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    topics: list[str] = field(default_factory=list)
    _runs: int = 0

    def fill(self, sample: Sample, count: int) -> None:
        """The survey's topic with `count` packets."""
        feed(islice(cycle(sample.payloads), count), self.servers, self._topic(sample.survey), SystemClock())

    def bare(self, survey: str, count: int) -> list[Timeline]:
        """A bare consumer over the survey's topic."""
        return timelines([Task("bare", self._settings(Variant(survey, "tag", "container"), self._name(survey)), count, {})])

    def work(self, variant: Variant, count: int) -> list[Timeline]:
        """Workers over the survey's topic."""
        settings = self._settings(variant, self._name(variant.survey))
        found = timelines([Task("worker", settings, count, {"slot": slot}) for slot in range(variant.workers)])
        if lost := sum(each.rejected for each in found):
            raise Fatal(f"{lost} packets of the bench became dead letters")
        return found

    def latency(self, sample: Sample, seconds: float) -> list[float]:
        """Latencies in s of alerts that are sent at 1,000/s, without those of the first two seconds."""
        count = round(seconds * LATENCY_RATE)
        topic = self._topic("latency")
        settings = self._settings(Variant(sample.survey, "tag", "container"), topic)
        clock = SystemClock()
        packets = paced(islice(cycle(sample.payloads), count), LATENCY_RATE, clock, time.sleep)
        (found,) = timelines([Task("worker", settings, count, {})], lambda: feed(packets, self.servers, topic, clock))
        return found.latency[round(2 * LATENCY_RATE) :]

    def _settings(self, variant: Variant, topic: str) -> dict[str, Any]:
        self._runs += 1
        model = self.models[variant.survey]
        return {
            "source": {
                "kind": "kafka",
                "servers": self.servers,
                "topics": [topic],
                "group": f"bench-{self.token}-{self._runs}",
                "schemas": list(self.samples[variant.survey].schema_folders),
            },
            "sink": {
                "kind": "kafka",
                "servers": self.servers,
                "topic": self._topic(f"tagged-{self._runs}"),
                "dead_letter_topic": self._topic(f"dead-{self._runs}"),
                "shape": variant.shape,
                "framing": variant.framing,
            },
            "model": {"name": [model.classifier.name], "folder": str(self.folder)},
            "telemetry": {"port": 0},
            "worker": {"workers": variant.workers, "instance": f"bench-{self.token}-{self._runs}"},
        }

    def _name(self, name: str) -> str:
        return f"bench-{self.token}-{name}"

    def _topic(self, name: str) -> str:
        topic = self._name(name)
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})  # lives until the answer is here
        for made in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
            made.result(_ANSWER_S)
        self.topics.append(topic)
        return topic

    def clean(self) -> None:
        """Delete the topics."""
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        for gone in admin.delete_topics(self.topics).values() if self.topics else ():
            gone.exception(_ANSWER_S)


@contextmanager
def _bench(models: Sequence[tuple[Model, Sample]], servers: str) -> Iterator[_Bench]:
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as name:
        for model, _ in models:
            write_bundle(model, Path(name))
        bench = _Bench(
            servers,
            Path(name),
            {sample.survey: model for model, sample in models},
            {sample.survey: sample for _, sample in models},
        )
        try:
            yield bench
        finally:
            bench.clean()
