"""Simulated streams: valid, in order, the same from the same seed, with histories that grow and packets that are broken."""

from __future__ import annotations

import io
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streamer.classify.taxonomy import LEAVES
from streamer.codec.framing import Framing
from streamer.data.batch import RawBatch
from streamer.errors import InvalidData
from streamer.sources.simulator import (
    REALISTIC_STAMP,
    SimulatedAlert,
    SimulatorSource,
    simulate,
    simulate_light_curves,
    write_files,
)
from streamer.stores.bundled import SIMULATED_LSST_ID, BundledSchemas, bundled_schema, schema_path
from streamer.testing import HandClock

SURVEYS = ("ztf", "lsst")
WINDOW = {"ztf": 30.0, "lsst": 365.0}
HISTORY = {"ztf": ("prv_candidates", "fp_hists"), "lsst": ("prvDiaSources", "prvDiaForcedSources")}
EPOCH = {"ztf": "jd", "lsst": "midpointMjdTai"}


@cache
def stream(survey: str, count: int = 1500, seed: int = 1) -> tuple[SimulatedAlert, ...]:
    return tuple(simulate(survey, count, seed, cutout_bytes=40))


def record(survey: str, payload: bytes) -> dict[str, Any]:
    if survey == "ztf":
        [packet] = fastavro.reader(io.BytesIO(payload))
    else:
        body = io.BytesIO(payload[5:])
        packet = fastavro.schemaless_reader(body, fastavro.parse_schema(bundled_schema("lsst", "1.0").tree), None)
        assert body.tell() == len(payload) - 5
    assert isinstance(packet, dict)
    return packet


@cache
def records(survey: str) -> tuple[dict[str, Any], ...]:
    return tuple(record(survey, alert.payload) for alert in stream(survey))


def trigger(survey: str, packet: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = packet["candidate" if survey == "ztf" else "diaSource"]
    return found


@pytest.mark.parametrize("survey", SURVEYS)
def test_the_same_seed_gives_the_same_bytes_however_many_are_asked_for(survey: str) -> None:
    few = [alert.payload for alert in simulate(survey, 40, 1, cutout_bytes=40)]
    assert few == [alert.payload for alert in stream(survey)[:40]]
    assert few != [alert.payload for alert in simulate(survey, 40, 2, cutout_bytes=40)]


@pytest.mark.parametrize("survey", SURVEYS)
def test_alerts_come_in_the_order_of_their_epochs_and_each_once(survey: str) -> None:
    epochs = [alert.epoch for alert in stream(survey)]
    assert epochs == sorted(epochs)
    ids = [alert.alert_id for alert in stream(survey)]
    assert len(set(ids)) == len(ids) == 1500
    other = {alert.object_id for alert in stream(survey, 300, 2)}
    assert not other & {alert.object_id for alert in stream(survey)}


@pytest.mark.parametrize("survey", SURVEYS)
def test_packets_are_valid_under_the_bundled_schema(survey: str) -> None:
    schema = fastavro.parse_schema(bundled_schema(survey, "1.0").tree)
    for packet in itertools.islice(records(survey), 0, None, 25):
        assert fastavro.validation.validate(packet, schema, strict=True)


@pytest.mark.parametrize("survey", SURVEYS)
def test_our_own_codec_takes_the_framing_off(survey: str) -> None:
    for framing in ("container", "registry"):
        if (survey, framing) == ("ztf", "registry"):
            continue  # only LSST packets name their schema by an id
        alerts = list(simulate(survey, 20, 1, framing=framing))
        rows, rejected = Framing(BundledSchemas()).rows(batch_of(alerts))
        assert len(rows) == 20
        assert len(rejected) == 0
        assert {schema.tree["namespace"] for schema in rows.schemas} == {f"streamer.simulated.{survey}"}


def batch_of(alerts: list[SimulatedAlert]) -> RawBatch:
    batch = SimulatorSource(iter(alerts), "simulated", HandClock()).read(len(alerts), 0.0)
    assert batch is not None
    return batch


@pytest.mark.parametrize("survey", SURVEYS)
def test_histories_stay_in_their_window_and_are_in_order(survey: str) -> None:
    for packet in records(survey):
        now = trigger(survey, packet)[EPOCH[survey]]
        for name in HISTORY[survey]:
            epochs = [point[EPOCH[survey]] for point in packet[name] or ()]
            assert epochs == sorted(epochs)
            assert not epochs or (now - WINDOW[survey] <= epochs[0] and epochs[-1] < now)


@pytest.mark.parametrize("survey", SURVEYS)
def test_history_grows_alert_by_alert(survey: str) -> None:
    by_object: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for alert, packet in zip(stream(survey), records(survey), strict=True):
        by_object[alert.object_id].append(packet)
    name, key = HISTORY[survey][0], "candid" if survey == "ztf" else "diaSourceId"
    pairs = 0
    for packets in by_object.values():
        for before, after in itertools.pairwise(packets):
            now = trigger(survey, after)[EPOCH[survey]]
            known = [*(before[name] or ()), trigger(survey, before)]
            kept = {point[key] for point in known if point[key] is not None and now - point[EPOCH[survey]] <= WINDOW[survey]}
            assert kept <= {point[key] for point in after[name] or ()}
            pairs += 1
    assert pairs > 300
    assert max(len(packets) for packets in by_object.values()) > 8


def test_ztf_visits_without_a_detection_are_upper_limits() -> None:
    earlier = [point for packet in records("ztf") for point in packet["prv_candidates"] or ()]
    limits = [point for point in earlier if point["candid"] is None]
    assert 0.1 < len(limits) / len(earlier) < 0.9
    for point in limits:
        assert point["magpsf"] is None
        assert point["isdiffpos"] is None
        assert 17.0 < point["diffmaglim"] < 22.0
    assert {point["isdiffpos"] for point in earlier if point["candid"]} == {"t", "f"}


@pytest.mark.parametrize("survey", SURVEYS)
def test_every_alert_is_significant_and_both_signs_occur(survey: str) -> None:
    signs: Counter[bool] = Counter()
    for packet in records(survey):
        now = trigger(survey, packet)
        if survey == "ztf":
            assert now["sigmapsf"] < 0.2172  # 2.5 / ln 10 / 5
            signs[now["isdiffpos"] == "f"] += 1
        else:
            assert abs(now["psfFlux"]) >= 4.999 * now["psfFluxErr"]
            assert now["isNegative"] == (now["psfFlux"] < 0)
            signs[now["isNegative"]] += 1
    assert min(signs.values()) > 100


def test_ztf_variables_have_a_reference_at_their_place_and_supernovae_a_host_beside_them() -> None:
    for alert, packet in zip(stream("ztf"), records("ztf"), strict=True):
        now = packet["candidate"]
        if alert.truth in {"RRL", "EB", "LPV"}:
            assert now["magnr"] is not None
            assert now["distnr"] < 1.4
    scores: dict[str, list[float]] = defaultdict(list)
    for alert, packet in zip(stream("ztf"), records("ztf"), strict=True):
        scores[alert.truth].append(packet["candidate"]["sgscore1"])
    assert sorted(scores["RRL"])[len(scores["RRL"]) // 2] > 0.8
    assert sorted(scores["SNIa"])[len(scores["SNIa"]) // 2] < 0.3


@pytest.mark.parametrize("survey", SURVEYS)
def test_moving_objects_say_that_they_are(survey: str) -> None:
    movers = 0
    for alert, packet in zip(stream(survey), records(survey), strict=True):
        if survey == "ztf":
            says = packet["candidate"]["ssdistnr"] != -999.0
        else:
            says = packet["ssSource"] is not None
            assert says == (packet["diaObject"] is None) == (packet["diaSource"]["ssObjectId"] is not None)
        assert says == (alert.truth == "solar-system")
        movers += says
    assert 0.02 < movers / len(stream(survey)) < 0.3


@pytest.mark.parametrize("survey", SURVEYS)
def test_all_classes_occur(survey: str) -> None:
    found = {name for _, name, _ in simulate_light_curves(survey, 120, 1)}
    assert found == {"SNIa", "SNIbc", "SNII", "RRL", "EB", "LPV", "AGN", "CV/Nova"}


@pytest.mark.parametrize("survey", SURVEYS)
def test_light_curves_by_object_are_those_of_the_stream(survey: str) -> None:
    streamed: dict[str, list[int]] = defaultdict(list)
    for alert in stream(survey, 100):
        streamed[alert.object_id].append(alert.alert_id)
    grouped = {object_id: alerts for object_id, _, alerts in simulate_light_curves(survey, 16, 1)}
    shared = grouped.keys() & streamed.keys()
    assert shared
    for object_id in shared:
        assert [alert.alert_id for alert in grouped[object_id]][: len(streamed[object_id])] == streamed[object_id]
        assert all(not alert.broken for alert in grouped[object_id])


@pytest.mark.parametrize("survey", SURVEYS)
def test_broken_packets_are_rejected_all_of_them_and_no_others(survey: str) -> None:
    alerts = list(simulate(survey, 1500, 3, broken=0.2, cutout_bytes=40))
    assert 0.16 < sum(alert.broken for alert in alerts) / len(alerts) < 0.24
    for alert in alerts:
        if not alert.broken:
            continue
        assert not readable(survey, alert.payload)
    sound = [alert.payload for alert in simulate(survey, 1500, 3, cutout_bytes=40)]
    assert all(alert.broken or alert.payload == whole for alert, whole in zip(alerts, sound, strict=True))


def readable(survey: str, payload: bytes) -> bool:
    """Our own codec finds an alert of the survey in it, and fastavro can read that."""
    rows, rejected = Framing(BundledSchemas()).rows(batch_of([SimulatedAlert(payload, "", "", 0, 0.0, broken=True)]))
    if len(rejected) or rows.schemas[int(rows.schema[0])].tree["name"] != "alert":
        return False
    try:
        record(survey, payload)
    except (EOFError, ValueError, IndexError, UnicodeDecodeError, AssertionError, OverflowError, StopIteration):
        return False
    return True


def test_images_are_as_large_as_asked_for() -> None:
    for size in (0, 1, 1000, REALISTIC_STAMP):
        [alert] = simulate("ztf", 1, 1, cutout_bytes=size)
        packet = record("ztf", alert.payload)
        assert [len(packet[f"cutout{image}"]["stampData"]) for image in ("Science", "Template", "Difference")] == [size] * 3


def test_lsst_frames_name_our_own_schema() -> None:
    assert stream("lsst")[0].payload[:5] == b"\x00" + SIMULATED_LSST_ID.to_bytes(4, "big")
    assert stream("ztf")[0].payload[:4] == b"Obj\x01"


def test_a_survey_that_nobody_simulates_is_an_error_at_once() -> None:
    with pytest.raises(InvalidData, match="lsst, ztf"):
        simulate("atlas", 1, 1)


def test_files_are_named_after_object_and_alert(tmp_path: Path) -> None:
    told: list[int] = []
    assert write_files(stream("ztf")[:5], tmp_path / "out", told.append) == 5
    assert told == [1, 2, 3, 4, 5]
    first = stream("ztf")[0]
    assert (tmp_path / "out" / f"{first.object_id}_{first.alert_id}.avro").read_bytes() == first.payload
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_a_file_with_the_same_packet_is_written_again_and_one_with_another_stays_as_it_is(tmp_path: Path) -> None:
    alerts = stream("ztf")[:2]
    assert write_files(alerts, tmp_path) == write_files(alerts, tmp_path) == 2
    path = tmp_path / f"{alerts[1].object_id}_{alerts[1].alert_id}.avro"
    path.write_bytes(b"another")
    with pytest.raises(InvalidData, match=f"{path.name} is there and holds another packet"):
        write_files(alerts, tmp_path)
    assert path.read_bytes() == b"another"


@pytest.mark.parametrize("survey", SURVEYS)
def test_the_sample_packet_can_be_read_with_its_schema(survey: str) -> None:
    path = schema_path(survey, "1.0")
    with (path.parent / "sample" / "alert.avro").open("rb") as file:
        [packet] = fastavro.reader(file, fastavro.parse_schema(bundled_schema(survey, "1.0").tree))
    assert isinstance(packet, dict)
    assert len(packet[HISTORY[survey][0]]) > 1


@pytest.mark.parametrize("survey", SURVEYS)
def test_every_field_of_the_schemas_says_what_it_is_in_which_unit(survey: str) -> None:
    for field in fields(bundled_schema(survey, "1.0").tree):
        assert len(field["doc"]) > 10
        if not isinstance(plain(field["type"]), dict) and plain(field["type"]) not in {"cutout", "diaSource", "bytes"}:
            assert field["doc"].endswith("]."), field["name"]


def fields(tree: Any) -> Iterator[dict[str, Any]]:
    for field in tree["fields"]:
        yield field
        inner = plain(field["type"])
        inner = inner.get("items", inner) if isinstance(inner, dict) else inner
        if isinstance(inner, dict):
            yield from fields(inner)


def plain(tree: Any) -> Any:
    return next(branch for branch in tree if branch != "null") if isinstance(tree, list) else tree


def test_the_rate_is_kept_at_the_door_alone() -> None:
    clock = HandClock()
    source = SimulatorSource(iter(stream("ztf")[:50]), "simulated", clock, rate=10.0)
    assert read_count(source) == 0
    clock.advance(1.0)
    assert read_count(source) == 10
    assert read_count(source) == 0
    clock.advance(0.25)
    assert read_count(source) == 2
    clock.advance(60.0)
    assert read_count(source, 30) == 30
    assert read_count(source) == 8
    assert source.read(100, 0.0) is None


def test_a_source_with_a_rate_waits_no_longer_than_asked() -> None:
    clock = HandClock()
    source = SimulatorSource(iter(stream("ztf")[:50]), "simulated", clock, 10.0, clock.advance)
    source.read(1, 0.0)
    assert read_count(source, wait=0.05) == 0
    assert read_count(source, wait=5.0) == 1
    assert clock.monotonic() < 1.0


def read_count(source: SimulatorSource, limit: int = 100, wait: float = 0.0) -> int:
    batch = source.read(limit, wait)
    assert batch is not None
    return len(batch)


def test_a_rewound_source_gives_its_last_batch_again() -> None:
    source = SimulatorSource(iter(stream("ztf")[:50]), "simulated", HandClock())
    first = source.read(20, 0.0)
    source.rewind()
    assert source.read(20, 0.0) is first
    second = source.read(100, 0.0)
    assert second is not None
    assert second.positions.next() == {("simulated", -1): 50}
    assert source.read(20, 0.0) is None


def test_truths_are_leaves_of_the_taxonomy() -> None:
    leaves = {leaf.name for leaf in LEAVES} | {"solar-system"}
    for survey in SURVEYS:
        assert {alert.truth for alert in stream(survey)} <= leaves
