"""Writer schemas by id: from a folder, from a Confluent-API registry, and from the disk cache that outlives an outage."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import logging
import re
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamer.data.schema import WriterSchema
from streamer.errors import InvalidConfig, InvalidSchema, SchemaProblem, SchemaUnavailable, UnknownSchema
from streamer.ports import Clock, SchemaIds, Schemas

log = logging.getLogger(__name__)

MAX_SCHEMA_BYTES = 16 << 20
MAX_REMEMBERED = 4096
LSST_ALERT_FILE = re.compile(r"lsst\.v(\d+)_(\d+)\.alert\.avsc$")


_PIECE_BYTES = 1 << 16


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the credentials in our headers are for the registry that was named."""

    def redirect_request(self, *_: Any) -> None:
        """Leave the redirection an HTTP error."""


_OPENER = urllib.request.build_opener(_NoRedirects)


class NoSchemas:
    """For streams that carry their schema in every packet: no id is known."""

    def by_id(self, number: int) -> WriterSchema:
        """Raise UnknownSchema."""
        raise UnknownSchema(f"schema id {number}: no schema folder or registry is named (source.schemas, or --schemas)")


class FolderSchemas:
    """Schemas from a folder, either ``{id}.avsc`` or Rubin's own layout ``MAJOR/MINOR/lsst.vMAJOR_MINOR.alert.avsc``.

    In Rubin's layout the id is major × 100 + minor, and types that a schema only names stand in files of that name beside it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InvalidConfig(f"schema folder {folder} is not there")
        self._folder = folder
        self._files = {int(file.stem): file for file in folder.glob("*.avsc") if file.stem.isdecimal()}
        for file in folder.rglob("lsst.v*.alert.avsc"):
            if match := LSST_ALERT_FILE.search(file.name):
                self._files.setdefault(int(match[1]) * 100 + int(match[2]), file)

    def by_id(self, number: int) -> WriterSchema:
        """The schema; raises UnknownSchema or InvalidSchema."""
        if number not in self._files:
            raise UnknownSchema(f"schema id {number} is not among the {len(self._files)} schemas in {self._folder}")
        return WriterSchema.of(_self_contained(self._files[number]))


class RegistrySchemas:
    """Schemas from a registry over HTTP (Confluent API, ``GET /schemas/ids/{id}``), and ids of our own (``POST /subjects/…``).

    Parameters
    ----------
    url : str
        Address of the registry; user and password may stand in it.
    clock : Clock
    timeout : float, s
        How long one request may take.
    pause : float, s
        After a failure, how long nobody asks again: a batch must not wait for a time-out per message.
    """

    def __init__(self, url: str, clock: Clock, timeout: float = 5.0, pause: float = 15.0) -> None:
        self._url, self._headers = _without_credentials(url)
        self._clock = clock
        self._timeout = timeout
        self._pause = pause
        self._silent_until = float("-inf")
        self._failure = ""
        self._ids: dict[tuple[str, WriterSchema], int] = {}

    def by_id(self, number: int) -> WriterSchema:
        """The schema; raises UnknownSchema, SchemaUnavailable or InvalidSchema."""
        answer = self._ask(f"/schemas/ids/{number}", None)
        if answer is None:
            raise UnknownSchema(f"schema id {number} is unknown to the registry")
        if answer.get("schemaType", "AVRO") != "AVRO" or answer.get("references") or not isinstance(answer.get("schema"), str):
            raise InvalidSchema(f"schema id {number} is not a self-contained Avro schema")
        return WriterSchema.parse(answer["schema"])

    def id_of(self, subject: str, schema: WriterSchema) -> int:
        """The id of one of our schemas, registered under `subject` at the first call; raises SchemaUnavailable."""
        if (subject, schema) not in self._ids:
            answer = self._ask(f"/subjects/{subject}/versions", {"schema": schema.text})
            if answer is None or not isinstance(answer.get("id"), int):
                raise SchemaUnavailable(f"the registry does not take the schema of subject {subject}")
            self._ids[subject, schema] = answer["id"]
        return self._ids[subject, schema]

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        if self._clock.monotonic() < self._silent_until:
            raise SchemaUnavailable(self._failure)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers)  # noqa: S310  the scheme was checked
        try:
            with _OPENER.open(request, timeout=self._timeout) as response:
                answer = json.loads(self._read(response))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.HTTPStatus.NOT_FOUND:
                return None
            raise self._unavailable(f"HTTP {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            cause = getattr(error, "reason", error)  # urllib wraps what the system says
            raise self._unavailable(f"{type(cause).__name__}: {cause}") from error
        if not isinstance(answer, dict):
            raise self._unavailable("an answer that is not an object")
        return answer

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The whole answer; a registry that drips it byte by byte runs into the time-out as a silent one does."""
        deadline = self._clock.monotonic() + self._timeout
        answer = b""
        while piece := response.read1(_PIECE_BYTES):
            answer += piece
            if len(answer) > MAX_SCHEMA_BYTES or self._clock.monotonic() > deadline:
                raise TimeoutError(f"an answer of more than {len(answer)} bytes or {self._timeout} s")
        return answer

    def _unavailable(self, why: str) -> SchemaUnavailable:
        self._silent_until = self._clock.monotonic() + self._pause
        log.warning("schema registry failed", extra={"why": why, "pause_s": self._pause})
        self._failure = f"the schema registry did not answer as it should ({why})"
        return SchemaUnavailable(self._failure)


class CachedSchemas:
    """Remembers what another store gave, in memory and on disk; an id never changes its schema, so the disk is asked first.

    Parameters
    ----------
    inner : Schemas
    clock : Clock
    folder : Path or None
        Where ``{id}.avsc`` files are kept; None keeps them in memory only.
    pause : float, s
        How long an unknown id is not asked for again.
    """

    def __init__(self, inner: Schemas, clock: Clock, folder: Path | None = None, pause: float = 60.0) -> None:
        self._inner = inner
        self._clock = clock
        self._folder = folder
        self._pause = pause
        self._known: dict[int, WriterSchema] = {}
        self._unknown: dict[int, tuple[float, SchemaProblem]] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def by_id(self, number: int) -> WriterSchema:
        """The schema; raises what the inner store raises."""
        if number in self._known:
            return self._known[number]
        until, problem = self._unknown.get(number, (float("-inf"), None))
        if problem is not None and self._clock.monotonic() < until:
            raise _afresh(problem)
        schema = self._from_disk(number) or self._fetched(number)
        self._known[number] = schema
        return schema

    def _fetched(self, number: int) -> WriterSchema:
        try:
            schema = self._inner.by_id(number)
        except (UnknownSchema, InvalidSchema) as problem:
            if len(self._unknown) >= MAX_REMEMBERED:
                self._unknown.clear()
            self._unknown[number] = (self._clock.monotonic() + self._pause, _afresh(problem))
            raise
        if self._folder is not None:
            _write_atomically(self._folder / f"{number}.avsc", schema.text.encode())
        return schema

    def _from_disk(self, number: int) -> WriterSchema | None:
        if self._folder is None:
            return None
        try:
            return WriterSchema.parse((self._folder / f"{number}.avsc").read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, InvalidSchema) as error:
            log.warning("a cached schema is not usable and will be fetched again", extra={"id": number, "why": str(error)})
            return None


class FirstOf:
    """Several stores, asked in their order."""

    def __init__(self, stores: Sequence[Schemas]) -> None:
        self._stores = stores

    def by_id(self, number: int) -> WriterSchema:
        """The first schema found; otherwise the problem that leaves most hope (unavailable, then invalid, then unknown).

        Of several such problems the last: our own schemas are asked first, and that an id is none of those explains nothing.
        """
        problems: list[SchemaProblem] = []
        for store in self._stores:
            try:
                return store.by_id(number)
            except SchemaProblem as problem:
                problems.append(_afresh(problem))
        hope = (SchemaUnavailable, InvalidSchema, UnknownSchema)
        raise _afresh(min(reversed(problems), key=lambda problem: hope.index(type(problem))))


def _afresh(problem: SchemaProblem) -> SchemaProblem:
    """The same problem without its traceback, through which it would keep all that its callers had in hand: whole batches."""
    return type(problem)(*problem.args)


def schemas_from(places: Sequence[str], clock: Clock, cache: Path | None = None) -> Schemas:
    """The store for a list of folders and registry addresses; remembered in memory, registries also on disk under `cache`."""
    stores: list[Schemas] = []
    for place in places:
        if not is_address(place):
            stores.append(FolderSchemas(Path(place)))
            continue
        folder = cache / hashlib.sha256(_without_credentials(place)[0].encode()).hexdigest()[:16] if cache else None
        stores.append(CachedSchemas(RegistrySchemas(place, clock), clock, folder))
    return CachedSchemas(FirstOf(stores), clock) if stores else NoSchemas()


def registry_ids(url: str, clock: Clock) -> SchemaIds:
    """Ids of our output schemas at the registry `url`."""
    return RegistrySchemas(url, clock)


def is_address(place: str) -> bool:
    """Whether a schema store is named by its HTTP address rather than by a folder."""
    return place.startswith(("http://", "https://"))


def _without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The address without user and password, and the request headers that carry them."""
    headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json", "Content-Type": "application/json"}
    scheme, _, rest = url.rstrip("/").partition("://")
    if scheme not in {"http", "https"} or not rest:
        raise InvalidConfig("a schema registry is named by an http or https address")
    credentials, at, host = rest.rpartition("@")
    if at:
        headers["Authorization"] = "Basic " + base64.b64encode(urllib.parse.unquote(credentials).encode()).decode()
    return f"{scheme}://{host}", headers


def _self_contained(file: Path) -> Any:
    """The schema in `file` with each named type of a neighbouring file in the place where it is first used."""
    defined: set[str] = set()

    def inlined(tree: Any) -> Any:
        if isinstance(tree, list):
            return [inlined(branch) for branch in tree]
        if isinstance(tree, dict):
            if "fields" in tree:
                defined.add(_full_name(tree))
                return {**tree, "fields": [{**entry, "type": inlined(entry["type"])} for entry in tree["fields"]]}
            return {key: inlined(value) if key in {"type", "items", "values"} else value for key, value in tree.items()}
        neighbour = file.parent / f"{tree}.avsc"
        if isinstance(tree, str) and tree not in defined and neighbour.is_file():
            return inlined(_json_of(neighbour))
        return tree

    try:
        return inlined(_json_of(file))
    except (KeyError, TypeError, RecursionError) as error:
        raise InvalidSchema(f"{file.name}: {error}") from error


def _full_name(tree: dict[str, Any]) -> str:
    namespace = tree.get("namespace")
    return f"{namespace}.{tree['name']}" if namespace and "." not in tree["name"] else str(tree["name"])


def _json_of(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidSchema(f"{file.name}: {error}") from error


def _write_atomically(path: Path, data: bytes) -> None:
    """Write a file that other processes see whole or not at all; a full disk costs the cache, not the service."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(data)
                file.close()
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        log.warning("a schema could not be cached", extra={"file": path.name, "why": str(error)})
