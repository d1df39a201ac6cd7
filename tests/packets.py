"""Small packets for tests: records under our own ZTF-style and LSST-style schemas, framed as the surveys frame them."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro
import numpy as np

from streamer.codec.encode import RecordWriter
from streamer.data.batch import Positions, RawBatch
from streamer.data.schema import WriterSchema
from streamer.errors import SchemaProblem, UnknownSchema
from streamer.stores.bundled import bundled_schema

ZTF = bundled_schema("ztf", "1.0")
LSST = bundled_schema("lsst", "1.0")
PULSAR = bundled_schema("pulsar_candidate", "1.0")
SYNC = b"0123456789abcdef"

Tree = dict[str, Any]

TREE_OF_NO_SURVEY: Tree = {"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}]}


class TableOfSchemas:
    """A schema store that answers from a table; an entry may be a problem instead of a schema."""

    def __init__(self, table: Mapping[int, WriterSchema | SchemaProblem]) -> None:
        self._table = table

    def by_id(self, number: int) -> WriterSchema:
        found = self._table.get(number, UnknownSchema(f"schema id {number}"))
        if isinstance(found, SchemaProblem):
            raise found
        return found


def raw_batch(payloads: Sequence[bytes], topic: str = "topic", first: int = 100) -> RawBatch:
    """Messages of one Kafka partition, one after the other."""
    n = len(payloads)
    return RawBatch(
        tuple(payloads),
        Positions.of([(topic, 3, first + i, 1) for i in range(n)]),
        np.full(n, 1_700_000_000_000, dtype=np.int64),
        np.full(n, 1_700_000_001_000, dtype=np.int64),
    )


def container(tree: Tree, records: Sequence[Any], codec: str = "null", per_block: int = 1000) -> bytes:
    """A container file as fastavro writes it."""
    stream = io.BytesIO()
    writer = fastavro.write.Writer(stream, fastavro.parse_schema(tree), codec=codec, sync_marker=SYNC)
    for i, record in enumerate(records, start=1):
        writer.write(record)
        if i % per_block == 0:
            writer.dump()
    writer.flush()
    return stream.getvalue()


def datum(tree: Tree, record: Any) -> bytes:
    """A bare datum as fastavro writes it."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(tree), record)
    return stream.getvalue()


def registry_frame(number: int, body: bytes) -> bytes:
    """0x00, the big-endian id, the datum."""
    return b"\x00" + number.to_bytes(4, "big") + body


def record_of(fields: Sequence[tuple[str, Any]], name: str = "r") -> Tree:
    """The schema of a record with these (name, type) fields."""
    return {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields]}


def with_floats(tree: Tree, part: str, names: Sequence[str]) -> Tree:
    """The schema with further nullable floats in the record of its field `part`, as the survey's own schema has them."""
    extended = copy.deepcopy(tree)
    [record] = [field["type"] for field in extended["fields"] if field["name"] == part]
    record["fields"] += [{"name": name, "type": ["null", "float"], "default": None} for name in names]
    return extended


def ztf_point(**overrides: Any) -> dict[str, Any]:
    """An entry of ``prv_candidates``: a detection of 18 mag in r."""
    point = {"jd": 2_460_000.0, "fid": 2, "pid": 1, "programid": 1, "isdiffpos": "t", "magpsf": 18.0, "sigmapsf": 0.1}
    return point | {"diffmaglim": 20.5} | overrides


def ztf_forced(**overrides: Any) -> dict[str, Any]:
    """An entry of ``fp_hists``: 100 ± 10 counts at a zero point that makes a count 10 nJy."""
    point = {"jd": 2_460_000.0, "fid": 2, "pid": 1, "programid": 1, "magzpsci": 28.9, "forcediffimflux": 100.0}
    return point | {"forcediffimfluxunc": 10.0, "procstatus": "0"} | overrides


def ztf_record(
    history: Sequence[dict[str, Any]] | None = (), forced: Sequence[dict[str, Any]] | None = (), candid: int = 7, **candidate: Any
) -> dict[str, Any]:
    """A ZTF-style packet whose trigger is a detection of 18 mag in r; keywords go into ``candidate``."""
    trigger = ztf_point(jd=2_460_010.0, candid=candid, ra=150.0, dec=2.0, ndethist=1, ncovhist=9, drb=0.9, rb=0.5, ssdistnr=-999.0)
    return {
        "schemavsn": "4.02",
        "publisher": "test",
        "objectId": "ZTF18aaaaaaa",
        "candid": candid,
        "candidate": trigger | candidate,
        "prv_candidates": None if history is None else list(history),
        "fp_hists": None if forced is None else list(forced),
    }


def ztf_packet(*args: Any, **candidate: Any) -> bytes:
    """:func:`ztf_record` as a container file."""
    return container(ZTF.tree, [ztf_record(*args, **candidate)])


def lsst_source(number: int = 5, **overrides: Any) -> dict[str, Any]:
    """A ``diaSource`` of 1000 ± 50 nJy in r."""
    source = {"diaSourceId": number, "visit": 1, "detector": 1, "diaObjectId": 77, "midpointMjdTai": 61_000.25, "ra": 150.0}
    flux = {"dec": 2.0, "psfFlux": 1000.0, "psfFluxErr": 50.0, "scienceFlux": 3000.0, "band": "r", "timeProcessedMjdTai": 61_000.3}
    return source | flux | {"reliability": 0.75} | overrides


def lsst_forced(number: int = 9, **overrides: Any) -> dict[str, Any]:
    """A ``diaForcedSource`` of 20 ± 30 nJy in r."""
    source = {"diaForcedSourceId": number, "objectId": 77, "diaObjectId": 77, "visit": 1, "detector": 1, "psfFlux": 20.0}
    place = {"psfFluxErr": 30.0, "midpointMjdTai": 60_990.0, "band": "r", "timeProcessedMjdTai": 60_990.1, "ra": 150.0, "dec": 2.0}
    return source | place | overrides


def lsst_object(**overrides: Any) -> dict[str, Any]:
    """A ``diaObject``."""
    return {"diaObjectId": 77, "validityStartMjdTai": 60_000.0, "ra": 150.0, "dec": 2.0, "nDiaSources": 3} | overrides


def lsst_body(**overrides: Any) -> dict[str, Any]:
    """An ``ssSource``."""
    return {"diaSourceId": 5, "ssObjectId": 4242, "eclLambda": 1.0, "eclBeta": 2.0} | overrides


def lsst_record(
    history: Sequence[dict[str, Any]] | None = None,
    forced: Sequence[dict[str, Any]] | None = None,
    dia_object: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
    **source: Any,
) -> dict[str, Any]:
    """An LSST-style packet; keywords go into ``diaSource``."""
    trigger = lsst_source(**source)
    parts = {"prvDiaSources": history, "prvDiaForcedSources": forced, "diaObject": dia_object, "ssSource": body}
    return {"diaSourceId": trigger["diaSourceId"], "diaSource": trigger} | parts


LSST_ID = 1_000_100


def lsst_packet(*args: Any, **source: Any) -> bytes:
    """:func:`lsst_record` in a registry frame of id ``LSST_ID``."""
    return registry_frame(LSST_ID, RecordWriter(LSST)(lsst_record(*args, **source)))


def pulsar_record(
    profile: Sequence[float] = (0.0, 1.0, 5.0, 1.0), dm_curve: Sequence[float] = (4.0, 9.0, 6.0), **overrides: Any
) -> dict[str, Any]:
    """A pulsar candidate of 5 Hz; `dm_curve` is the S/N at DM 0, 10, 20 …"""
    place = {"candidate_id": 11, "telescope": "test", "epoch": 61_000.25, "ra": 83.6, "dec": 22.0, "p_topo": 0.2}
    curve = [{"dm": 10.0 * i, "snr": snr} for i, snr in enumerate(dm_curve)]
    return place | {"profile": list(profile), "dm_curve": curve} | overrides


def pulsar_packet(*args: Any, **overrides: Any) -> bytes:
    """:func:`pulsar_record` as a container file."""
    return container(PULSAR.tree, [pulsar_record(*args, **overrides)])
