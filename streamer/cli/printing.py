"""How results come to standard output, and what a person on a terminal is told meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

PIPE_WIDTH = 400
"""Columns of a table that nobody looks at directly."""

P = ParamSpec("P")
R = TypeVar("R")


def printed(what: str | RenderableType) -> None:
    """Text as it is; anything else as the terminal has room for, and in a pipe as wide as it wants to be."""
    from rich.console import Console
    from rich.markdown import Markdown

    if isinstance(what, str):
        click.echo(what, nl=bool(what))
    elif sys.stdout.isatty():
        Console(highlight=False).print(what)
    else:
        click.echo(what.markup) if isinstance(what, Markdown) else Console(highlight=False, width=PIPE_WIDTH).print(what)


def narrator() -> Callable[[str], None]:
    """What tells a person on a terminal how far a long run is; silent in a pipe."""
    return (lambda line: click.echo(line, err=True)) if sys.stderr.isatty() else (lambda _line: None)


def say(line: str) -> None:
    """A line for a person on standard error."""
    click.echo(f"streamer: {line}", err=True)


def announcing(command: Callable[P, R]) -> Callable[P, R]:
    """The command, which says so, once, if kernels have to be compiled for it."""

    @wraps(command)
    def announced(*args: P.args, **kwargs: P.kwargs) -> R:
        from streamer import compile_cache

        with compile_cache.announced(say):
            return command(*args, **kwargs)

    return announced
