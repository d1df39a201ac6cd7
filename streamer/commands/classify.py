"""`streamer classify`: light curves or rows of features to a file of answers."""

from __future__ import annotations

import json
from pathlib import Path

from streamer import features
from streamer.classify.bundle import LightGBMClassifier
from streamer.classify.conformal import LEVEL
from streamer.stores.models import ModelStore
from streamer.training import answers as answering
from streamer.training import feature_rows
from streamer.training.answers import Classified
from streamer.training.evaluate import bundle_folder
from streamer.training.survey_file import read_survey
from streamer.training.tables import read_light_curves


def classified_table(table: Path, survey: Path | None, model: LightGBMClassifier) -> Classified:
    """The model's answers for the light curves of a table."""
    return answering.classified(read_light_curves(table, None if survey is None else read_survey(survey)), model)


def classified_rows(rows: Path, model: LightGBMClassifier) -> Classified:
    """The model's answers for rows of features."""
    return feature_rows.classified_rows(rows, model)


def loaded(model: str, level: float = LEVEL, explain: bool = False) -> LightGBMClassifier:
    """The model of a bundle given by name or by folder, with sets of this level; it explains its answers if asked to."""
    folder = bundle_folder(model).resolve()
    files = ModelStore(packaged=folder.parent).files(folder.name)
    return LightGBMClassifier(files, features.check_names, level=level, describe=features.teller if explain else None)


def said(answers: Classified, out: Path, as_json: bool) -> str:
    """Write the answers; what a person, or a program, is told of them."""
    answering.write(answers, out)
    facts = {"file": str(out), **answering.summary(answers)}
    if as_json:
        return json.dumps(facts, ensure_ascii=False, allow_nan=False)
    counted = facts["classes"]
    classes = ", ".join(f"{count} {name}" for name, count in counted.items()) if isinstance(counted, dict) else ""
    lines = [f"{out}: {facts['objects']} objects by {facts['model']} {facts['version']}", f"  {classes}"]
    return "\n".join([*lines, *(f"  note: {note}" for note in answers.notes)])
