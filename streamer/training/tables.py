"""The light-curve table on disk: a folder in which all training data, ours and a user's, look the same.

``points.parquet``
    ``object_id`` (text), ``epoch`` (MJD TAI), ``band`` (text), ``flux`` and ``flux_err`` (nJy, difference flux), ``kind``
    (``detection``, ``forced``, ``limit``), and, where they are known, ``total`` (nJy, with the reference) and ``complete`` (whether
    all that an alert packet at that epoch would carry is here). ``flux`` of a limit is null, its ``flux_err`` the one-sigma depth.
``labels.parquet``
    ``object_id``, ``label`` (a leaf of the taxonomy; null: none), ``group``, ``provenance``, and, where they are known,
    ``original`` (the label as the set writes it), ``source``, ``part`` (train, validation, calibration, test), ``ra`` and ``dec``
    (degrees ICRS, which no model reads). May be absent.
``context.parquet``
    ``object_id``, ``epoch``, and a column for each name. May be absent.
``survey.toml``, ``table.json``
    The survey's bands, and what :func:`write_table` counted, with a hash of the content. A user's folder may lack both.

What is read is always checked in full; a CSV with the same columns may stand for a Parquet file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from streamer.classify import taxonomy
from streamer.data.arrays import Bools, Column, Float64s, Int64s
from streamer.data.photometry import Kind, codes_of_bands
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.errors import InvalidData
from streamer.training import survey_file
from streamer.training.datasets import PER_OBJECT, Dropped, LightCurves, Names, Origin
from streamer.training.folders import written
from streamer.training.sources.columns import positions, read_table, require
from streamer.training.split import Part
from streamer.training.survey_file import SurveyFile

FORMAT = 1
POINTS, LABELS, CONTEXT, TABLE = "points", "labels", "context", "table.json"
EARLIEST, LATEST = 20_000.0, 100_000.0
"""MJD, 1913 to 2132: what lies outside is no MJD (a JD, seconds, or days since something else)."""
UNLICENSED = "unlicensed"
KINDS = {kind.name.lower(): int(kind) for kind in Kind}


@dataclass(frozen=True, slots=True)
class _Coded:
    """A column of text: each different one once (`names`), and which of them each row has."""

    code: Int64s
    names: Names

    @property
    def texts(self) -> Names:
        """str[n], the text of each row."""
        return self.names[self.code]

    def looked_up(self, table: Mapping[str, int]) -> Int64s:
        """int64[n], the number of each row's text; −1 where the table has none."""
        return np.array([table.get(name, -1) for name in self.names.tolist()], dtype=np.int64)[self.code]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What stands in ``table.json``, read back."""

    content: str
    origins: tuple[Origin, ...]
    dropped: tuple[Dropped, ...]


def is_table(folder: Path) -> bool:
    """Whether the folder holds a light-curve table."""
    return any((folder / f"{POINTS}{suffix}").is_file() for suffix in (".parquet", ".csv"))


def write_table(table: LightCurves, survey: SurveyFile, folder: Path) -> str:
    """Write the table, of one set or of several, to its folder, in one step; the hash of its content."""
    files = {f"{POINTS}.parquet": _parquet(_point_columns(table)), f"{LABELS}.parquet": _parquet(_label_columns(table))}
    files[f"{CONTEXT}.parquet"] = _parquet(_context_columns(table))
    files[survey_file.FILE] = _survey_text(survey).encode()
    content = table.digest()
    facts = {
        "format": FORMAT,
        "survey": table.survey,
        "content": content,
        "objects": len(table),
        "points": int(table.curves.offsets[-1]),
        "labelled": int((table.label != "").sum()),
        "dropped": [asdict(entry) for entry in table.dropped],
        "origins": [asdict(origin) for origin in table.origins],
    }
    files[TABLE] = (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode()
    written(files, folder)
    return content


def read_light_curves(folder: Path, survey: SurveyFile | None = None) -> LightCurves:
    """The light curves of a folder, checked; rows may be in any order.

    Parameters
    ----------
    folder : Path
    survey : SurveyFile or None
        The bands; None: the folder's own ``survey.toml``, or, without one, LSST's bands in nJy.

    Raises
    ------
    InvalidData, InvalidConfig
        Naming file, row and column: for unknown bands, errors that are not positive, two points of one object with the same epoch,
        band and kind, epochs that are no MJD, labels of objects without points or that are no leaves, a group in two parts, and for
        a prepared table that was changed since.
    """
    if survey is None:
        own = folder / survey_file.FILE
        survey = survey_file.read_survey(own) if own.is_file() else survey_file.DEFAULT
    bands = tuple(band.name for band in survey.blue_to_red)
    path, points = _table(folder, POINTS, ("object_id", "epoch", "band", "flux", "flux_err", "kind"))
    owner = _coded(path, points, "object_id")
    columns = _checked(path, points, survey)
    labels_path, labels = _labels(folder, owner)
    object_id = _texts(labels_path, labels, "object_id")
    curves = _curves(path, object_id, owner, columns)
    group = _texts(labels_path, labels, "group")
    part, source = _texts(labels_path, labels, "part"), _texts(labels_path, labels, "source")
    _check_labels(labels_path, labels, curves, group, part)
    facts = _prepared(folder)
    table = LightCurves(
        survey=survey.name,
        bands=bands,
        object_id=object_id,
        label=_texts(labels_path, labels, "label"),
        original=_texts(labels_path, labels, "original"),
        group=np.where(group == "", object_id, group),
        provenance=_texts(labels_path, labels, "provenance"),
        source=np.where(source == "", folder.name, source),
        part=part,
        curves=curves,
        context=_context(folder, object_id),
        unlicensed=_unlicensed(labels_path, labels),
        position=positions(labels_path, labels),
        dropped=() if facts is None else facts.dropped,
        origins=(own_origin(folder.name),) if facts is None else facts.origins,
    )
    if facts is not None and table.digest() != facts.content:
        raise InvalidData(
            f"{folder}: its content is not what {TABLE} says: changed or damaged since it was prepared; prepare it again"
        )
    return table


def own_origin(name: str) -> Origin:
    """What is known of a user's own light curves."""
    return Origin(
        name=name,
        what="light curves of the person who trained the model",
        source="a table of their own",
        licence="not stated",
        states_licence=False,
        citation="not stated",
        nature="real",
        whole="all, as the table says nothing else",
    )


def _table(folder: Path, name: str, columns: Sequence[str]) -> tuple[Path, pd.DataFrame]:
    """The Parquet file of that name, else the CSV, with all its columns; those named must be there."""
    if folder.is_file():
        raise InvalidData(f"{folder}: a table is a folder with {POINTS}.parquet or {POINTS}.csv in it: give the folder")
    path = next((path for suffix in (".parquet", ".csv") if (path := folder / f"{name}{suffix}").is_file()), None)
    if path is None:
        raise InvalidData(f"{folder}: no {name}.parquet or {name}.csv in it")
    return path, read_table(path, columns, texts=("object_id", "group", "label", "band"), others=True)


def _coded(path: Path, table: pd.DataFrame, name: str) -> _Coded:
    """A column of text; empty where null or where the column is absent. An object must have a name."""
    if name not in table.columns:
        return _Coded(np.zeros(len(table), dtype=np.int64), np.array([""]))
    column = table[name].astype("category")
    coded = _Coded(column.cat.codes.to_numpy(dtype=np.int64), np.array([*map(str, column.cat.categories), ""]))  # code −1 is null
    if name == "object_id":
        require(path, name, (coded.names != "")[coded.code], "is empty", table[name].to_numpy())
    return coded


def _texts(path: Path, table: pd.DataFrame, name: str) -> Names:
    """str[n], the same column row by row."""
    return _coded(path, table, name).texts


def _checked(path: Path, points: pd.DataFrame, survey: SurveyFile) -> dict[str, Column]:
    """The columns of the points in our units; InvalidData naming the first row that cannot be."""
    bands = survey.blue_to_red
    names = [band.name for band in bands]
    hint = f"is no band of survey {survey.name}, which has {' '.join(names)}; describe others in a survey file"
    band = _known(path, points, "band", {name: place for place, name in enumerate(names)}, hint)
    kinds = _known(path, points, "kind", KINDS, f"is not one of {', '.join(KINDS)}").astype(np.int8)
    scale = np.array([one.njy for one in bands])[band]
    epoch, flux, error, total = (_floats(points, name) for name in ("epoch", "flux", "flux_err", "total"))
    require(
        path,
        "epoch",
        (epoch > EARLIEST) & (epoch < LATEST),
        f"is no MJD between {EARLIEST:g} and {LATEST:g}",
        _typed(points, "epoch"),
    )
    require(path, "flux", np.isfinite(flux) | (kinds == Kind.LIMIT), "is not a finite number", _typed(points, "flux"))
    require(path, "flux_err", np.isfinite(error) & (error > 0), "is not a positive number", _typed(points, "flux_err"))
    complete = points["complete"].to_numpy(dtype=np.bool_) if "complete" in points.columns else np.ones(len(points), dtype=np.bool_)
    with np.errstate(over="ignore"):
        fluxes = {
            "flux": np.where(kinds == Kind.LIMIT, np.nan, flux * scale).astype(np.float32),
            "flux_err": (error * scale).astype(np.float32),
            "total": (total * scale).astype(np.float32),
        }
    codes = np.array(codes_of_bands(names), dtype=np.int8)
    return {"epoch": epoch, "band": codes[band], **fluxes, "kind": kinds, "complete": complete}


def _known(path: Path, table: pd.DataFrame, name: str, numbers: Mapping[str, int], problem: str) -> Int64s:
    """int64[n], the number of each row's text; InvalidData naming the first row whose text has none."""
    coded = _coded(path, table, name)
    found = coded.looked_up(numbers)
    if (found < 0).any():
        require(path, name, found >= 0, problem, coded.texts)
    return found


def _floats(table: pd.DataFrame, name: str) -> Float64s:
    """float64 column; NaN where it is absent or no number."""
    if name not in table.columns:
        return np.full(len(table), np.nan)
    values: Float64s = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    return values


def _typed(table: pd.DataFrame, name: str) -> Column:
    """What stands in the column, text where it is no number: what a message must show."""
    values: Column = table[name].to_numpy()
    return values


def _curves(path: Path, object_id: Names, owner: _Coded, points: Mapping[str, Column]) -> Ragged:
    """The points of each object by epoch, band and kind; InvalidData naming two rows that have the same three."""
    row = owner.looked_up({name: row for row, name in enumerate(object_id.tolist())})
    order = np.lexsort((points["kind"], points["band"], points["epoch"], row))
    keys = [row[order], *(points[name][order] for name in ("epoch", "band", "kind"))]
    same = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    if same.any():
        pairs = int(same.sum())
        such = f"{pairs:,} such pairs" if pairs > 1 else "the only such pair"
        first, second = sorted((order[:-1][same][0] + 1, order[1:][same][0] + 1))
        raise InvalidData(
            f"{path}: rows {first} and {second}, columns epoch, band, kind: {owner.texts[second - 1]} has two points of the same "
            f"kind at {points['epoch'][second - 1]} in one band ({such}); combine them or take one out"
        )
    counts = np.bincount(row, minlength=len(object_id))
    return Ragged(offsets_from_lengths(counts), {name: column[order] for name, column in points.items()})


def _labels(folder: Path, owner: _Coded) -> tuple[Path, pd.DataFrame]:
    """The label table, with a row without label for each object that it lacks; those rows come last, in order of name."""
    if any((folder / f"{LABELS}{suffix}").is_file() for suffix in (".parquet", ".csv")):
        path, labels = _table(folder, LABELS, ("object_id",))
    else:
        path, labels = folder / f"{LABELS}.parquet", pd.DataFrame({"object_id": pd.Series(dtype=str)})
    named = _texts(path, labels, "object_id")
    first = pd.Series(named).duplicated().to_numpy()
    require(path, "object_id", ~first, "is there twice", named)
    others = np.setdiff1d(owner.names[np.unique(owner.code)], named)
    return path, pd.concat([labels, pd.DataFrame({"object_id": others})], ignore_index=True) if len(others) else labels


def _unlicensed(path: Path, labels: pd.DataFrame) -> Bools | None:
    """bool[n], the column of that name; False where it is empty, None where it is absent."""
    if UNLICENSED not in labels.columns:
        return None
    column = labels[UNLICENSED].astype(object)
    truth = np.array([value is True or str(value).lower() == "true" for value in column.tolist()], dtype=np.bool_)
    false = column.isna().to_numpy() | np.array([str(value).lower() == "false" for value in column.tolist()], dtype=np.bool_)
    require(path, UNLICENSED, truth | false, "is neither true nor false", column.to_numpy())
    return truth


def _check_labels(path: Path, labels: pd.DataFrame, curves: Ragged, group: Names, part: Names) -> None:
    """InvalidData for a label that is no leaf, an object without points, an unknown part, a group in two parts."""
    names = _texts(path, labels, "object_id")
    require(path, "object_id", curves.lengths > 0, "has no light curve", names)
    leaves = [leaf.name for leaf in taxonomy.LEAVES]
    label = _texts(path, labels, "label")
    require(path, "label", np.isin(label, [*leaves, ""]), f"is no leaf of the taxonomy, which are {', '.join(leaves)}", label)
    parts = [one.value for one in Part]
    require(path, "part", np.isin(part, [*parts, ""]), f"is not one of {', '.join(parts)}", part)
    first: dict[str, int] = {}
    for row, (name, kept) in enumerate(zip(np.where(group == "", names, group).tolist(), part.tolist(), strict=True)):
        other = first.setdefault(name, row)
        if part[other] != kept:
            raise InvalidData(
                f"{path}: rows {other + 1} and {row + 1}, column part: group {name!r} is in two parts, {str(part[other])!r} and "
                f"{kept!r}; what belongs together must be on one side"
            )


def _context(folder: Path, object_id: Names) -> Ragged | None:
    if not any((folder / f"{CONTEXT}{suffix}").is_file() for suffix in (".parquet", ".csv")):
        return None
    path, table = _table(folder, CONTEXT, ("object_id", "epoch"))
    if not len(table):
        return None
    row = _known(path, table, "object_id", {name: row for row, name in enumerate(object_id.tolist())}, "has no light curve")
    epoch = _floats(table, "epoch")
    require(path, "epoch", (epoch > EARLIEST) & (epoch < LATEST), f"is no MJD between {EARLIEST:g} and {LATEST:g}", epoch)
    order = np.lexsort((epoch, row))
    names = [name for name in table.columns if name not in {"object_id", "epoch"}]
    columns: dict[str, Column] = {"epoch": epoch[order], **{name: _floats(table, name)[order].astype(np.float32) for name in names}}
    return Ragged(offsets_from_lengths(np.bincount(row, minlength=len(object_id))), columns)


def _prepared(folder: Path) -> Prepared | None:
    path = folder / TABLE
    if not path.is_file():
        return None
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise InvalidData(f"{path}: format {facts['format']!r} is not {FORMAT}; prepare the table again")
        origins = tuple(Origin(**entry) for entry in facts["origins"])
        return Prepared(facts["content"], origins, tuple(Dropped(**entry) for entry in facts["dropped"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidData(f"{path}: not as it was written: {error!r}; prepare the table again") from error


def _parquet(columns: Mapping[str, pa.Array[Any]]) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), buffer, compression="zstd")
    return bytes(buffer.getvalue().to_pybytes())


def _point_columns(table: LightCurves) -> dict[str, pa.Array[Any]]:
    curves = table.curves
    names = dict(zip(codes_of_bands(table.bands), table.bands, strict=True))
    band = np.array([names.get(code, "") for code in range(max(names) + 1)])[curves["band"]]
    kind = np.array([kind.name.lower() for kind in Kind])[curves["kind"]]
    return {
        "object_id": _dictionary(table.object_id[curves.rows]),
        "epoch": pa.array(curves["epoch"]),
        "band": _dictionary(band),
        **{name: _nullable(curves[name]) for name in ("flux", "flux_err", "total")},
        "kind": _dictionary(kind),
        "complete": pa.array(curves["complete"]),
    }


def _label_columns(table: LightCurves) -> dict[str, pa.Array[Any]]:
    columns: dict[str, pa.Array[Any]] = {
        name: pa.array([text or None for text in getattr(table, name).tolist()], type=pa.string()) for name in PER_OBJECT
    }
    if table.unlicensed is not None:
        columns[UNLICENSED] = pa.array(table.unlicensed)
    if table.position is not None:
        columns |= {"ra": _nullable(table.position[:, 0]), "dec": _nullable(table.position[:, 1])}
    return columns


def _context_columns(table: LightCurves) -> dict[str, pa.Array[Any]]:
    context = table.context
    if context is None:
        return {"object_id": pa.array([], type=pa.string()), "epoch": pa.array([], type=pa.float64())}
    named = {name: _nullable(column) for name, column in context.columns.items() if name != "epoch"}
    return {"object_id": _dictionary(table.object_id[context.rows]), "epoch": pa.array(context["epoch"]), **named}


def _dictionary(texts: Names) -> pa.Array[Any]:
    unique, inverse = np.unique(texts, return_inverse=True)
    return pa.DictionaryArray.from_arrays(inverse.astype(np.int32), pa.array(unique.tolist(), type=pa.string()))


def _nullable(values: Column) -> pa.Array[Any]:
    """The values, null where they are NaN."""
    missing: Bools = np.isnan(values)
    return pa.array(values, mask=missing)


def _survey_text(survey: SurveyFile) -> str:
    bands = "".join(f'\n[[bands]]\nname = "{band.name}"\nwavelength = {band.wavelength!r}\n' for band in survey.blue_to_red)
    return f'name = "{survey.name}"\n{bands}'
