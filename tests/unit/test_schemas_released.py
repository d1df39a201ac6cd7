"""A released schema version is never edited: a change is a new version that old readers can read."""

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from streamer.data.schema import WriterSchema
from streamer.stores.bundled import schemas_folder

RELEASED = {
    "dead_letter/1.0/dead_letter.avsc": "a2b1ec1d4016c073ed5c75d3ac21c50b958846638aebf945d3c3ba479ef49151",
    "lsst/1.0/alert.avsc": "2b3557087a93ef56b886c5cf10c512ccf1dd65c2397df21afdd84b2b4f1657e5",
    "pulsar_candidate/1.0/pulsar_candidate.avsc": "c4af4a916280283ac217a27de4067172cd85f168965f054b39b0cce591249899",
    "tagged/1.0/tagged.avsc": "e63ea90c84dc76760d34484d25560046f61a7bba12b1ab7b143184062d6c6022",
    "tagged/1.1/tagged.avsc": "bae7f91ba8f723a2e9a606f8f057cb60f6402f2edb0158c65eda8a7242c0423f",
    "ztf/1.0/alert.avsc": "8d859aadea8dd970715797658633e4c873b66d67114be0f455b6b76df37f640a",
}
"""SHA-256 of each released schema; a line is added at each release and none is ever changed."""


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_schema_is_as_it_was(name: str) -> None:
    assert hashlib.sha256((schemas_folder() / name).read_bytes()).hexdigest() == RELEASED[name]


def test_every_schema_is_released() -> None:
    assert {str(file.relative_to(schemas_folder())) for file in schemas_folder().rglob("*.avsc")} == set(RELEASED)


def breaks(old: WriterSchema, new: WriterSchema) -> list[str]:
    """What a reader of `old` or `new` would stumble over in records of the other."""
    before = {field["name"]: field for field in old.tree["fields"]}
    after = {field["name"]: field for field in new.tree["fields"]}
    gone = [f"{name} is gone" for name in before if name not in after]
    added = [f"{name} has no default" for name, field in after.items() if name not in before and "default" not in field]
    kept = before.keys() & after.keys()
    changed = [f"{name} has another type" for name in kept if not agree(before[name]["type"], after[name]["type"])]
    return [*gone, *added, *sorted(changed)]


def agree(before: Any, after: Any) -> bool:
    """Whether two types are the same for a reader; an enum may get symbols at its end if it says what others read instead."""
    if isinstance(before, dict) and isinstance(after, dict):
        grown = "default" in before and after.get("symbols", [])[: len(before.get("symbols", []))] == before.get("symbols", [])
        same = [name == "doc" or (name == "symbols" and grown) or agree(before[name], after.get(name)) for name in before]
        return before.keys() == after.keys() and all(same)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(agree, before, after))
    return bool(before == after)


def _versions() -> list[tuple[Path, Path]]:
    pairs = []
    for folder in sorted(schemas_folder().iterdir()):
        files = sorted(folder.glob("*/*.avsc"), key=lambda file: tuple(map(int, file.parent.name.split("."))))
        pairs += list(pairwise(files))
    return pairs


def test_each_version_can_be_read_with_the_one_before() -> None:
    for old, new in _versions():
        assert not breaks(WriterSchema.parse(old.read_bytes()), WriterSchema.parse(new.read_bytes())), new


def test_the_check_itself_names_what_breaks() -> None:
    def schema(*fields: dict[str, object]) -> WriterSchema:
        return WriterSchema.of({"type": "record", "name": "r", "fields": list(fields)})

    old = schema({"name": "a", "type": "int"}, {"name": "b", "type": "int"})
    assert (
        breaks(old, schema({"name": "a", "type": "int"}, {"name": "b", "type": "int"}, {"name": "c", "type": "int", "default": 0}))
        == []
    )
    worse = schema({"name": "a", "type": "string"}, {"name": "c", "type": "int"})
    assert breaks(old, worse) == ["b is gone", "c has no default", "a has another type"]


@pytest.mark.parametrize(
    ("symbols", "is_readable"), [(["?", "A"], True), (["?", "A", "B"], True), (["?"], False), (["A", "?"], False)]
)
def test_an_enum_may_grow_at_its_end_and_change_in_no_other_way(symbols: list[str], is_readable: bool) -> None:
    def enum(*symbols: str) -> dict[str, object]:
        return {"type": "enum", "name": "E", "symbols": list(symbols), "default": "?"}

    assert agree(enum("?", "A"), enum(*symbols)) is is_readable
