"""A server of files by byte range on 127.0.0.1, which fails when it is told to."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ltr.datasets.remote import block_file
from ltr.datasets.remote.patience import Patience

Fault = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers one request, by the first fault that is waiting or else as it should."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are written apart: without, 40 ms a request
    server: Server

    def do_GET(self) -> None:
        if self.path in self.server.answers:
            self.server.asked.append(self.path)
            status, content = self.server.answers[self.path]
            self.reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})
            return
        self.server.ranges.append((self.path, self.headers.get("Range", "")))
        self.server.encodings.add(self.headers.get("Accept-Encoding", ""))
        if self.path in self.server.redirects:
            self.reply(302, b"", {"Location": self.server.redirects[self.path]})
        elif self.server.faults:
            self.server.faults.popleft()(self)
        else:
            self.part()

    def part(self, *, shift: int = 0, validator: dict[str, str] | None = None, cut: int | None = None) -> None:
        """The bytes that were asked for, or what is a little wrong with them."""
        content = self.server.files.get(self.path)
        if content is None:
            self.reply(404, b"no such file")
            return
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        if first >= len(content):
            self.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        last = min(last, len(content) - 1)
        body = content[first : last + 1]
        span = {"Content-Range": f"bytes {first + shift}-{last + shift}/{len(content)}"}
        self.reply(206, body, {**span, **(self.server.validator if validator is None else validator)}, cut=cut)

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for start in range(0, len(body), 2**16):
                piece = body[start : start + 2**16][: None if cut is None else max(cut - start, 0)]
                self.wfile.write(piece)
                self.server.sent += len(piece)
        except ConnectionError:  # the client has seen enough
            self.close_connection = True
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


class Server(ThreadingHTTPServer):
    """What is served, what was asked for, and what goes wrong next."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, object]] = {}
        self.redirects: dict[str, str] = {}
        self.validator = {"ETag": '"first"'}
        self.faults: deque[Fault] = deque()
        self.ranges: list[tuple[str, str]] = []
        self.encodings: set[str] = set()
        self.asked: list[str] = []
        self.sent = 0
        self.over = threading.Event()
        self.root = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Clients that go away early are part of the tests."""

    def add(self, path: str, content: bytes) -> str:
        self.files[path] = content
        return self.root + path

    @property
    def spans(self) -> list[str]:
        """Ranges asked for since the file was opened: without the first byte, which tells its size."""
        return [span.removeprefix("bytes=") for _, span in self.ranges if span != "bytes=0-0"]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a cache of its own, and no proxy between it and the server."""
    monkeypatch.setenv("LTR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "remote"


@pytest.fixture
def waits() -> list[float]:
    """The waits between attempts: written down, not waited."""
    return []


@pytest.fixture
def patience(waits: list[float]) -> Patience:
    return Patience(attempts=3, sleep=waits.append, draw=lambda: 1.0)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks of 1000 bytes, so that small files have many."""
    monkeypatch.setattr(block_file, "BLOCK_BYTES", 1000)
    return 1000


@pytest.fixture
def content() -> bytes:
    """100 small blocks and a bit."""
    return np.random.default_rng(0).bytes(100_300)
