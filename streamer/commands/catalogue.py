"""`streamer features` and `streamer models`: what there is, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import RenderableType
from rich.markdown import Markdown
from rich.table import Table

from streamer import wiring
from streamer.classify.bundle import LightGBMClassifier
from streamer.classify.manifest import CARD
from streamer.errors import InvalidBundle
from streamer.features import FAMILIES, check_names, families_of
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


def model_lines(models: Sequence[LightGBMClassifier]) -> str:
    """One JSON object for each model, a line each."""
    return "\n".join(
        json.dumps(
            {
                "name": model.name,
                "version": model.version,
                "survey": model.survey,
                "classes": [leaf.name for leaf in model.leaves],
                "features": len(model.inputs),
                "feature_set": model.feature_set,
                "min_detections": model.manifest.min_detections,
                "checksum": model.checksum,
                "metrics": dict(model.manifest.metrics),
            }
        )
        for model in models
    )


def model_table(models: Sequence[LightGBMClassifier]) -> RenderableType:
    """All models with what distinguishes them."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("name", "version", "survey", "classes", "features", "from", "checksum"):
        table.add_column(column, no_wrap=column != "classes")
    for model in models:
        leaves = " ".join(leaf.name for leaf in model.leaves)
        least = f"{model.manifest.min_detections} det"
        table.add_row(model.name, model.version, model.survey, leaves, str(len(model.inputs)), least, model.checksum[:12])
    return table


def sound_models(folder: Path | None) -> tuple[list[LightGBMClassifier], list[str]]:
    """The models that can be loaded, and for each other one its folder and what is wrong with it."""
    store = wiring.model_store(folder)
    sound, damaged = [], []
    for name in store.names():
        try:
            sound.append(LightGBMClassifier(store.files(name), check_names))
        except InvalidBundle as error:
            damaged.append(f"{store.folder(name)}: {error}")
    return sound, damaged


def card(name: str, folder: Path | None) -> Markdown:
    """The card of a model; InvalidBundle if the bundle is not sound."""
    files = wiring.model_store(folder).files(name)
    LightGBMClassifier(files, check_names)
    return Markdown(files[CARD].decode())


def _features() -> Iterator[tuple[str, Feature, tuple[str, ...]]]:
    """(family, feature, surveys that have it), each once."""
    for family in FAMILIES:
        found: dict[str, tuple[Feature, list[str]]] = {}
        for survey in SURVEYS:
            for feature in family.outputs(survey.bands) if family in families_of(survey.bands) else ():
                found.setdefault(feature.name, (feature, []))[1].append(survey.name)
        yield from ((family.name, feature, tuple(surveys)) for feature, surveys in found.values())
