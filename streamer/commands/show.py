"""`streamer show`: a packet, a file of tagged alerts or of dead letters, or a folder of such files, for a person."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
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


def shown(place: Path, schemas: Sequence[str], limit: int) -> Iterator[RenderableType]:
    """What a file holds, or the files of a folder, the first `limit` records of it.

    Raises
    ------
    InvalidData
        If nobody can read the file, or no file of the folder can be one of packets; one that cannot be read among others is told.
    """
    if not place.is_dir():
        yield from _shown(place, schemas, limit)
        return
    files, left = _files(place), limit
    for number, file in enumerate(files):
        if not left:
            more = len(files) - number
            yield Text(f"… and {more:,} more file{'s' if more > 1 else ''}", style="dim")
            return
        try:
            left -= yield from _shown(file, schemas, left)
        except InvalidData as error:
            yield Text(str(error), style="red")


def _files(folder: Path) -> list[Path]:
    """What a folder has to show; InvalidData if nothing."""
    if not (files := sorted(folder.glob("*.avro"))):
        raise InvalidData(f"{folder}: there is no *.avro in this folder")
    return files


def _shown(file: Path, schemas: Sequence[str], limit: int) -> Generator[RenderableType, None, int]:
    """What a file holds; returns how many records were shown."""
    first = next(_own_records(file), None)
    if first is None:
        return (yield from _packets(file, schemas, limit))
    if (client.tag_of(first) or first) is not first:  # a packet with its tag behind it
        yield from _packets(file, schemas, limit)
    records = list(islice(_own_records(file), limit))
    if "payload" in first:
        yield _dead_letters(records)
    for tag in filter(None, map(client.tag_of, records)):
        yield TaggedSummary(tag)
    more = sum(1 for _ in _own_records(file)) - len(records)
    if more > 0:
        yield _more(more)
    return len(records)


def pictured(place: Path, schemas: Sequence[str], limit: int, png: Path) -> Iterator[Path]:
    """Pictures of the first `limit` alerts in a file or folder, each in a file: `png`, and then with -2, -3 … behind its name.

    Raises
    ------
    InvalidData
        If there is no alert in it, or nobody can read it.
    """
    from streamer.terminal.pictures import write_picture  # noqa: PLC0415  # matplotlib is an extra

    for number, known in enumerate(islice(_all_known(place, schemas), limit), 1):
        path = png if number == 1 else png.with_name(f"{png.stem}-{number}{png.suffix}")
        write_picture(known, path)
        yield path


def _all_known(place: Path, schemas: Sequence[str]) -> Iterator[Known]:
    """What can be drawn; of a folder, what cannot is passed over."""
    if not place.is_dir():
        yield from _known(place, schemas)
        return
    found = False
    for file in _files(place):
        with suppress(InvalidData):
            for known in _known(file, schemas):
                found = True
                yield known
    if not found:
        raise InvalidData(f"{place}: no file of this folder holds an alert that can be drawn")


def _known(file: Path, schemas: Sequence[str]) -> Iterator[Known]:
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


def _packets(file: Path, schemas: Sequence[str], limit: int) -> Generator[RenderableType, None, int]:
    outcome = _read(file, schemas)
    places = [(part, i) for part in outcome.scored for i in range(len(part.alerts))]
    for part, i in places[:limit]:
        yield PacketSummary(part.alerts, i)
    if len(places) > limit:
        yield _more(len(places) - limit)
    return min(len(places), limit)


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
    """One dead letter a row; where it is from stands below the detail, whole, as paths may be as wide as a terminal."""
    table = Table("survey", "stage", "reason", "bytes", box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("detail, and where it is from", overflow="fold")
    for record in records:
        place = record["input"]
        where = place["source"] if place["partition"] is None else f"{place['source']} [{place['partition']}] {place['offset']}"
        size = "withheld" if record["is_withheld"] else f"{len(record['payload']):,}"
        table.add_row(
            record["survey"],
            record["stage"],
            Text(record["reason"], style="red"),
            size,
            Text(f"{record['detail']}\n").append(where, "dim"),
        )
    return table
