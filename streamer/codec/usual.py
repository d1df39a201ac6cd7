"""Messages of the forms that surveys write, recognised a whole batch at a time.

Nearly every message is a container file of one record, not compressed, behind a header that was seen before; or a registry frame.
Only these are recognised, by every byte of the header and by the bounds and markers that :mod:`streamer.codec.container` checks.
Whatever else comes, good or bad, is left to the readers that know all of the format and say what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from streamer.codec.container import Header
from streamer.codec.memory import addresses_of, lengths_of
from streamer.codec.usual_kernel import recognise
from streamer.data.arrays import Int64s


@dataclass(frozen=True, slots=True)
class Headers:
    """Headers of container files without compression, the likeliest first, and where their bytes are."""

    headers: tuple[Header, ...] = ()
    prefixes: Int64s = field(init=False)
    sizes: Int64s = field(init=False)

    def __post_init__(self) -> None:
        prefixes = [header.prefix for header in self.headers]
        object.__setattr__(self, "prefixes", addresses_of(prefixes))
        object.__setattr__(self, "sizes", lengths_of(prefixes))


class Usual(NamedTuple):
    """What n messages were recognised as.

    Parameters
    ----------
    header : int64[n]
        Index of the container file's header among those given; ``FRAME`` or ``OTHER``.
    number : int64[n]
        Schema id of a registry frame; 0 for other messages.
    start, end : int64[n]
        Where the one record stands in the message.
    """

    header: Int64s
    number: Int64s
    start: Int64s
    end: Int64s


def recognised(payloads: Sequence[bytes], headers: Headers, frame_bytes: int, most_bytes: int) -> Usual:
    """What `payloads` are.

    Parameters
    ----------
    payloads : sequence of bytes[n]
    headers : Headers
    frame_bytes : int
        Bytes in front of the record in what is no container file: five of a registry frame, none of a bare datum.
    most_bytes : int
        Longer messages are left to others.
    """
    found = np.zeros((len(Usual._fields), len(payloads)), dtype=np.int64)
    recognise(addresses_of(payloads), lengths_of(payloads), headers.prefixes, headers.sizes, frame_bytes, most_bytes, found)
    return Usual(*found)
