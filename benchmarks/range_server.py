"""One file, served by byte ranges on 127.0.0.1, and what was asked of it."""

from __future__ import annotations

import http
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADDRESS = "127.0.0.1"


class RangeServer(ThreadingHTTPServer):
    """Serves ``path`` at ``url``; ``spans`` are the first byte of each answer and the first after it."""

    def __init__(self, path: Path) -> None:
        super().__init__((ADDRESS, 0), _Handler)
        self.path = path
        self.size = path.stat().st_size
        self.spans: list[tuple[int, int]] = []
        self.url = f"http://{ADDRESS}:{self.server_port}/{path.name}"

    def sent(self, begin: int = 0, end: int | None = None) -> int:
        """Bytes that were sent, of a part of the file or of all of it."""
        end = self.size if end is None else end
        return sum(max(min(stop, end) - max(start, begin), 0) for start, stop in self.spans)


@contextmanager
def serving(path: Path) -> Iterator[RangeServer]:
    """Serve a file as long as the block lasts."""
    server = RangeServer(path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are written apart: without, 40 ms a request
    server: RangeServer

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            self.send_error(http.HTTPStatus.BAD_REQUEST)
            return
        start, stop = int(asked[1]), min(int(asked[2]) + 1, self.server.size)
        self.send_response(http.HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{self.server.size}")
        self.end_headers()
        with self.server.path.open("rb") as file:
            file.seek(start)
            self.wfile.write(file.read(stop - start))
        self.server.spans.append((start, stop))

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""
