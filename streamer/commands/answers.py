"""Which classes were named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from streamer.classify.taxonomy import by_id
from streamer.data.batch import State
from streamer.pipeline import Scored


def named_classes(scored: Iterable[Scored]) -> Counter[tuple[str, str]]:
    """Number of answered alerts by survey and name of the class that answers, which is a leaf or an inner class."""
    counts: Counter[tuple[str, str]] = Counter()
    for part in scored:
        known = part.scores.class_id[part.scores.state != State.NOT_CLASSIFIED]
        counts.update((part.alerts.survey, by_id(number).name) for number in known.tolist())
    return counts
