"""Candidates that are poor or impossible, end to end: what has no answer, undefined features, or becomes a dead letter."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from streamer.classify.bundle import LightGBMClassifier
from streamer.codec.framing import Framing
from streamer.data.batch import State, Why
from streamer.errors import Reason
from streamer.features import check_names, compute, features_of
from streamer.pipeline import Outcome, Pipeline
from streamer.stores.bundled import BundledSchemas
from streamer.stores.models import ModelStore
from tests.packets import pulsar_packet, raw_batch

NAN = math.nan
NAMES = [feature.name for feature in features_of(())]
CURVE = [float(i % 7) for i in range(40)]
GOOD = [float(value) for value in np.random.default_rng(1).integers(0, 20, 128)]


@pytest.fixture(scope="module")
def classifier() -> LightGBMClassifier:
    return LightGBMClassifier(ModelStore().files("pulsar-candidate-8"), check_names)


def outcome(classifier: LightGBMClassifier, *packets: bytes) -> Outcome:
    found = Pipeline(Framing(BundledSchemas()), {"pulsar": classifier}, allow_private=False)(raw_batch(packets))
    assert found.tally.imbalance == 0
    return found


def features(packet: bytes) -> dict[str, float]:
    (part,) = Pipeline(Framing(BundledSchemas()), {}, allow_private=False)(raw_batch([packet])).scored
    return dict(zip(NAMES, compute(part.alerts, NAMES)[0].tolist(), strict=True))


def defined(packet: bytes, prefix: str) -> set[bool]:
    return {math.isfinite(value) for name, value in features(packet).items() if name.startswith(prefix)}


@pytest.mark.parametrize(
    ("profile", "has_eight", "has_shape"),
    [
        ([], False, False),
        ([5.0], False, False),
        ([1.0, 5.0, 2.0, 8.0, 1.0, 0.0, 3.0], True, False),
        (GOOD * 32, True, True),
        ([3.0] * 128, False, False),
        ([NAN] * 128, False, False),
        ([value - 1000.0 for value in GOOD], True, True),
        ([-7.0] * 128, False, False),
        ([math.inf, *GOOD], True, True),
    ],
    ids=["none", "one", "seven", "4096", "constant", "nan", "negative", "negative-constant", "infinite"],
)
def test_a_poor_profile_has_undefined_features_and_no_wrong_answer(
    classifier: LightGBMClassifier, profile: Sequence[float], has_eight: bool, has_shape: bool
) -> None:
    packet = pulsar_packet(profile, CURVE)
    assert defined(packet, "profile_") == {has_eight}
    assert (True in defined(packet, "pulse_")) == has_shape
    (part,) = outcome(classifier, packet, pulsar_packet(GOOD, CURVE)).scored
    assert (part.scores.state[0] != State.NOT_CLASSIFIED) == has_eight
    assert part.scores.why[0] == (part.scores.why[1] if has_eight else Why.TOO_FEW_POINTS)
    assert part.scores.state[1] != State.NOT_CLASSIFIED


@pytest.mark.parametrize("curve", [[], [9.0], [NAN] * 9, [4.0] * 50])
def test_a_poor_dm_curve_has_undefined_features(classifier: LightGBMClassifier, curve: Sequence[float]) -> None:
    packet = pulsar_packet(GOOD, curve)
    assert defined(packet, "dm_curve_") == {False}
    assert defined(packet, "pulse_") == {True}
    (part,) = outcome(classifier, packet).scored
    assert (part.scores.state[0], part.scores.why[0]) == (State.NOT_CLASSIFIED, Why.TOO_FEW_POINTS)


@pytest.mark.parametrize("wrong", [{"p_topo": 0.0}, {"p_topo": -1.0}, {"p_topo": NAN}, {"p_topo": None, "p_bary": 0.0}])
def test_an_impossible_period_is_a_dead_letter(classifier: LightGBMClassifier, wrong: dict[str, Any]) -> None:
    found = outcome(classifier, pulsar_packet(GOOD, CURVE, **wrong), pulsar_packet(GOOD, CURVE))
    assert found.rejections.reason == (Reason.INVALID_VALUE,)
    assert len(found.scored[0].alerts) == 1


def test_earlier_epochs_unsorted_repeated_or_of_the_future_do_not_change_the_features() -> None:
    def epochs(*days: float) -> list[dict[str, Any]]:
        return [{"mjd": day, "p_bary": 0.2 + 1e-9 * (day % 7), "p_err": 1e-9} for day in days]

    period = {"p_bary": 0.2, "p_err": 1e-9}
    tidy = features(pulsar_packet(GOOD, CURVE, prv_epochs=epochs(60_990.0, 60_995.0), **period))
    messy = epochs(60_995.0, 61_900.0, 60_990.0, 60_995.0, NAN, math.inf)
    assert features(pulsar_packet(GOOD, CURVE, prv_epochs=messy, **period)) == pytest.approx(tidy, nan_ok=True)
    assert tidy["orbit_epochs"] == 3.0


@pytest.mark.parametrize("rows", [0, -3, 5, 2**31 - 1, None])
def test_rows_that_do_not_fit_their_values_have_no_features(rows: int | None) -> None:
    packet = pulsar_packet(GOOD, CURVE, subints=GOOD, n_subints=rows, subbands=GOOD, n_subbands=rows)
    assert defined(packet, "subint_") | defined(packet, "subband_") == {False}


def test_sub_integrations_are_decoded_only_for_a_model_that_reads_them(classifier: LightGBMClassifier) -> None:
    packet = pulsar_packet(GOOD, CURVE, subints=GOOD * 4, n_subints=4, subbands=None)
    (unread,) = outcome(classifier, packet).scored
    assert not {"subints", "subbands"} & set(unread.alerts.series)
    (read,) = Pipeline(Framing(BundledSchemas()), {}, allow_private=False)(raw_batch([packet])).scored
    assert read.alerts.series["subints"].row(0)["value"].tolist() == GOOD * 4
    assert read.alerts.series["subbands"].lengths.tolist() == [0]


@pytest.mark.parametrize("damage", [lambda body: body[:-1], lambda body: body + b"x"])
def test_bytes_that_end_within_skipped_rows_are_still_refused(classifier: LightGBMClassifier, damage: Any) -> None:
    cut = damage(pulsar_packet(GOOD, CURVE, subints=GOOD * 4, n_subints=4))
    assert len(outcome(classifier, cut).rejections) == 1
