"""From a catalogue of pulsars to a model of their epochs, and to what it says of pulsars that it never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from streamer.classify.bundle import bundle_files
from streamer.classify.calibration import Calibration
from streamer.classify.manifest import Manifest, TrainingSet
from streamer.classify.taxonomy import Class, by_name
from streamer.data.arrays import Float64s, Int64s
from streamer.features import orbit
from streamer.stores.psrcat import read_psrcat
from streamer.training.candidates.fit import Fitted, temperature, tree_settings
from streamer.training.orbits.population import Drawn, Population, draw, field_pulsars
from streamer.training.orbits.recipe import OrbitRecipe

FILE = Path("pulsars") / "catalogues" / "psrcat_v1.54.db"
LEAVES: tuple[Class, ...] = (by_name("Binary pulsar"), by_name("Isolated pulsar"))
INPUTS = tuple(feature.name for feature in orbit.FEATURES)
SCORE = "binary_probability"
LEAST_EPOCHS = 2
"""Fewer leave it undetermined."""
_KINDS = 4
_BINS = (2, 3, 5)
"""First number of epochs of each bin that has a temperature of its own."""


@dataclass(frozen=True, slots=True)
class Table:
    """The pulsars, and the SHA-256 of the file that they are from."""

    pulsars: Population
    sha256: str


@dataclass(frozen=True, slots=True)
class Held:
    """What models said of pulsars that they never saw.

    Parameters
    ----------
    probability : mapping of number of epochs to float64[repeats, pulsars, draws]
        P(binary) at even odds.
    """

    probability: dict[int, Float64s]


def read(data: Path) -> Table:
    """The field pulsars of the catalogue below the data folder."""
    pulsars, sha256 = read_psrcat(data / FILE)
    return Table(field_pulsars(pulsars), sha256)


def kinds(pulsars: Population) -> Int64s:
    """int64[n]: 0 isolated and slow, 1 isolated and fast, 2 binary and slow, 3 binary and fast."""
    return 2 * pulsars.is_binary.astype(np.int64) + pulsars.is_millisecond


def folds(pulsars: Population, count: int, rng: np.random.Generator) -> Int64s:
    """int64[n] the fold of each pulsar; each has as many of each kind, to within one."""
    kind, fold = kinds(pulsars), np.empty(len(pulsars), dtype=np.int64)
    for each in range(_KINDS):
        of_kind = rng.permutation(np.flatnonzero(kind == each))
        fold[of_kind] = np.arange(len(of_kind)) % count
    return fold


def cross_validated(recipe: OrbitRecipe, pulsars: Population, progress: Callable[[str], None]) -> Held:
    """Every pulsar scored in each repeat by a model and temperatures of the other folds alone."""
    plan = recipe.validation
    found = {n: np.empty((plan.repeats, len(pulsars), plan.draws)) for n in plan.reported}
    for repeat in range(plan.repeats):
        progress(f"cross-validation {repeat + 1} of {plan.repeats}")
        rng = np.random.default_rng((recipe.seed, 1, repeat))
        fold = folds(pulsars, plan.folds, rng)
        for number in range(plan.folds):
            test, train = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            model, calibration = fitted(recipe, pulsars, train, rng)
            for n, probability in found.items():
                drawn = draw(pulsars, np.repeat(test, plan.draws), np.full(len(test) * plan.draws, n), rng)
                p = calibration.probabilities(_raw(model, drawn), drawn.epochs)[:, 0]
                probability[repeat, test] = p.reshape(len(test), plan.draws)
    return Held(found)


def fitted(
    recipe: OrbitRecipe, pulsars: Population, chosen: Int64s, rng: np.random.Generator
) -> tuple[lightgbm.Booster, Calibration]:
    """A model of the `chosen` pulsars, and temperatures from a third of them that a model of the others had not seen."""
    part = np.empty(len(pulsars), dtype=np.int64)
    part[:] = -1
    part[chosen] = folds(pulsars, 3, rng)[chosen]
    apart = np.flatnonzero(part == 0)
    examples = _examples(recipe, pulsars, apart, rng)
    raw = _raw(_trained(recipe, pulsars, np.flatnonzero(part > 0), rng), examples)
    truth = pulsars.is_binary[examples.pulsar].astype(np.int64)
    place = np.searchsorted(np.array(_BINS), examples.epochs, side="right") - 1
    bins = [place == b for b in range(len(_BINS))]
    temperatures = tuple(temperature(raw[inside], truth[inside]) if inside.any() else 1.0 for inside in bins)
    return _trained(recipe, pulsars, chosen, rng), Calibration(_BINS, temperatures)


def fit(recipe: OrbitRecipe, pulsars: Population) -> Fitted:
    """The model of all pulsars."""
    rng = np.random.default_rng((recipe.seed, 2))
    model, calibration = fitted(recipe, pulsars, np.arange(len(pulsars)), rng)
    return Fitted(model.model_to_string(), calibration)


def bundle(recipe: OrbitRecipe, table: Table, found: Fitted, metrics: dict[str, float], card: str) -> dict[str, bytes]:
    """The files of the bundle."""
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version,
        survey=recipe.survey,
        bands=(),
        leaves=tuple(leaf.id for leaf in LEAVES),
        inputs=INPUTS,
        min_detections=LEAST_EPOCHS,
        score=SCORE,
        basis="SIMULATED",
        trees=recipe.trees.rounds * len(LEAVES),
        seed=recipe.seed,
        data_hash=table.sha256,
        training=(
            TrainingSet(
                "psrcat-1.54",
                "spins and orbits of the ATNF pulsar catalogue 1.54, observed in simulation; FrankBacks/LOFAR-Pulsars",
                "none stated",
                "Manchester et al. 2005, AJ 129, 1993",
                objects=len(table.pulsars),
                examples=_KINDS * recipe.examples.per_kind,
            ),
        ),
        metrics=metrics,
    )
    return bundle_files(manifest, found.trees, found.calibration, card)


def _examples(recipe: OrbitRecipe, pulsars: Population, chosen: Int64s, rng: np.random.Generator) -> Drawn:
    """As many examples of each kind among the `chosen` pulsars."""
    kind, wanted = kinds(pulsars)[chosen], recipe.examples.per_kind
    drawn = np.concatenate([np.resize(rng.permutation(chosen[kind == each]), wanted) for each in range(_KINDS)])
    share = np.array(list(recipe.examples.epochs.values()))
    epochs = rng.choice(np.array(list(recipe.examples.epochs)), len(drawn), p=share / share.sum())
    return draw(pulsars, drawn, epochs, rng)


def _trained(recipe: OrbitRecipe, pulsars: Population, chosen: Int64s, rng: np.random.Generator) -> lightgbm.Booster:
    examples = _examples(recipe, pulsars, chosen, rng)
    column = np.where(pulsars.is_binary[examples.pulsar], 0, 1)
    data = lightgbm.Dataset(examples.matrix, column, feature_name=list(INPUTS))
    return lightgbm.train(tree_settings(recipe.trees, recipe.seed), data, num_boost_round=recipe.trees.rounds)


def _raw(model: lightgbm.Booster, drawn: Drawn) -> Float64s:
    raw: Float64s = np.asarray(model.predict(drawn.matrix, raw_score=True, num_threads=1))
    return raw
