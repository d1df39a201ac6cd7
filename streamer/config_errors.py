"""What is wrong with a configuration or a recipe, in lines for a person: the setting, where it was set, and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from streamer.errors import guess

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
    problems = error.errors(include_url=False)
    inner = {each["loc"][:depth] for each in problems for depth in range(len(each["loc"]))}
    for problem in problems:
        if problem["type"] == "too_short" and problem["loc"] in inner:  # too short only because an entry of it is wrong
            continue
        section, setting, entry = _place(root, problem["loc"])
        said = f"{setting} ({origins.of(setting)}{entry})" if setting else origins.file
        line = f"{said}: {_sentence(problem, section, setting)}"
        if line not in seen:
            seen.add(line)
            yield line


def file_lines(error: ValidationError, root: type[BaseModel], file: str) -> str:
    """The lines about settings of a file that nothing overrides."""
    return "\n".join(lines(error, root, Origins(file, (), str, ())))


def _place(root: type[BaseModel], location: tuple[int | str, ...]) -> tuple[type[BaseModel], str, str]:
    """The innermost section that `location` lies in, the setting's dotted name without the tags of unions, and which of a list of
    sections it is, after a comma.
    """
    section, named, entry = root, [], ""
    steps = list(location)
    while steps:
        step = steps.pop(0)
        if isinstance(step, int):
            break
        named.append(step)
        field = section.model_fields.get(step)
        choices = {_kind(choice): choice for choice in sections_of(field.annotation)} if field else {}
        if len(choices) == 1 and steps:
            (section,) = choices.values()
            if isinstance(steps[0], int):
                entry = f", [[{step}]] number {int(steps.pop(0)) + 1}"
        elif choices and steps:
            section = choices[str(steps.pop(0))]
    return section, ".".join(named), entry


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
            sentence = f"is missing; {_doc(section, key) or 'it has no default'}"
        case "union_tag_not_found":
            sentence = f"kind is missing; allowed: {_listed(_kinds(section, key))}"
        case "union_tag_invalid":
            sentence = f"kind {context['tag']!r} does not exist; allowed: {_listed(_kinds(section, key))}"
        case "literal_error":
            sentence = f"{given} is not allowed; allowed: {context['expected'].replace(' or ', ', ')}"
        case "value_error":
            sentence = str(context["error"])
        case "model_type" | "model_attributes_type" | "dict_type":
            sentence = "must be a section, " + (f"[[{setting}]]" if isinstance(problem["loc"][-1], int) else f"[{setting}]")
        case "tuple_type":
            sentence = f"must be a list of sections, [[{setting}]]" if _holds_sections(section, key) else "must be a list, [ … ]"
        case "too_short":
            sentence = f"must have at least {_counted(context['min_length'], 'entry', 'entries')}. {_doc(section, key)}".rstrip(
                " ."
            )
        case "string_pattern_mismatch":
            sentence = f"{given} is not allowed; allowed: {_doc(section, key) or context['pattern']}"
        case _:
            sentence = f"{given} is wrong: {_should(problem['msg'])}"
    return sentence


def _guess(section: type[BaseModel], setting: str) -> str:
    prefix, dot, key = setting.rpartition(".")
    return guess(key, section.model_fields, prefix + dot)


def _should(message: str) -> str:
    """Pydantic's words, in the middle of a sentence and of the setting instead of an "input"."""
    return f"{message[:1].lower()}{message[1:]}".removeprefix("input ").replace("should be", "must be", 1)


def _holds_sections(section: type[BaseModel], key: str) -> bool:
    return key in section.model_fields and bool(sections_of(section.model_fields[key].annotation))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _kinds(section: type[BaseModel], key: str) -> list[str]:
    return [_kind(choice) for choice in sections_of(section.model_fields[key].annotation)]


def _doc(section: type[BaseModel], key: str) -> str:
    field = section.model_fields.get(key)
    return " ".join((field.description if field and field.description else "").split())


def _listed(names: Collection[str]) -> str:
    return ", ".join(names)
