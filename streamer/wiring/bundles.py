"""Models from their bundles, and what else is asked of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streamer import config
from streamer.classify.bundle import LightGBMClassifier
from streamer.classify.further import ModelQuestion, Question, questions_of
from streamer.classify.manifest import Manifest, read_manifest
from streamer.errors import InvalidConfig
from streamer.features import check_names, teller
from streamer.pipeline import Recognise
from streamer.stores.models import ModelStore
from streamer.stores.psrcat import known_pulsars
from streamer.surveys import SURVEYS

ALERTS_OF = tuple(survey.name for survey in SURVEYS)
"""The surveys whose alerts a model may answer for."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a service.

    Parameters
    ----------
    classifiers : mapping of survey name to classifier
        What says which class an alert is of.
    questions : mapping of survey name to Questions
        What else is asked: of other models, and of the classifier's probabilities.
    every : tuple of classifiers
        All bundles that were loaded, in the order of their names in the settings.
    """

    classifiers: Mapping[str, LightGBMClassifier]
    questions: Mapping[str, tuple[Question, ...]]
    every: tuple[LightGBMClassifier, ...]


def models(settings: config.Model, answering: config.Classify | None = None) -> Models:
    """The named models; InvalidBundle or InvalidConfig if one cannot be used."""
    every = tuple(_model(_bundle(name, settings.folder), answering or config.Classify()) for name in settings.name)
    found: dict[tuple[str, str], LightGBMClassifier] = {}
    for model in every:
        place = (model.survey, model.manifest.score)
        if place in found:
            raise InvalidConfig(f"model.name: {found[place].name} and {model.name} are both for {model.survey}; name one of them")
        found[place] = model
    questions: dict[str, tuple[Question, ...]] = {}
    for (survey, score), model in found.items():
        basis = model.manifest.basis
        asked = (ModelQuestion(model, score, basis),) if score else questions_of(model.leaves, basis)
        questions[survey] = (*questions.get(survey, ()), *asked)
    return Models({survey: model for (survey, score), model in found.items() if not score}, questions, every)


def catalogues(settings: config.Candidates) -> dict[str, Recognise]:
    """Where known objects are looked up, by survey; InvalidData if a catalogue cannot be read."""
    return {} if settings.catalogue is None else {"pulsar": known_pulsars(settings.catalogue).matches}


def _model(files: Mapping[str, bytes], answering: config.Classify) -> LightGBMClassifier:
    explained = answering.explain and not read_manifest(files).score  # a further score has no reasons in the tag
    describe = teller if explained else None
    _check_reads_alerts(read_manifest(files))
    return LightGBMClassifier(files, check_names, level=answering.conformal_level, describe=describe)


def _check_reads_alerts(manifest: Manifest) -> None:
    if manifest.survey not in ALERTS_OF:
        raise InvalidConfig(
            f"model.name: {manifest.name} is for light curves of {manifest.survey}, of which there are no alerts (there are of "
            f"{', '.join(ALERTS_OF)}): use it with streamer classify --table"
        )
    if manifest.view != "stream":
        raise InvalidConfig(
            f'model.name: {manifest.name} was trained on whole light curves (view = "history" in its recipe), and an alert carries '
            "only a part of one: use it with streamer classify --table. For alerts name a model that reads them (streamer models "
            'list), or train one with view = "stream"'
        )


def _bundle(name: str, folder: Path | None) -> Mapping[str, bytes]:
    """The files of the bundle that is named, or whose folder is."""
    if "/" in name:
        return ModelStore(packaged=Path(name).parent).files(Path(name).name)
    return model_store(folder).files(name)


def model_store(folder: Path | None) -> ModelStore:
    """The bundles of `folder` and those that are shipped."""
    return ModelStore((folder,) if folder else ())
