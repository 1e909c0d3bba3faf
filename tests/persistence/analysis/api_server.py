"""A server of the tests' own that speaks the chat completions API over a socket, as its script says."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Says:
    """One reply: ``body`` in ``parts`` of that many bytes with a pause before each, or whole."""

    body: str | bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    parts: int | None = None


@dataclass
class Heard:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class ApiServer(ThreadingHTTPServer):
    """Gives the replies of ``script`` in order, the last one again and again; ``heard`` holds the requests."""

    daemon_threads = True

    def __init__(self, script: Sequence[Says]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.heard = list(script), list[Heard]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is no matter."""


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = self.server.script[min(len(self.server.heard), len(self.server.script) - 1)]
        self.server.heard.append(Heard(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        data = said.body.encode() if isinstance(said.body, str) else said.body
        if said.parts is None:
            time.sleep(said.pause_s)
        self.send_response(said.status)
        for name, value in {"content-type": "application/json", **said.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        step = said.parts or max(len(data), 1)
        for begin in range(0, len(data), step):
            if said.parts:
                time.sleep(said.pause_s)
            self.wfile.write(data[begin : begin + step])
            self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def api_server(*script: Says) -> Iterator[ApiServer]:
    server = ApiServer(script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def completion(content: str | None, **changed: Any) -> Says:
    """A chat completion with this content; ``refusal``, ``finish_reason``, ``model`` and ``usage`` may be stated."""
    message = {"role": "assistant", "content": content, "refusal": changed.pop("refusal", None)}
    choice = {"index": 0, "finish_reason": changed.pop("finish_reason", "stop"), "message": message}
    body = {
        "id": "c1", "object": "chat.completion", "created": 0, "model": "served-model", "choices": [choice],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}, **changed,
    }  # fmt: skip
    return Says(json.dumps(body))


def answer(**changed: Any) -> str:
    """An answer that fits every question, as a model writes it."""
    questions = [f"Does it hold for glare of kind {letter}?" for letter in "ABCDE"]
    said = {
        "summary": "Things last longer.", "insights": [], "patterns_identified": ["The peak is early."],
        "recommendations": [], "questions": questions, **changed,
    }  # fmt: skip
    return json.dumps(said)


def error(status: int, message: str, **headers: str) -> Says:
    body = json.dumps({"error": {"message": message, "type": "some_error", "code": None, "param": None}})
    return Says(body, status, {name.replace("_", "-"): value for name, value in headers.items()})
