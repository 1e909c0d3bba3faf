"""Fetching weights from a server that behaves, and from servers that do not."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from videotracks import download as download_module
from videotracks.errors import ModelError
from videotracks.weights import LOCK_FILE, WeightsEntry, entry, fetch, hash_file, manifest, read_lock, verify

CONTENT = bytes(range(256)) * 4096  # 1 MiB
HASH = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``content`` at any path, with faults that a test switches on; keeps the requests it saw."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag: str | None = '"one"'
        self.cut_after: int | None = None
        self.status: int | None = None
        self.redirect: str | None = None
        self.ignores_range = self.ignores_if_range = self.chunked = self.hides_length = False
        self.seen: list[dict[str, str]] = []

    def handle_error(self, *args: Any) -> None:
        """A client that hangs up is part of the tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/model.onnx"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        server.seen.append(dict(self.headers))
        if server.redirect and not self.path.startswith("/elsewhere"):
            return self.answer(302, {"Location": server.redirect}, b"")
        if server.status:
            return self.answer(server.status, {}, b"no")
        start = self.start()
        if start is not None and start >= len(server.content):
            return self.answer(416, {}, b"")
        headers = {"ETag": server.etag} if server.etag else {}
        if start is None:
            return self.answer(200, headers, server.content)
        headers["Content-Range"] = f"bytes {start}-{len(server.content) - 1}/{len(server.content)}"
        return self.answer(206, headers, server.content[start:])

    def start(self) -> int | None:
        wanted = self.headers.get("Range")
        if wanted is None or self.server.ignores_range:
            return None
        condition = self.headers.get("If-Range")
        if condition and condition != self.server.etag and not self.server.ignores_if_range:
            return None
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        server = self.server
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif not server.hides_length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        cut = len(body) if server.cut_after is None else server.cut_after
        if server.chunked:
            self.wfile.write(f"{len(body):x}\r\n".encode() + body[:cut])
            if cut == len(body):
                self.wfile.write(b"\r\n0\r\n\r\n")
        else:
            self.wfile.write(body[:cut])
        self.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def wanted(server: Server, **changes: Any) -> WeightsEntry:
    values = {
        "name": "model",
        "kind": "detector",
        "file": "model.onnx",
        "url": server.url,
        "sha256": HASH,
        "size": len(CONTENT),
        "licence": "Apache-2.0",
        "source": "https://example.org",
        "input": {"width": 416, "height": 416, "channel_order": "BGR"},
    }
    return WeightsEntry.model_validate(values | changes)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_fetches_a_good_file_and_tells_of_its_progress(server: Server, tmp_path: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    fetched = fetch(wanted(server), tmp_path / "weights", lambda done, total: calls.append((done, total)))
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.sha256, fetched.downloaded, fetched.hash_from) == (HASH, True, "manifest")
    assert calls[-1] == (len(CONTENT), len(CONTENT))
    assert files(tmp_path / "weights") == {"model.onnx"}


def test_a_file_that_is_here_is_not_downloaded_again(server: Server, tmp_path: Path) -> None:
    fetch(wanted(server), tmp_path)
    assert fetch(wanted(server), tmp_path).downloaded is False
    assert len(server.seen) == 1


def test_refuses_and_removes_a_file_with_a_wrong_hash(server: Server, tmp_path: Path) -> None:
    server.content = b"x" + CONTENT[1:]
    wrong = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(ModelError, match=f"expected SHA-256 {HASH}, got {wrong}"):
        fetch(wanted(server), tmp_path)
    assert files(tmp_path) == set()


def test_leaves_a_wrong_file_alone_that_was_here_before(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"mine")
    with pytest.raises(ModelError, match="delete it"):
        fetch(wanted(server), tmp_path)
    assert (tmp_path / "model.onnx").read_bytes() == b"mine"


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_resumes_a_cut_transfer_where_it_was_cut(server: Server, tmp_path: Path, size: int | None) -> None:
    server.cut_after = 300_000
    with pytest.raises(ModelError, match=r"cut after 300,000 of 1,048,576 bytes.*fetch again"):
        fetch(wanted(server, size=size), tmp_path)
    assert (tmp_path / "model.onnx.part").stat().st_size == 300_000
    server.cut_after = None
    assert fetch(wanted(server, size=size), tmp_path).path.read_bytes() == CONTENT
    assert (server.seen[1]["Range"], server.seen[1]["If-Range"]) == ("bytes=300000-", '"one"')
    assert files(tmp_path) == {"model.onnx"}


def test_resumes_more_than_once(server: Server, tmp_path: Path) -> None:
    server.cut_after = 400_000
    for _ in range(2):
        with pytest.raises(ModelError, match="cut after"):
            fetch(wanted(server), tmp_path)
    assert fetch(wanted(server), tmp_path).path.read_bytes() == CONTENT


def test_begins_anew_where_the_server_ignores_ranges(server: Server, tmp_path: Path) -> None:
    cut(server, tmp_path)
    server.ignores_range = True
    assert fetch(wanted(server), tmp_path).path.read_bytes() == CONTENT


@pytest.mark.parametrize("ignores_if_range", [False, True])
@pytest.mark.parametrize("known", [True, False])
def test_begins_anew_where_the_file_changed_meanwhile(
    server: Server, tmp_path: Path, ignores_if_range: bool, known: bool
) -> None:
    changed = bytes(reversed(CONTENT))
    item = wanted(server, sha256=hashlib.sha256(changed).hexdigest() if known else None, size=None)
    cut(server, tmp_path, item)
    server.content, server.etag, server.ignores_if_range = changed, '"two"', ignores_if_range
    assert fetch(item, tmp_path).path.read_bytes() == changed


def test_does_not_continue_a_part_of_which_nothing_is_known(server: Server, tmp_path: Path) -> None:
    server.etag = None
    item = wanted(server, sha256=None, size=None)
    cut(server, tmp_path, item)
    server.content = bytes(reversed(CONTENT))
    assert fetch(item, tmp_path).path.read_bytes() == server.content
    assert "Range" not in server.seen[1]


def test_begins_anew_where_the_part_is_longer_than_the_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx.part").write_bytes(bytes(len(CONTENT) + 7))
    assert fetch(wanted(server), tmp_path).path.read_bytes() == CONTENT


def test_a_complete_part_needs_no_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx.part").write_bytes(CONTENT)
    fetch(wanted(server), tmp_path)
    assert server.seen == []


def test_notices_a_cut_in_a_chunked_transfer(server: Server, tmp_path: Path) -> None:
    server.chunked, server.cut_after = True, 300_000
    with pytest.raises(ModelError, match="cut after 300,000"):
        fetch(wanted(server, size=None, sha256=None), tmp_path)
    server.cut_after = None
    assert fetch(wanted(server, size=None, sha256=None), tmp_path).path.read_bytes() == CONTENT


def test_refuses_a_transfer_whose_end_cannot_be_known(server: Server, tmp_path: Path) -> None:
    server.hides_length = True
    with pytest.raises(ModelError, match="a cut would go unnoticed"):
        fetch(wanted(server, size=None, sha256=None), tmp_path)


def test_refuses_a_file_of_another_size_before_downloading_it(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT + b"more"
    with pytest.raises(ModelError, match=r"expected 1,048,576 bytes, the server offers 1,048,580"):
        fetch(wanted(server), tmp_path)


def test_refuses_more_than_was_expected(server: Server, tmp_path: Path) -> None:
    server.content, server.hides_length = CONTENT + b"more", True
    with pytest.raises(ModelError, match="sends more"):
        fetch(wanted(server), tmp_path)


def test_says_what_the_server_answered(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(ModelError, match=r"404 Not Found.*by hand"):
        fetch(wanted(server), tmp_path)


def test_says_that_there_is_no_connection(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no connection"):
        fetch(wanted(server, url="http://127.0.0.1:9/model.onnx"), tmp_path)
    assert files(tmp_path) == set()


def test_follows_a_redirect_on_the_same_machine(server: Server, tmp_path: Path) -> None:
    server.redirect = server.url.replace("model.onnx", "elsewhere/model.onnx")
    assert fetch(wanted(server), tmp_path).path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "url",
    ["http://example.org/model.onnx", "file:///etc/passwd", "ftp://example.org/x", "http://127.0.0.1.example.org/"],
)
def test_downloads_nothing_but_https(server: Server, tmp_path: Path, url: str) -> None:
    with pytest.raises(ModelError, match="only https"):
        fetch(wanted(server, url=url), tmp_path)
    server.redirect = url
    with pytest.raises(ModelError, match=r"only https|is not allowed"):
        fetch(wanted(server), tmp_path)


def test_a_page_on_the_web_cannot_redirect_to_this_machine() -> None:
    with pytest.raises(ModelError, match="only https"):
        download_module._check_url("http://127.0.0.1/x", loopback=download_module._is_loopback("https://example.org"))


def test_records_the_first_hash_where_the_publisher_states_none(server: Server, tmp_path: Path) -> None:
    item = wanted(server, sha256=None, size=None)
    fetched = fetch(item, tmp_path)
    assert fetched.hash_from == "this file"
    assert HASH in str(fetched)
    recorded = read_lock(tmp_path).root["model.onnx"]
    assert (recorded.sha256, recorded.size, recorded.url) == (HASH, len(CONTENT), server.url)
    assert fetch(item, tmp_path).hash_from == "lock"


def test_a_later_download_must_match_the_recorded_hash(server: Server, tmp_path: Path) -> None:
    item = wanted(server, sha256=None, size=None)
    fetch(item, tmp_path).path.unlink()
    server.content = b"x" + CONTENT[1:]
    with pytest.raises(ModelError, match=f"expected SHA-256 {HASH}"):
        fetch(item, tmp_path)
    assert files(tmp_path) == {LOCK_FILE}


def test_verify_tells_missing_right_wrong_and_unrecorded_apart(server: Server, tmp_path: Path) -> None:
    item = wanted(server, sha256=None, size=None)
    others = [item, wanted(server, name="b", file="b.onnx"), wanted(server, name="c", file="c.onnx", sha256=None)]
    fetch(item, tmp_path)
    (tmp_path / "c.onnx").write_bytes(b"c")
    assert [(s.state, s.ok) for s in verify(tmp_path, others)] == [
        ("right", True),
        ("missing", True),
        ("unrecorded", True),
    ]
    (tmp_path / "model.onnx").write_bytes(b"x")
    status = verify(tmp_path, others)[0]
    assert not status.ok
    assert HASH in status.message
    assert hash_file(tmp_path / "model.onnx") in status.message
    assert read_lock(tmp_path).root.keys() == {"model.onnx"}


def test_a_file_put_here_by_hand_is_recorded_by_fetch(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(CONTENT)
    item = wanted(server, url=None, sha256=None, size=None, notes="Export it.")
    assert fetch(item, tmp_path).hash_from == "this file"
    assert read_lock(tmp_path).root["model.onnx"].url is None


def test_says_what_to_do_where_there_is_nothing_to_download(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Export it\. Then put it at .*model\.onnx"):
        fetch(wanted(server, url=None, notes="Export it."), tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a.onnx": {"sha256": "no"}}'])
def test_refuses_a_damaged_list_of_hashes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOCK_FILE).write_bytes(content)
    with pytest.raises(ModelError, match="not the list of recorded hashes"):
        verify(tmp_path)


def test_the_manifest_is_sound() -> None:
    entries = manifest()
    assert len({e.name for e in entries}) == len({e.file for e in entries}) == len(entries)
    assert all(e.licence in {"Apache-2.0", "MIT"} for e in entries)
    assert all(e.url is None or e.url.startswith("https://") for e in entries)
    assert all(e.url or "export" in e.notes.lower() or "conversion" in e.notes for e in entries)
    assert {e.kind for e in entries} == {"detector", "reid", "segmenter"}


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    assert entry("yolox_nano").file == "yolox_nano.onnx"
    with pytest.raises(ModelError, match="known are yolox_nano, yolox_tiny"):
        entry("yolo")


@pytest.mark.parametrize("file", ["../evil.onnx", "/etc/passwd", ".hidden", "a/b.onnx", ""])
def test_a_manifest_cannot_name_a_file_outside_the_folder(server: Server, file: str) -> None:
    with pytest.raises(ValueError, match="file"):
        wanted(server, file=file)


def test_the_part_of_another_url_is_not_continued(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx.part").write_bytes(b"other")
    (tmp_path / "model.onnx.part.json").write_text(
        json.dumps({"url": "https://other", "validator": '"one"', "total": 9})
    )
    assert fetch(wanted(server, sha256=None), tmp_path).path.read_bytes() == CONTENT
    assert "Range" not in server.seen[0]


def cut(server: Server, folder: Path, item: WeightsEntry | None = None) -> None:
    server.cut_after = 300_000
    with pytest.raises(ModelError, match="cut after"):
        fetch(item or wanted(server), folder)
    server.cut_after = None
