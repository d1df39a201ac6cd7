"""`streamer models`: what the bundles say of themselves, for people and for scripts. No tree is read, which would take seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markdown import Markdown
from rich.table import Table

from streamer.classify.manifest import CARD, Manifest, bundle_checksum, read_manifest
from streamer.errors import InvalidBundle
from streamer.features import check_names
from streamer.stores.models import ModelStore

READS = {"stream": "alerts", "history": "whole light curves"}
"""What a model of each view is for."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are all there, unchanged since it was made, and which reads features that there are.

    Parameters
    ----------
    manifest : Manifest
    checksum : str
        SHA-256 (hex) over the bundle's files.
    """

    manifest: Manifest
    checksum: str


def sound_models(folder: Path | None) -> tuple[list[Bundle], list[str]]:
    """The bundles of `folder` and the shipped ones that are sound, and for each other one its folder and what is wrong with it."""
    store = _store(folder)
    sound, damaged = [], []
    for name in store.names():
        try:
            sound.append(_bundle(store.files(name)))
        except InvalidBundle as error:
            damaged.append(f"{store.folder(name)}: {error}")
    return sound, damaged


def model_lines(models: Sequence[Bundle]) -> str:
    """One JSON object for each model, a line each."""
    return "\n".join(json.dumps(_facts(model)) for model in models)


def model_table(models: Sequence[Bundle]) -> Table:
    """All models with what distinguishes them."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("name", "version", "survey", "reads", "classes", "features", "from", "checksum"):
        table.add_column(column, no_wrap=column != "classes")
    for model in models:
        told = model.manifest
        leaves = " ".join(leaf.name for leaf in told.classes())
        inputs, least = f"{len(told.inputs)}", f"{told.min_detections} det"
        table.add_row(told.name, told.version, told.survey, READS[told.view], leaves, inputs, least, model.checksum[:12])
    return table


def card(name: str, folder: Path | None) -> Markdown:
    """The card of a model; InvalidBundle if the bundle is not sound."""
    files = _store(folder).files(name)
    _bundle(files)
    return Markdown(files[CARD].decode())


def _store(folder: Path | None) -> ModelStore:
    return ModelStore((folder,) if folder else ())


def _bundle(files: Mapping[str, bytes]) -> Bundle:
    manifest = read_manifest(files)
    check_names(manifest.inputs, manifest.bands)
    return Bundle(manifest, bundle_checksum(files))


def _facts(model: Bundle) -> dict[str, object]:
    told = model.manifest
    return {
        "name": told.name,
        "version": told.version,
        "survey": told.survey,
        "view": told.view,
        "score": told.score or None,
        "classes": [leaf.name for leaf in told.classes()],
        "features": len(told.inputs),
        "feature_set": told.feature_set,
        "min_detections": told.min_detections,
        "checksum": model.checksum,
        "metrics": dict(told.metrics),
    }
