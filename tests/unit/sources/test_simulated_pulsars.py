"""Simulated pulsar candidates are valid, repeatable, and tell their kinds apart by the features."""

import io
from itertools import islice, pairwise

import fastavro
import numpy as np
import pytest

from streamer.codec.framing import Framing
from streamer.data.arrays import Float32s
from streamer.errors import InvalidData
from streamer.features import compute, profile
from streamer.pipeline import Pipeline
from streamer.sources.simulated.folded import HABITS, KINDS, dispersed
from streamer.sources.simulated.pulsar import SHARES, candidates
from streamer.sources.simulator import SimulatedAlert, simulate, simulate_light_curves
from streamer.stores.bundled import BundledSchemas, bundled_schema, schema_path
from tests.packets import raw_batch
from tests.unit.sources.test_simulator import fields, plain

ALERTS = tuple(simulate("pulsar", 300, seed=1))
SCHEMA = bundled_schema("pulsar_candidate", "1.0")


def packet(alert: SimulatedAlert) -> dict[str, object]:
    [found] = fastavro.reader(io.BytesIO(alert.payload))
    assert isinstance(found, dict)
    return found


def features(alerts: tuple[SimulatedAlert, ...]) -> Float32s:
    pipeline = Pipeline(Framing(BundledSchemas()), {}, allow_private=False)
    (part,) = pipeline(raw_batch([alert.payload for alert in alerts])).scored
    assert len(part.alerts) == len(alerts)
    return compute(part.alerts, [feature.name for feature in profile.FEATURES])


def test_the_same_seed_gives_the_same_bytes_however_many_are_asked_for() -> None:
    assert [alert.payload for alert in simulate("pulsar", 20, 1)] == [alert.payload for alert in ALERTS[:20]]
    assert [alert.payload for alert in simulate("pulsar", 20, 2)] != [alert.payload for alert in ALERTS[:20]]


def test_another_reader_reads_what_the_candidate_is() -> None:
    for alert in ALERTS[:50]:
        found = packet(alert)
        assert found["candidate_id"] == alert.alert_id
        assert (found["object_id"] or str(found["candidate_id"])) == alert.object_id
        assert (found["object_id"] is not None) == (alert.truth == "pulsar")
        assert len(found["profile"]) == 128  # type: ignore[arg-type]  # Avro has no types here
        assert len(found["dm_curve"]) == 1196  # type: ignore[arg-type]


def test_candidates_come_in_order_of_time_with_numbers_of_their_own() -> None:
    assert all(before.epoch <= after.epoch for before, after in pairwise(ALERTS))
    assert len({alert.alert_id for alert in (*ALERTS, *simulate("pulsar", 50, seed=2))}) == len(ALERTS) + 50


def test_all_kinds_occur_and_every_sound_candidate_has_its_features() -> None:
    assert {alert.truth for alert in ALERTS} == set(SHARES)
    assert np.isfinite(features(ALERTS)).all()


def test_pulsars_have_narrow_profiles_and_their_dm_curves_have_a_peak() -> None:
    matrix = features(ALERTS)
    mean = {kind: matrix[[alert.truth == kind for alert in ALERTS]].mean(axis=0) for kind in SHARES}
    skew, curve_mean = 2, 4
    assert mean["pulsar"][skew] > 1.0 > mean["noise"][skew]
    assert mean["pulsar"][curve_mean] > mean["noise"][curve_mean]


def test_the_signal_falls_with_the_error_of_the_dispersion_measure() -> None:
    offset = np.array([0.0, 1.0, 10.0, 100.0])
    share = dispersed(offset, 5.0)
    assert share[0] == pytest.approx(1.0)
    assert (np.diff(share) < 0).all()
    np.testing.assert_array_equal(share, dispersed(-offset, 5.0))
    assert (dispersed(offset[1:], 50.0) > share[1:]).all()


def test_broken_ones_are_as_many_as_asked_for_and_the_others_stay_the_same() -> None:
    alerts = list(simulate("pulsar", 300, 1, broken=0.2))
    assert 30 < sum(alert.broken for alert in alerts) < 90
    assert all(one.payload == other.payload for one, other in zip(alerts, ALERTS, strict=True) if not one.broken)


def test_candidates_have_neither_light_curves_nor_registry_frames() -> None:
    with pytest.raises(InvalidData, match="pulsar"):
        next(simulate_light_curves("pulsar", 1, 1))
    with pytest.raises(InvalidData, match="containers"):
        simulate("pulsar", 1, 1, framing="registry")


def test_the_sample_packet_is_a_simulated_pulsar() -> None:
    path = schema_path("pulsar_candidate", "1.0").parent / "sample" / "candidate.avro"
    [found] = fastavro.reader(io.BytesIO(path.read_bytes()), fastavro.parse_schema(SCHEMA.tree))
    assert isinstance(found, dict)
    assert found["object_id"]
    assert found["prv_epochs"]


def test_every_field_of_the_schema_says_what_it_is_in_which_unit() -> None:
    for field in fields(SCHEMA.tree):
        assert len(field["doc"]) > 10
        inner = plain(field["type"])
        if not (isinstance(inner, dict) and isinstance(inner["items"], dict)):
            assert field["doc"].endswith("]."), field["name"]


def test_numbers_in_the_body_are_those_of_the_stream() -> None:
    assert [one.candidate_id for one in islice(candidates(1), 5)] == [alert.alert_id for alert in ALERTS[:5]]


def test_the_profile_is_the_sum_over_time_and_over_frequency() -> None:
    for kind, make in KINDS.items():
        one = make(np.random.default_rng(2), HABITS)
        halved = 0.5 * (one.profile[0::2] + one.profile[1::2])
        np.testing.assert_allclose(one.subints.sum(axis=0), halved, atol=1e-9, err_msg=kind)
        np.testing.assert_allclose(one.subbands.sum(axis=0), halved, atol=1e-9, err_msg=kind)


def test_interference_is_at_dispersion_measure_zero_and_pulsars_are_not() -> None:
    kinds = {kind: [make(np.random.default_rng(i), HABITS) for i in range(60)] for kind, make in KINDS.items()}
    at_zero = {kind: np.mean([one.dm == 0.0 for one in found]) for kind, found in kinds.items()}
    assert at_zero["rfi"] > 0.7 > at_zero["pulsar"] == 0.0
    assert all(0.0015 <= one.period <= 10.0 for found in kinds.values() for one in found)


def test_epochs_of_some_fast_pulsars_move_as_in_a_binary() -> None:
    found = [packet(alert) for alert in simulate("pulsar", 400, 3)]
    moved = []
    for one in found:
        for earlier in one["prv_epochs"] or ():  # type: ignore[attr-defined]  # Avro has no types here
            moved.append((one["p_bary"] < 0.03, abs(earlier["p_bary"] - one["p_bary"]) / (earlier["p_err"] + one["p_err"])))  # type: ignore[operator]
    fast = [shift for is_fast, shift in moved if is_fast]
    slow = [shift for is_fast, shift in moved if not is_fast]
    assert max(slow) < 6.0
    assert 0.2 < np.mean(np.array(fast) > 6.0) < 1.0
