"""What several commands take: kinds of arguments, and options with their words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from streamer import config

EXISTING = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
CONFIG = click.Path(exists=True, dir_okay=False, path_type=Path)
SURVEY = click.Choice(["ztf", "lsst", "pulsar"])
NO_MODEL = "none"
RECIPES = Path(__file__).parents[1] / "training" / "recipes"
"""The recipes that come along; as in the room `training`, which takes long to import."""


class Place(click.ParamType[str]):
    """A folder of schemas, or the address of a registry."""

    name = "DIR|URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse addresses that are not HTTP."""
        from streamer import config

        try:
            return config.address(value) if "://" in value else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Recipe(click.ParamType[Path]):
    """A recipe's file, or the name of one that comes along, with or without its ending."""

    name = "RECIPE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The file; refuse what is neither there nor known."""
        from streamer.errors import guess

        shipped = {path.stem: path for path in sorted(RECIPES.glob("*.toml"))}
        recipe = Path(value) if Path(value).is_file() else shipped.get(value.removesuffix(".toml"))
        if recipe is None:
            near = guess(Path(value).stem, shipped)
            self.fail(f"{value}: no such file, nor a recipe that comes along;{near} there are {', '.join(shipped)}", param, ctx)
        return recipe


MODELS = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME|DIR",
    help=f"Model to use instead of the shipped ones: its name, or its folder with a slash in it (./mine); may be given again. "
    f"{NO_MODEL}: classify nothing.",
)

LEVEL = click.option(
    "--level",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.9,
    show_default=True,
    help="Share of each class's objects whose conformal set shall hold their class.",
)
EXPLAIN = click.option("--explain", is_flag=True, help="Say for each answer which inputs weigh most; much slower.")


def chosen(models: tuple[str, ...]) -> config.Model:
    """The models that were named, else the shipped ones."""
    from streamer import config

    return config.Model() if not models else config.Model(name=tuple(name for name in models if name != NO_MODEL))


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Within the block, a package that cannot be imported is a matter of installing an extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is missing; install it with: pip install 'streamer-broker[{name}]' (in a clone: pip install "
            f"--constraint constraints.txt --editable '.[{name}]')"
        ) from error
