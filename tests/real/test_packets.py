"""Every real packet of every version is read, and read right."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest

from streamer.codec.framing import Framing
from streamer.data.batch import AlertBatch
from streamer.data.photometry import mjd_tai_from_jd_utc
from streamer.data.schema import WriterSchema
from streamer.pipeline import Outcome, Pipeline
from streamer.stores.schemas import CachedSchemas, FolderSchemas
from streamer.testing import HandClock
from tests.packets import raw_batch

pytestmark = pytest.mark.real_data


def schemas(real_data: Path) -> CachedSchemas:
    return CachedSchemas(FolderSchemas(real_data / "lsst_alerts" / "schemas"), HandClock())


def outcome(real_data: Path, payloads: list[bytes]) -> Outcome:
    return Pipeline(Framing(schemas(real_data)), {}, allow_private=True)(raw_batch(payloads))


@pytest.fixture(scope="module")
def files(real_data: Path) -> list[Path]:
    found = [file for folder in ("ztf_alerts", "lsst_alerts") for file in (real_data / folder).rglob("*.avro")]
    assert len(found) >= 500
    return sorted(found)


@pytest.fixture(scope="module")
def read(real_data: Path, files: list[Path]) -> Outcome:
    return outcome(real_data, [file.read_bytes() for file in files])


def records(payload: bytes, store: CachedSchemas) -> list[Any]:
    if payload.startswith(b"Obj\x01"):
        return list(fastavro.reader(io.BytesIO(payload)))
    schema = fastavro.parse_schema(store.by_id(int.from_bytes(payload[1:5], "big")).tree)
    return [fastavro.schemaless_reader(io.BytesIO(payload[5:]), schema, None)]


def test_no_packet_is_rejected_and_every_row_is_accounted_for(read: Outcome) -> None:
    assert read.rejections.detail == ()
    assert read.tally.imbalance == 0


def test_a_file_of_seven_records_is_seven_rows(read: Outcome, files: list[Path]) -> None:
    rows = Counter(read.rows.message.tolist())
    assert {files[message].parent.name: n for message, n in rows.items() if n > 1} == {"v10_0_fink_stream_2026-03-05": 7}


def test_every_schema_version_is_there(read: Outcome, files: list[Path]) -> None:
    wire = {int.from_bytes(file.read_bytes()[1:5], "big") for file in files if file.read_bytes()[:1] == b"\x00"}
    assert {701, 703, 704, 900, 1000} <= wire
    samples = {file.parent.name for file in files if file.name == "fakeAlert.avro"}
    assert {"v3_0", "v7_4", "v8_0", "v9_0", "v10_0", "v11_0"} <= samples


def test_our_columns_are_what_fastavro_reads_in_every_packet(real_data: Path, read: Outcome, files: list[Path]) -> None:
    store = schemas(real_data)
    packets = [records(file.read_bytes(), store) for file in files]
    seen = 0
    for part in read.scored:
        alerts = part.alerts
        check = _check_ztf if alerts.survey == "ztf" else _check_lsst
        for i, row in enumerate(alerts.row.tolist()):
            check(alerts, i, packets[read.rows.message[row]][read.rows.record[row]])
            seen += 1
    assert seen == len(read.rows)


def _check_ztf(alerts: AlertBatch, i: int, packet: dict[str, Any]) -> None:
    candidate = packet["candidate"]
    assert alerts.alert_id[i] == packet["candid"]
    assert alerts.object_id[i].decode() == packet["objectId"]
    assert (alerts.ra[i], alerts.dec[i]) == (candidate["ra"], candidate["dec"])
    assert alerts.epoch[i] == mjd_tai_from_jd_utc(np.array([candidate["jd"]]))[0]
    sign = 1 if candidate["isdiffpos"] in {"t", "1"} else -1
    assert alerts.flux[i] == pytest.approx(sign * 10 ** (-0.4 * (candidate["magpsf"] - 31.4)), rel=1e-5)


def _check_lsst(alerts: AlertBatch, i: int, packet: dict[str, Any]) -> None:
    source = packet["diaSource"]
    assert alerts.alert_id[i] == source["diaSourceId"]
    assert (alerts.ra[i], alerts.dec[i]) == (source["ra"], source.get("dec", source.get("decl")))
    assert alerts.epoch[i] == source.get("midpointMjdTai", source.get("midPointTai"))
    flux = source.get("psfFlux", source.get("psFlux"))
    np.testing.assert_equal(alerts.flux[i], np.float32(np.nan if flux is None else flux))
    points = alerts.light_curves.row(i)["epoch"]
    assert np.all(np.diff(points) >= 0)
    assert np.all(points <= alerts.epoch[i])


@pytest.mark.parametrize("codec", ["deflate", "snappy"])
def test_the_same_packets_in_compressed_blocks_give_the_same_columns(real_data: Path, files: list[Path], codec: str) -> None:
    chosen = [file for file in files if file.read_bytes().startswith(b"Obj\x01")][::12]
    plain = [file.read_bytes() for file in chosen]
    packed = [_packed(payload, codec) for payload in plain]
    one, other = outcome(real_data, plain), outcome(real_data, packed)
    assert not other.rejections.detail
    for mine, theirs in zip(_by_id(one), _by_id(other), strict=True):
        np.testing.assert_equal(mine, theirs)


def _packed(payload: bytes, codec: str) -> bytes:
    reader = fastavro.reader(io.BytesIO(payload))
    stream = io.BytesIO()
    fastavro.writer(stream, WriterSchema.parse(reader.metadata["avro.schema"]).tree, list(reader), codec=codec)
    return stream.getvalue()


def _by_id(outcome: Outcome) -> list[tuple[Any, ...]]:
    found = []
    for part in outcome.scored:
        for i, row in enumerate(part.alerts.row.tolist()):
            curve = part.alerts.light_curves.row(i)
            found.append((row, part.alerts.key[i], part.alerts.epoch[i], *(curve[name].tolist() for name in sorted(curve))))
    return sorted(found, key=lambda entry: int(entry[0]))
