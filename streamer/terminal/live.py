"""The live view of a run: counts that balance, the classes found, the latest alerts, one light curve."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streamer.data.arrays import Column
from streamer.data.batch import State
from streamer.data.tally import Tally
from streamer.terminal.axes import bar, sparkline
from streamer.terminal.plot import LightCurvePlot

LATEST = 6
CLASSES = 10
NAMED = 3
SPARK = 40
PLOT_ROWS = 9
FIXED_ROWS = 14
"""Rows that the head, the counts, the balance and the frame take."""
UNLIMITED = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one alert.

    Parameters
    ----------
    object_id, survey : str
    detections : int
        In the light curve, all bands.
    class_name : str
        The answer; with `probability` NaN, why there is none.
    probability : float
        Of the answer, 0 to 1.
    """

    object_id: str
    survey: str
    detections: int
    class_name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Portrait:
    """The light curve that the view shows, with the answer it got."""

    answer: Answer
    curve: Mapping[str, Column]
    epoch: float


@dataclass(slots=True)
class LiveView:
    """Sums up what it is told; rendering it draws the present state.

    Parameters
    ----------
    title : str
        What is running.
    models : sequence of str
        Names and versions of the models that answer.
    """

    title: str
    models: Sequence[str] = ()
    tally: Tally = field(default_factory=Tally)
    _seconds: float = 0.0
    _rates: list[float] = field(default_factory=list)
    _marked: tuple[float, int] = (0.0, 0)
    _classes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _latest: deque[Answer] = field(default_factory=lambda: deque(maxlen=LATEST))
    portrait: Portrait | None = None

    def add(
        self, tally: Tally, answers: Sequence[Answer], classes: Mapping[tuple[str, str], int], portrait: Portrait | None
    ) -> None:
        """Take in one batch: its counts, a few of its answers, its answers by (survey, class), and perhaps a light curve."""
        self.tally = self.tally + tally
        self._latest.extend(answers[-LATEST:])
        self._classes.update(classes)
        self.portrait = portrait or self.portrait

    def clock(self, seconds: float) -> None:
        """Take note that the run is `seconds` old; every half second gives one column of the rate."""
        self._seconds = seconds
        then, read = self._marked
        if seconds - then >= 0.5:
            self._rates.append((self.tally.read - read) / (seconds - then))
            self._marked = (seconds, self.tally.read)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As much of the view as the height of the terminal has room for, the counts first."""
        parts: list[RenderableType] = [self._head(), Text(), self._counts(), Text(), balance(self.tally)]
        room = (options.height or console.height) - FIXED_ROWS if console.is_terminal else UNLIMITED
        for rows, part in self._optional():
            if rows <= room:
                parts += [Text(), part]
                room -= rows
        title = Text(f" {self.title} ", style="bold")
        yield Panel(Group(*parts), title=title, title_align="left", border_style="grey50", padding=(1, 2))

    def _optional(self) -> Iterator[tuple[int, RenderableType]]:
        """Further parts with the rows they take, the most wanted first."""
        if self._latest:
            yield len(self._latest) + 2, Group(_heading("latest alerts"), self._table())
        if self._classes:
            yield min(len(self._classes), CLASSES) + 2, Group(_heading("classes"), self._histogram())
        if self.portrait:
            answer = self.portrait.answer
            heading = (
                _heading("light curve").append(f"  {answer.object_id}  ", style="bold").append(answer.class_name, style="green")
            )
            yield PLOT_ROWS + 6, Group(heading, LightCurvePlot(self.portrait.curve, self.portrait.epoch, PLOT_ROWS))

    @property
    def rate(self) -> float:
        """Alerts per second over the whole run."""
        return self.tally.read / self._seconds if self._seconds > 0 else 0.0

    def _head(self) -> Table:
        head = Table.grid(expand=True)
        head.add_column()
        head.add_column(justify="right")
        head.add_row(
            Text(f"{self.rate:,.0f}", style="bold cyan")
            .append(" alerts/s  ", style="dim")
            .append_text(sparkline(self._rates, SPARK, "cyan")),
            Text(f"{self._seconds:,.0f} s", style="dim"),
        )
        head.add_row(Text("models  ", style="dim").append(", ".join(self.models) or "none", style="default"), "")
        return head

    def _counts(self) -> Table:
        tally, read = self.tally, max(self.tally.read, 1)
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", style="bold", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(style="dim")
        rejected = sum(tally.rejected.values())
        reasons = Counter({str(reason): count for reason, count in tally.rejected_by_reason.items()})
        table.add_row("read", f"{tally.read:,}", "", f"in {tally.messages:,} messages")
        table.add_row("classified", f"{tally.classified:,}", bar(tally.classified / read, 24, "green"), self._shares())
        table.add_row(
            "not classified", f"{tally.not_classified:,}", bar(tally.not_classified / read, 24, "yellow"), _listed(self._why())
        )
        table.add_row("rejected", f"{rejected:,}", bar(rejected / read, 24, "red"), _listed(reasons))
        return table

    def _shares(self) -> str:
        """The share that has an answer, and that of it which only an inner class could be named for."""
        read = max(self.tally.read, 1)
        inner = sum(count for (_, state, _), count in self.tally.answers.items() if state is State.PARENT_ONLY)
        return f"{self.tally.classified / read:.1%}" + (f"  parent only {inner / read:.1%}" if inner else "")

    def _why(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for (_, state, why), count in self.tally.answers.items():
            if state is State.NOT_CLASSIFIED:
                counts[str(why)] += count
        return counts

    def _histogram(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right")
        shown = self._classes.most_common(CLASSES)
        top = shown[0][1]
        for (survey, name), count in shown:
            table.add_row(survey, name, bar(count / top, 36, "green"), f"{count:,}")
        return table

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        for one in reversed(self._latest):
            known = one.probability == one.probability  # NaN differs from itself
            table.add_row(
                one.survey,
                one.object_id,
                f"{one.detections} det",
                Text(one.class_name, style="bold" if known else "yellow"),
                bar(one.probability, 16, "green") if known else "",
                f"{one.probability:.0%}" if known else "",
            )
        return table


def balance(tally: Tally) -> Text:
    """The sum that must come out: read = classified + not classified + rejected."""
    rejected = sum(tally.rejected.values())
    text = Text(
        f"{tally.read:,} read = {tally.classified:,} classified + {tally.not_classified:,} not classified + {rejected:,} rejected "
    )
    if tally.imbalance:
        return text.append(f"✗ {tally.imbalance:+,} unaccounted for", style="bold red")
    return text.append("✓", style="bold green")


def _heading(text: str) -> Text:
    return Text().append(text.upper(), style="dim")


def _listed(counts: Counter[str]) -> str:
    shown = "  ".join(f"{name} {count:,}" for name, count in counts.most_common(NAMED))
    return f"{shown}  …" if len(counts) > NAMED else shown
