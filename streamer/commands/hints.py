"""What a person can do about alerts that were not read, or not asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from streamer import config
from streamer.commands.models import sound_models
from streamer.data.batch import Why
from streamer.data.tally import Tally
from streamer.errors import Reason


def schema_hints(tally: Tally, details: Mapping[Reason, str], has_places: bool, out: Path) -> Iterator[str]:
    """A line for each reason why writer schemas were not found: of how many records, why, and what to do.

    Parameters
    ----------
    tally : Tally
    details : mapping of Reason to str
        What the first dead letter of each reason says.
    has_places : bool
        Somewhere was named to look schemas up.
    out : Path
        The folder with the dead letters.
    """
    counts = tally.rejected_by_reason
    again = f"dead letters can be replayed: streamer replay {out}/dead-letters-*.avro --schemas PLACE --out ELSEWHERE"
    if unknown := counts.get(Reason.UNKNOWN_SCHEMA, 0):
        sought = f", and {details[Reason.UNKNOWN_SCHEMA]}" if has_places else ""
        yield f"{_bring_none(unknown)}{sought}: give --schemas with the folder or registry that has it; {again}"
    if unavailable := counts.get(Reason.SCHEMA_UNAVAILABLE, 0):
        yield f"{_bring_none(unavailable)}, and {details[Reason.SCHEMA_UNAVAILABLE]}: try again when it does; {again}"


def _bring_none(count: int) -> str:
    return f"{count:,} record{'s bring' if count > 1 else ' brings'} no schema"


def model_hints(tally: Tally, answering: Mapping[str, str], settings: config.Model) -> Iterator[str]:
    """A line for each survey with alerts that no loaded model answers for, unless none was to be loaded.

    Parameters
    ----------
    tally : Tally
    answering : mapping of survey name to str
        The name of the model that names the classes of its alerts.
    settings : Model
    """
    unanswered = {survey: count for (survey, _, why), count in sorted(tally.answers.items()) if why is Why.NO_MODEL}
    if not (settings.name and unanswered):
        return
    loaded = ", ".join(f"{name} is for {survey}" for survey, name in sorted(answering.items()))
    manifests = [bundle.manifest for bundle in sound_models(settings.folder)[0]]
    for survey, count in unanswered.items():
        fitting = [one.name for one in manifests if (one.survey, one.view, one.score) == (survey, "stream", "")]
        yield (
            f"no loaded model answers for alerts of {survey}, of which there are {count:,}"
            + (f": {loaded}" if loaded else "")
            + (f"; for {survey} give --model {' or '.join(fitting)}" if fitting else "")
        )
