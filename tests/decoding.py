"""Decoders side by side: the compiled one and the library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.codec.columns import Decoded, Spans, Status
from streamer.codec.compiled import KernelDecoder
from streamer.codec.operations import compiled
from streamer.codec.projection import Projection, bound
from streamer.codec.reader import LibraryDecoder, RecordReader
from streamer.codec.types import root_of
from streamer.data.arrays import Column
from streamer.data.schema import WriterSchema


def spans_of(bodies: Sequence[bytes]) -> Spans:
    """One row for each of `bodies`."""
    n = len(bodies)
    ends = np.array([len(body) for body in bodies], dtype=np.int64)
    return Spans(bodies, np.arange(n), np.zeros(n, dtype=np.int64), ends)


def both_decoders(schema: WriterSchema, projection: Projection) -> tuple[KernelDecoder, LibraryDecoder]:
    """The two ways to decode; NotCovered if there is only one."""
    root = root_of(schema)
    tables = bound(root, projection)
    return KernelDecoder(compiled(root, tables), tables), LibraryDecoder(RecordReader(schema), tables)


def assert_same_columns(ours: Decoded, theirs: Decoded) -> None:
    """Every row is OK in both or in neither, and every column is equal in type and value."""
    np.testing.assert_array_equal(ours.status == Status.OK, theirs.status == Status.OK)
    assert ours.columns.keys() == theirs.columns.keys()
    for name in ours.columns:
        _assert_same(ours.columns[name], theirs.columns[name], name)
    assert ours.tables.keys() == theirs.tables.keys()
    for name, table in ours.tables.items():
        np.testing.assert_array_equal(table.offsets, theirs.tables[name].offsets)
        assert table.columns.keys() == theirs.tables[name].columns.keys()
        for column in table.columns:
            _assert_same(table[column], theirs.tables[name][column], f"{name}.{column}")


def _assert_same(ours: Column, theirs: Column, name: str) -> None:
    assert ours.dtype == theirs.dtype, name
    np.testing.assert_array_equal(ours, theirs, err_msg=name)
