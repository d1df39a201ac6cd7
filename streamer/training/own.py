"""A model of a person's own light curves, by the same code as the shipped ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from streamer.classify.calibration import Calibration
from streamer.classify.conformal import FEWEST, Conformal
from streamer.classify.manifest import CALIBRATION
from streamer.data.photometry import Kind
from streamer.errors import InvalidConfig, InvalidData
from streamer.features import families_of
from streamer.training.datasets import LightCurves, labelled
from streamer.training.recipe import read_recipe
from streamer.training.survey_file import read_survey
from streamer.training.tables import read_light_curves
from streamer.training.toml_file import NAME
from streamer.training.train import train

MIN_OBJECTS = 8
"""A class with fewer objects is left out, and that is said."""
_NEEDS_CONTEXT, _NEEDS_LIMITS, _NEEDS_FORCED = "context", "limits", "forced"
_FEW = 2000
"""Objects up to which all of them calibrate, each by a model that never saw it; more than that have enough in a tenth."""
_MANY = 200
"""Objects from which a tenth of them is enough for each of test, calibration and validation."""


def train_own(table: Path, bundle: Path, survey: Path | None, recipe: Path | None, progress: Callable[[str], None]) -> Path:
    """Train on the light curves and labels of a table; the bundle's folder.

    Parameters
    ----------
    table : Path
        Folder of the table, see :mod:`streamer.training.tables`.
    bundle : Path
        The folder to make; its name is the model's. The report is made beside it, and without `recipe` the recipe that was made, to
        be edited and given the next time.
    survey : Path or None
        A survey file; None: the table's own, or LSST's bands in nJy.
    recipe : Path or None
        Its ``data.sets`` must be the table's folder; None: the history view, every family of features that the table can feed, and
        classes as common as the table has them.
    progress : callable of str
        Told what is being done, and what is left out.

    Raises
    ------
    InvalidConfig, InvalidData
        If something is wrong, naming file, row and column; nothing is written then.
    """
    table = table.resolve()
    described = None if survey is None else read_survey(survey)
    light_curves = read_light_curves(table, described)
    if recipe is None:
        text = recipe_text(bundle.name, table.name, light_curves)
        recipe = bundle.with_name(f"{bundle.name}.toml")
        if recipe.exists() and recipe.read_text(encoding="utf-8") != text:  # somebody's work, perhaps
            raise InvalidConfig(f"{recipe} is there and differs from what would be made: name it with --recipe, or remove it")
        recipe.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text(text, encoding="utf-8")
        progress(f"made {recipe}")
    settings = read_recipe(recipe)[1]
    if settings.name != bundle.name:
        raise InvalidConfig(f"{recipe}: name is {settings.name}, but the bundle's folder is {bundle}: give them the same name")
    if settings.data.sets != (table.name,):
        raise InvalidConfig(f'{recipe}: data.sets is {list(settings.data.sets)}; for this table it must be ["{table.name}"]')
    for entry in labelled(light_curves, settings.data.min_objects).dropped:
        progress(f"left out: {entry.count} {entry.what}, {entry.reason}")
    folder = train(recipe, table.parent, bundle.parent, progress, described)
    calibration = Calibration.of_json((folder / CALIBRATION).read_bytes())
    for sentence in () if calibration.conformal is None else scarce(calibration.conformal):
        progress(sentence)
    return folder


def scarce(conformal: Conformal) -> Iterator[str]:
    """A sentence for each class that answers for others, naming those of the model that do not answer for themselves."""
    answered: dict[str, list[str]] = {}
    for column, leaf in enumerate(conformal.leaves):
        answer = conformal.answer_of(column)
        if answer is not leaf:
            answered.setdefault(answer.name, []).append(f"{leaf.name} ({conformal.objects[column]})")
    for answer_name, names in answered.items():
        yield f"fewer than {FEWEST} calibration objects: {', '.join(names)}: answered for by {answer_name}"


def recipe_text(name: str, table_name: str, light_curves: LightCurves) -> str:
    """The recipe for a table of whose light curves nothing else is known; InvalidConfig, InvalidData if there can be none."""
    if not NAME.fullmatch(name):
        raise InvalidConfig(f"{name}: a model's name has small letters, digits and single hyphens; name the bundle's folder so")
    kept = labelled(light_curves, MIN_OBJECTS)
    counts = Counter(kept.label.tolist())
    if len(counts) < 2:
        left_out = "; ".join(f"{entry.count} {entry.what}, {entry.reason}" for entry in kept.dropped)
        raise InvalidData(
            f"{table_name}: {len(counts)} classes with {MIN_OBJECTS} or more objects; a model needs two. "
            f"Left out: {left_out or 'nothing'}"
        )
    slices = 10 if len(kept) >= _MANY else 5
    listed = ", ".join(f'"{family}"' for family in _families(light_curves))
    shares = "\n".join(f'"{label}" = {count}' for label, count in sorted(counts.items()))
    return f"""# Made for the table {table_name}; edit it and give it with --recipe.
name = "{name}"
version = "1.0.0"
survey = "{light_curves.survey}"
view = "history"
seed = 1

[data]
sets = ["{table_name}"]
min_objects = {MIN_OBJECTS}

[inputs]
families = [{listed}]
points = "all"

[split]
slices = {slices}
rotations = {slices if len(kept) < _FEW else 1}

[priors]
source = "the labelled objects of the table"
pull = 0.0

[priors.shares]
{shares}
"""


def _families(light_curves: LightCurves) -> tuple[str, ...]:
    """The families that read something which the table has."""
    kinds = light_curves.curves["kind"]
    without = set()
    if light_curves.context is None:
        without.add(_NEEDS_CONTEXT)
    if not np.any(kinds == Kind.LIMIT):
        without.add(_NEEDS_LIMITS)
    if not np.any(kinds == Kind.FORCED):
        without.add(_NEEDS_FORCED)
    return tuple(family.name for family in families_of(light_curves.bands) if family.name not in without)
