"""Where the public data sets come from, told from their Origin records and their readers' own words."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from itertools import groupby

from streamer.training.candidates import htru2
from streamer.training.datasets import Origin
from streamer.training.packets import PACKET_SETS
from streamer.training.sources import READERS
from streamer.training.sources.reader import Reader

CANDIDATES = Origin(
    name=htru2.NAME,
    what=htru2.WHAT,
    source=htru2.SOURCE,
    licence=htru2.LICENCE,
    states_licence=False,
    citation=htru2.CITATION,
    nature="real",
    whole="all: a candidate is complete in itself",
)


def source_lines() -> str:
    """One JSON object for each set, a line each."""
    listed = [(reader.survey, reader.origin) for reader in READERS]
    listed += [(packets.survey, packets.origin) for packets in PACKET_SETS] + [("pulsar", CANDIDATES)]
    return "\n".join(json.dumps({"survey": survey, **asdict(origin)}, ensure_ascii=False) for survey, origin in listed)


def sources_text() -> str:
    """Every set with its origin, licence and citation, and how it is read; Markdown."""
    return "\n\n".join(_parts())


def _parts() -> Iterator[str]:
    yield "### Light curves"
    for module, readers in groupby(READERS, key=lambda reader: reader.read.__module__):
        there = tuple(readers)
        for reader in there:
            yield _entry(reader.origin, f"light curves of `{reader.survey}`")
        yield f"How {_named(there)} {'are' if len(there) > 1 else 'is'} read: {_words(module)}"
    yield "### Packets that finished models are tried on"
    for packets in PACKET_SETS:
        yield _entry(packets.origin, f"packets of `{packets.survey}`, never trained with")
    yield "### Pulsar candidates"
    yield _entry(CANDIDATES, "a table of features")
    yield f"How `{CANDIDATES.name}` is read: {_words(htru2.__name__)}"


def _entry(origin: Origin, form: str) -> str:
    facts = (
        ("from", origin.source),
        ("licence stated there", origin.licence),
        ("cite", origin.citation),
        ("of which alerts the whole window is known", origin.whole),
    )
    listed = "\n".join(f"* {name}: {value}" for name, value in facts)
    return f"#### `{origin.name}`\n\n{origin.what} ({origin.nature}; {form}).\n\n{listed}"


def _named(readers: tuple[Reader, ...]) -> str:
    return ", ".join(f"`{reader.origin.name}`" for reader in readers)


def _words(module: str) -> str:
    """What a reader's file says of itself, as Markdown."""
    return (inspect.getdoc(import_module(module)) or "").replace("``", "`")
