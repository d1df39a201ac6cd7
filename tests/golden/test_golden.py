"""Recorded packets still give the recorded answers; see record.py."""

import json
from typing import Any

import pytest

from tests.golden.record import RECORDED, answers, file_of, packets

FEATURES = {"rel": 2e-4, "abs": 1e-6}
"""Another processor rounds differently, and a period search adds up a lot of roundings."""
TAGS = {"rel": 1e-9, "abs": 0.0}


@pytest.fixture(scope="module", params=RECORDED)
def pair(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was recorded, and what comes out now."""
    name: str = request.param
    return json.loads(file_of(name).read_text()), answers(name, packets(name))


def differences(recorded: Any, now: Any, tolerance: dict[str, float], place: str = "") -> list[str]:
    """Where two JSON values differ."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        keys = sorted(recorded.keys() | now.keys())
        return [line for key in keys for line in differences(recorded.get(key), now.get(key), tolerance, f"{place}.{key}")]
    if isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        pairs = enumerate(zip(recorded, now, strict=True))
        return [line for i, (one, other) in pairs for line in differences(one, other, tolerance, f"{place}[{i}]")]
    is_float = isinstance(recorded, float) and isinstance(now, float)
    same = now == pytest.approx(recorded, rel=tolerance["rel"], abs=tolerance["abs"]) if is_float else recorded == now
    return [] if same else [f"{place}: {recorded!r} became {now!r}"]


def test_the_columns_are_those_that_were_recorded(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    recorded, now = pair
    assert differences(recorded["columns"], now["columns"], {"rel": 0.0, "abs": 0.0}) == []


def test_the_features_are_those_that_were_recorded(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    recorded, now = pair
    assert recorded["features"].keys() == now["features"].keys()
    assert differences(recorded["features"], now["features"], FEATURES) == []


def test_the_tags_are_those_that_were_recorded(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    recorded, now = pair
    assert differences(recorded["tags"], now["tags"], TAGS) == []


def test_the_recorded_packets_show_what_matters(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    recorded, _ = pair
    states = {tag["state"] for tag in recorded["tags"]}
    assert {"CLASSIFIED", "NOT_CLASSIFIED"} <= states
    defined = sum(any(value is not None for value in values) for values in recorded["features"].values())
    assert defined > 0.6 * len(recorded["features"])


def test_a_difference_is_noticed_and_named() -> None:
    recorded = {"a": [1.0, None], "b": "x"}
    assert differences(recorded, {"a": [1.0 + 1e-9, None], "b": "x"}, FEATURES) == []
    assert differences(recorded, {"a": [1.1, 0.0], "b": "x", "c": 1}, FEATURES) == [
        ".a[0]: 1.0 became 1.1",
        ".a[1]: None became 0.0",
        ".c: None became 1",
    ]
