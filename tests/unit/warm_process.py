"""Prints how many versions of numba functions a process has after the warm-up, and after work on other alerts of both surveys."""

from __future__ import annotations

import gc

from numba.core.registry import CPUDispatcher

from streamer import config, wiring
from streamer.classify.classifier import Classifier
from streamer.features import features_of
from streamer.pipeline import Pipeline
from streamer.sources.simulator import SimulatorSource, simulate
from streamer.telemetry import SystemClock
from tests.unit.classifiers import FixedClassifier

BANDS = {"ztf": "gri", "lsst": "ugrizy"}


def versions() -> int:
    """How many there are, of all functions."""
    return sum(len(each.signatures) for each in gc.get_objects() if isinstance(each, CPUDispatcher))


def main() -> None:
    """Warm up, work, and tell."""
    clock = SystemClock()
    models: dict[str, Classifier] = {
        survey: FixedClassifier(survey, tuple(feature.name for feature in features_of(bands))) for survey, bands in BANDS.items()
    }
    pipeline = Pipeline(wiring.framing(config.SimulatorSource(kind="simulator"), clock), models, allow_private=False)
    wiring.warm_up(pipeline, tuple(models), clock)
    before = versions()
    for survey in models:
        source = SimulatorSource(simulate(survey, 301, seed=2, broken=0.1), "work", clock)
        for size in (1, 300):
            if (raw := source.read(size, 0.0)) is not None:
                pipeline(raw)
    print(before, versions())


if __name__ == "__main__":
    main()
