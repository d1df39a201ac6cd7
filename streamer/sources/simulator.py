"""Simulated alert streams: for demonstrations, for tests, and for training where no real data exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from streamer.codec.container import SYNC_BYTES, block_bytes, header_bytes
from streamer.data.batch import NO_PARTITION, Positions, RawBatch
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidData
from streamer.ports import Clock
from streamer.sources.simulated.broken import Framed
from streamer.sources.simulated.broken import broken as broken_packet
from streamer.sources.simulated.packets import VERSION
from streamer.sources.simulated.population import SITES, Event, events, object_events
from streamer.sources.simulated.pulsar import SCHEMA_NAME, Candidate, candidates
from streamer.stores.bundled import SIMULATED_LSST_ID, bundled_schema

FramingName = Literal["container", "registry"]

SMALL_STAMP, REALISTIC_STAMP = 1_000, 20_000
"""Bytes of one of a packet's three images: enough to be there, and as many as ZTF sends."""
PULSAR = "pulsar"
SIMULATED = (*sorted(SITES), PULSAR)
"""Surveys that can be simulated."""
_STAMPS = 64
_GZIP = b"\x1f\x8b\x08\x00"


@dataclass(frozen=True, slots=True)
class SimulatedAlert:
    """A packet, and what it really is.

    Parameters
    ----------
    payload : bytes
        The packet in its framing.
    truth : str
        Class of the object: a leaf of the taxonomy, or ``solar-system``; of a pulsar candidate ``pulsar``, ``rfi`` or ``noise``.
    object_id : str
    alert_id : int
    epoch : float, MJD TAI
    broken : bool
        The payload cannot be read.
    """

    payload: bytes
    truth: str
    object_id: str
    alert_id: int
    epoch: float
    broken: bool


def simulate(
    survey: str,
    count: int | None,
    seed: int,
    broken: float = 0.0,
    cutout_bytes: int = SMALL_STAMP,
    framing: FramingName | None = None,
) -> Iterator[SimulatedAlert]:
    """The first `count` alerts of a survey (None: without end), in order of time.

    The same survey, seed, share, size and framing give the same bytes, however many are asked for.

    Parameters
    ----------
    survey : ``ztf``, ``lsst`` or ``pulsar``
    count : int or None
    seed : int
    broken : float
        Share of packets that are broken.
    cutout_bytes : int
        Size of each of the three images of an optical alert; 0 leaves them empty.
    framing : ``container``, ``registry`` or None
        None is what the survey sends: registry frames from LSST, containers from the others.

    Raises
    ------
    InvalidData
        If there is no such survey, or none with this framing.
    """
    if known(survey) == PULSAR:
        if framing == "registry":
            raise InvalidData("simulated pulsar candidates come in containers alone: no registry id is set aside for them")
        wrapper = _Wrapper(bundled_schema(SCHEMA_NAME, VERSION), (seed, 3, 4), broken, framing)
        return islice(_wrapped(candidates(seed), wrapper), count)
    return islice(_alerts(events(survey, seed), _Packer(survey, seed, broken, cutout_bytes, framing)), count)


def simulate_light_curves(survey: str, n_objects: int, seed: int) -> Iterator[tuple[str, str, list[SimulatedAlert]]]:
    """(object id, class, its alerts in order of time) of the first `n_objects` objects, without images.

    Moving objects are left out, and objects that were never bright enough for an alert have none: fewer than `n_objects` come.
    """
    if survey not in SITES:
        raise InvalidData(f"no simulated light curves of {survey!r}; there are {', '.join(sorted(SITES))}")
    site = SITES[survey]
    packer = _Packer(survey, seed, 0.0, 0, None)
    for number in range(n_objects):
        alerts = list(_alerts(iter(object_events(site, seed, number)), packer))
        if alerts:
            yield alerts[0].object_id, alerts[0].truth, alerts


def simulate_kind(kind: str, n: int, seed: int) -> Iterator[SimulatedAlert]:
    """The first `n` pulsar candidates of one kind: ``pulsar``, ``rfi`` or ``noise``."""
    wrapper = _Wrapper(bundled_schema(SCHEMA_NAME, VERSION), (seed, 3, 4), 0.0, None)
    return islice(_wrapped(candidates(seed, kind), wrapper), n)


def write_files(alerts: Iterable[SimulatedAlert], folder: Path, progress: Callable[[int], None] = lambda _written: None) -> int:
    """Write each packet to ``<object id>_<alert id>.avro`` in `folder`, made if need be; returns how many there are.

    `progress` is called with the number written so far, after each file.

    Raises
    ------
    InvalidData
        If a file of that name holds another packet; it stays as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for alert in alerts:
        path = folder / f"{alert.object_id}_{alert.alert_id}.avro"
        if path.exists() and path.read_bytes() != alert.payload:
            raise InvalidData(f"{path} is there and holds another packet: give another folder")
        path.write_bytes(alert.payload)
        written += 1
        progress(written)
    return written


def known(survey: str) -> str:
    """The name itself, if there is a simulator of that survey."""
    if survey not in SIMULATED:
        raise InvalidData(f"no simulator of {survey!r}; there are {', '.join(SIMULATED)}")
    return survey


class SimulatorSource:
    """A simulated stream behind the port ``Source``.

    Parameters
    ----------
    alerts : iterator of SimulatedAlert
        What :func:`simulate` gives, bounded or not.
    name : str
        Name of the stream in positions.
    clock : Clock
        Stamps the messages, and measures the rate.
    rate : float or None, alerts/s
        How many come in a second on average; None: as fast as they are made.
    sleep : function of seconds, or None
        How to wait when the rate allows none yet; None returns an empty batch at once.
    """

    def __init__(
        self,
        alerts: Iterator[SimulatedAlert],
        name: str,
        clock: Clock,
        rate: float | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._alerts = alerts
        self._name = name
        self._clock = clock
        self._rate = rate
        self._sleep = sleep
        self._began: float | None = None
        self._sent = 0
        self._last: RawBatch | None = None
        self._again = False

    def read(self, limit: int, wait: float) -> RawBatch | None:
        """Up to `limit` messages, as many as the rate allows by now; None when a bounded stream has ended."""
        if self._again:
            self._again = False
            return self._last
        allowed = min(limit, self._allowed(wait))
        if allowed < 1:
            return self._batch([])
        found = list(islice(self._alerts, allowed))
        self._last = self._batch(found) if found else None
        return self._last

    def rewind(self) -> None:
        """Let the next `read` return the last batch once more."""
        self._again = self._last is not None

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Nothing: the stream is made when it is read."""
        return {}

    def close(self) -> None:
        """Nothing is held."""

    def _allowed(self, wait: float) -> int:
        """How many messages the rate allows, waiting for the first of them if it comes in time."""
        if self._rate is None:
            return 1 << 30
        if self._began is None:
            self._began = self._clock.monotonic()
        due = self._due()
        if due < 1 and self._sleep is not None:
            self._sleep(min(wait, max(0.0, (self._sent + 1) / self._rate - (self._clock.monotonic() - self._began))))
            due = self._due()
        return due

    def _due(self) -> int:
        if self._rate is None or self._began is None:
            return 0
        return int((self._clock.monotonic() - self._began) * self._rate) - self._sent

    def _batch(self, found: list[SimulatedAlert]) -> RawBatch:
        now = np.full(len(found), self._clock.now_ms(), dtype=np.int64)
        entries = [(self._name, NO_PARTITION, self._sent + i, 1) for i in range(len(found))]
        self._sent += len(found)
        return RawBatch([alert.payload for alert in found], Positions.of(entries), now, now)


class _Wrapper:
    """Puts datums into their framing, and breaks some."""

    def __init__(self, schema: WriterSchema, seed: tuple[int, ...], share: float, framing: FramingName | None) -> None:
        self._schema = schema
        self._seed = seed
        self._share = share
        self._framed = _framed(schema, framing or "container")

    def payload(self, number: int, body: bytes) -> tuple[bytes, bool]:
        """Message `number` of the stream, and whether it is broken."""
        rng = np.random.default_rng((*self._seed, number)) if self._share > 0.0 else None
        if rng is not None and rng.random() < self._share:
            return broken_packet(rng, self._schema, body, self._framed), True
        return self._framed(body), False


class _Packer:
    """Makes packets of an optical survey's events."""

    def __init__(self, survey: str, seed: int, share: float, cutout_bytes: int, framing: FramingName | None) -> None:
        key = (seed, SITES[survey].code, 3)
        usual: FramingName = "container" if survey == "ztf" else "registry"
        self._wrapper = _Wrapper(bundled_schema(survey, VERSION), key, share, framing or usual)
        pool = np.random.default_rng(key).bytes(max(cutout_bytes - len(_GZIP), 0) + _STAMPS)
        self._stamps = [(_GZIP + pool[i : len(pool) - _STAMPS + i])[:cutout_bytes] for i in range(_STAMPS)]

    def packet(self, number: int, event: Event) -> SimulatedAlert:
        """Alert `number` of the stream."""
        origin, point = event.origin, event.point
        body = origin.body(point, [self._stamps[(number + k) % _STAMPS] for k in range(3)])
        payload, spoiled = self._wrapper.payload(number, body)
        return SimulatedAlert(payload, origin.truth.name, origin.object_id, origin.alert_id(point), event.epoch, spoiled)


def _wrapped(found: Iterator[Candidate], wrapper: _Wrapper) -> Iterator[SimulatedAlert]:
    for number, one in enumerate(found):
        payload, spoiled = wrapper.payload(number, one.body)
        yield SimulatedAlert(payload, one.truth, one.object_id, one.candidate_id, one.epoch, spoiled)


def _alerts(found: Iterator[Event], packer: _Packer) -> Iterator[SimulatedAlert]:
    return (packer.packet(number, event) for number, event in enumerate(found))


def _framed(schema: WriterSchema, framing: FramingName) -> Framed:
    if framing == "registry":
        frame = b"\x00" + SIMULATED_LSST_ID.to_bytes(4, "big")
        return lambda body: frame + body
    sync = schema.fingerprint.encode()[:SYNC_BYTES]
    header = header_bytes(schema) + sync
    return lambda body: header + block_bytes(1, body, sync)
