"""Light curves of streamer's own simulator, as the survey's adapter reads them from its packets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.codec.framing import Framing
from streamer.data.arrays import Bools, Column, Float64s, Int64s
from streamer.data.batch import AlertBatch, Positions, RawBatch
from streamer.data.photometry import Kind
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.pipeline import Pipeline
from streamer.sources.simulator import simulate_light_curves
from streamer.stores.bundled import BundledSchemas
from streamer.training.datasets import LightCurves, Origin
from streamer.training.labels import Provenance

ORIGIN = Origin(
    name="simulated",
    what="SIMULATED light curves of streamer's own simulator",
    source="streamer",
    licence="that of streamer",
    states_licence=True,
    citation="none",
    nature="simulated",
    whole="all: every detection of an object raises an alert",
)
_ALERTS = 40  # of one object, at most: variable stars would outweigh everything


def light_curves(survey: str, n_objects: int, seed: int) -> LightCurves:
    """Light curves of simulated objects, as the survey's adapter reads them from their packets."""
    pipeline = Pipeline(Framing(BundledSchemas()), {}, allow_private=True)
    names, labels, curves = [], [], []
    bands: tuple[str, ...] = ()
    for name, truth, alerts in simulate_light_curves(survey, n_objects, seed):
        payloads = [alert.payload for alert in alerts[-_ALERTS:]]
        absent = np.full(len(payloads), -1, dtype=np.int64)
        positions = Positions.of((name, -1, i, i + 1) for i in range(len(payloads)))
        outcome = pipeline(RawBatch(payloads, positions, absent, absent))
        names.append(name)
        labels.append(truth)
        curves.append(_points([part.alerts for part in outcome.scored]))
        bands = outcome.scored[0].alerts.bands
    lengths = np.array([len(columns["epoch"]) for columns in curves], dtype=np.int64)
    object_id = np.array(names, dtype=np.str_)
    return LightCurves(
        survey=survey,
        bands=bands,
        object_id=object_id,
        label=np.array(labels, dtype=np.str_),
        original=np.array(labels, dtype=np.str_),
        group=object_id,
        provenance=np.full(len(names), Provenance.SIMULATED.value),
        source=np.full(len(names), ORIGIN.name),
        part=np.zeros(len(names), dtype=np.str_),
        origins=(ORIGIN,),
        curves=Ragged(
            offsets_from_lengths(lengths), {name: np.concatenate([columns[name] for columns in curves]) for name in curves[0]}
        ),
    )


def _points(parts: Sequence[AlertBatch]) -> dict[str, Column]:
    """The detections in an object's packets, each once, by epoch and band; those that raised the packets have whole windows."""
    columns = {
        name: np.concatenate([part.light_curves[name] for part in parts])
        for name in ("epoch", "band", "flux", "flux_err", "total", "kind")
    }
    raised = np.concatenate([part.epoch for part in parts])
    order = np.lexsort((columns["band"], columns["epoch"]))
    order = order[columns["kind"][order] == Kind.DETECTION]
    kept = order[_first_of_each(columns["epoch"][order], columns["band"][order].astype(np.int64))]
    chosen: dict[str, Column] = {name: values[kept] for name, values in columns.items()}
    return chosen | {"complete": np.isin(columns["epoch"][kept], raised)}


def _first_of_each(epoch: Float64s, band: Int64s) -> Bools:
    new = np.ones(len(epoch), dtype=np.bool_)
    new[1:] = (np.diff(epoch) != 0) | (np.diff(band) != 0)
    return new
