"""HTTP requests, one attempt at a time: timeouts, redirects, and what went wrong.

The only place that knows ``requests``. It is used as it is: remfile, which is built on
it, reads a whole file that comes instead of a range, waits without limit and knows
cached blocks by address alone; fsspec neither asks again after a failure nor notices
that a file has changed; both follow redirects anywhere.
"""

from __future__ import annotations

import email.utils
import http
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from ltr.datasets.remote.address import no_address, shown
from ltr.datasets.remote.patience import PassingFailure, Patience
from ltr.errors import RecordingError

MAX_REDIRECTS = 10
INVALID = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class Client:
    """Asks servers, and closes its connections at the end of a ``with`` block.

    Args:
        patience: the timeouts.
    """

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._session = requests.Session()
        # byte ranges count in what is sent, so a compressed copy would be another file
        self._session.headers["Accept-Encoding"] = "identity"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[requests.Response]:
        """Ask once, and follow redirects; the body is not yet read.

        Yields:
            The answer. Its ``url`` is where the redirects ended; failures while it is read
            inside the block are told like those before.

        Raises:
            PassingFailure: no connection, a cut one, silence, or status 429 or 5xx.
            RecordingError: the address cannot be right, or a redirect leads where it may not.
        """
        try:
            with self._follow(url, headers or {}) as response:
                if response.status_code == http.HTTPStatus.TOO_MANY_REQUESTS or response.status_code >= 500:
                    raise PassingFailure(_answered(response.status_code), _asked_s(response))
                yield response
        except INVALID as error:
            raise no_address(shown(url)) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise RecordingError(
                    f"{shown(url)} cannot be read: the server's certificate cannot be verified.",
                    allowed="a server that this machine trusts",
                    fix="check the address and this machine's clock, or download the file and give its path",
                ) from error
            raise PassingFailure(self._reason(error)) from error

    def get_json(self, url: str, params: Mapping[str, str], name: str) -> Any:
        """Ask once for JSON.

        Args:
            url: without query.
            params: the query.
            name: what the question is about, for the message.

        Returns:
            What the server answered; None if it does not know the address (status 404).

        Raises:
            PassingFailure: as in :meth:`get`.
            RecordingError: the server refuses, or answers something else than JSON.
        """
        query = requests.Request("GET", url, params=dict(params)).prepare().url or url
        with self.get(query) as response:
            if response.status_code == http.HTTPStatus.NOT_FOUND:
                return None
            if response.status_code != http.HTTPStatus.OK:
                raise refusal(name, response.status_code)
            try:
                return response.json()
            except requests.exceptions.JSONDecodeError as error:
                raise RecordingError(
                    f"{name} cannot be looked up: {shown(url)} does not answer in JSON.",
                    fix="check the address of the archive, and whether this network asks for a login first",
                ) from error

    def _follow(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        timeouts = (self.patience.connect_s, self.patience.silence_s)
        here = url
        for _ in range(MAX_REDIRECTS):
            # redirects one by one: the library would also go from https to http
            response = self._session.get(
                here, headers=dict(headers), stream=True, allow_redirects=False, timeout=timeouts
            )
            if not response.is_redirect:
                return response
            response.close()
            here = _next_hop(url, here, response.headers["Location"])
        raise RecordingError(
            f"{shown(url)} cannot be read: its server redirects more than {MAX_REDIRECTS} times.",
            fix="check the address; it may need a login",
        )

    def _reason(self, error: Exception) -> str:
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return f"no connection within {self.patience.connect_s:g} s"
        if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
            return f"nothing came for {self.patience.silence_s:g} s"
        if isinstance(error, requests.exceptions.SSLError):
            return "the secure connection failed"
        # requests keeps what it was told by urllib3, its only argument
        if any(isinstance(cause, urllib3.exceptions.ProtocolError) for cause in (error, *error.args)):
            return "the connection was cut"
        return "there is no connection to the server"


def refusal(name: str, status: int) -> RecordingError:
    """The error for a final answer other than the file.

    Args:
        name: the address.
        status: the HTTP status, 4xx.
    """
    if status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        return RecordingError(
            f"{name} may not be read: {_answered(status)}.",
            allowed="a file that everyone may read, or a link that is signed and has not expired",
            fix="ask for access or a new link, or download the file and give its path",
        )
    if status in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
        return RecordingError(
            f"there is no file {name}: {_answered(status)}.",
            allowed="the address of an existing file",
            fix="check the address, capital letters included",
        )
    return RecordingError(f"{name} cannot be read: {_answered(status)}.", fix="check the address")


def _answered(status: int) -> str:
    known = status in {code.value for code in http.HTTPStatus}
    return f"the server answered {status}" + (f" ({http.HTTPStatus(status).phrase})" if known else "")


def _asked_s(response: requests.Response) -> float:
    """Seconds in a Retry-After header, which holds seconds or a date; 0 without one."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return 0.0


def _next_hop(start: str, here: str, location: str) -> str:
    target = urljoin(here, location)
    scheme = urlsplit(target).scheme
    if scheme == "https" or (scheme == "http" and urlsplit(here).scheme == "http"):
        return target
    raise RecordingError(
        f"{shown(start)} cannot be read: its server redirects to an address that is not secure, {shown(target)}.",
        allowed="redirects to https",
        fix="if you trust that address, give it instead",
    )
