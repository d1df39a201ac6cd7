"""`streamer tags`: the fields of a tagged alert, from the schema's own words, and how to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION

HOW_TO_READ = """\
## How to read a tag

* **Take `state` first.** `CLASSIFIED`: one class is left, and `class_name` names it. `PARENT_ONLY`: several are left, and
  `class_name` is the lowest class of the taxonomy above them all; `conformal_set` lists them. `NOT_CLASSIFIED`: `reason` says
  why. It is an answer, not an error.
* **`conformal_set` is a promise, `classifications` are an opinion.** Of the alerts of each class, a share of at least
  `conformal_level` has that class in the set, at every maturity, however good or bad the model is, as long as they are like the
  objects that it was calibrated with; where its test objects say otherwise, the model's card does. Probabilities are calibrated
  over all classes together, in the mixture that the model's card states. The level is a setting of the service
  (`classify.conformal_level`).
* **Classes with few known objects have no promise of their own.** They share that of all classes below their parent, and where one
  of them is the only one left, the parent answers (`FEW_EXAMPLES`).
* **The most probable class is in every set that is not empty**, even where for its own objects so low a probability is rare.
* **`ATYPICAL` and `novelty` are different things.** `ATYPICAL` looks at the probabilities: none is as high as it is for known
  objects. `novelty` looks at the inputs: at .99 only one in a hundred training alerts with as many detections is farther out. A
  new kind of supernova looks like other supernovae to it; it finds what has another kind of light curve.
* **Early alerts say little.** With one or two detections sets are large and many answers are withheld, as they should be.
* **`reasons`** are there if the service explains (`classify.explain`, `streamer replay --explain`). They say what the model
  weighed, which is not what made the star vary.
* **`scores` say what they rest on**: `SIMULATED` ones were never tried on real objects of that kind.
* **The same `tag_id` means the same alert and model.** One service writes it once, also after a crash; two services repeat each
  other.
* **Readers of an older version** see `UNKNOWN` for states and reasons that came later. Each version can be read with the schema of
  every other of the same major version.
"""


def tags_text() -> str:
    """Markdown."""
    schema = bundled_schema("tagged", VERSION).tree
    lines = [
        f"# What is in a tag (`schemas/tagged/{VERSION}`)",
        "",
        "Written by `streamer tags`; the words are those of the schema.",
        "",
        schema["doc"],
        "",
        HOW_TO_READ,
        "## Fields",
        "",
        "| field | type | meaning |",
        "|---|---|---|",
        *_rows(schema["fields"], ""),
    ]
    return "\n".join(lines)


def _rows(fields: Sequence[Mapping[str, Any]], before: str) -> Iterator[str]:
    for field in fields:
        name = before + field["name"]
        inner = _inner(field["type"])
        words = [field["doc"], inner.get("doc", "") if inner.get("type") == "enum" else ""]
        yield f"| `{name}` | {_type(field['type'])} | {' '.join(filter(None, words))} |"
        if inner.get("type") == "record":
            yield from _rows(inner["fields"], f"{name}[]." if _is_array(field["type"]) else f"{name}.")


def _inner(kind: Any) -> Mapping[str, Any]:
    """The named type within a field's type; empty if there is none."""
    if isinstance(kind, list):
        return next((found for found in map(_inner, kind) if found), {})
    if not isinstance(kind, dict):
        return {}
    return _inner(kind["items"]) if kind["type"] == "array" else kind if kind["type"] in ("record", "enum") else {}


def _is_array(kind: Any) -> bool:
    return isinstance(kind, dict) and kind["type"] == "array"


def _type(kind: Any) -> str:
    if isinstance(kind, str):
        return kind
    if isinstance(kind, list):
        return " or ".join(_type(each) for each in reversed(kind))
    name = kind["type"]
    if name in ("array", "map"):
        return f"{name} of {_type(kind['items' if name == 'array' else 'values'])}"
    if name == "enum":
        return " ".join(f"`{symbol}`" for symbol in kind["symbols"])
    return str(kind.get("logicalType") or kind.get("name") or name)
