"""`streamer candidates`: candidate files of pulsar searches become packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from streamer.candidates.files import read_record
from streamer.codec.encode import ContainerFrame, RecordWriter
from streamer.errors import InvalidData
from streamer.stores.bundled import bundled_schema

SCHEMA = bundled_schema("pulsar_candidate", "1.0")


@dataclass(frozen=True, slots=True)
class Converted:
    """How many files became packets, and how many could not be read."""

    written: int
    failed: int


def convert(files: Iterable[Path], out: Path, complain: Callable[[str], None]) -> Converted:
    """Write the packet of each file as ``<file name>.<candidate id>.avro`` in `out`, made if need be.

    A file that cannot be read is left out; `complain` is told its name and what is wrong.
    """
    out.mkdir(parents=True, exist_ok=True)
    write, frame = RecordWriter(SCHEMA), ContainerFrame()(SCHEMA)
    written = failed = 0
    for file in files:
        try:
            record = read_record(file)
        except InvalidData as error:
            failed += 1
            complain(str(error))
            continue
        # the number keeps files of the same name from different folders apart
        (out / f"{file.name}.{record['candidate_id']}.avro").write_bytes(b"".join(frame((write(record),))))
        written += 1
    return Converted(written, failed)
