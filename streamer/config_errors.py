"""What is wrong with a configuration, in lines for a person: the setting, where it was set, and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_SECRET = ("password",)
_CREDENTIALS = re.compile(r"//\S*@")


@dataclass(frozen=True, slots=True)
class Origins:
    """Where settings came from.

    Parameters
    ----------
    file : str
        Name of the configuration file.
    variables : names of the environment variables that set something
    variable : callable of a dotted setting to the name of its variable
    sections : names of the sections that the file has
    """

    file: str
    variables: Collection[str]
    variable: Callable[[str], str]
    sections: Collection[str]

    def of(self, setting: str) -> str:
        """The variable or file that said what `setting` is."""
        name = self.variable(setting)
        if name in self.variables:
            return name
        below = () if setting.partition(".")[0] in self.sections else sorted(self.variables)
        return next((variable for variable in below if variable.startswith(f"{name}__")), self.file)


def without_credentials(text: str) -> str:
    """The text with what stands between ``//`` and ``@`` left out: addresses may hold passwords."""
    return _CREDENTIALS.sub("//", text)


def lines(error: ValidationError, root: type[BaseModel], origins: Origins) -> Iterator[str]:
    """One line for each problem, each once, in the order of the settings."""
    seen = set()
    for problem in error.errors(include_url=False):
        section, setting = _place(root, problem["loc"])
        said = f"{setting} ({origins.of(setting)})" if setting else origins.file
        line = f"{said}: {_sentence(problem, section, setting)}"
        if line not in seen:
            seen.add(line)
            yield line


def _place(root: type[BaseModel], location: tuple[int | str, ...]) -> tuple[type[BaseModel], str]:
    """The innermost section that `location` lies in, and the setting's dotted name without the tags of unions."""
    section, named = root, []
    steps = list(location)
    while steps:
        step = steps.pop(0)
        if isinstance(step, int):
            break
        named.append(step)
        field = section.model_fields.get(step)
        choices = {_kind(choice): choice for choice in sections_of(field.annotation)} if field else {}
        if len(choices) == 1:
            (section,) = choices.values()
        elif choices and steps:
            section = choices[str(steps.pop(0))]
    return section, ".".join(named)


def sections_of(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The sections among the alternatives of an annotation."""
    alternatives = get_args(annotation) or (annotation,)
    return tuple(one for one in alternatives if isinstance(one, type) and issubclass(one, BaseModel))


def _kind(section: type[BaseModel]) -> str:
    field = section.model_fields.get("kind")
    return str(get_args(field.annotation)[0]) if field else ""


def _sentence(problem: Any, section: type[BaseModel], setting: str) -> str:
    context, key = problem.get("ctx", {}), setting.rpartition(".")[2]
    given = "" if key in _SECRET else without_credentials(f"{problem['input']!r}")[:80]
    match problem["type"]:
        case "extra_forbidden":
            sentence = f"there is no such setting;{_guess(section, setting)} allowed here: {_listed(section.model_fields)}"
        case "missing":
            sentence = f"is missing; {_doc(section, key)}"
        case "union_tag_not_found":
            sentence = f"kind is missing; allowed: {_listed(_kinds(section, key))}"
        case "union_tag_invalid":
            sentence = f"kind {context['tag']!r} does not exist; allowed: {_listed(_kinds(section, key))}"
        case "literal_error":
            sentence = f"{given} is not allowed; allowed: {context['expected'].replace(' or ', ', ')}"
        case "value_error":
            sentence = str(context["error"])
        case "model_type" | "model_attributes_type" | "dict_type":
            sentence = f"must be a section, [{setting}]"
        case _:
            sentence = f"{given} is wrong: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
    return sentence


def _guess(section: type[BaseModel], setting: str) -> str:
    prefix, dot, key = setting.rpartition(".")
    near = difflib.get_close_matches(key, section.model_fields, n=1)
    return f" did you mean {prefix}{dot}{near[0]}?" if near else ""


def _kinds(section: type[BaseModel], key: str) -> list[str]:
    return [_kind(choice) for choice in sections_of(section.model_fields[key].annotation)]


def _doc(section: type[BaseModel], key: str) -> str:
    field = section.model_fields.get(key)
    return " ".join((field.description if field and field.description else "it has no default").split())


def _listed(names: Collection[str]) -> str:
    return ", ".join(names)
