"""`streamer show`: a packet, a file of tagged alerts, or of dead letters, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from streamer import client, config, wiring
from streamer.codec.container import MAGIC
from streamer.data.batch import NO_PARTITION, NO_TIME, Positions, RawBatch
from streamer.errors import InvalidData
from streamer.pipeline import Outcome, Pipeline
from streamer.telemetry import SystemClock
from streamer.terminal import Known, PacketSummary, TaggedSummary


def shown(file: Path, schemas: Sequence[str], limit: int) -> Iterator[RenderableType]:
    """What `file` holds, the first `limit` records of it; InvalidData if nobody can read it."""
    first = next(_own_records(file), None)
    if first is None or (client.tag_of(first) or first) is not first:  # a packet, alone or with its tag behind it
        yield from _packets(file, schemas, limit)
    if first is None:
        return
    records = list(islice(_own_records(file), limit))
    if "payload" in first:
        yield _dead_letters(records)
    for tag in filter(None, map(client.tag_of, records)):
        yield TaggedSummary(tag)
    more = sum(1 for _ in _own_records(file)) - len(records)
    if more > 0:
        yield _more(more)


def pictured(file: Path, schemas: Sequence[str], limit: int, png: Path) -> Iterator[Path]:
    """Pictures of the first `limit` alerts in `file`, each in a file of its own: `png`, and then with -2, -3 … behind its name.

    Raises
    ------
    InvalidData
        If there is no alert in `file`, or nobody can read it.
    """
    from streamer.terminal.pictures import write_picture  # noqa: PLC0415  # matplotlib is an extra

    for number, known in enumerate(islice(_all_known(file, schemas), limit), 1):
        path = png if number == 1 else png.with_name(f"{png.stem}-{number}{png.suffix}")
        write_picture(known, path)
        yield path


def _all_known(file: Path, schemas: Sequence[str]) -> Iterator[Known]:
    """What there is of each alert: the packet, its tag, or both."""
    records = list(_own_records(file))
    tags = [client.tag_of(record) for record in records]
    if not records or any(tag is not None and tag is not record for tag, record in zip(tags, records, strict=True)):
        outcome = _read(file, schemas)
        for part in outcome.scored:
            for i, row in enumerate(part.alerts.row.tolist()):
                yield Known(part.alerts, i, tags[row] if row < len(tags) else None)
        return
    if not any(tags):
        raise InvalidData(f"{file}: dead letters cannot be drawn")
    yield from (Known(None, 0, tag) for tag in tags if tag is not None)


def _own_records(file: Path) -> Iterator[Mapping[str, Any]]:
    """The records of a file that streamer wrote; none if it is somebody else's."""
    with file.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return
        stream.seek(0)
        try:
            for record in fastavro.reader(stream):
                if not isinstance(record, dict) or not (client.tag_of(record) or {"payload", "stage", "reason"} <= set(record)):
                    return
                yield record
        except (ValueError, EOFError, IndexError, KeyError, TypeError, StopIteration):
            return  # what is wrong with it is told by the pipeline


def _packets(file: Path, schemas: Sequence[str], limit: int) -> Iterator[RenderableType]:
    outcome = _read(file, schemas)
    places = [(part, i) for part in outcome.scored for i in range(len(part.alerts))]
    for part, i in places[:limit]:
        yield PacketSummary(part.alerts, i)
    if len(places) > limit:
        yield _more(len(places) - limit)


def _more(number: int) -> Text:
    return Text(f"… and {number:,} more", style="dim")


def _read(file: Path, schemas: Sequence[str]) -> Outcome:
    """The packets of a file; InvalidData if none of them can be read."""
    source = config.ArchiveSource(kind="archive", paths=(file,), schemas=tuple(schemas))
    stamp = np.array([NO_TIME], dtype=np.int64)
    raw = RawBatch([file.read_bytes()], Positions.of([(str(file), NO_PARTITION, 0, 1)]), stamp, stamp)
    outcome = Pipeline(wiring.framing(source, SystemClock()), {}, allow_private=True)(raw)
    if not any(len(part.alerts) for part in outcome.scored):
        rejections = outcome.rejections
        raise InvalidData(f"{file}: {rejections.reason[0].value}: {rejections.detail[0].partition(chr(10))[0]}")
    return outcome


def _dead_letters(records: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("survey", "stage", "reason", "detail", "bytes", "from", box=None, padding=(0, 2), header_style="dim")
    for record in records:
        place = record["input"]
        where = place["source"] if place["partition"] is None else f"{place['source']} [{place['partition']}] {place['offset']}"
        size = "withheld" if record["is_withheld"] else f"{len(record['payload']):,}"
        table.add_row(record["survey"], record["stage"], Text(record["reason"], style="red"), record["detail"], size, where)
    return table
