"""Real packets with known classes, on which a finished model is tried: through the pipeline that serves, never for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamer.classify import taxonomy
from streamer.classify.bundle import LightGBMClassifier
from streamer.classify.taxonomy import Class
from streamer.codec.framing import Framing
from streamer.data.batch import Positions, RawBatch
from streamer.data.photometry import Kind
from streamer.errors import InvalidData
from streamer.pipeline import Pipeline, Scored
from streamer.stores.schemas import FolderSchemas
from streamer.training.datasets import Origin
from streamer.training.metrics import Figures
from streamer.training.sources.columns import read_table


@dataclass(frozen=True, slots=True)
class PacketSet:
    """Packets of one survey and the table that says what some of them show.

    Parameters
    ----------
    origin : Origin
    survey : str
    folder, labels, schemas : str
        Where packets (``*.avro``, each framed with a schema id), labels (CSV) and writer schemas are, below the data folder.
    identifier, label, vocabulary : str
        The columns with alert id and label, and the vocabulary of :func:`streamer.classify.taxonomy.class_of_label`.
    """

    origin: Origin
    survey: str
    folder: str
    labels: str
    schemas: str
    identifier: str
    label: str
    vocabulary: str


RUBIN = PacketSet(
    origin=Origin(
        name="rubin_alerts_2026",
        what="real Rubin alerts of early 2026 with the types that SIMBAD lists at their positions",
        source="github.com: astrolabsoftware/fink-tutorials, astrolabsoftware/fink-filters",
        licence="Apache-2.0",
        states_licence=True,
        citation="Wenger et al. 2000, A&AS 143, 9 (SIMBAD); Möller et al. 2021, MNRAS 501, 3272 (Fink)",
        nature="real",
        whole="all",
    ),
    survey="lsst",
    folder="lsst_alerts/real_v10_0_reencoded_confluent",
    labels="lsst_alerts/real_v10_0_reencoded_confluent/fink_labels.csv",
    schemas="lsst_alerts/schemas",
    identifier="diaSourceId",
    label="xm.simbad_otype",
    vocabulary="simbad",
)
PACKET_SETS: tuple[PacketSet, ...] = (RUBIN,)
"""Every set of labelled packets that a recipe can name."""


@dataclass(frozen=True, slots=True)
class _Answer:
    object_id: str
    truth: str
    answer: str
    n_detections: int
    of_truth: float | None  # probability of the true class; None if the model does not know the class


def tried(packets: PacketSet, classifier: LightGBMClassifier, data: Path, bins: tuple[tuple[str, int, int], ...]) -> Figures:
    """What the model answers for the labelled packets, by class and number of detections (`bins`: name, first, last); JSON-able.

    Raises
    ------
    InvalidData
        If the packets or their labels are not there.
    """
    answers = list(_answers(packets, classifier, data))
    rows = []
    for truth in sorted({one.truth for one in answers}):
        for name, first, last in bins:
            some = [one for one in answers if one.truth == truth and first <= one.n_detections <= last]
            if some:
                rows.append({"class": truth, "detections": name, **_row(some)})
    return {
        "set": packets.origin.name,
        "what": packets.origin.what,
        "source": packets.origin.source,
        "licence": packets.origin.licence,
        "citation": packets.origin.citation,
        "alerts": len(answers),
        "objects": len({one.object_id for one in answers}),
        "right": sum(one.answer == one.truth for one in answers),
        "rows": rows,
    }


def _row(answers: list[_Answer]) -> Figures:
    known = [one.of_truth for one in answers if one.of_truth is not None]
    return {
        "alerts": len(answers),
        "objects": len({one.object_id for one in answers}),
        "right": sum(one.answer == one.truth for one in answers),
        "probability_of_class": round(float(np.mean(known)), 4) if known else None,
        "answers": dict(Counter(one.answer for one in answers).most_common()),
    }


def labelled_alerts(packets: PacketSet, classifier: LightGBMClassifier, data: Path) -> Iterator[tuple[Scored, int, Class]]:
    """Each packet whose class is known, as the service would answer it: the scored alerts it is among, its place, its class.

    Raises
    ------
    InvalidData
        If the packets or their labels are not there.
    """
    leaves = _leaves(packets, data)
    files = sorted((data / packets.folder).rglob("*.avro"))
    if not files:
        raise InvalidData(f"{data / packets.folder}: no packets")
    pipeline = Pipeline(Framing(FolderSchemas(data / packets.schemas)), {packets.survey: classifier}, allow_private=True)
    absent = np.full(len(files), -1, dtype=np.int64)
    positions = Positions.of((path.name, -1, 0, 1) for path in files)
    for part in pipeline(RawBatch([path.read_bytes() for path in files], positions, absent, absent)).scored:
        for i, alert in enumerate(part.alerts.alert_id.tolist()):
            if truth := leaves.get(alert):
                yield part, i, truth


def _leaves(packets: PacketSet, data: Path) -> dict[int, Class]:
    """The leaf of each alert id whose label is one; labels that are no leaf, or weak ones such as ``AG?``, are left out."""
    table = read_table(data / packets.labels, (packets.identifier, packets.label))
    found = {}
    for alert, label in zip(table[packets.identifier].tolist(), table[packets.label].tolist(), strict=True):
        known = taxonomy.class_of_label(str(label), packets.vocabulary)
        if known is not None and known in taxonomy.LEAVES:
            found[int(alert)] = known
    return found


def _answers(packets: PacketSet, classifier: LightGBMClassifier, data: Path) -> Iterator[_Answer]:
    place = {leaf: index for index, leaf in enumerate(classifier.leaves)}
    for part, i, truth in labelled_alerts(packets, classifier, data):
        yield _Answer(
            object_id=part.alerts.object_id[i].decode(),
            truth=truth.name,
            answer=taxonomy.by_id(int(part.scores.class_id[i])).name,
            n_detections=int(np.count_nonzero(part.alerts.light_curves.row(i)["kind"] == Kind.DETECTION)),
            of_truth=float(part.scores.leaves[i, place[truth]]) if truth in place else None,
        )
