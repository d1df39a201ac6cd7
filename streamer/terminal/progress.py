"""How far a long run is: a line on standard error that is rewritten, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

PER_SECOND = 5


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A function to be told the number done so far; a pipe sees nothing of it.

    Parameters
    ----------
    what : str
        What was done to so many, as a participle.
    total : int or None
        How many there will be; None if nobody knows.
    """
    console = Console(stderr=True)
    bars = (BarColumn(), MofNCompleteColumn()) if total else (TextColumn("{task.completed:,.0f} " + what),)
    columns = (SpinnerColumn(), *bars, TextColumn("{task.fields[rate]}"), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal, refresh_per_second=PER_SECOND
    ) as shown:
        task = shown.add_task(what, total=total, rate="")

        def tell(done: int) -> None:
            seconds = shown.tasks[0].elapsed or 0.0
            shown.update(task, completed=done, rate=f"{done / seconds:,.0f}/s" if seconds > 0 else "")

        yield tell
