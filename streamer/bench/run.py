"""All measures of one run."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from streamer import __version__
from streamer.bench.measures import candidates, decode, forest, kafka, memory, output, scaling, start, whole
from streamer.bench.models import STAND_IN_ALERTS, STAND_IN_ROUNDS, Model, model_for, model_named, stand_in
from streamer.bench.packets import BATCH, SIMULATED, SURVEYS, Sample, sample
from streamer.bench.result import NOT_ASKED, Measured
from streamer.errors import Fatal
from streamer.memory import keep_freed_memory, spare_what_stays

Told = Callable[[str], None]
"""Is told what is measured next."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is run.

    Parameters
    ----------
    rounds : int
        Turns of each side.
    simulated : int
        Simulated packets of a survey where there are no real ones.
    batch : int
        Alerts that our pipeline takes at a time.
    identical_rows : int
        Rows on which the trees are compared bit by bit.
    memory_alerts : int
    histories, batches : tuple of int
    is_cold : bool
        Whether a start that compiles everything is measured.
    stand_in : (rounds, alerts), or None for no stand-in beside the shipped models
    through_kafka : Amounts
    """

    rounds: int = 5
    simulated: int = SIMULATED
    batch: int = BATCH
    identical_rows: int = forest.IDENTICAL_ROWS
    memory_alerts: int = 50_000
    histories: tuple[int, ...] = scaling.HISTORIES
    batches: tuple[int, ...] = scaling.BATCHES
    is_cold: bool = True
    stand_in: tuple[int, int] | None = (STAND_IN_ROUNDS, STAND_IN_ALERTS)
    through_kafka: kafka.Amounts = kafka.NORMAL


NORMAL = Effort()
FULL = Effort(rounds=11, identical_rows=100_000, memory_alerts=1_000_000, through_kafka=kafka.Amounts(60_000, 12_000, 5, 60.0))


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure.

    Parameters
    ----------
    data : Path or None
        Folder with real packets.
    servers : str or None
        Kafka brokers.
    only : tuple of str
        Names of measures; empty means all.
    effort : Effort
    """

    data: Path | None
    servers: str | None
    only: tuple[str, ...] = ()
    effort: Effort = NORMAL


MEASURES = {
    "decode": decode.KEYS,
    "forest": forest.KEYS,
    "pipeline": whole.KEYS,
    "candidates": candidates.KEYS,
    "output": (),
    "scaling": (),
    "start": start.KEYS,
    "memory": memory.KEYS,
    "kafka": kafka.KEYS,
}
"""Each measure with its keys."""


def run(request: Request, told: Told) -> tuple[Measured, dict[str, Any]]:
    """The figures, and the conditions under which they were found."""
    effort = request.effort
    samples = [sample(survey, request.data, effort.simulated) for survey in SURVEYS]
    models = [(model_for(each.survey), each) for each in samples]
    keep_freed_memory()  # both as a service does, and for the baselines too
    spare_what_stays()
    found = Measured()
    for name, keys in MEASURES.items():
        if request.only and name not in request.only:
            found |= Measured.without(keys, NOT_ASKED)
            continue
        told(name)
        try:
            found |= _measured(name, request, samples, models)
        except Fatal as reason:
            found |= Measured.without(keys, str(reason))
    return found, _conditions(samples, models)


def _measured(name: str, request: Request, samples: list[Sample], models: list[tuple[Model, Sample]]) -> Measured:
    effort = request.effort
    if name == "kafka" and request.servers is None:
        return Measured.without(kafka.KEYS, "no Kafka: name one with --servers or STREAMER_TEST_KAFKA")
    measures: dict[str, Callable[[], Measured]] = {
        "decode": partial(decode.measure, samples, effort.rounds, effort.batch),
        "forest": lambda: forest.measure([*models, *_stand_ins(effort, samples)], effort.rounds, effort.identical_rows),
        "pipeline": lambda: whole.measure([*models, *_stand_ins(effort, samples)], effort.rounds, effort.batch),
        "candidates": lambda: candidates.measure(sample("pulsar", None, effort.simulated), effort.rounds, effort.batch),
        "output": partial(output.measure, models, effort.rounds, effort.batch),
        "scaling": partial(scaling.measure, models, effort.rounds, effort.histories, effort.batches),
        "start": partial(start.measure, effort.rounds, effort.is_cold),
        "memory": partial(memory.measure, models[0][0], effort.memory_alerts),
        "kafka": lambda: kafka.measure([*models, _candidates(effort)], request.servers or "", effort.through_kafka),
    }
    return measures[name]()


def _candidates(effort: Effort) -> tuple[Model, Sample]:
    """The model that answers for pulsar candidates by default, and candidates."""
    return model_named(candidates.OF_EIGHT), sample("pulsar", None, effort.simulated)


def _stand_ins(effort: Effort, samples: list[Sample]) -> Iterator[tuple[Model, Sample]]:
    """A model of all features, for ZTF: what a period search and more trees would cost."""
    if effort.stand_in is not None:
        yield stand_in("ztf", *effort.stand_in), samples[0]


def _conditions(samples: list[Sample], models: list[tuple[Model, Sample]]) -> dict[str, Any]:
    return {
        "streamer": __version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "packets": {each.survey: each.origin for each in samples},
        "models": {each.survey: f"{model.described}, {model.origin}" for model, each in models},
    }
