"""The forest beside LightGBM's predictor: the same 64 rows, the shipped model. Only the ratio of the two means anything."""

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time

import lightgbm
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import streamer
from streamer.classify.forest import Forest, booster_scores, hard_rows, same_bits
from streamer.classify.manifest import TREES
from streamer.classify.trees import read_trees
from streamer.data.arrays import Float32s, Float64s

_MODELS = Path(streamer.__file__).parent / "models"


def _evaluators(name: str) -> tuple[dict[str, Callable[[Float32s], Float64s]], Float32s]:
    text = gzip.decompress((_MODELS / name / TREES).read_bytes()).decode()
    ensemble = read_trees(text)
    booster = partial(booster_scores, lightgbm.Booster(model_str=text))
    return {"forest": Forest(ensemble).raw_scores, "booster": booster}, hard_rows(ensemble, 64)


@pytest.mark.parametrize("evaluator", ["forest", "booster"])
@pytest.mark.parametrize("name", ["variability-ztf", "variability-lsst"])
def test_a_batch_of_64(benchmark: BenchmarkFixture, name: str, evaluator: str) -> None:
    benchmark.group = f"64 rows, {name}"
    evaluators, matrix = _evaluators(name)
    scores = benchmark(evaluators[evaluator], matrix)
    assert same_bits(scores, evaluators["booster"](matrix))


@pytest.mark.parametrize("name", ["variability-ztf", "variability-lsst"])
def test_ratio_of_cpu_in_turn(name: str, benchmark: BenchmarkFixture) -> None:
    evaluators, matrix = _evaluators(name)
    ratios = []
    for _ in range(9):
        seconds = {}
        for evaluator, evaluate in evaluators.items():
            evaluate(matrix)
            begin = process_time()
            for _ in range(5):
                evaluate(matrix)
            seconds[evaluator] = process_time() - begin
        ratios.append(seconds["booster"] / seconds["forest"])
    benchmark.extra_info["booster over forest, CPU"] = float(np.median(ratios))
    benchmark(evaluators["forest"], matrix)
    print(f"{name}: forest {np.median(ratios):.0f}x cheaper than the predictor")
