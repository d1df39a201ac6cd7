"""The kinds of models that recipes describe: which code trains and evaluates each, and tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.training.benchmarks.report import scores_text as benchmark_text
from streamer.training.benchmarks.run import evaluate_benchmark, run_benchmark
from streamer.training.candidates.recipe import names
from streamer.training.candidates.report import scores_text as table_text
from streamer.training.candidates.train import evaluate_table, train_table
from streamer.training.evaluate import evaluate as evaluate_light_curves
from streamer.training.folded.report import scores_text as folded_text
from streamer.training.folded.train import evaluate_folded, train_folded
from streamer.training.orbits.report import scores_text as orbits_text
from streamer.training.orbits.train import evaluate_orbits, train_orbits
from streamer.training.reobservation.comparison import evaluate_comparison, run_comparison
from streamer.training.reobservation.report import scores_text as comparison_text
from streamer.training.report import scores_text as light_curves_text
from streamer.training.train import train as train_light_curves

Train = Callable[[Path, Path, Path, Callable[[str], None]], Path]
"""(recipe, data, out, progress) to the bundle's folder."""
Evaluate = Callable[[Path, Path], dict[str, Any]]
"""(bundle's folder, data) to what can be written as JSON."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of recipe.

    Parameters
    ----------
    entry : str
        The entry at the recipe's top by which it is known; empty for the kind that all others are.
    train : Train
    evaluate : Evaluate
    text : callable of what `evaluate` gives to Markdown
    quick : callable of (recipe, out, progress) to the bundle's folder, or None
        A training of minutes that needs no data.
    """

    entry: str
    train: Train
    evaluate: Evaluate
    text: Callable[[Mapping[str, Any]], str]
    quick: Callable[[Path, Path, Callable[[str], None]], Path] | None = None


KINDS = (
    Kind("table", train_table, evaluate_table, table_text),
    Kind("anchor", train_folded, evaluate_folded, folded_text),
    Kind("orbits", train_orbits, evaluate_orbits, orbits_text),
    Kind("benchmark", run_benchmark, evaluate_benchmark, benchmark_text),
    Kind("comparison", run_comparison, evaluate_comparison, comparison_text),
    Kind(
        "",
        train_light_curves,
        lambda folder, data: evaluate_light_curves(str(folder), data),
        light_curves_text,
        lambda recipe, out, progress: train_light_curves(recipe, None, out, progress),
    ),
)


def kind_of(recipe: Path) -> Kind:
    """The kind of a recipe."""
    return next(kind for kind in KINDS if not kind.entry or names(recipe, kind.entry))
