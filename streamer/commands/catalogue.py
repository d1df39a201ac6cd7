"""`streamer features`: what models may read, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.table import Table

from streamer.features import FAMILIES, families_of
from streamer.features.feature import Feature
from streamer.surveys import SURVEYS


def feature_lines() -> str:
    """One JSON object for each feature, a line each."""
    return "\n".join(
        json.dumps({**asdict(feature), "family": family, "surveys": list(surveys)}, ensure_ascii=False)
        for family, feature, surveys in _features()
    )


def feature_table() -> Table:
    """All features, family by family."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title_justify="left")
    for column in ("family", "feature", "unit", "surveys", "meaning", "NaN if", "source"):
        table.add_column(column, no_wrap=column in ("family", "feature", "unit", "surveys"), overflow="fold")
    last = ""
    for family, feature, surveys in _features():
        shown = "" if family == last else family
        table.add_row(shown, feature.name, feature.unit, " ".join(surveys), feature.meaning, feature.undefined, feature.source)
        last = family
    return table


def _features() -> Iterator[tuple[str, Feature, tuple[str, ...]]]:
    """(family, feature, surveys that have it), each once."""
    for family in FAMILIES:
        found: dict[str, tuple[Feature, list[str]]] = {}
        for survey in SURVEYS:
            for feature in family.outputs(survey.bands) if family in families_of(survey.bands) else ():
                found.setdefault(feature.name, (feature, []))[1].append(survey.name)
        yield from ((family.name, feature, tuple(surveys)) for feature, surveys in found.values())
