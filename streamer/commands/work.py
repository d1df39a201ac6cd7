"""`streamer run`: one worker, alone or in a slot of a supervisor."""

from __future__ import annotations

import logging

from streamer import config, wiring
from streamer.data.tally import Tally
from streamer.errors import InvalidData
from streamer.memory import keep_freed_memory, spare_what_stays
from streamer.reports import Reporter
from streamer.sources.archive import ArchiveSource
from streamer.worker import stopped_by_signals

log = logging.getLogger(__name__)

NO_SERVER = config.Telemetry(port=0)


def work(settings: config.Config) -> None:
    """Work until stopped or until the files end, serving metrics and probes.

    Raises
    ------
    InvalidData
        If a file was not read to its end, or there is no packet in any.
    """
    keep_freed_memory()
    with wiring.service(settings) as service, stopped_by_signals(service.worker.stop, settings.worker.drain):
        spare_what_stays()
        _run(service)
        if isinstance(service.source, ArchiveSource):
            _check_read(service.source)


def _run(service: wiring.Service) -> None:
    """Work, and log in the end what became of what was read."""
    total = Tally()

    def add(tally: Tally) -> None:
        nonlocal total
        total = total + tally

    service.worker.run(add)
    counts = {"classified": total.classified, "not_classified": total.not_classified, "rejected": sum(total.rejected.values())}
    log.info("in all", extra={"read": total.read, **counts})


def _check_read(source: ArchiveSource) -> None:
    if source.problems:
        raise InvalidData("\n".join(f"not read to its end: {problem}" for problem in source.problems))
    if source.is_empty:
        raise InvalidData(source.nothing_found())


def work_in_slot(settings: config.Config, slot: int, descriptor: int) -> None:
    """Work until stopped or left alone by the supervisor, which is told through `descriptor` what it serves for all."""
    keep_freed_memory()
    reporter = Reporter(descriptor, settings.worker.drain)
    without_server = settings.model_copy(update={"telemetry": NO_SERVER})
    with (
        wiring.service(without_server, slot=slot) as service,
        stopped_by_signals(service.worker.stop, settings.worker.drain),
    ):
        reporter.about(service.telemetry)
        spare_what_stays()
        _run(service)
