"""How a process that receives much keeps its memory: settings of the C library's allocator and of Python's collector."""

from __future__ import annotations

import ctypes
import gc

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc
_MIB = 1024 * 1024

_SETTINGS = (
    (_M_MMAP_THRESHOLD, 32 * _MIB),  # glibc takes no more
    (_M_TRIM_THRESHOLD, 128 * _MIB),
    (_M_TOP_PAD, 4 * _MIB),
)


def keep_freed_memory() -> bool:
    """Make malloc keep what is freed for the next allocation; False where the C library is not glibc.

    librdkafka allocates a buffer of up to some MB for each answer of a broker and frees it a moment later. glibc gets such
    buffers from the kernel and gives them back at once, and the kernel clears every page of them again: a large part of the cost of
    receiving. Kept, the memory is already there; the process holds at most the trim threshold more in each arena. That is twice
    what a batch of messages may hold: with less, each batch of large packets was given back at its end, and getting it again cost
    a tenth of a millisecond for each of them.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # musl, macOS
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return all(mallopt(parameter, value) for parameter, value in _SETTINGS)


def spare_what_stays() -> None:
    """Make Python's collector leave alone what exists now; to be called when all is loaded.

    Compilers, models and kernels are some 200,000 objects that live as long as the process, and to look for garbage among them
    again and again took a twelfth of a worker's time. What is made from now on is looked at as ever: cycles cannot pile up.
    """
    gc.collect()
    gc.freeze()
