"""From the recipe of a binary-or-isolated model to a bundle, its card and its report."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from streamer.classify.manifest import MANIFEST, Manifest
from streamer.data.arrays import Bools, Float64s, Int64s
from streamer.training.candidates import scores
from streamer.training.folders import RECIPE, delivered, told
from streamer.training.metrics import LEVELS
from streamer.training.orbits.fit import Held, Table, bundle, cross_validated, fit, kinds, read
from streamer.training.orbits.population import Population
from streamer.training.orbits.recipe import OrbitRecipe, read_orbit_recipe
from streamer.training.orbits.report import card, write_report

RESAMPLES = 200
SURE = 0.9
"""P(binary) from which on a pulsar is called binary, and isolated up to one minus it."""
_ORBITS_D = (0.0, 1.0, 10.0, 100.0, 1000.0, np.inf)
_SLOWING = (0.0, 1e-17, 1e-15, 1e-13, np.inf)
_Scored = tuple[Int64s, Float64s]


def train_orbits(recipe_path: Path, data: Path, out: Path, progress: Callable[[str], None]) -> Path:
    """Train, evaluate and write a model; the same recipe and catalogue give the same bytes.

    Parameters
    ----------
    recipe_path : Path
        A TOML file, see :class:`streamer.training.orbits.recipe.OrbitRecipe`.
    data : Path
        The folder of the training data (with ``pulsars`` in it).
    out : Path
        Gets the bundle as ``<name>/`` and its report, with a copy of its card, as ``reports/<name>/``; made if it is missing.
    progress : callable of str
        Told what is being done.

    Returns
    -------
    Path
        The bundle's folder.

    Raises
    ------
    InvalidConfig, InvalidData
        If the recipe or the data cannot be used; nothing is written then.
    """
    text, recipe = read_orbit_recipe(recipe_path)
    table = read(data)
    progress(f"{len(table.pulsars)} pulsars, {int(table.pulsars.is_binary.sum())} in binaries")
    evaluation = evaluated(recipe, table, cross_validated(recipe, table.pulsars, progress))
    progress("fitting all pulsars")
    found = fit(recipe, table.pulsars)
    files = told(partial(bundle, recipe, table, found), text, evaluation, headline(evaluation), card)
    progress("writing bundle and report")
    return delivered(files, evaluation, write_report, out)


def evaluate_orbits(folder: Path, data: Path) -> dict[str, Any]:
    """What the cross-validation of a bundle's recipe says, done again; can be written as JSON."""
    _, recipe = read_orbit_recipe(folder / RECIPE)
    table = read(data)
    manifest = Manifest.of_json((folder / MANIFEST).read_bytes())
    found = evaluated(recipe, table, cross_validated(recipe, table.pulsars, lambda _: None))
    return {**found, "same_data": table.sha256 == manifest.data_hash}


def evaluated(recipe: OrbitRecipe, table: Table, held: Held) -> dict[str, Any]:
    """What cross-validation says; can be written as JSON."""
    pulsars = table.pulsars
    binary, fast = pulsars.is_binary, pulsars.is_millisecond
    groups = {"millisecond": fast, "slow": ~fast, "all": np.ones_like(fast)}
    middle = held.probability[min(n for n in held.probability if n > 1)]
    return {
        "name": recipe.name,
        "version": recipe.version,
        "survey": recipe.survey,
        "data": {
            "sha256": table.sha256,
            "pulsars": len(pulsars),
            "binaries": int(binary.sum()),
            "millisecond": int(fast.sum()),
            "millisecond_binaries": int((fast & binary).sum()),
        },
        "validation": recipe.validation.model_dump(mode="json"),
        "auc": {
            str(n): {name: _area(binary[group], p[:, group], recipe.seed) for name, group in groups.items()}
            | {"ece": round(scores.calibration_error(*_balanced(pulsars, p, recipe.seed), _NO_ANSWER), 4)}
            for n, p in held.probability.items()
        },
        "reliability": scores.reliability(*_balanced(pulsars, middle, recipe.seed)),
        "hard": list(_hard(pulsars, held)),
    }


def headline(evaluation: dict[str, Any]) -> dict[str, float]:
    """What the manifest says of the model's quality."""
    areas = evaluation["auc"]
    return {f"cross_validated_auc_millisecond_{n}_epochs": float(areas[n]["millisecond"]["value"]) for n in areas if int(n) > 1}


def _area(binary: Bools, probability: Float64s, seed: int) -> dict[str, float]:
    """Mean area over repeats and draws of float64[repeats, n, draws], and what redrawing the pulsars makes of it."""
    rng = np.random.default_rng(seed)
    truth = binary.astype(np.int64)

    def mean(rows: Int64s) -> float:
        columns = probability[:, rows].transpose(0, 2, 1).reshape(-1, len(rows))
        return float(np.mean([scores.area(truth[rows], p, _NO_ANSWER) for p in columns]))

    redrawn = [mean(rows) for rows in _resamples(binary, rng)]
    low, high = np.percentile(redrawn, LEVELS)
    return {"value": round(mean(np.arange(len(truth))), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _resamples(binary: Bools, rng: np.random.Generator) -> Iterator[Int64s]:
    """Indices of pulsars drawn with replacement, as many of each class as there are."""
    classes = np.flatnonzero(binary), np.flatnonzero(~binary)
    for _ in range(RESAMPLES):
        yield np.concatenate([rng.choice(rows, len(rows)) for rows in classes])


def _balanced(pulsars: Population, probability: Float64s, seed: int) -> _Scored:
    """Truth and P(binary) of as many answers of each of the four kinds."""
    rng, kind = np.random.default_rng(seed), kinds(pulsars)
    wanted = int(max(np.bincount(kind)[1:])) * probability.shape[0]
    rows = np.concatenate([np.resize(rng.permutation(np.flatnonzero(kind == each)), wanted) for each in np.unique(kind)])
    repeat, draw = (rng.integers(0, size, len(rows)) for size in (probability.shape[0], probability.shape[2]))
    return pulsars.is_binary[rows].astype(np.int64), probability[repeat, rows, draw]


def _hard(pulsars: Population, held: Held) -> Iterator[dict[str, Any]]:
    """How often what is called what: binaries by orbital period, isolated pulsars by how fast they slow down."""
    binary = pulsars.is_binary
    for low, high in itertools.pairwise(_ORBITS_D):
        inside = binary & (pulsars.orbital_period >= low) & (pulsars.orbital_period < high)
        yield from _row(f"binaries, orbit {_between(low, high, ' d')}", inside, held)
    for low, high in itertools.pairwise(_SLOWING):
        slowing = np.abs(pulsars.derivative)
        yield from _row(f"isolated, Ṗ {_between(low, high, '')}", ~binary & (slowing >= low) & (slowing < high), held)


def _row(what: str, inside: Bools, held: Held) -> Iterator[dict[str, Any]]:
    if inside.any():
        shares: dict[str, float] = {}
        for n in (2, 3):
            if n in held.probability:
                p = held.probability[n][:, inside]
                shares |= {f"binary_{n}": _share(p >= SURE), f"isolated_{n}": _share(p <= 1 - SURE)}
        yield {"what": what, "pulsars": int(inside.sum()), **shares}


def _share(said: Bools) -> float:
    return round(float(np.mean(said)), 4)


def _between(low: float, high: float, unit: str) -> str:
    if low == 0.0:
        return f"below {high:g}{unit}"
    return f"{low:g}{unit} and more" if np.isinf(high) else f"{low:g} to {high:g}{unit}"


_NO_ANSWER: Bools = np.zeros(0, dtype=np.bool_)
"""For scores that look at probabilities alone."""
