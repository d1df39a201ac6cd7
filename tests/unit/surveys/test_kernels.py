"""The surveys' compiled loops against plain NumPy, bit for bit."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.codec.columns import Decoded
from streamer.codec.projection import Projection, Type
from streamer.data.arrays import MISSING, Column
from streamer.data.batch import AlertBatch
from streamer.data.photometry import LEAP_MJD, MJD_OF_JD, Kind, mjd_tai_from_jd_utc
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.surveys import lsst, ztf
from streamer.surveys.kernel import mjd_tai
from streamer.surveys.survey import light_curves, night_names, prefixed
from streamer.surveys.ztf_kernel import is_usable
from tests.unit.surveys import by_numpy

NUMBERS = (
    0.0,
    -0.0,
    0.3,
    1.0,
    1.4,
    2.0,
    3.0,
    17.5,
    18.25,
    20.5,
    -99.0,
    -999.0,
    -9999.0,
    -99999.0,
    1e300,
    -1e300,
    np.nan,
    np.inf,
    -np.inf,
)
IDS = (MISSING, 0, 1, -1, 9, 10, 99, 12_345, -70, 10**18, 2**63 - 1, -(2**63) + 1)
TEXTS = {
    "isdiffpos": (b"t", b"f", b"1", b"0", b"T", b"F", b"?", b""),
    "procstatus": (
        b"0",
        b"57",
        b"",
        b"null",
        b"0,57",
        b" 0, 57 ",
        b"56",
        b"0,",
        b",",
        b"5",
        b"570",
        b"0 0",
        b"\t0\n",
        b"nul",
        b"57,61",
    ),
    "band": (b"g", b"r", b"u", b"y", b"gr", b"x", b""),
    "object_id": (b"ZTF18a", b"x" * 64, b"1"),
}


def columns_of(rng: np.random.Generator, projection: Projection, table: int, m: int) -> dict[str, Column]:
    """Random columns of one table, as a decoder gives them."""
    found: dict[str, Column] = {}
    for field in projection[table].fields:
        match field.type:
            case Type.FLOAT:
                found[field.name] = np.where(rng.random(m) < 0.6, rng.uniform(12.0, 23.0, m), rng.choice(NUMBERS, m))
            case Type.INTEGER:
                found[field.name] = rng.choice(np.array(IDS, dtype=np.int64), m)
            case Type.PRESENT:
                found[field.name] = rng.random(m) < 0.5
            case Type.TEXT:
                found[field.name] = rng.choice(np.array(TEXTS[field.name], dtype=f"S{field.width}"), m)
    for name in ("jd", "epoch"):
        if name in found:
            place = MJD_OF_JD if name == "jd" else 0.0
            found[name] = place + np.where(rng.random(m) < 0.8, 60_000.0 + rng.integers(0, 9, m) / 8, rng.choice(LEAP_MJD, m))
    return found


def decoded(seed: int, n: int, projection: Projection) -> Decoded:
    rng = np.random.default_rng(seed)
    packet = columns_of(rng, projection, 0, n)
    for name in ("ra", "dec"):
        packet[name] = rng.uniform(0.0, 90.0, n)
    packet["alert_id"] = np.maximum(packet["alert_id"], -(2**62))
    tables = {}
    for number, table in enumerate(projection[1:], 1):
        offsets = offsets_from_lengths(rng.integers(0, 20, n))
        tables[table.name] = Ragged(offsets, columns_of(rng, projection, number, int(offsets[-1])))
    return Decoded(np.zeros(n, dtype=np.int8), packet, tables)


def joined(parts: Sequence[Mapping[str, Column]]) -> dict[str, Column]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def assert_curves(alerts: AlertBatch, found: Decoded, parts: Sequence[Mapping[str, Column]]) -> None:
    offsets = [np.arange(len(alerts) + 1), *(table.offsets for table in found.tables.values())]
    expected = light_curves(alerts.epoch, offsets, joined(parts))
    np.testing.assert_array_equal(alerts.light_curves.offsets, expected.offsets)
    for name, column in expected.columns.items():
        np.testing.assert_array_equal(alerts.light_curves[name], column, err_msg=name, strict=True)
    for name in ("band", "flux", "flux_err"):
        np.testing.assert_array_equal(getattr(alerts, name), parts[0][name], err_msg=name, strict=True)


seeds = st.integers(0, 2**32)


@settings(max_examples=200)
@given(seeds, st.integers(0, 12))
@np.errstate(over="ignore", invalid="ignore")
def test_ztf_alerts_are_those_of_numpy(seed: int, n: int) -> None:
    found = decoded(seed, n, ztf.PROJECTION)
    alerts, rejections = ztf.to_alerts(found, np.arange(n))
    assert len(rejections) == 0
    history, forced = (found.tables[name].columns for name in ("history", "forced"))
    parts = [by_numpy.ztf_detections(found.columns), by_numpy.ztf_detections(history), by_numpy.ztf_forced(forced)]
    assert_curves(alerts, found, parts)
    for name, column in by_numpy.ztf_context({name: found.columns[name] for name in ztf._CANDIDATE}).items():
        np.testing.assert_array_equal(alerts.context[name], column, err_msg=name, strict=True)
    assert alerts.key.tolist() == [b"ZTF:" + name for name in alerts.object_id.tolist()]


@settings(max_examples=200)
@given(seeds, st.integers(0, 12))
@np.errstate(over="ignore", invalid="ignore")
def test_lsst_alerts_are_those_of_numpy(seed: int, n: int) -> None:
    found = decoded(seed, n, lsst.PROJECTION)
    alerts, rejections = lsst.to_alerts(found, np.arange(n))
    assert len(rejections) == 0
    history, forced = (found.tables[name] for name in ("history", "forced"))
    kinds = (Kind.DETECTION, Kind.DETECTION, Kind.FORCED)
    tables = (found.columns, history.columns, forced.columns)
    assert_curves(alerts, found, [by_numpy.lsst_sources(table, kind) for table, kind in zip(tables, kinds, strict=True)])
    gone = by_numpy.is_withdrawn(found.columns).astype(np.int64)
    for table in (history, forced):
        gone += np.bincount(table.rows[by_numpy.is_withdrawn(table.columns)], minlength=n)
    np.testing.assert_array_equal(alerts.withdrawn, gone)
    for ours, theirs in zip(
        (alerts.object_id, alerts.key, alerts.solar_system), by_numpy.lsst_identity(found.columns), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs, strict=True)


@given(st.text("057, \tnul\n\x0b\x0c\r\x00x", max_size=16).map(str.encode))
def test_a_status_is_usable_where_plain_python_says_so(status: bytes) -> None:
    padded = np.frombuffer(status.ljust(16, b"\0"), dtype=np.uint8)
    assert is_usable(padded) == by_numpy.is_usable(np.array([status], dtype="S16").tolist()[0])


@given(st.one_of(st.floats(), st.floats(41_000.0, 61_000.0), st.sampled_from(LEAP_MJD.tolist())))
def test_a_time_is_that_of_the_whole_column(mjd: float) -> None:
    jd = mjd + MJD_OF_JD
    np.testing.assert_array_equal(mjd_tai(jd), mjd_tai_from_jd_utc(np.array([jd]))[0])


@given(st.lists(st.binary(max_size=6)))
def test_a_prefix_stands_before_each_text(texts: list[bytes]) -> None:
    column = np.array(texts, dtype="S6")
    assert prefixed(b"P:", column).tolist() == [b"P:" + text for text in column.tolist()]
    assert prefixed(b"P:", column).dtype == "S8"


@pytest.mark.parametrize(
    ("mjd", "names"),
    [
        ([], []),
        ([60_000.2, 60_000.9], [b"20230225"] * 2),
        ([60_000.9, 60_001.0, -1e9, np.nan], [b"20230225", b"20230226", b"", b""]),
        ([np.nan, np.nan], [b""] * 2),
    ],
)
def test_nights_have_the_names_of_their_days(mjd: list[float], names: list[bytes]) -> None:
    assert night_names(np.array(mjd, dtype=np.float64)).tolist() == names
