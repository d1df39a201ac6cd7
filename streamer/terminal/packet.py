"""One alert, or one tagged alert, as people read it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streamer.data.batch import AlertBatch
from streamer.data.photometry import BANDS, Kind, magnitude_from_flux, mjd_utc_from_mjd_tai
from streamer.terminal.axes import bar
from streamer.terminal.candidate import CandidatePlot
from streamer.terminal.plot import STYLES, UNKNOWN_STYLE, LightCurvePlot

MJD_OF_1970 = 40_587.0
NOVEL = 0.99
"""From this novelty on an alert is marked."""
SECONDS = len("1970-01-01 00:00:00")


def moment(mjd_tai: float) -> str:
    """UTC date and time of an epoch, to the second; empty if it is not finite or outside the years 1 to 9999."""
    if not math.isfinite(mjd_tai):
        return ""
    days = float(mjd_utc_from_mjd_tai(np.array([mjd_tai]))[0]) - MJD_OF_1970
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)).isoformat(" ", "seconds")[:SECONDS]
    except OverflowError:  # packets with such epochs exist: samples that count in other units
        return ""


def sexagesimal(ra: float, dec: float) -> str:
    """Right ascension and declination (deg) as hours and degrees, to 0.1″ or so."""
    # rounded before it is split, so that 59.96 s never becomes 60.0 s
    tenths_of_second, arcseconds = round(ra / 15 * 36_000) % 864_000, round(abs(dec) * 3_600)
    seconds, tenths = divmod(tenths_of_second, 10)
    hours = f"{seconds // 3600:02d}ʰ{seconds // 60 % 60:02d}ᵐ{seconds % 60:02d}.{tenths}ˢ"
    degrees = f"{'−' if dec < 0 else '+'}{arcseconds // 3600:02d}°{arcseconds // 60 % 60:02d}′{arcseconds % 60:02d}″"
    return f"{hours} {degrees}"


def folded_at(alerts: AlertBatch, row: int) -> str:
    """At what period, DM and S/N a candidate was folded, as far as it says."""
    said = {name: float(column[row]) for name, column in alerts.context.items()}
    period, dm, snr = (said.get(name, math.nan) for name in ("period", "dm", "snr"))
    parts = (
        f"P {1e3 * period:.7g} ms, {1.0 / period:.7g} Hz" if period > 0 else "",
        f"DM {dm:.2f} pc cm⁻³" if math.isfinite(dm) else "",
        f"S/N {snr:.1f}" if math.isfinite(snr) else "",
    )
    return "   ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one alert: its packet, its tag, or both.

    Parameters
    ----------
    alerts : AlertBatch or None
        None if only its tag is there.
    row : int
        Which alert of the batch.
    tag : mapping or None
        A record of ``schemas/tagged``; None if nobody has tagged it.
    """

    alerts: AlertBatch | None
    row: int
    tag: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class PacketSummary:
    """One alert of a batch: who, where, when, what was measured, and its light curve, or without bands its series.

    Parameters
    ----------
    alerts : AlertBatch
    row : int
        Which alert of the batch.
    """

    alerts: AlertBatch
    row: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A panel with the facts and the drawing."""
        alerts, i = self.alerts, self.row
        facts = _facts()
        facts.add_row("alert", f"{alerts.alert_id[i]}")
        facts.add_row("position", f"{alerts.ra[i]:.6f}  {alerts.dec[i]:+.6f}   {sexagesimal(alerts.ra[i], alerts.dec[i])}")
        facts.add_row("epoch", f"MJD {alerts.epoch[i]:.5f} TAI   {moment(alerts.epoch[i])} UTC")
        if alerts.bands:
            facts.add_row("measured", self._measured())
            facts.add_row("points", self._points())
        else:
            facts.add_row("folded", folded_at(alerts, i))
            lengths = {name: int(table.lengths[i]) for name, table in alerts.series.items()}
            facts.add_row("series", "   ".join(f"[dim]{name}[/] {length}" for name, length in lengths.items()))
        if notes := self._notes():
            facts.add_row("note", Text(notes, style="yellow"))
        said = {name: float(column[i]) for name, column in alerts.context.items() if np.isfinite(column[i])}
        if said:
            facts.add_row("context", "  ".join(f"[dim]{name}[/] {value:.4g}" for name, value in said.items()))
        title = Text.assemble((alerts.object_id[i].decode(), "bold"), (f"  {alerts.survey.upper()}", "dim"))
        yield Panel(Group(facts, Text(), self._drawing()), title=title, title_align="left", border_style="grey50", padding=(1, 2))

    def _drawing(self) -> LightCurvePlot | CandidatePlot:
        alerts, i = self.alerts, self.row
        if alerts.bands:
            return LightCurvePlot(alerts.light_curves.row(i), float(alerts.epoch[i]))
        series = {name: table.row(i) for name, table in alerts.series.items()}
        return CandidatePlot(series, {name: float(column[i]) for name, column in alerts.context.items()})

    def _measured(self) -> Text:
        """The triggering measurement; beside what the difference shows, the magnitude of the object where that is known."""
        alerts, i = self.alerts, self.row
        flux, error = float(alerts.flux[i]), float(alerts.flux_err[i])
        text = Text("in the difference ").append_text(_band(int(alerts.band[i]))).append(f" {_number(flux)} ± {_number(error)} nJy")
        if flux > 0:
            text.append(f", {_magnitude(flux)}")
        total = self._total()
        return text.append(f"; with the reference {_magnitude(total)}") if total > 0 else text

    def _total(self) -> float:
        """nJy, the flux of the triggering measurement with the reference; NaN where it is not known."""
        alerts, i = self.alerts, self.row
        curve = alerts.light_curves.row(i)
        own = (curve["epoch"] == alerts.epoch[i]) & (curve["band"] == alerts.band[i]) & (curve["kind"] == Kind.DETECTION)
        return float(curve["total"][own][0]) if own.any() else math.nan

    def _points(self) -> Text:
        curve = self.alerts.light_curves.row(self.row)
        text = Text()
        for band in np.unique(curve["band"]).tolist():
            kinds = curve["kind"][curve["band"] == band]
            counts = [(kind.name.lower(), int(np.count_nonzero(kinds == kind))) for kind in Kind]
            text.append_text(_band(band)).append("  " + ", ".join(f"{n} {name}" for name, n in counts if n) + "   ")
        return text

    def _notes(self) -> str:
        alerts, i = self.alerts, self.row
        withdrawn = int(alerts.withdrawn[i])
        notes = [
            "a known moving object" if alerts.solar_system[i] else "",
            "" if alerts.public[i] else "not public",
            f"{withdrawn} sources of its history were withdrawn" if withdrawn else "",
        ]
        return ", ".join(note for note in notes if note)


@dataclass(frozen=True, slots=True)
class TaggedSummary:
    """One tagged alert: the answer, and the probabilities of all classes.

    Parameters
    ----------
    record : mapping
        A record of ``schemas/tagged``.
    most : int
        Rows of the table of classes.
    """

    record: Mapping[str, Any]
    most: int = 8

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A panel with the answer, the facts and bars."""
        record = self.record
        facts = _facts()
        facts.add_row("answer", self._answer())
        facts.add_row("alert", f"{record['alert_id']}")
        facts.add_row("position", f"{record['ra']:.6f}  {record['dec']:+.6f}   {sexagesimal(record['ra'], record['dec'])}")
        facts.add_row("epoch", f"MJD {record['epoch']:.5f} TAI   {moment(record['epoch'])} UTC")
        facts.add_row("detections", "  ".join(f"{band} {count}" for band, count in record["n_detections"].items()) or "none")
        if record.get("conformal_level") is not None:
            facts.add_row("possible", self._possible())
        if (novelty := record.get("novelty")) is not None:
            facts.add_row("novelty", Text(f"{novelty:.3f}", style="yellow" if novelty >= NOVEL else ""))
        for score in record.get("scores", ()):
            facts.add_row("score", _score(score))
        if known := record.get("known_object"):
            facts.add_row("known", _known(known))
        if model := record.get("model"):
            facts.add_row("model", f"{model['name']} {model['version']}")
        title = Text.assemble((str(record["object_id"]), "bold"), (f"  {str(record['survey']).upper()}", "dim"))
        reasons = (Text(), self._reasons()) if record.get("reasons") else ()
        yield Panel(
            Group(facts, Text(), self._classes(), *reasons), title=title, title_align="left", border_style="grey50", padding=(1, 2)
        )

    def _answer(self) -> Text:
        record = self.record
        if record["state"] == "NOT_CLASSIFIED":
            return Text("not classified", style="yellow").append(f"  {record['reason']}", style="dim")
        if record["state"] == "CLASSIFIED":
            return Text(str(record["class_name"]), style="bold green").append("  CLASSIFIED", style="dim")
        return Text(str(record["class_name"]), style="bold yellow").append(f"  {record['state']} {record['reason']}", style="dim")

    def _possible(self) -> Text:
        names = _possible_names(self.record)
        return Text(", ".join(names) or "no class").append(f"  at {self.record['conformal_level']:.0%}", style="dim")

    def _reasons(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for reason in self.record["reasons"]:
            weight = float(reason["contribution"])
            table.add_row(Text(f"{weight:+.2f}".replace("-", "−"), style="green" if weight > 0 else "red"), str(reason["text"]))
        return table

    def _classes(self) -> Table:
        table = Table.grid(padding=(0, 2))
        ranked = sorted(self.record["classifications"], key=lambda one: -float(one["probability"]))
        for one in ranked[: self.most]:
            share = float(one["probability"])
            table.add_row(str(one["class_name"]), bar(share, 30, "green"), f"{share:6.1%}")
        return table


def tagged_line(record: Mapping[str, Any]) -> Text:
    """A tagged alert in one line: where, what, how sure."""
    known = record["state"] != "NOT_CLASSIFIED"
    line = Text(f"{moment(float(record['epoch']))}  ", style="dim").append(f"{record['survey']:<5}", style="dim")
    line.append(f"{record['object_id']:<22} ").append(f"{record['ra']:10.5f} {record['dec']:+9.5f}  ", style="dim")
    line.append(f"{sum(record['n_detections'].values()):>4} det  ", style="dim")
    if known:
        share = _probability(record)
        line.append(f"{record['class_name']:<14}", style="bold").append_text(bar(share, 12, "green")).append(f" {share:4.0%}")
    else:
        line.append(str(record["reason"]), style="yellow")
    if len(possible := _possible_names(record)) > 1:
        line.append("  " + " | ".join(possible), style="dim")
    if (novelty := record.get("novelty")) is not None and novelty >= NOVEL:
        line.append(f"  novelty {novelty:.3f}", style="yellow")
    return line


def _probability(record: Mapping[str, Any]) -> float:
    """Of the answer, a leaf or an inner class; NaN if it is not among them."""
    ranked = [*record["classifications"], *record.get("parents", ())]
    return next((float(one["probability"]) for one in ranked if one["class_name"] == record["class_name"]), math.nan)


def _possible_names(record: Mapping[str, Any]) -> list[str]:
    """The classes of the conformal set, the most probable first."""
    ranked = sorted(record["classifications"], key=lambda one: -float(one["probability"]))
    return [str(one["class_name"]) for one in ranked if one.get("class_id") in record.get("conformal_set", ())]


def _score(score: Mapping[str, Any]) -> Text:
    epochs = "" if score["epochs"] is None else f", {score['epochs']} epochs"
    return Text(f"{score['name']} {score['value']:.3f}").append(f"  {score['basis']}{epochs}", style="dim")


def _known(known: Mapping[str, Any]) -> Text:
    harmonic = "" if known["harmonic"] is None else f", period ratio {known['harmonic']}"
    return Text(str(known["name"]), style="bold").append(
        f"  {known['catalogue']}, {known['separation']:.1f}″{harmonic}", style="dim"
    )


def _facts() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    return table


def _band(code: int) -> Text:
    name = BANDS[code] if 0 <= code < len(BANDS) else "unknown band"
    return Text(name, style=f"bold {STYLES.get(name, UNKNOWN_STYLE)}")


def _magnitude(flux: float) -> str:
    return f"{float(magnitude_from_flux(np.array([flux]))[0]):.2f} mag"


def _number(value: float) -> str:
    return f"{value:,.0f}".replace("-", "−") if math.isfinite(value) else "?"
