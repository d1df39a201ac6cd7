"""What a model bundle says of itself: ``manifest.json``.

A bundle is a folder of text: ``manifest.json`` with the checksums of the others, ``trees.txt.gz`` (LightGBM's text format),
``calibration.json``, perhaps ``novelty.json``, and ``card.md`` for people. Nothing in it is executed or unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from streamer.classify import taxonomy
from streamer.classify.taxonomy import Class
from streamer.errors import InvalidBundle

VIEWS = ("stream", "history")
"""What a model was trained to see of an object: the window that an alert packet carries, or everything up to an epoch."""

FORMAT = 1
"""Version of this layout; a reader refuses any other."""

MANIFEST, TREES, CALIBRATION, CARD = "manifest.json", "trees.txt.gz", "calibration.json", "card.md"
NOVELTY = "novelty.json"
_KNOWN = {cls.id: cls for cls in taxonomy.CLASSES if cls.id not in {taxonomy.ROOT.id, taxonomy.NOT_CLASSIFIED}}

BASES = ("REAL", "SIMULATED", "MIXED")
"""What a score may have been learned from."""

CHECKED = (CALIBRATION, CARD, TREES)
"""The files whose checksums the manifest holds."""

OPTIONAL = (NOVELTY,)
"""Files that a bundle may lack; the manifest holds their checksums if it does not."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """One set of labelled light curves that a model was trained on.

    Parameters
    ----------
    name : str
    source : str
        Where it is from.
    licence : str
        As stated there; ``none stated`` if it is not.
    citation : str
        What a user should cite.
    objects, examples : int
        How many objects, and how many rows were made of them.
    """

    name: str
    source: str
    licence: str
    citation: str
    objects: int
    examples: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The identity, inputs and provenance of a model. It holds no date, so that training twice gives the same bytes.

    Parameters
    ----------
    name, version : str
    survey : str
        The survey whose alerts it classifies.
    bands : tuple of str
        The bands whose features it may read.
    leaves : tuple of int
        Taxonomy ids of the classes it tells apart, in the order of the model's outputs.
    inputs : tuple of str
        Feature names, in the order of the model's columns.
    min_detections : int
        An alert with fewer detections is not classified; 0 for what has no detections to count.
    trees : int
        Number of trees, all classes and rounds.
    seed : int
    data_hash : str
        SHA-256 (hex) of the training data.
    training : tuple of TrainingSet
    needs_all_inputs : bool
        An alert of which an input is undefined is not classified: the model never saw such a one. Written only if true.
    period_budget : int or None
        Most points × frequencies of a period search that the model was trained with, and is served with; None, and then not
        written, for the features' own.
    view : ``stream`` or ``history``
        One of :data:`VIEWS`; the service has only the first to show. Written only if it is not ``stream``.
    needs : tuple of str
        Inputs without which an alert is not classified. Written only if there are some.
    score : str
        Name of the further score that the probability of the first leaf is, where the model answers another question than the class
        of an alert; empty for a classifier. Written only if there is one.
    basis : str
        What the model learned from: REAL, SIMULATED or MIXED. Written only if not REAL.
    metrics : mapping of str to float
        Headline figures on held-out objects.
    checksums : mapping of file name to SHA-256 (hex)
        Filled in when the bundle is written.
    """

    name: str
    version: str
    survey: str
    bands: tuple[str, ...]
    leaves: tuple[int, ...]
    inputs: tuple[str, ...]
    min_detections: int
    trees: int
    seed: int
    data_hash: str
    training: tuple[TrainingSet, ...]
    needs_all_inputs: bool = False
    period_budget: int | None = None
    view: str = "stream"
    needs: tuple[str, ...] = ()
    score: str = ""
    basis: str = "REAL"
    metrics: Mapping[str, float] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.classes()
        if not self.name or not self.version or not self.survey:
            raise InvalidBundle("manifest: name, version and survey must not be empty")
        if not self.inputs or len(set(self.inputs)) < len(self.inputs):
            raise InvalidBundle("manifest: inputs must be one or more different names")
        if self.min_detections < 0 or self.trees < 1:
            raise InvalidBundle("manifest: min_detections must be at least 0 and trees at least 1")
        if self.period_budget is not None and self.period_budget < 1:
            raise InvalidBundle(f"manifest: period_budget {self.period_budget} must be at least 1")
        if self.view not in VIEWS:
            raise InvalidBundle(f"manifest: view is {self.view!r:.80}, not one of {', '.join(VIEWS)}")
        if unknown := sorted(set(self.needs) - set(self.inputs)):
            raise InvalidBundle(f"manifest: needs {', '.join(unknown)}, which are no inputs")
        if self.basis not in BASES:
            raise InvalidBundle(f"manifest: basis {self.basis!r} is none of {', '.join(BASES)}")

    def classes(self) -> tuple[Class, ...]:
        """The leaves as classes; InvalidBundle if they are no two or more classes that exclude each other."""
        if unknown := [number for number in self.leaves if number not in _KNOWN]:
            raise InvalidBundle(f"manifest: {unknown} are no classes of the taxonomy, which are {sorted(_KNOWN)}")
        classes = tuple(_KNOWN[number] for number in self.leaves)
        if not taxonomy.can_answer_together(classes):
            raise InvalidBundle(f"manifest: leaves {list(self.leaves)} must be two or more different classes, none above another")
        return classes

    @property
    def feature_set(self) -> str:
        """First 16 hex digits of the SHA-256 of the inputs, one a line."""
        return feature_set_of(self.inputs)

    def to_json(self) -> bytes:
        """The manifest's file; the same manifest always gives the same bytes."""
        tree: dict[str, Any] = {"format": FORMAT, "feature_set": self.feature_set}
        for entry in fields(self):
            value = getattr(self, entry.name)
            tree[entry.name] = dict(sorted(value.items())) if isinstance(value, Mapping) else value
        if not self.needs_all_inputs:
            del tree["needs_all_inputs"]
        if self.period_budget is None:
            del tree["period_budget"]
        if self.view == "stream":
            del tree["view"]
        if not self.needs:
            del tree["needs"]
        if not self.score:
            del tree["score"]
        if self.basis == "REAL":
            del tree["basis"]
        tree["training"] = [{entry.name: getattr(part, entry.name) for entry in fields(part)} for part in self.training]
        return (json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()

    @classmethod
    def of_json(cls, raw: bytes) -> Manifest:
        """The manifest written in `raw`; InvalidBundle, naming the entry, if something is missing or wrong."""
        tree = json_object(raw, MANIFEST)
        if (version := tree.get("format")) != FORMAT:
            raise InvalidBundle(f"{MANIFEST}: format {version!r} is not {FORMAT}")
        manifest = cls(
            name=_entry(tree, "name", str),
            version=_entry(tree, "version", str),
            survey=_entry(tree, "survey", str),
            bands=_tuple(tree, "bands", str),
            inputs=_tuple(tree, "inputs", str),
            min_detections=_entry(tree, "min_detections", int),
            trees=_entry(tree, "trees", int),
            seed=_entry(tree, "seed", int),
            data_hash=_entry(tree, "data_hash", str),
            leaves=_tuple(tree, "leaves", int),
            training=tuple(_training_set(part) for part in _tuple(tree, "training", dict)),
            needs_all_inputs=_flag(tree, "needs_all_inputs"),
            period_budget=_entry(tree, "period_budget", int) if "period_budget" in tree else None,
            view=_entry({"view": "stream", **tree}, "view", str),
            needs=_tuple({"needs": [], **tree}, "needs", str),
            score=_entry({"score": "", **tree}, "score", str),
            basis=_entry({"basis": "REAL", **tree}, "basis", str),
            metrics={name: float(value) for name, value in _mapping(tree, "metrics", (int, float)).items()},
            checksums=_mapping(tree, "checksums", str),
        )
        if (stated := tree.get("feature_set")) != manifest.feature_set:
            raise InvalidBundle(f"{MANIFEST}: feature_set {stated!r} is not that of the inputs, {manifest.feature_set}")
        return manifest


def bundle_checksum(files: Mapping[str, bytes]) -> str:
    """SHA-256 (hex) over the names and contents of a bundle's files."""
    digest = hashlib.sha256()
    for name in sorted((MANIFEST, *CHECKED, *(name for name in OPTIONAL if name in files))):
        digest.update(f"{name} {hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return digest.hexdigest()


def read_manifest(files: Mapping[str, bytes]) -> Manifest:
    """The manifest of a bundle whose files are all there and have the checksums it states; else InvalidBundle."""
    if missing := [name for name in (MANIFEST, *CHECKED) if name not in files]:
        raise InvalidBundle(f"the bundle lacks {', '.join(missing)}")
    manifest = Manifest.of_json(files[MANIFEST])
    for name in (*CHECKED, *OPTIONAL):
        if name in OPTIONAL and name not in files and name not in manifest.checksums:
            continue
        if name not in files:
            raise InvalidBundle(f"the bundle lacks {name}, which its manifest names")
        found = hashlib.sha256(files[name]).hexdigest()
        if (stated := manifest.checksums.get(name)) != found:
            raise InvalidBundle(
                f"{name}: damaged or changed: its SHA-256 is {found}, the manifest of {manifest.name} says {stated}"
            )
    return manifest


def feature_set_of(inputs: Sequence[str]) -> str:
    """First 16 hex digits of the SHA-256 of feature names, one a line."""
    return hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:16]


def json_object(raw: bytes, file: str) -> dict[str, Any]:
    """The JSON object in `raw`; InvalidBundle, naming the file, if it is none."""
    try:
        tree = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidBundle(f"{file}: not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise InvalidBundle(f"{file}: not a JSON object")
    return tree


def _entry(tree: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    if name not in tree:
        raise InvalidBundle(f"{MANIFEST}: {name} is missing")
    value = tree[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidBundle(f"{MANIFEST}: {name} is {value!r:.80}, which is of the wrong type")
    return value


def _flag(tree: Mapping[str, Any], name: str) -> bool:
    if not isinstance(value := tree.get(name, False), bool):
        raise InvalidBundle(f"{MANIFEST}: {name} is {value!r:.80}, which is of the wrong type")
    return value


def _tuple(tree: Mapping[str, Any], name: str, kind: type) -> tuple[Any, ...]:
    return tuple(_entry({name: value}, name, kind) for value in _entry(tree, name, list))


def _mapping(tree: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> dict[str, Any]:
    return {key: _entry({name: value}, name, kind) for key, value in _entry(tree, name, dict).items()}


def _training_set(tree: Mapping[str, Any]) -> TrainingSet:
    return TrainingSet(
        **{name: _entry(tree, name, str) for name in ("name", "source", "licence", "citation")},
        **{name: _entry(tree, name, int) for name in ("objects", "examples")},
    )
