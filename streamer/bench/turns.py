"""Runs taken in turn, so that what slows the machine for a while slows all of them: A B C, A B C, …"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

AT_LEAST_S = 0.2
"""CPU time that one turn takes at least: the work is repeated until then. At the beginning of a turn the caches hold the other
side's work, which in use they do not."""

Work = Callable[[], int]
"""Does some work; returns how many items that were."""


@dataclass(frozen=True, slots=True)
class Turns:
    """CPU time of each side in each round.

    Parameters
    ----------
    cost : mapping of side to list of float, µs per item
        One entry for each round; CPU time of the whole process, so that threads count.
    """

    cost: Mapping[str, list[float]]

    def median(self, side: str) -> float:
        """µs per item."""
        return statistics.median(self.cost[side])

    def ratio(self, slow: str, fast: str) -> float:
        """The median over the rounds of slow/fast, each taken within its round."""
        return statistics.median(a / b for a, b in zip(self.cost[slow], self.cost[fast], strict=True))


def in_turn(sides: Mapping[str, Work], rounds: int, at_least: float = AT_LEAST_S) -> Turns:
    """Costs of all sides over `rounds` rounds, after one that does not count (compilation, caches)."""
    for work in sides.values():
        work()
    cost: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, work in sides.items():
            cost[side].append(_turn(work, at_least))
    return Turns(cost)


def _turn(work: Work, at_least: float) -> float:
    items = 0
    began = time.process_time()
    while True:
        items += work()
        spent = time.process_time() - began
        if spent >= at_least:
            return 1e6 * spent / max(items, 1)
