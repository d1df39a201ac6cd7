"""Where the records of a block of several end, which the file does not say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from streamer.codec import kernel
from streamer.codec.columns import Status
from streamer.codec.memory import addresses_of
from streamer.codec.operations import MAX_NESTING, NotCovered, Operations, compiled
from streamer.codec.projection import BoundTable, Table
from streamer.codec.reader import RecordReader
from streamer.codec.types import root_of
from streamer.data.schema import WriterSchema

_NOTHING = BoundTable(Table("record", (), ()), None, ())


class Splitter:
    """Finds the records of one writer schema: by the kernel, which wants nothing of them, or by fastavro where it must.

    Raises
    ------
    InvalidSchema
    """

    def __init__(self, schema: WriterSchema) -> None:
        self._operations: Operations | None = None
        try:
            self._operations = compiled(root_of(schema), (_NOTHING,))
        except NotCovered:
            self._reader = RecordReader(schema)

    def spans(self, buffer: bytes, count: int) -> tuple[list[tuple[int, int]], Status]:
        """(start, end) of up to `count` records that stand one after the other in `buffer`, and how the last attempt went."""
        if self._operations is None:
            return self._reader.spans(buffer, count)
        ends = np.zeros(count, dtype=np.int64)
        found, status = kernel.ends(
            addresses_of([buffer])[0],
            len(buffer),
            self._operations.table,
            self._operations.targets,
            ends,
            np.empty((0, 2), dtype=np.int64),
            np.empty(0, dtype=np.uint8),
            np.empty(MAX_NESTING + 1, dtype=np.int64),
        )
        borders = [0, *ends[:found].tolist()]
        return list(pairwise(borders)), Status(status)
