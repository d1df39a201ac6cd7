"""Re-observation: what our survey would have sent of the stars and transients of another.

A template (the shape of another survey's light curve) is looked at with the visits of a donor (a real light curve of ours): its
epochs, bands and errors. What is seen is the difference to the template's median, with noise; what does not reach the survey's
threshold becomes what the survey makes of it, a limit (ZTF) or a forced measurement (LSST). A star takes the brightness of the
source on which its donor was found, a transient that of its donor's peak, so that errors fit fluxes. As in a stream, an object is
there only if it raised an alert: the template is placed at random times until one of the donor's known windows ends with a
detection. Everything depends on the seed and on the objects' names alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from streamer.data.arrays import Column, Float64s, Int64s
from streamer.data.photometry import Kind, codes_of_bands
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.errors import InvalidConfig
from streamer.training.datasets import Dropped, LightCurves
from streamer.training.labels import Provenance
from streamer.training.reobservation.donors import Donors, Visits
from streamer.training.reobservation.nature import NATURES
from streamer.training.reobservation.templates import Star, Template, Transient, scatter_of, templates_of
from streamer.training.sources.filters import FILTERS
from streamer.training.split import random_number

THRESHOLD = 5.0
"""Sigmas from which a difference is a detection, in both surveys."""
BELOW = {"ztf": Kind.LIMIT, "lsst": Kind.FORCED}
"""What becomes of a visit that finds nothing, by survey."""
TRIES = 25
"""Times at which a template is placed before it is given up."""
_NEAR_PEAK = 15.0  # d by which a transient's peak may lie from its donor's


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be re-observed.

    Parameters
    ----------
    classes : tuple of str
        Leaves of the taxonomy that :data:`NATURES` knows.
    per_class : int
        Light curves of each; where there are fewer templates, each is looked at several times with different donors.
    seed : int
    """

    classes: tuple[str, ...]
    per_class: int
    seed: int

    def __post_init__(self) -> None:
        if unknown := [name for name in self.classes if name not in NATURES]:
            raise InvalidConfig(f"{unknown} cannot be re-observed; there are {list(NATURES)}")


def reobserved(templates: LightCurves, slice_number: Int64s, donors: Donors, wanted: Wanted) -> LightCurves:
    """Light curves of the donors' survey with the shapes of `templates`.

    Parameters
    ----------
    templates : LightCurves
        Of another survey, or of several joined that have the same bands.
    slice_number : int64[n]
        Which slice of the data each template is in: its donors are of the same.
    donors : Donors
    wanted : Wanted

    Returns
    -------
    LightCurves
        Groups, labels and sets are the templates'; templates without shape or alert are counted as dropped.
    """
    survey, bands = donors.table.survey, donors.table.bands
    if survey not in BELOW:
        raise InvalidConfig(f"nothing can be re-observed with {survey}; there are {list(BELOW)}")
    chosen, repeats = _chosen(templates, wanted)
    used = np.unique(chosen)
    shapes: dict[int, Template | None] = dict(zip(used.tolist(), templates_of(templates.take(used), bands), strict=True))
    kept, seen, failures = [], [], {"no shape could be found": 0, "no alert in any of the donors' windows": 0}
    for row, repeat in zip(chosen.tolist(), repeats.tolist(), strict=True):
        template = shapes[row]
        if template is None:
            failures["no shape could be found"] += repeat == 0
            continue
        rng = np.random.default_rng(random_number(wanted.seed, f"{templates.object_id[row]} {repeat}"))
        found = _seen(template, donors, int(slice_number[row]), rng)
        if found is None:
            failures["no alert in any of the donors' windows"] += 1
            continue
        kept.append((row, f"{templates.object_id[row]}.{repeat + 1}"))
        seen.append(found)
    return _table(templates, donors.table, kept, seen, failures)


def _chosen(templates: LightCurves, wanted: Wanted) -> tuple[Int64s, Int64s]:
    """Rows of the templates, each with how often it was chosen before."""
    rows, repeats = [], []
    for name in wanted.classes:
        of_class = np.flatnonzero(templates.label == name).tolist()
        of_class.sort(key=lambda row: random_number(wanted.seed, str(templates.object_id[row])))
        for k in range(wanted.per_class if of_class else 0):
            rows.append(of_class[k % len(of_class)])
            repeats.append(k // len(of_class))
    return np.array(rows, dtype=np.int64), np.array(repeats, dtype=np.int64)


def _seen(template: Template, donors: Donors, slice_number: int, rng: np.random.Generator) -> dict[str, Column] | None:
    """The points of a template with the visits of a random donor of the slice; None if it never raised an alert there."""
    able = donors.rows(slice_number, isinstance(template, Transient))
    if not len(able):
        return None
    scatter = scatter_of(rng)
    for _ in range(TRIES):
        visits = donors.visits(int(rng.choice(able)), rng)
        still, light = (
            _star_light(template, visits, donors.table.bands, scatter, rng)
            if isinstance(template, Star)
            else _transient_light(template, visits, rng)
        )
        points = observed(visits, light, still, donors.table.survey, rng)
        if (points["complete"] & (points["kind"] == Kind.DETECTION)).any():
            return points
    return None


def observed(
    visits: Visits, light: Float64s, still: Float64s, survey: str, rng: np.random.Generator, noise: float = 1.0
) -> dict[str, Column]:
    """The points that a survey makes of its visits.

    Parameters
    ----------
    visits : Visits
    light : float64[n], nJy
        Difference flux at each visit; NaN where it is not known: there is no point then.
    still : float64[n], nJy
        Flux of the source in the reference; NaN where there is none.
    survey : str
        ``ztf`` or ``lsst``.
    rng : numpy.random.Generator
    noise : float
        In units of the visits' errors; 0 shows the template as it is.
    """
    error = visits.error(light)
    flux = light + noise * error * rng.standard_normal(len(light))
    found = np.abs(flux) >= THRESHOLD * error
    below = BELOW[survey]
    shown = np.where(found | (below == Kind.FORCED), flux, np.nan)
    known = np.isfinite(light)
    columns: dict[str, Column] = {
        "epoch": visits.epoch,
        "band": visits.band,
        "flux": shown.astype(np.float32),
        "flux_err": np.where(found | (below == Kind.FORCED), error, visits.depth).astype(np.float32),
        "total": (shown + still).astype(np.float32),
        "kind": np.where(found, Kind.DETECTION, below).astype(np.int8),
        "complete": visits.complete,
    }
    return {name: column[known] for name, column in columns.items()}


def _star_light(
    star: Star, visits: Visits, bands: Sequence[str], scatter: float, rng: np.random.Generator
) -> tuple[Float64s, Float64s]:
    """Reference and difference flux at each visit, with the template at a random time.

    A periodic star at a random phase; another star with the donor's last visit at a random time of the template's.
    """
    last = float(visits.epoch[-1])
    span = last - float(visits.epoch[0])
    start = star.start + min(span, (star.end - star.start) / 2) if star.nature.way == "smooth" else star.start
    epoch = visits.epoch - last + rng.uniform(start, star.end)
    still, light = np.full(len(epoch), np.nan), np.full(len(epoch), np.nan)
    anchor = _anchor(star, visits, bands)
    for code, name in zip(codes_of_bands(bands), bands, strict=True):
        here = visits.band == code
        wavelength = FILTERS[name].wavelength
        reference = anchor[0] * star.colour(wavelength, anchor[1], scatter)
        still[here] = reference
        light[here] = reference * (star.at(epoch[here], wavelength, scatter) - 1.0)
    return still, light


def _anchor(star: Star, visits: Visits, bands: Sequence[str]) -> tuple[float, float]:
    """Reference flux (nJy) and the wavelength (nm) at which it is: that of the donor's source, else the template's own."""
    for code, name in reversed(tuple(zip(codes_of_bands(bands), bands, strict=True))):
        if code in visits.reference:
            return visits.reference[code], FILTERS[name].wavelength
    return star.reference, star.wavelength


def _transient_light(transient: Transient, visits: Visits, rng: np.random.Generator) -> tuple[Float64s, Float64s]:
    """No reference, and the flux at each visit: the template's peak as bright as the donor's, and near it in time."""
    nothing = np.full(len(visits.epoch), np.nan)
    common = [code for code in visits.peak if code in transient.peak]
    if not common:
        return nothing, nothing
    band = max(common, key=lambda code: visits.peak[code][0])
    flux, when = visits.peak[band]
    epoch = visits.epoch - when + transient.peak_epoch[band] + rng.uniform(-_NEAR_PEAK, _NEAR_PEAK)
    light = nothing.copy()
    for code, shape in transient.shapes.items():
        here = visits.band == code
        light[here] = shape.at(epoch[here]) * flux / transient.peak[band]
    return nothing, light


def _table(
    templates: LightCurves,
    donors: LightCurves,
    kept: Sequence[tuple[int, str]],
    seen: Sequence[dict[str, Column]],
    failures: dict[str, int],
) -> LightCurves:
    rows = np.array([row for row, _ in kept], dtype=np.int64)
    taken = templates.take(rows)
    columns = {
        name: np.concatenate([points[name] for points in seen]) if seen else donors.curves[name][:0]
        for name in ("epoch", "band", "flux", "flux_err", "total", "kind", "complete")
    }
    curves = Ragged(offsets_from_lengths(np.array([len(points["epoch"]) for points in seen], dtype=np.int64)), columns)
    name = templates.origins[0].name if templates.origins else ""
    return replace(
        taken,
        survey=donors.survey,
        bands=donors.bands,
        object_id=np.array([identifier for _, identifier in kept], dtype=np.str_),
        provenance=np.full(len(rows), Provenance.REOBSERVED.value),
        curves=curves,
        context=None,
        dropped=tuple(Dropped(name, "re-observations", reason, count) for reason, count in failures.items() if count),
        origins=tuple(
            replace(
                origin,
                what=f"{origin.what}; RE-OBSERVED with the visits of real light curves of {donors.survey}",
                nature="re-observed",
                whole="those at visits of donors whose whole window is known",
            )
            for origin in templates.origins
        ),
    )
