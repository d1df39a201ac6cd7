"""`streamer bench`: how fast, against what, and whether that was better before."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from streamer.bench.quote import with_quote
from streamer.bench.result import Measured
from streamer.bench.run import MEASURES, Request, run
from streamer.bench.show import renderables, write_plots
from streamer.bench.targets import losses, record
from streamer.errors import guess

BESIDE = Path("../shared/data")
"""Where real packets are looked for when nobody says where."""
WIDTH = 180


def bench(request: Request, out: Path | None, as_json: bool, check: bool, keep: bool) -> bool:
    """Measure and tell; False if `check` is asked for and a ratio is worse than recorded.

    Parameters
    ----------
    request : Request
    out : Path or None
        Folder for ``bench.json`` and the plots.
    as_json : bool
        One JSON object on standard output instead of tables.
    check, keep : bool
        Compare with the recorded ratios; make these the recorded ones.
    """
    if unknown := [name for name in request.only if name not in MEASURES]:
        raise click.UsageError(f"no measure {', '.join(unknown)};{guess(unknown[0], MEASURES)} there are {', '.join(MEASURES)}")
    found, conditions = run(request, lambda name: click.echo(f"measuring: {name}", err=True))
    text = json.dumps({**found.as_object(), "conditions": conditions}, ensure_ascii=False, allow_nan=False)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "bench.json").write_text(text + "\n")
        write_plots(found, out)
    _tell(found, text, as_json)
    worse = list(losses(found, conditions)) if check else []
    for line in worse:
        click.echo(f"streamer: {line}", err=True)
    if keep:
        record(found, conditions)
    return not worse


def quote(path: Path) -> None:
    """Write the recorded figures between the marks in a text; InvalidData if it has none."""
    path.write_text(with_quote(path.read_text(encoding="utf-8")), encoding="utf-8")


def data_folder(named: Path | None) -> Path | None:
    """The folder with real packets, if there is one."""
    return named or (BESIDE if (BESIDE / "README.md").is_file() else None)


def _tell(found: Measured, text: str, as_json: bool) -> None:
    if as_json:
        click.echo(text)
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    for part in renderables(found):
        console.print(part)
