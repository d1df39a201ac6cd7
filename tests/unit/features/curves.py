"""Light curves for the feature tests, and the slow way to look at them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from streamer.data.batch import AlertBatch
from streamer.data.photometry import BANDS, Kind
from streamer.features.feature import Family
from tests.builders import alert_batch

Point = tuple[float, float, float, float]
"""Time (d, relative to the alert), flux, error, total flux."""
Oracle = Callable[[Sequence[Point]], float]

NAN = math.nan


@st.composite
def light_curves(
    draw: st.DrawFn, *, max_size: int = 24, bands: Sequence[str] = ("g", "r"), kinds: Sequence[int] = (0,), broken: bool = False
) -> dict[str, Any]:
    """A light curve; with `broken`, some fluxes, errors and epochs are NaN or infinite."""
    n = draw(st.integers(0, max_size))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    curve: dict[str, Any] = {
        # a grid of 2⁻¹³ d, on which differences of epochs are exact
        "epoch": 60_000.0 + np.round(np.sort(rng.uniform(0.0, draw(st.sampled_from([0.3, 5.0, 60.0])), n)) * 8192) / 8192,
        "band": list(rng.choice(list(bands), n)),
        "flux": rng.normal(draw(st.sampled_from([0.0, 500.0, -300.0])), draw(st.sampled_from([0.0, 20.0, 400.0])), n),
        "flux_err": rng.uniform(5.0, 50.0, n),
        "total": np.where(rng.random(n) < 0.2, np.nan, rng.normal(2000.0, 300.0, n)),
        "kind": rng.choice(list(kinds), n),
    }
    curve["flux"][curve["kind"] == Kind.LIMIT] = np.nan
    if broken:
        for name in ("epoch", "flux", "flux_err", "total"):
            bad = rng.choice([np.nan, np.inf, -np.inf, 0.0, -1.0], n)
            curve[name] = np.where(rng.random(n) < 0.15, bad, curve[name])
    keep = np.unique(
        [f"{e}{b}{k}" for e, b, k in zip(curve["epoch"], curve["band"], curve["kind"], strict=True)], return_index=True
    )[1]
    keep.sort()
    return {name: [values[i] for i in keep] for name, values in curve.items()}


def values(family: Family, alerts: AlertBatch) -> list[dict[str, float]]:
    """What the family gives, by name, for each alert."""
    names = [feature.name for feature in family.outputs(alerts.bands)]
    return [dict(zip(names, row.tolist(), strict=True)) for row in family.compute(alerts)]


def points(alerts: AlertBatch, i: int, kind: Kind = Kind.DETECTION, band: str | None = None) -> list[Point]:
    """The points of alert i that count, found in plain Python."""
    row = alerts.light_curves.row(i)
    found = []
    for p in range(len(row["epoch"])):
        epoch, flux, error = float(row["epoch"][p]), float(row["flux"][p]), float(row["flux_err"][p])
        code = int(row["band"][p])
        known = 0 <= code < len(BANDS) and BANDS[code] in alerts.bands
        if row["kind"][p] != kind or not known or (band is not None and BANDS[code] != band):
            continue
        if not math.isfinite(epoch - float(alerts.epoch[i])) or epoch > alerts.epoch[i] or not math.isfinite(error) or error <= 0:
            continue
        if kind != Kind.LIMIT and not math.isfinite(flux):
            continue
        total = float(row["total"][p])
        found.append((epoch - float(alerts.epoch[i]), flux, error, total if math.isfinite(total) else NAN))
    return found


def band_of_points(alerts: AlertBatch, i: int, kind: Kind = Kind.DETECTION) -> list[str]:
    """The band of each of :func:`points` with all bands."""
    row = alerts.light_curves.row(i)
    labelled = sorted((p[0], b) for b in alerts.bands for p in points(alerts, i, kind, b))
    assert len(labelled) <= len(row["epoch"])
    return [band for _, band in labelled]


def assert_close(found: float, expected: float, name: str, rel: float = 2e-5, absolute: float = 1e-6) -> None:
    """Equal to float32 precision, NaN equal to NaN."""
    if math.isnan(expected):
        assert math.isnan(found), f"{name}: {found} instead of undefined"
    else:
        assert math.isclose(found, expected, rel_tol=rel, abs_tol=absolute), f"{name}: {found} instead of {expected}"


def scaled(curve: dict[str, Any], factor: float) -> dict[str, Any]:
    """The light curve with every flux and error multiplied."""
    return {**curve, **{name: [value * factor for value in curve[name]] for name in ("flux", "flux_err", "total")}}


def batch(curve: dict[str, Any]) -> AlertBatch:
    """A batch of one alert."""
    return alert_batch([curve])
