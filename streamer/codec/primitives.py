"""Avro's primitive values at an address of memory, for compiled code.

Loading from an address is unchecked: whoever calls has made sure that the bytes are there. Numbers of unknown length and texts are
checked here, byte by byte, against the place where the body ends. A word is loaded in the machine's order, which is Avro's:
little-endian.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

MAX_NUMBER_BYTES = 10
_LINE = 64
"""bytes that a cache takes from memory together"""

TOO_SHORT, TOO_LONG = -1, -2
"""The place that :func:`long_at` gives for a number that is cut off, or has more than ten bytes."""


kernel = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)  # type: ignore[call-overload]  # not in its stubs
"""Compiled once per machine, and lets other threads run. What is so compiled allocates nothing, and does without the reference
counts that numba otherwise keeps of every array: a third of the time here. (numba compiles a kernel again when its own file has
changed, not for a change in what it calls: who works on these files empties ``codec/__pycache__``.)"""


def _load(bits: int, numba_type: Any) -> Any:
    """Compiled ``load(address, offset)`` of an unsigned number of `bits` bits, wherever it stands (no alignment)."""

    @intrinsic
    def load(_context: Any, _address: Any, _offset: Any) -> Any:
        def code(_compiler: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            address, offset = arguments
            place = builder.gep(builder.inttoptr(address, cgutils.voidptr_t), [offset])
            value = builder.load(builder.bitcast(place, ir.IntType(bits).as_pointer()))
            value.align = 1
            return value

        return numba_type(types.int64, types.int64), code

    return load


def _store(bits: int, numba_type: Any) -> Any:
    """Compiled ``store(address, offset, value)``, the way back."""

    @intrinsic
    def store(_context: Any, _address: Any, _offset: Any, _value: Any) -> Any:
        def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            address, offset, value = arguments
            place = builder.gep(builder.inttoptr(address, cgutils.voidptr_t), [offset])
            builder.store(value, builder.bitcast(place, ir.IntType(bits).as_pointer())).align = 1
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, numba_type), code

    return store


_FOR_READING, _KEEP, _DATA = 0, 2, 1
"""What ``llvm.prefetch`` is told: to read, to keep it in the second cache, and that it is no code."""


@intrinsic
def _ask_for(_context: Any, _address: Any, _offset: Any) -> Any:
    """Compiled ``ask_for(address, offset)``: have the line of memory there fetched meanwhile; any place may be asked for."""

    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        address, offset = arguments
        place = builder.gep(builder.inttoptr(address, cgutils.voidptr_t), [offset])
        how = ir.IntType(32)
        signature = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, how, how, how])
        prefetch = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0i8")
        builder.call(prefetch, [place, how(_FOR_READING), how(_KEEP), how(_DATA)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), code


byte_at = _load(8, types.uint8)
half_at = _load(32, types.uint32)
word_at = _load(64, types.uint64)
put_byte = _store(8, types.uint8)
put_word = _store(64, types.uint64)


@kernel
def long_at(address, at, end):
    """The zigzag varint at `at` and the place after it; (0, TOO_SHORT) or (0, TOO_LONG) if it is none."""
    if at >= end:
        return np.int64(0), np.int64(TOO_SHORT)
    byte = np.uint64(byte_at(address, at))
    at += 1
    value = byte & np.uint64(0x7F)
    shift = np.uint64(7)
    while byte >= np.uint64(0x80):
        if shift >= np.uint64(70):
            return np.int64(0), np.int64(TOO_LONG)
        if at >= end:
            return np.int64(0), np.int64(TOO_SHORT)
        byte = np.uint64(byte_at(address, at))
        at += 1
        value |= (byte & np.uint64(0x7F)) << shift
        shift += np.uint64(7)
    return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1)), at


@kernel
def ask_for(address, begin, end):
    """Have the bytes from `begin` to `end` fetched from memory while other work is done; places that do not exist are no harm.

    A batch of packets fills the caches many times, and the processor foresees by itself only what follows in the same page.
    """
    for line in range(begin, end, _LINE):
        _ask_for(address, line)


@kernel
def is_ascii(address, at, end):
    """Whether all bytes are below 0x80."""
    joined = np.uint64(0)
    for k in range(end - at):
        joined |= np.uint64(byte_at(address, at + k))
    return joined < np.uint64(0x80)


@kernel
def is_utf8(address, at, end):
    """Whether the bytes are UTF-8 as Python's strict decoder takes it: shortest forms, no surrogates, at most U+10FFFF."""
    while at < end:
        first = byte_at(address, at)
        if first < 0x80:
            at += 1
            continue
        if first < 0xC2 or first > 0xF4:
            return False
        follow = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if at + follow >= end:
            return False
        second = byte_at(address, at + 1)
        low, high = 0x80, 0xBF
        if first == 0xE0:
            low = 0xA0
        elif first == 0xED:
            high = 0x9F
        elif first == 0xF0:
            low = 0x90
        elif first == 0xF4:
            high = 0x8F
        if second < low or second > high:
            return False
        for k in range(2, follow + 1):
            if byte_at(address, at + k) & 0xC0 != 0x80:
                return False
        at += follow + 1
    return True
