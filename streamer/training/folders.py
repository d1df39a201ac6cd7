"""How a bundle comes to lie in its folder, with the recipe and the evaluation that belong to it, and its report beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streamer.classify.manifest import CARD, MANIFEST, Manifest, bundle_checksum

RECIPE, EVALUATION = "recipe.toml", "evaluation.json"
"""Files of a bundle that the service does not read: what it was made from, and what is known of it."""

Evaluation = dict[str, Any]
Bundle = Callable[[dict[str, float], str], dict[str, bytes]]
"""(headline figures, card) to the bundle's files."""
WriteReport = Callable[[Evaluation, Manifest, str, Path], None]
"""Writes (evaluation, manifest, checksum of the bundle) into a folder."""


def told(
    bundle: Bundle, text: str, evaluation: Evaluation, headline: dict[str, float], card: Callable[[Evaluation, Manifest], str]
) -> dict[str, bytes]:
    """The bundle's files with its recipe `text`, its evaluation, and the card, which is written from a manifest without figures."""
    plain = Manifest.of_json(bundle({}, "")[MANIFEST])
    files = bundle(headline, card(evaluation, plain))
    return files | {RECIPE: text.encode(), EVALUATION: evaluation_bytes(evaluation)}


def evaluation_bytes(evaluation: Evaluation) -> bytes:
    """The evaluation's file; the same evaluation always gives the same bytes."""
    return (json.dumps(evaluation, indent=1, ensure_ascii=False) + "\n").encode()


def noted(recipe: Path, evaluation: Evaluation, folder: Path) -> None:
    """Write recipe and evaluation of what makes no model into `folder`, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECIPE).write_bytes(recipe.read_bytes())
    (folder / EVALUATION).write_bytes(evaluation_bytes(evaluation))


def delivered(files: Mapping[str, bytes], evaluation: Evaluation, write_report: WriteReport, out: Path) -> Path:
    """Write the report, with a copy of the card, as ``reports/<name>/`` in `out`, then the bundle as ``<name>/``: its folder."""
    manifest = Manifest.of_json(files[MANIFEST])
    report = out / "reports" / manifest.name
    write_report(evaluation, manifest, bundle_checksum(files), report)
    (report / CARD).write_bytes(files[CARD])
    return written(files, out / manifest.name)


def written(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write a bundle's files beside its place, then put them there in one step, so that no half a bundle is ever seen."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name, content in files.items():
        (fresh / name).write_bytes(content)
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)
    return folder
