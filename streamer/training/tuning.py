"""Settings of the trees, searched for on validation objects with Optuna (Akiba et al. 2019); the same seed finds the same."""

from __future__ import annotations

from collections.abc import Callable

import optuna

from streamer.training.fit import Examples
from streamer.training.kept import Kept
from streamer.training.metrics import Figures
from streamer.training.recipe import Recipe
from streamer.training.validation import validated


def tuned(recipe: Recipe, examples: Examples, kept: Kept, progress: Callable[[str], None]) -> tuple[Recipe, Figures]:
    """The recipe with the best settings found, and how the trials went, JSON-able; the recipe itself if it asks for no trial.

    The first trial is the recipe's own settings, so that the search never ends with worse ones.
    """
    if not recipe.tuning.trials:
        return recipe, {"trials": [], "folds": 0}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=recipe.seed % 2**32, n_startup_trials=6))
    study.enqueue_trial({name: getattr(recipe.trees, name) for name in type(recipe.tuning.space).model_fields})
    trials: list[Figures] = []

    def objective(trial: optuna.Trial) -> float:
        settings = _drawn(recipe, trial)
        found = validated(_with(recipe, settings), examples, kept)
        progress(f"trial {trial.number + 1} of {recipe.tuning.trials}: log loss {found.loss:.4f}")
        figures = {"loss": round(found.loss, 5), "macro_f1": found.macro_f1, "rounds": found.rounds}
        trials.append({"settings": settings, **figures})
        return found.loss

    study.optimize(objective, n_trials=recipe.tuning.trials)
    best = _drawn(recipe, study.best_trial)
    return _with(recipe, best), {"trials": trials, "best": best, "folds": recipe.tuning.folds}


def _drawn(recipe: Recipe, trial: optuna.Trial | optuna.trial.FrozenTrial) -> dict[str, float]:
    space = recipe.tuning.space
    return {
        "leaves": trial.suggest_int("leaves", *space.leaves),
        "min_examples": trial.suggest_int("min_examples", *space.min_examples),
        "feature_fraction": round(trial.suggest_float("feature_fraction", *space.feature_fraction), 3),
        "bagging_fraction": round(trial.suggest_float("bagging_fraction", *space.bagging_fraction), 3),
        "l2": round(trial.suggest_float("l2", *space.l2, log=True), 3),
    }


def _with(recipe: Recipe, settings: dict[str, float]) -> Recipe:
    return recipe.model_copy(update={"trees": recipe.trees.model_copy(update=settings)})
