"""Decodes and recognises mutated packets that end where no memory may be touched: a read behind the last byte kills the process.

Run by test_fuzz.py in a process of its own, with the packets to decode for each target, or with ``beyond`` to touch the guard.
"""

from __future__ import annotations

import ctypes
import mmap
import random
import sys

import numpy as np

from streamer.codec.columns import Decoded, Status
from streamer.codec.compiled import KernelDecoder
from streamer.codec.container import written
from streamer.codec.headers import KnownHeaders
from streamer.codec.usual import Headers
from streamer.codec.usual_kernel import OTHER, recognise
from tests.fuzzing import mutated, simulated_targets
from tests.packets import PULSAR, SYNC

PAGE = mmap.PAGESIZE


class Guarded:
    """Memory of `pages` pages between two that nobody may touch."""

    def __init__(self, pages: int) -> None:
        self._map = mmap.mmap(-1, (pages + 2) * PAGE)
        whole = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self.begin, self.end = whole + PAGE, whole + (pages + 1) * PAGE
        libc = ctypes.CDLL(None, use_errno=True)
        for guard in (whole, self.end):
            if libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), 0) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")

    def decoded(self, decoder: KernelDecoder, body: bytes, *, at_end: bool) -> Decoded:
        """The columns of `body`, put right before the upper or right behind the lower guard."""
        return decoder.decoded_at(np.array([self.put(body, at_end=at_end)]), np.array([len(body)]))

    def put(self, data: bytes, *, at_end: bool) -> int:
        """The address of `data`, right before the upper or right behind the lower guard."""
        address = self.end - len(data) if at_end else self.begin
        ctypes.memmove(address, data, len(data))
        return address

    def is_recognised(self, message: bytes, headers: Headers) -> bool:
        """Whether a message right before the upper guard is of a usual form."""
        found = np.zeros((4, 1), dtype=np.int64)
        addresses, lengths = np.array([self.put(message, at_end=True)]), np.array([len(message)])
        recognise(addresses, lengths, headers.prefixes, headers.sizes, 5, 1 << 20, found)
        return bool(found[0, 0] != OTHER)


def main() -> None:
    """Decode, or die."""
    memory = Guarded(16)
    if sys.argv[1] == "beyond":
        ctypes.string_at(memory.end, 1)
    rng = random.Random(1)
    for target in simulated_targets():
        shortest = target.bodies[0]
        bodies = [*(shortest[:end] for end in range(len(shortest) + 1))]
        bodies += [mutated(rng, target.bodies)[: 16 * PAGE] for _ in range(int(sys.argv[1]))]
        accepted = 0
        for number, body in enumerate(bodies):
            accepted += memory.decoded(target.ours, body, at_end=number % 8 > 0).status[0] == Status.OK
        print(target.name, len(bodies), accepted)
    message = written(PULSAR, 1, b"x" * 100, SYNC)
    headers = Headers((KnownHeaders().of(message),))
    messages = [*(message[:end] for end in range(len(message) + 1)), *(mutated(rng, [message]) for _ in range(int(sys.argv[1])))]
    print("messages", len(messages), sum(memory.is_recognised(each, headers) for each in messages))


if __name__ == "__main__":
    main()
