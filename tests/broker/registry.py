"""A schema registry on a loopback port that knows the two requests of Confluent's interface that streamer makes."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

FIRST_ID = 70_001


class Registry:
    """Schemas by id, served over HTTP until closed.

    ``asked`` lists the paths that were asked for.
    """

    def __init__(self) -> None:
        self.schemas: dict[int, str] = {}
        self.subjects: dict[str, int] = {}
        self.asked: list[str] = []
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def register(self, subject: str, text: str) -> int:
        """The id of a schema, the same whenever it comes again."""
        with self._lock:
            known = {schema: number for number, schema in self.schemas.items()}
            number = known.get(text, FIRST_ID + len(known))
            self.schemas[number] = text
            self.subjects[subject] = number
            return number

    def close(self) -> None:
        """From now on nobody answers at the address."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, body: bytes | None) -> tuple[int, object]:
        """Status and object."""
        self.asked.append(path)
        if body is None and (found := re.fullmatch(r"/schemas/ids/(\d+)", path)):
            text = self.schemas.get(int(found[1]))
            return (200, {"schema": text}) if text else (404, {"error_code": 40403, "message": "Schema not found"})
        if body is not None and (found := re.fullmatch(r"/subjects/([^/]+)/versions", path)):
            text = json.loads(body)["schema"]
            if (
                self.schemas.get(self.subjects.get(found[1], 0), text) != text
            ):  # stricter than BACKWARD, which may allow some changes
                return 409, {"error_code": 409, "message": "Schema being registered is incompatible with an earlier schema"}
            return 200, {"id": self.register(found[1], text)}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes | None) -> None:
            status, what = registry.answer(self.path, body)
            text = json.dumps(what).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            pass

    return Handler
