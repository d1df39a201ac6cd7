"""Commands that say what there is: features, and models with their cards."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from streamer.cli.options import FOLDER
from streamer.cli.printing import printed


@click.group()
def features() -> None:
    """What the models may read."""


@features.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each feature, a line each.")
def list_features(as_json: bool) -> None:
    """All features: unit, meaning, when undefined, source."""
    from streamer.commands.catalogue import feature_lines, feature_table

    printed(feature_lines() if as_json else feature_table())


@click.group()
def models() -> None:
    """The trained models."""


@models.command("list")
@click.option("--folder", type=FOLDER, help="Search this folder of bundles too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each model, a line each.")
def list_models(folder: Path | None, as_json: bool) -> None:
    """All models, from their manifests; ends with status 1 if a file of one of them is damaged."""
    from streamer.commands.models import model_lines, model_table, sound_models

    sound, damaged = sound_models(folder)
    printed(model_lines(sound) if as_json else model_table(sound))
    for problem in damaged:
        click.echo(problem, err=True)
    if damaged:
        sys.exit(1)


@models.command("show")
@click.argument("name")
@click.option("--folder", type=FOLDER, help="Search this folder of bundles too.")
def show_model(name: str, folder: Path | None) -> None:
    """A model's card: what each class was trained on, and how it does on objects it never saw."""
    from streamer.commands.models import card

    printed(card(name, folder))
