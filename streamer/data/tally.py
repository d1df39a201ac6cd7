"""The balance sheet of a batch: what came in, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from streamer.data.batch import State, Why
from streamer.errors import Reason, Stage


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one batch or of many; tallies add up with ``+``.

    Parameters
    ----------
    messages : int
        Messages read.
    read : int
        Rows found in them; ``read = classified + not_classified + number rejected``.
    answers : counts by (survey, state, why)
    rejected : counts by (survey, stage, reason); survey ``unknown`` where it could not be told
    withdrawn : counts by survey
        History sources that the survey has withdrawn; left out of the features.
    private : counts by survey
        Alerts that are not public, wherever they went.
    read_by_library : counts by survey
        Alerts whose schema the compiled decoder does not cover, so that fastavro read them: right, but slowly.
    """

    messages: int = 0
    read: int = 0
    answers: Mapping[tuple[str, State, Why], int] = field(default_factory=dict)
    rejected: Mapping[tuple[str, Stage, Reason], int] = field(default_factory=dict)
    withdrawn: Mapping[str, int] = field(default_factory=dict)
    private: Mapping[str, int] = field(default_factory=dict)
    read_by_library: Mapping[str, int] = field(default_factory=dict)

    @property
    def classified(self) -> int:
        """Alerts with an answer; PARENT_ONLY is one."""
        return sum(count for (_, state, _), count in self.answers.items() if state is not State.NOT_CLASSIFIED)

    @property
    def not_classified(self) -> int:
        """Alerts that were understood but got no class, for a stated reason."""
        return sum(count for (_, state, _), count in self.answers.items() if state is State.NOT_CLASSIFIED)

    @property
    def rejected_by_reason(self) -> dict[Reason, int]:
        """Rejected rows by reason."""
        counts: Counter[Reason] = Counter()
        for (_, _, reason), count in self.rejected.items():
            counts[reason] += count
        return dict(counts)

    @property
    def imbalance(self) -> int:
        """Rows that are unaccounted for: 0, or streamer has lost an alert."""
        return self.read - self.classified - self.not_classified - sum(self.rejected.values())

    def __add__(self, other: Tally) -> Tally:
        def total(name: str) -> object:
            mine, theirs = getattr(self, name), getattr(other, name)
            return mine + theirs if isinstance(mine, int) else dict(Counter(mine) + Counter(theirs))

        return Tally(**{f.name: total(f.name) for f in fields(self)})  # type: ignore[arg-type]  # each field adds to its own type
