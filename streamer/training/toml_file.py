"""Recipes and survey files: TOML that is checked against a typed description; what is wrong in it is told in lines for a person."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamer.config_errors import file_lines
from streamer.errors import InvalidConfig, why

NAME = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
"""What a model or a benchmark may be called."""

Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$", description="small letters and digits, in parts joined by -")]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$", description="three numbers, such as 1.2.0")]
Survey = Annotated[
    str, Field(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$", description="small letters and digits, in parts joined by - or _")
]


class Section(BaseModel):
    """What all sections of such files have in common; the texts below their settings are what a person is told of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Kind = TypeVar("Kind", bound=Section)


def read_toml(path: Path, kind: type[Kind]) -> tuple[str, Kind]:
    """The text of a TOML file and what it describes; InvalidConfig naming the file and every wrong setting."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path}: cannot be read: {why(error)}") from error
    return text, parse_toml(text, str(path), kind)


def parse_toml(text: str, where: str, kind: type[Kind]) -> Kind:
    """What a TOML text describes; `where` is named in errors."""
    try:
        return kind.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfig(f"{where}: not TOML: {error}") from error
    except ValidationError as error:
        raise InvalidConfig(file_lines(error, kind, where)) from error
