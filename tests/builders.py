"""Small batches for tests, from literals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streamer.data.batch import AlertBatch
from streamer.data.photometry import BANDS, Kind
from streamer.data.ragged import Ragged, offsets_from_lengths

_DTYPES = {
    "epoch": np.float64,
    "band": np.int8,
    "flux": np.float32,
    "flux_err": np.float32,
    "total": np.float32,
    "kind": np.int8,
}


def alert_batch(
    light_curves: Sequence[Mapping[str, Any]],
    survey: str = "ztf",
    bands: Sequence[str] = ("g", "r", "i"),
    **overrides: Any,
) -> AlertBatch:
    """An AlertBatch with one alert for each light curve.

    Parameters
    ----------
    light_curves : sequence of mappings
        Columns ``epoch`` and ``flux`` and, if they matter, ``band`` (letters or codes; one value or one per point; default r),
        ``flux_err`` (default 10 nJy), ``total`` (default NaN) and ``kind`` (default detections). Points are sorted by epoch,
        band and kind. A light curve may be ``{}``: no points.
    survey, bands
        As in AlertBatch.
    **overrides
        Columns of AlertBatch instead of the defaults; ``context`` maps names to one value per alert. By default an alert is
        triggered by its last detection, or if there is none by its last point.
    """
    curves = [_columns(curve) for curve in light_curves]
    n = len(curves)
    flat = {name: np.concatenate([np.zeros(0, dtype), *(curve[name] for curve in curves)]) for name, dtype in _DTYPES.items()}
    triggers = [_trigger(curve) for curve in curves]
    number = np.arange(n, dtype=np.int64)
    columns: dict[str, Any] = {
        "row": number,
        "alert_id": number + 1_000,
        "object_id": np.array([f"OBJ{i}" for i in range(n)], dtype="S16"),
        "key": np.array([f"{survey.upper()}:OBJ{i}" for i in range(n)], dtype="S32"),
        "epoch": np.array([t["epoch"] for t in triggers], dtype=np.float64),
        "ra": np.full(n, 150.0),
        "dec": np.full(n, 2.0),
        "band": np.array([t["band"] for t in triggers], dtype=np.int8),
        "flux": np.array([t["flux"] for t in triggers], dtype=np.float32),
        "flux_err": np.array([t["flux_err"] for t in triggers], dtype=np.float32),
        "solar_system": np.zeros(n, dtype=np.bool_),
        "public": np.ones(n, dtype=np.bool_),
        "night": np.array([b"20260101"] * n, dtype="S8"),
        "withdrawn": np.zeros(n, dtype=np.int64),
        "context": {},
    }
    columns.update(overrides)
    columns["context"] = {name: np.asarray(values, dtype=np.float32) for name, values in columns["context"].items()}
    offsets = offsets_from_lengths(np.array([len(curve["epoch"]) for curve in curves], dtype=np.int64))
    return AlertBatch(survey=survey, bands=tuple(bands), light_curves=Ragged(offsets, flat), **columns)


def band_code(band: str | int) -> int:
    """Code of a band given by letter or by code."""
    return BANDS.index(band) if isinstance(band, str) else int(band)


def _columns(curve: Mapping[str, Any]) -> dict[str, Any]:
    n = len(curve.get("epoch", ()))
    band = curve.get("band", "r")
    bands = [band] * n if isinstance(band, int) or (isinstance(band, str) and len(band) == 1) else list(band)
    values = {
        "epoch": curve.get("epoch", ()),
        "band": [band_code(one) for one in bands],
        "flux": curve.get("flux", ()),
        "flux_err": curve.get("flux_err", 10.0),
        "total": curve.get("total", np.nan),
        "kind": curve.get("kind", int(Kind.DETECTION)),
    }
    table = {name: np.array(np.broadcast_to(np.asarray(value), n), dtype=_DTYPES[name]) for name, value in values.items()}
    order = np.lexsort((table["kind"], table["band"], table["epoch"]))
    return {name: column[order] for name, column in table.items()}


def _trigger(curve: Mapping[str, Any]) -> dict[str, Any]:
    if not len(curve["epoch"]):
        return {"epoch": 60_000.0, "band": BANDS.index("r"), "flux": np.nan, "flux_err": np.nan}
    detections = np.flatnonzero(curve["kind"] == Kind.DETECTION)
    last = detections[-1] if len(detections) else -1
    return {name: curve[name][last] for name in ("epoch", "band", "flux", "flux_err")}
