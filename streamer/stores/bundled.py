"""The Avro schemas that streamer brings along: its own records, and minimal packets in the style of the surveys."""

from functools import cache
from pathlib import Path

from streamer.data.schema import WriterSchema
from streamer.errors import UnknownSchema

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_WHEEL = _PACKAGE / "schemas"
_IN_SOURCE_TREE = _PACKAGE.parent / "schemas"


def schemas_folder() -> Path:
    """The folder that holds one folder per schema and version.

    A wheel carries it inside the package; in a source tree (and an editable installation) it stands at the top level.
    """
    return _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_SOURCE_TREE


def schema_path(name: str, version: str) -> Path:
    """Where the self-contained schema `name` (``ztf``, ``tagged`` …) in `version` (``1.0``) lies; UnknownSchema if nowhere."""
    folder = schemas_folder() / name / version
    candidates = sorted(folder.glob("*.avsc"))
    if len(candidates) != 1:
        raise UnknownSchema(f"no single schema {name} {version} in {folder}")
    return candidates[0]


@cache
def schema_text(name: str, version: str) -> str:
    """The JSON of the schema `name` in `version`; UnknownSchema if streamer does not bring it."""
    return schema_path(name, version).read_text(encoding="utf-8")


@cache
def bundled_schema(name: str, version: str) -> WriterSchema:
    """The schema `name` in `version`, parsed."""
    return WriterSchema.parse(schema_text(name, version))


SIMULATED_LSST_ID = 1_000_100
"""Registry id in the frames of simulated LSST packets: one million beside the survey's own major × 100 + minor."""

_BY_ID = {SIMULATED_LSST_ID: ("lsst", "1.0")}


class BundledSchemas:
    """The schema store (port ``Schemas``) of the frames that our own simulator writes."""

    def by_id(self, number: int) -> WriterSchema:
        """The bundled schema with this registry id; UnknownSchema for every other id."""
        if number not in _BY_ID:
            raise UnknownSchema(f"schema id {number} is not one of streamer's own")
        return bundled_schema(*_BY_ID[number])
