"""Where Python's bytes stand in memory, for compiled code that is given addresses."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from streamer.data.arrays import Int64s

_address = ctypes.pythonapi.PyBytes_AsString
_address.argtypes = [ctypes.py_object]
_address.restype = ctypes.c_void_p

_HEAD_BYTES: int = _address(b"") - id(b"")
"""An object's id is its address, and its bytes begin so much behind it; to ask for each address costs a tenth of decoding."""


def addresses_of(buffers: Sequence[bytes]) -> Int64s:
    """int64[n], where the bytes of each buffer begin; they stay there as long as somebody keeps the buffer.

    Raises
    ------
    TypeError
        If one of them is anything but ``bytes``, whose content could move.
    """
    if not set(map(type, buffers)) <= {bytes}:
        raise TypeError("buffers must be bytes")
    objects: Int64s = np.fromiter(map(id, buffers), dtype=np.int64, count=len(buffers))
    return objects + _HEAD_BYTES


def lengths_of(buffers: Sequence[bytes]) -> Int64s:
    """int64[n], bytes in each buffer."""
    return np.fromiter(map(len, buffers), dtype=np.int64, count=len(buffers))
