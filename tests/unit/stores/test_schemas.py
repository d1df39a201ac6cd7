"""Where writer schemas come from: folders, a registry that fails in every way, and a cache that outlives it."""

import gc
import json
import weakref
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from streamer.data.schema import WriterSchema
from streamer.errors import InvalidConfig, InvalidSchema, SchemaProblem, SchemaUnavailable, UnknownSchema
from streamer.ports import Schemas
from streamer.stores.schemas import CachedSchemas, FirstOf, FolderSchemas, NoSchemas, RegistrySchemas, schemas_from
from streamer.testing import HandClock
from tests.packets import TableOfSchemas, record_of

SCHEMA = WriterSchema.of(record_of([("a", "int")]))


class Registry(BaseHTTPRequestHandler):
    """Answers from a table of path to (status, bytes) and keeps what was asked."""

    answers: ClassVar[dict[str, tuple[int, bytes]]] = {}
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        status, body = self.answers.get(self.path, (404, b"{}"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class calls it so
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Registry.answers = {"/schemas/ids/1": (200, json.dumps({"schema": SCHEMA.text}).encode())}
    Registry.asked = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_registry_gives_schemas_and_knows_which_it_has_not(server: str) -> None:
    store = RegistrySchemas(f"http://{server}", HandClock())
    assert store.by_id(1) == SCHEMA
    with pytest.raises(UnknownSchema):
        store.by_id(2)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((500, b"oops"), SchemaUnavailable),
        ((401, b"{}"), SchemaUnavailable),
        ((200, b"garbage"), SchemaUnavailable),
        ((200, b"[]"), SchemaUnavailable),
        ((200, b"\xff\xfe"), SchemaUnavailable),
        ((200, b"{}"), InvalidSchema),
        ((200, b'{"schema": "{"}'), InvalidSchema),
        ((200, b'{"schema": "\\ud800"}'), InvalidSchema),
        ((200, b'{"schemaType": "PROTOBUF", "schema": "x"}'), InvalidSchema),
    ],
)
def test_a_bad_answer_is_a_schema_problem(server: str, answer: tuple[int, bytes], problem: type[SchemaProblem]) -> None:
    Registry.answers = {"/schemas/ids/1": answer}
    with pytest.raises(problem):
        RegistrySchemas(f"http://{server}", HandClock()).by_id(1)


def test_after_a_failure_nobody_asks_until_the_pause_is_over(server: str) -> None:
    clock = HandClock()
    store = RegistrySchemas(f"http://{server}", clock, pause=15.0)
    good = Registry.answers["/schemas/ids/1"]
    Registry.answers = {"/schemas/ids/1": (500, b"")}
    for _ in range(3):
        with pytest.raises(SchemaUnavailable, match=r"did not answer as it should \(HTTP 500\)"):
            store.by_id(1)
    assert len(Registry.asked) == 1
    Registry.answers = {"/schemas/ids/1": good}
    clock.advance(15.1)
    assert store.by_id(1) == SCHEMA


def test_credentials_are_sent_and_never_told(server: str) -> None:
    Registry.answers = {"/schemas/ids/1": (500, b"")}
    store = RegistrySchemas(f"http://me:s3cret@{server}", HandClock())
    with pytest.raises(SchemaUnavailable) as caught:
        store.by_id(1)
    assert Registry.asked[0][1] == "Basic bWU6czNjcmV0"
    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__!r}"
    with pytest.raises(SchemaUnavailable) as closed:
        RegistrySchemas("http://me:s3cret@127.0.0.1:1", HandClock(), timeout=0.2).by_id(1)
    assert "s3cret" not in f"{closed.value!r} {closed.value.__cause__!r}"
    with pytest.raises(InvalidConfig) as wrong:
        RegistrySchemas("ftp://me:s3cret@host", HandClock())
    assert "s3cret" not in str(wrong.value)


def test_a_registry_that_does_not_answer_is_unavailable_in_time() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SchemaUnavailable):
        RegistrySchemas(f"http://127.0.0.1:{silent.getsockname()[1]}", HandClock(), timeout=0.1).by_id(1)


def test_our_schemas_get_their_id_once(server: str) -> None:
    Registry.answers = {"/subjects/s/versions": (200, b'{"id": 12}')}
    store = RegistrySchemas(f"http://{server}", HandClock())
    assert [store.id_of("s", SCHEMA), store.id_of("s", SCHEMA)] == [12, 12]
    assert len(Registry.asked) == 1
    with pytest.raises(SchemaUnavailable):
        store.id_of("other", SCHEMA)


def test_what_was_cached_on_disk_outlives_an_outage(server: str, tmp_path: Path) -> None:
    assert schemas_from([f"http://{server}"], HandClock(), tmp_path).by_id(1) == SCHEMA
    Registry.answers = {"/schemas/ids/1": (500, b"")}
    assert schemas_from([f"http://{server}"], HandClock(), tmp_path).by_id(1) == SCHEMA
    assert len(Registry.asked) == 1


@pytest.mark.parametrize("rubbish", [b"", b"{", b"\xff\xff", b"[]"])
def test_a_corrupted_cache_file_is_fetched_again(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "1.avsc").write_bytes(rubbish)
    assert CachedSchemas(TableOfSchemas({1: SCHEMA}), HandClock(), tmp_path).by_id(1) == SCHEMA
    assert (tmp_path / "1.avsc").read_text() == SCHEMA.text
    assert [file.name for file in tmp_path.iterdir()] == ["1.avsc"]


def test_an_unknown_id_is_asked_for_again_after_the_pause() -> None:
    clock = HandClock()
    table: dict[int, WriterSchema | SchemaProblem] = {}
    store = CachedSchemas(TableOfSchemas(table), clock, pause=60.0)
    with pytest.raises(UnknownSchema):
        store.by_id(1)
    table[1] = SCHEMA
    with pytest.raises(UnknownSchema):
        store.by_id(1)
    clock.advance(61.0)
    assert store.by_id(1) == SCHEMA


def test_of_several_stores_the_first_answer_or_the_most_hopeful_problem_counts() -> None:
    down, unknown = TableOfSchemas({1: SchemaUnavailable("down"), 2: SchemaUnavailable("down")}), NoSchemas()
    assert FirstOf([unknown, down, TableOfSchemas({1: SCHEMA})]).by_id(1) == SCHEMA
    with pytest.raises(SchemaUnavailable):
        FirstOf([unknown, down]).by_id(2)
    with pytest.raises(UnknownSchema, match="no schema folder or registry is named"):
        FirstOf([TableOfSchemas({}), unknown]).by_id(2)


class Batch:
    """What a caller has in hand when it asks."""


def asked(store: Schemas, number: int) -> weakref.ref[Batch]:
    batch = Batch()
    with suppress(SchemaProblem):
        store.by_id(number)
    return weakref.ref(batch)


@pytest.mark.parametrize("last", [TableOfSchemas({1: SCHEMA}), NoSchemas()])
def test_problems_do_not_keep_what_their_callers_had_in_hand(last: Schemas) -> None:
    several = FirstOf([NoSchemas(), last])
    remembering = CachedSchemas(several, HandClock())
    gc.disable()
    try:
        for store in (several, remembering, remembering):
            assert asked(store, 1)() is None
    finally:
        gc.enable()


def test_a_folder_of_numbered_schemas(tmp_path: Path) -> None:
    (tmp_path / "12.avsc").write_text(SCHEMA.text)
    (tmp_path / "13.avsc").write_text("garbage")
    (tmp_path / "\u00b2.avsc").write_text("a digit that is no number")
    store = FolderSchemas(tmp_path)
    assert store.by_id(12) == SCHEMA
    with pytest.raises(InvalidSchema):
        store.by_id(13)
    with pytest.raises(UnknownSchema):
        store.by_id(14)
    with pytest.raises(InvalidConfig):
        FolderSchemas(tmp_path / "nowhere")


def test_a_folder_in_rubins_layout_takes_named_types_from_their_files_once(tmp_path: Path) -> None:
    folder = tmp_path / "7" / "4"
    folder.mkdir(parents=True)
    inner = record_of([("x", "int")], "source") | {"namespace": "lsst.v7_4"}
    alert = record_of([("a", "lsst.v7_4.source"), ("b", ["null", {"type": "array", "items": "lsst.v7_4.source"}])], "alert")
    (folder / "lsst.v7_4.source.avsc").write_text(json.dumps(inner))
    (folder / "lsst.v7_4.alert.avsc").write_text(json.dumps(alert | {"namespace": "lsst.v7_4"}))
    fields = FolderSchemas(tmp_path).by_id(704).tree["fields"]
    assert fields[0]["type"] == inner
    assert fields[1]["type"][1]["items"] == "lsst.v7_4.source"
