"""The command line: each group of commands in a file of its own. Names and flags are fixed, since others script against them."""

from __future__ import annotations

import errno
import os
from typing import Any

import click

from streamer import __version__
from streamer.cli.bench import bench
from streamer.cli.models import features, models
from streamer.cli.packets import candidates, demo, replay, show, simulate, tags
from streamer.cli.printing import say
from streamer.cli.service import check, run, subscribe
from streamer.cli.training import classify, data, evaluate, train
from streamer.errors import StreamerError

__all__ = ["main"]

COMMANDS = (
    *(demo, run, check, replay, simulate, subscribe, show, tags, candidates),
    *(features, models, data, train, classify, evaluate, bench),
)
INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT)


class _Commands(click.Group):
    """A group whose commands end with one line for each thing that is wrong, and status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except StreamerError as error:
            for line in str(error).splitlines():
                say(line)
            ctx.exit(1)
        except OSError as error:
            if error.filename is None and error.errno not in _FULL:  # a pipe that was closed, or a fault of ours
                raise
            named = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
            say(f"{named}{error.strerror}")
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="streamer")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Classify the alert streams of sky surveys."""
    from streamer import compile_cache

    if ctx.invoked_subcommand != "run":  # which has a setting for it
        stopgap = compile_cache.choose(None, os.environ)  # before kernels are imported
        if stopgap is not None:
            say(compile_cache.told(stopgap))


for command in COMMANDS:
    main.add_command(command)
