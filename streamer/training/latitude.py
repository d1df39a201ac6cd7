"""What galactic latitude would add as an input, and why no model reads it.

Labels come from catalogues and surveys that looked at some parts of the sky more than at others. A model that knows where an
object lies learns where its classes were looked for. So it is tried, on objects whose position is known, and shipped nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from streamer.data.arrays import Float64s, Int64s
from streamer.training.crossfit import Grown, grown, unseen
from streamer.training.fit import Examples, alerts_where
from streamer.training.kept import Kept
from streamer.training.markdown import Tree, difference, interval, table
from streamer.training.metrics import Answers, Figures, f1_gained, figures
from streamer.training.pitfalls import origins, separation
from streamer.training.recipe import Recipe
from streamer.training.split import Part

NAME = "galactic_latitude"
"""The input that is tried; :data:`streamer.training.pitfalls.FORBIDDEN` refuses it to every recipe."""
_POLE = (192.85948, 27.12825)
_GROWN_ON = (Part.TRAIN, Part.VALIDATION, Part.TEST)

_SIMULATED = "Where these objects lie is the simulation's choice, and says nothing of the sky: |b| is an input of no model."
_REAL = (
    "A part of what |b| tells is the sky's own, since stars of the disc lie near its plane and galaxies are seen away from it; a "
    "part is where catalogues and surveys looked, and these labels cannot tell the two apart. A stream has neither their "
    "footprints nor their mixture of classes, so |b| is an input of no model, and all other scores of this report do without it."
)


def galactic_latitude(position: Float64s) -> Float64s:
    """float64[n] galactic latitude, of float64[n, 2] right ascension and declination ICRS; all in degrees, NaN where not known.

    The galactic pole is that of the Hipparcos and Tycho catalogues (ESA SP-1200, volume 1, section 1.5.3).
    """
    ra, dec = np.radians(position).T
    pole_ra, pole_dec = np.radians(_POLE)
    sine = np.sin(dec) * np.sin(pole_dec) + np.cos(dec) * np.cos(pole_dec) * np.cos(ra - pole_ra)
    latitude: Float64s = np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
    return latitude


def latitude(recipe: Recipe, examples: Examples, models: list[Grown], kept: Kept, progress: Callable[[str], None]) -> Figures:
    """The model with the latitude |b| as one more input, without it, and with nothing else; JSON-able.

    All are cross-fitted trees without temperatures, and answer for one random alert of each object whose position is known.

    Parameters
    ----------
    recipe : Recipe
    examples : Examples
    models : list of Grown
        The rotations of the model itself, without |b|.
    kept : Kept
    progress : callable of str
    """
    size = np.full(len(examples.table), np.nan)
    if examples.table.position is not None:
        size = np.abs(galactic_latitude(examples.table.position))
    placed = np.isfinite(size)
    found: Figures = {"known": int(placed.sum()), "objects": 0}
    if not placed.any():
        return found
    without = examples if placed.all() else alerts_where(examples, placed[examples.picks.row])
    if not _can_be_grown(recipe, without, len(models)):
        return found
    column = size[without.picks.row].astype(np.float32)[:, None]
    alone = replace(without, inputs=(NAME,), matrix=column, sometimes=())
    both = replace(without, inputs=(*without.inputs, NAME), matrix=np.hstack([without.matrix, column]))
    progress("galactic latitude, tried as an input")
    raw = {
        name: unseen(recipe, some, models if some is examples else grown(recipe, some, len(models), kept, lambda _: None))
        for name, some in (("without", without), ("with", both), ("alone", alone))
    }
    chosen = without.one_each(np.isfinite(raw["without"][:, 0]), recipe.seed)
    return found | _compared(recipe, alone, chosen, {name: some[chosen] for name, some in raw.items()}, size)


def _can_be_grown(recipe: Recipe, examples: Examples, rotations: int) -> bool:
    """Whether two classes have enough objects, and each part of each rotation has some."""
    counts = np.bincount(examples.truth[np.unique(examples.picks.row)], minlength=len(examples.leaves))
    if np.count_nonzero(counts >= recipe.data.min_objects) < 2:
        return False
    return all(examples.of_part(recipe, part, rotation).any() for part in _GROWN_ON for rotation in range(rotations))


def _compared(recipe: Recipe, alone: Examples, chosen: Int64s, raw: dict[str, Float64s], size: Float64s) -> Figures:
    """Scores of the three models on the `chosen` alerts, and of each class what |b| (`size`, float64[n]) says of it."""
    row = alone.picks.row[chosen]
    truth, names = alone.truth[row], [leaf.name for leaf in alone.leaves]
    answers = {name: Answers(truth, some, np.ones(len(row)), np.ones(len(row))) for name, some in raw.items()}
    scores = {name: figures(some, names, recipe.judged_from, recipe.seed) for name, some in answers.items()}
    gained = f1_gained(answers["with"], answers["without"], names, recipe.seed)
    return {
        "objects": len(row),
        **{name: {key: some[key] for key in ("accuracy", "macro_f1")} for name, some in scores.items()},
        "gained": gained["macro_f1"],
        "classes": {
            leaf: {
                "objects": int((truth == place).sum()),
                "median": round(float(np.median(size[row[truth == place]])), 1),
                "alone": separation(_log_odds(raw["alone"], place), truth == place),
                "without": scores["without"]["classes"][leaf]["f1"],
                "with": scores["with"]["classes"][leaf]["f1"],
                "gained": gained["classes"][leaf],
            }
            for place, leaf in enumerate(names)
            if 0 < (truth == place).sum() < len(truth)
        },
        "origin": origins(recipe, alone),
    }


def _log_odds(raw: Float64s, place: int) -> Float64s:
    """float64[n], up to a monotonic function the probability of one class, of float64[n, k] raw scores."""
    others = np.delete(raw, place, axis=1)
    top = others.max(axis=1, keepdims=True)
    odds: Float64s = raw[:, place] - top[:, 0] - np.log(np.exp(others - top).sum(axis=1))
    return odds


def section(evaluation: Tree) -> list[str]:
    """The part of the report, Markdown; nothing for an evaluation that does not tell."""
    found = evaluation.get("latitude")
    if not found:
        return []
    title = "### Galactic latitude, tried as an input"
    if not found["known"]:
        return [
            title,
            "The data hold no positions (columns `ra` and `dec` of the labels), so what latitude would add is not known.",
        ]
    if not found["objects"]:
        return [title, f"Positions are known of {found['known']} objects, too few of two classes to learn from and to be judged."]
    text = (
        "Labels that were found at positions in catalogues, and surveys that look away from the Milky Way, can leak through where "
        "an object lies. So the same trees were grown with the galactic latitude |b| as one more input, and with |b| alone, and "
        f"asked for one random alert of each of {found['objects']} objects whose position is known; cross-fitted, without "
        "temperatures. The interval of a difference is that of pairs: the same objects are drawn for both."
    )
    rows = [
        (name, interval(found[key]["accuracy"]), interval(found[key]["macro_f1"]))
        for name, key in (("without, as shipped", "without"), ("with |b|", "with"), ("|b| alone", "alone"))
    ]
    head = ("class", "objects", "median |b|", "AUC of |b| alone", "F1 without", "F1 with |b|", "difference")
    return [
        title,
        text,
        table(("inputs", "accuracy", "macro-F1"), rows),
        table(head, [_class_row(leaf, entry) for leaf, entry in found["classes"].items()]),
        _meaning(found, evaluation["simulated"]),
    ]


def _class_row(leaf: str, entry: Tree) -> tuple[str, ...]:
    scores = (interval(entry[name]) for name in ("alone", "without", "with"))
    return (leaf, str(entry["objects"]), f"{entry['median']:g}°", *scores, difference(entry["gained"]))


def _meaning(found: Tree, simulated: bool) -> str:
    """What the differences say, as far as they are beyond chance, and what cannot be told."""
    gained, classes = found["gained"], found["classes"]
    leaning = [leaf for leaf, entry in classes.items() if entry["gained"]["low"] > 0]
    higher = "scores measurably higher" if gained["low"] > 0 else "does not score measurably higher"
    said = f"With |b| the model {higher} (macro-F1 with |b| less that without: {difference(gained)})."
    said += f" The whole interval is above zero for: {', '.join(leaning) if leaning else 'no class'}."
    for row in found["origin"]:
        sets = " from ".join(f"`{name}`" for name in row["objects"])
        said += f" Within {row['class']}, |b| tells {sets} with AUC {interval(row['auc'])}."
    return f"{said} {_SIMULATED if simulated else _REAL}"
