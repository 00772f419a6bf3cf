"""A file on a server, read by byte ranges; what is wrong with servers that do not answer them."""

from __future__ import annotations

import http
import re
from typing import TYPE_CHECKING

from ltr.datasets.remote.client import Client, refusal
from ltr.datasets.remote.patience import PassingFailure, persist
from ltr.errors import RecordingError

if TYPE_CHECKING:
    from requests import Response

UNKNOWN = -1
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RemoteBytes:
    """The bytes of a remote file. The first request is made at once: one byte, which tells the rest.

    Args:
        client: makes the requests.
        url: where the file is, perhaps behind redirects.
        name: the address as the user gave it, for messages.

    Attributes:
        size: of the file, in bytes.
        validator: what changes when the file does (its ETag or time of change); empty if the server tells neither.

    Raises:
        RecordingError: the file is not there, may not be read, is empty, or its server knows no byte ranges.
        NetworkError: the network failed more often than ``client.patience`` allows.
    """

    def __init__(self, client: Client, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self._client = client
        self._target = url
        self.size, self.validator = UNKNOWN, ""
        self.fetch(0, 1)

    def fetch(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to, but without, ``stop``.

        Raises:
            RecordingError: the file has changed since it was opened, or can no longer be read.
            NetworkError: the network failed too often.
        """
        return persist(lambda: self._fetch_once(start, stop), self.name, self._client.patience)

    def _fetch_once(self, start: int, stop: int) -> bytes:
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        if self._target != self.url:
            with self._client.get(self._target, headers) as response:
                if response.status_code < 400:
                    return self._checked_body(response, start, stop)
            # a signed address expires: ask for a new one, once
            self._target = self.url
        with self._client.get(self.url, headers) as response:
            body = self._checked_body(response, start, stop)
            self._target = response.url
            return body

    def _checked_body(self, response: Response, start: int, stop: int) -> bytes:
        beyond = response.status_code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        if response.status_code >= 400 and not beyond:
            raise refusal(self.name, response.status_code)
        # no range is inside an empty file, and none of the old ones in a file that became shorter
        if beyond or response.headers.get("Content-Length") == "0":
            raise self._empty() if self.size == UNKNOWN else self._changed()
        span = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        compressed = response.headers.get("Content-Encoding", "identity") != "identity"
        if response.status_code != http.HTTPStatus.PARTIAL_CONTENT or span is None or compressed:
            raise self._no_ranges("ignores byte ranges")
        first, last, size = (int(number) for number in span.groups())
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if self.size != UNKNOWN and (self.size, self.validator) != (size, validator):
            raise self._changed()
        if (first, last) != (start, stop - 1):
            raise self._no_ranges("answers with other bytes than it was asked for")
        self.size, self.validator = size, validator
        return _read(response, stop - start)

    def _no_ranges(self, fault: str) -> RecordingError:
        return RecordingError(
            f"{self.name} cannot be read in parts: its server {fault}.",
            allowed="a server that answers requests for byte ranges",
            fix="download the file and give its path",
        )

    def _changed(self) -> RecordingError:
        return RecordingError(
            f"{self.name} changed on its server while it was read.",
            allowed="a file that stays as it is",
            fix="run the command again",
        )

    def _empty(self) -> RecordingError:
        return RecordingError(f"{self.name} is empty.", allowed="a file with content", fix="check the address")


def _read(response: Response, length: int) -> bytes:
    body: bytes = response.raw.read(length, decode_content=False)
    if len(body) != length:
        raise PassingFailure(f"the answer ended after {len(body)} of {length} bytes")
    return body
