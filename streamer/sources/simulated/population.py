"""Which objects there are, and the order in which they raise alerts.

Objects come in cohorts. A cohort's objects may raise alerts from its first night to its last; then the next cohort begins. So the
stream is in order of time, any number of alerts can be had, and asking for more never changes those that came before. The first
cohorts are small, so that a short stream shows histories that grow; each object also has a past, in which it was observed and of
which its packets tell, but which raised no alerts here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streamer.sources.simulated.cadence import LSST, ZTF, Site, place_in_season, visits
from streamer.sources.simulated.lsst import LsstObject
from streamer.sources.simulated.packets import Object, Subject
from streamer.sources.simulated.photometry import measured
from streamer.sources.simulated.transients import supernova_ia, supernova_ibc, supernova_ii
from streamer.sources.simulated.truth import BAND_COUNT, Draw, Truth
from streamer.sources.simulated.variables import active_nucleus, dwarf_nova, eclipsing_binary, long_period_variable, rr_lyrae
from streamer.sources.simulated.ztf import ZtfObject

SITES = {"ztf": ZTF, "lsst": LSST}

CLASSES: tuple[tuple[Draw, float], ...] = (
    (supernova_ia, 0.20),
    (supernova_ii, 0.14),
    (supernova_ibc, 0.06),
    (rr_lyrae, 0.14),
    (eclipsing_binary, 0.12),
    (long_period_variable, 0.09),
    (active_nucleus, 0.14),
    (dwarf_nova, 0.11),
)
"""Classes and their shares of the objects that stay where they are: not nature's, but enough of each to look at."""

SMALLEST, LARGEST = 16, 256
"""Objects of the first cohort, and of those after it has doubled often enough."""
COHORT_DAYS = {"ztf": 60.0, "lsst": 180.0}
PAST_DAYS = {"ztf": 30.0, "lsst": 365.0}
MOVERS = {"ztf": 2, "lsst": 5}
"""Moving objects for each one that stays; nearly every one raises one alert."""
SEEDS, OBJECTS = 1000, 10**6
"""Seeds and objects whose identifiers are all different."""
_MOVER_DAYS = 4.0


@dataclass(frozen=True, slots=True)
class Event:
    """An alert to be: point `point` of `origin`."""

    epoch: float
    point: int
    origin: Object


def events(survey: str, seed: int) -> Iterator[Event]:
    """All alerts of a survey, in order of time, without end."""
    site, movers = SITES[survey], MOVERS[survey]
    first, cohort = 0, 0
    while True:
        size = cohort_size(cohort)
        fixed = (object_events(site, seed, number) for number in range(first, first + size))
        moving = (_mover_events(site, seed, cohort, number) for number in range(first * movers, (first + size) * movers))
        found = [event for group in (*fixed, *moving) for event in group]
        yield from sorted(found, key=lambda event: (event.epoch, event.origin.object_id))
        first, cohort = first + size, cohort + 1


def cohort_size(cohort: int) -> int:
    """How many objects that stay where they are the cohort has."""
    return min(SMALLEST << min(cohort, 16), LARGEST)


def cohort_of(number: int) -> int:
    """The cohort of object `number`."""
    cohort = 0
    while number >= cohort_size(cohort):
        number -= cohort_size(cohort)
        cohort += 1
    return cohort


def object_events(site: Site, seed: int, number: int) -> list[Event]:
    """The alerts of object `number`, in order of time; none if it was never bright enough."""
    rng = np.random.default_rng([seed, site.code, 1, number])
    length = COHORT_DAYS[site.name]
    start = site.begin + length * cohort_of(number)
    place = place_in_season(rng, site, start + 0.5 * length)
    past = PAST_DAYS[site.name] * (1.0 if site is ZTF else rng.random())
    seen = visits(rng, site, seed, place, start - past, start + length)
    if not len(seen):
        return []
    shares = np.array([share for _, share in CLASSES])
    draw = CLASSES[rng.choice(len(CLASSES), p=shares / shares.sum())][0]
    truth = draw(rng, seen, site.depth[2])
    points = measured(rng, site, seen, truth)
    subject = Subject(seed % SEEDS * OBJECTS + number, place, truth, points, rng)
    return _events(site, subject, start)


def _mover_events(site: Site, seed: int, cohort: int, number: int) -> list[Event]:
    """A solar-system object that passes: nothing there before or after."""
    rng = np.random.default_rng([seed, site.code, 2, number])
    length = COHORT_DAYS[site.name]
    start = site.begin + length * cohort
    night = start + rng.uniform(_MOVER_DAYS, length - 1.0)
    place = place_in_season(rng, site, night)
    seen = visits(rng, site, seed, place, night - _MOVER_DAYS, night + 1.0)
    if not len(seen):
        return []
    flux = np.zeros(len(seen))
    flux[-1] = seen.five_sigma[-1] * 10 ** rng.uniform(0.0, 1.4)
    truth = Truth("solar-system", flux, np.full(BAND_COUNT, np.nan), 30.0, stellar=False, old=False)
    points = measured(rng, site, seen, truth)
    subject = Subject((seed % SEEDS + SEEDS) * OBJECTS + number, place, truth, points, rng)
    return _events(site, subject, start)


def _events(site: Site, subject: Subject, start: float) -> list[Event]:
    """Nothing to encode for an object that raises no alert."""
    points = subject.points
    raised = np.flatnonzero(points.found & (points.epoch >= start)).tolist()
    if not raised:
        return []
    origin: Object = ZtfObject(subject) if site is ZTF else LsstObject(subject)
    return [Event(float(points.epoch[i]), i, origin) for i in raised]
