"""Light curves classified without any alert: each object with what the model's view shows of it, up to its last detection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from streamer import features
from streamer.classify import taxonomy
from streamer.classify.bundle import LightGBMClassifier
from streamer.data.arrays import Column, Int64s
from streamer.data.batch import Scores, State
from streamer.data.photometry import Kind, codes_of_bands
from streamer.data.ragged import Ragged
from streamer.errors import InvalidConfig, InvalidData
from streamer.training.datasets import LightCurves, Names
from streamer.training.windows import View, age_picks, alerts_of

BATCH = 512
"""Objects whose features are computed together."""
_WRITERS = (".parquet", ".csv")


TOTAL_LIGHT = (
    "all fluxes are total fluxes, from which no reference was subtracted: the answers mean something only if the model was trained "
    "with such light curves, as none of the shipped ones was"
)
"""Said of photometry as data releases have it."""


@dataclass(frozen=True, slots=True)
class Classified:
    """What a model says of n objects.

    Parameters
    ----------
    model : LightGBMClassifier
    object_id : str[n]
    n_detections : int64[n]
        Detections that the model could see.
    scores : Scores
    notes : tuple of str
        What was left out, or read in a way that a person should know of.
    """

    model: LightGBMClassifier
    object_id: Names
    n_detections: Int64s
    scores: Scores
    notes: tuple[str, ...] = ()


def classified(table: LightCurves, model: LightGBMClassifier) -> Classified:
    """The model's answer for each object of the table; NOT_CLASSIFIED for one without detections.

    Raises
    ------
    InvalidData
        If the table has points in a band that the model does not know.
    """
    table = with_bands_of(table, model)
    picks = age_picks(table, np.inf)
    view: View = "history" if model.manifest.view == "history" else "stream"
    matrix = np.full((len(table), len(model.inputs)), np.nan, dtype=np.float32)
    n_detections = np.zeros(len(table), dtype=np.int64)
    for start in range(0, len(picks), BATCH):
        some = replace(picks, row=picks.row[start : start + BATCH], point=picks.point[start : start + BATCH])
        alerts = alerts_of(table, some, view, "all")
        matrix[some.row] = features.compute(alerts, model.inputs, model.period_budget)
        n_detections[some.row] = alerts.light_curves.where(alerts.light_curves["kind"] == Kind.DETECTION).lengths
    scores = model.scores(matrix, n_detections)
    return Classified(model, table.object_id, n_detections, scores, (TOTAL_LIGHT,) if is_total_light(table) else ())


def is_total_light(table: LightCurves) -> bool:
    """Whether nothing was subtracted from the photometry: every point is a detection whose flux is its total flux."""
    curves = table.curves
    return bool(len(curves["kind"]) and (curves["kind"] == Kind.DETECTION).all() and (curves["flux"] == curves["total"]).all())


def with_bands_of(table: LightCurves, model: LightGBMClassifier) -> LightCurves:
    """The same light curves with the model's bands; InvalidData naming a band with points that the model does not know."""
    bands = model.manifest.bands
    used = np.unique(table.curves["band"])
    code = dict(zip(codes_of_bands(table.bands), table.bands, strict=True))
    new = dict(zip(bands, codes_of_bands(bands), strict=True))
    if unknown := [code[number] for number in used.tolist() if code[number] not in new]:
        raise InvalidData(
            f"the table has points in {', '.join(unknown)}, but {model.name} knows only the bands {' '.join(bands) or '(none)'} "
            f"of {model.survey}"
        )
    places = np.full(int(used.max(initial=0)) + 1, -1, dtype=np.int8)
    for number in used.tolist():
        places[number] = new[code[number]]
    columns = {**table.curves.columns, "band": places[table.curves["band"]]}
    return replace(table, survey=model.survey, bands=bands, curves=Ragged(table.curves.offsets, columns))


def columns_of(answers: Classified) -> dict[str, Column | list[str] | list[list[str] | None]]:
    """The columns of the output: identifier, answer, a probability for each class, conformal set, state, reason, detections …"""
    scores, model = answers.scores, answers.model
    names = [leaf.name for leaf in model.leaves]
    return {
        "object_id": answers.object_id.tolist(),
        "class": [taxonomy.by_id(number).name for number in scores.class_id.tolist()],
        **{name: scores.leaves[:, column] for column, name in enumerate(names)},
        "conformal_set": _sets(scores, names),
        "state": [State(number).name for number in scores.state.tolist()],
        "reason": [reason.value for reason in scores.why],
        "n_detections": answers.n_detections,
        **({} if scores.novelty is None else {"novelty": scores.novelty}),
        **({"reasons": _reasons(scores)} if scores.reasons else {}),
    }


def _sets(scores: Scores, names: Sequence[str]) -> list[list[str] | None]:
    """The classes in each conformal set; None where the model gives none."""
    if scores.possible is None:
        return [None] * len(scores)
    return [[name for name, inside in zip(names, row, strict=True) if inside] for row in scores.possible.tolist()]


def _reasons(scores: Scores) -> list[list[str] | None]:
    """For each object its weightiest inputs in words and what each adds to the raw score; None where the model was not asked."""
    told = {row: [f"{each.contribution:+.3f} {each.text}" for each in reasons] for row, reasons in scores.reasons.items()}
    return [told.get(row) for row in range(len(scores))]


def write(answers: Classified, path: Path) -> None:
    """Write the answers as Parquet or CSV, by the file's ending; in CSV the entries of a list are separated by ``;``."""
    check_writable(path)
    frame = pd.DataFrame(columns_of(answers))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    if path.suffix == ".parquet":
        frame.to_parquet(part, index=False)
    else:
        lists = [name for name in ("conformal_set", "reasons") if name in frame]
        frame.assign(**{name: frame[name].map(lambda entries: ";".join(entries or ())) for name in lists}).to_csv(part, index=False)
    part.replace(path)


def check_writable(path: Path) -> None:
    """InvalidConfig for a file whose ending says no format of ours."""
    if path.suffix not in _WRITERS:
        raise InvalidConfig(f"--out {path}: the ending must be {' or '.join(_WRITERS)}")


def summary(answers: Classified) -> Mapping[str, object]:
    """How many objects have which state and which class; JSON-able."""
    columns = columns_of(answers)
    states = pd.Series(columns["state"], dtype=str).value_counts().sort_index()
    classes = pd.Series(columns["class"], dtype=str).value_counts().sort_index()
    return {
        "model": answers.model.name,
        "version": answers.model.version,
        "checksum": answers.model.checksum,
        "view": answers.model.manifest.view,
        "conformal_level": answers.scores.level if answers.scores.possible is not None else None,
        "objects": len(answers.object_id),
        "states": {name: int(count) for name, count in states.items()},
        "classes": {name: int(count) for name, count in classes.items()},
        "notes": list(answers.notes),
    }
