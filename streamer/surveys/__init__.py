"""One file per survey: its field names with aliases, its units, and the way to an AlertBatch."""

from streamer.codec.types import Record
from streamer.errors import UnsupportedSchema
from streamer.surveys import lsst, pulsar, ztf
from streamer.surveys.survey import Survey

SURVEYS: tuple[Survey, ...] = (ztf.SURVEY, lsst.SURVEY, pulsar.SURVEY)
"""Every survey that streamer understands; a new one is a new file and an entry here."""


def survey_of(packet: Record) -> Survey:
    """The survey whose packets look like this record; raises UnsupportedSchema if none does."""
    for survey in SURVEYS:
        if survey.recognises(packet):
            return survey
    raise UnsupportedSchema(f"record {packet.name[:60]!r} has the fields of no survey ({', '.join(s.name for s in SURVEYS)})")
