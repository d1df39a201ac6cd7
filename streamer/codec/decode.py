"""Record bodies to columns.

One call decodes n bodies of one writer schema into a column per wanted field, ragged columns for the arrays, and a status for each
body: through the compiled kernel, or through fastavro for a schema that the kernel does not cover.
"""

from __future__ import annotations

from streamer.codec.columns import Decoded, Spans
from streamer.codec.compiled import KernelDecoder
from streamer.codec.operations import NotCovered, compiled
from streamer.codec.projection import Projection, bound
from streamer.codec.reader import LibraryDecoder, RecordReader
from streamer.codec.types import root_of
from streamer.data.arrays import Int64s
from streamer.data.schema import WriterSchema


class Program:
    """How to decode bodies of one writer schema into the columns that one survey wants.

    Parameters
    ----------
    schema : WriterSchema
    projection : Projection

    Raises
    ------
    InvalidSchema, UnsupportedSchema
        If the schema is not Avro, or lacks a needed field.
    """

    def __init__(self, schema: WriterSchema, projection: Projection) -> None:
        root = root_of(schema)
        tables = bound(root, projection)
        self.why_not_compiled = ""
        """Why the kernel does not cover the schema; empty if it does."""
        self._decode: KernelDecoder | LibraryDecoder
        try:
            self._decode = KernelDecoder(compiled(root, tables), tables)
        except NotCovered as reason:
            self.why_not_compiled = str(reason)
            self._decode = LibraryDecoder(RecordReader(schema), tables)

    def decode(self, bodies: Spans, allowed: Int64s | None = None) -> Decoded:
        """Columns of all `bodies`, and what became of each.

        Parameters
        ----------
        bodies : Spans
        allowed : int64[2], optional
            What :func:`streamer.codec.columns.allowance` says of a batch that these are part of; what they take is taken off.
        """
        return self._decode(bodies, allowed)
