"""What fails in passing is tried again, not too often; what will not change is told at once, in words that help."""

from __future__ import annotations

import email.utils
import os
import socket
import struct
import time
from unittest.mock import MagicMock

import pytest
import requests

from ltr.datasets.remote import open_remote
from ltr.datasets.remote.client import _asked_s
from ltr.datasets.remote.patience import PATIENCE, Patience
from ltr.errors import NetworkError, RecordingError


def read_all(url, patience, **options):
    with open_remote(url, patience=patience, **options) as file:
        return file.read()


def status(code, headers=None, body=b"sorry"):
    return lambda handler: handler.reply(code, body, headers)


def cut(handler):
    first, last = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
    handler.part(cut=(last + 1 - first) // 2)


def reset(handler):
    cut(handler)
    # closed without lingering, the connection is reset, as a router does that gives up
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def silent(handler):
    handler.server.over.wait(5)
    handler.close_connection = True


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def pass_on(handler):
    handler.part()


PASSING = {
    "cut": (cut, r"the answer ended after 8000 of 16000 bytes"),
    "reset": (reset, "the connection was cut"),
    "hung up": (hang_up, "the connection was cut"),
    "503": (status(503), r"the server answered 503 \(Service Unavailable\)"),
    "500": (status(500), r"the server answered 500 \(Internal Server Error\)"),
    "429": (status(429), r"the server answered 429 \(Too Many Requests\)"),
    "599": (status(599), "the server answered 599"),
}


@pytest.mark.parametrize("fault", [fault for fault, _ in PASSING.values()], ids=PASSING.keys())
@pytest.mark.parametrize("before", [0, 1], ids=["at first", "midway"])
def test_what_passes_is_tried_again_with_growing_waits(server, small_blocks, content, patience, waits, fault, before):
    server.faults.extend([pass_on] * before + [fault] * 2)
    assert read_all(server.add("/a.nwb", content), patience) == content
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize(("fault", "reason"), PASSING.values(), ids=PASSING.keys())
def test_what_does_not_pass_is_told_after_the_last_try(server, small_blocks, content, patience, waits, fault, reason):
    url = server.add("/a.nwb", content)
    server.faults.extend([pass_on] + [fault] * 9)
    message = rf"/a\.nwb could not be read: {reason}.* \(3 attempts\)\.[\s\S]*check the network"
    with pytest.raises(NetworkError, match=message):
        read_all(url, patience)
    assert (len(server.ranges), len(waits)) == (1 + 3, 2)


def test_silence_is_broken_off_and_tried_again(server, small_blocks, content, waits):
    url = server.add("/a.nwb", content)
    # on a busy machine other answers may come late too
    patience = Patience(attempts=9, silence_s=0.04, sleep=waits.append)
    server.faults.extend([pass_on, silent])
    assert read_all(url, patience) == content
    assert waits

    patience = Patience(attempts=2, silence_s=0.02, sleep=waits.append)
    server.faults.extend([silent] * 9)
    with pytest.raises(NetworkError, match=r"nothing came for 0\.02 s \(2 attempts\)"):
        read_all(url, patience)


def test_a_server_that_is_not_there_is_told(patience, waits):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(NetworkError, match=r"no connection to the server \(3 attempts\)"):
            read_all(f"http://127.0.0.1:{port}/a.nwb?signature=secret", patience)
    assert len(waits) == 2


def test_an_answer_that_ends_early_without_a_promised_length_is_tried_again(
    server, small_blocks, content, patience, waits
):
    def unpromised(handler):
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 0-999/{len(content)}")
        handler.send_header("ETag", '"first"')
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(content[:300])
        handler.close_connection = True

    url = server.add("/a.nwb", content)
    server.faults.extend([pass_on, unpromised])
    with open_remote(url, patience=patience) as file:
        assert file.read(1000) == content[:1000]
    server.faults.extend([pass_on] + [unpromised] * 3)
    message = "the answer ended after 300 of 1000 bytes"
    with pytest.raises(NetworkError, match=message), open_remote(url, patience=patience, cache_mb=0) as file:
        file.read(1000)


@pytest.mark.parametrize(("header", "wait_s"), [("7", 7.0), ("0", 0.5), ("soon", 0.5), ("-3", 0.5), ("", 0.5)])
def test_the_wait_that_a_server_asks_for_is_honoured(server, small_blocks, content, patience, waits, header, wait_s):
    server.faults.append(status(429, {"Retry-After": header}))
    assert read_all(server.add("/a.nwb", content), patience) == content
    assert waits == [wait_s]


def test_a_server_may_ask_for_a_wait_by_date():
    ask = MagicMock(headers={"Retry-After": email.utils.formatdate(time.time() + 30, usegmt=True)})
    assert 28 < _asked_s(ask) <= 30
    past = MagicMock(headers={"Retry-After": "Tue, 02 Jan 2024 00:00:00 GMT"})
    assert _asked_s(past) == 0


def test_a_server_that_asks_for_too_long_a_wait_is_not_waited_for(server, content, patience, waits):
    server.faults.append(status(503, {"Retry-After": "3600"}))
    with pytest.raises(NetworkError, match=r"and it asks to wait 3600 s \(1 attempt\)"):
        read_all(server.add("/a.nwb", content), patience)
    assert waits == []


def test_the_waits_by_default_are_drawn_and_end_in_less_than_half_a_minute():
    longest = [Patience(draw=lambda: 1.0).wait_s(failures) for failures in range(1, PATIENCE.attempts)]
    shortest = [Patience(draw=lambda: 0.0).wait_s(failures) for failures in range(1, PATIENCE.attempts)]
    assert longest == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert shortest == [wait_s / 2 for wait_s in longest]
    assert len({PATIENCE.wait_s(1) for _ in range(9)}) > 1


def test_a_whole_file_instead_of_a_range_is_noticed_and_not_downloaded(server, patience, waits):
    big = bytes(50_000_000)
    server.faults.append(lambda handler: handler.reply(200, big, server.validator))
    with pytest.raises(
        RecordingError, match=r"cannot be read in parts: its server ignores byte ranges[\s\S]*download the file"
    ):
        read_all(server.add("/a.nwb", big), patience)
    assert waits == []
    assert server.sent < len(big) / 4  # what the sockets hold


WRONG = {
    "another range": (lambda handler: handler.part(shift=1000), "answers with other bytes than it was asked for"),
    "changed ETag": (lambda handler: handler.part(validator={"ETag": '"other"'}), "changed on its server"),
    "lost ETag": (lambda handler: handler.part(validator={}), "changed on its server"),
    "shorter": (status(416, {"Content-Range": "bytes */10"}), "changed on its server"),
    "no Content-Range": (status(206), "ignores byte ranges"),
    "unknown size": (status(206, {"Content-Range": "bytes 0-4/*"}), "ignores byte ranges"),
    "whole file": (status(200), "ignores byte ranges"),
    "whole file in the guise of a range": (
        lambda handler: handler.reply(
            200, bytes(100_300), {"Content-Range": "bytes 0-15999/100300", "ETag": '"first"'}
        ),
        "ignores byte ranges",
    ),
    "emptied": (status(200, body=b""), "changed on its server"),
    "deleted": (status(404), r"there is no file .*/a\.nwb: the server answered 404 \(Not Found\)"),
    "gone": (status(410), "there is no file"),
    "teapot": (status(418), "cannot be read: the server answered 418"),
}


@pytest.mark.parametrize(("fault", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_answer_midway_is_told_at_once(server, small_blocks, content, patience, waits, fault, message):
    server.faults.extend([pass_on, fault])
    with pytest.raises(RecordingError, match=message) as caught:
        read_all(server.add("/a.nwb", content), patience)
    assert caught.value.fix
    assert (waits, len(server.ranges)) == ([], 2)


@pytest.mark.parametrize("change", [lambda content: content + b"more", lambda content: content[:-1], lambda _: b""])
def test_a_file_that_changes_its_size_midway_is_told(server, small_blocks, content, patience, change):
    url = server.add("/a.nwb", content)

    def read_while_it_changes():
        with open_remote(url, patience=patience) as file:
            server.files["/a.nwb"] = change(content)
            file.read(1)

    with pytest.raises(RecordingError, match="changed on its server"):
        read_while_it_changes()


FIRST = {
    "not there": (status(404), "there is no file http://.*/a.nwb: the server answered 404"),
    "unauthorised": (status(401), r"may not be read: the server answered 401[\s\S]*ask for access"),
    "forbidden": (status(403), r"may not be read: the server answered 403[\s\S]*has not expired"),
    "not there, without words": (status(404, body=b""), "there is no file"),
    "empty": (status(416, {"Content-Range": "bytes */0"}), "is empty"),
    "empty, as a whole": (status(200, body=b""), "is empty"),
    "compressed": (
        status(206, {"Content-Range": "bytes 0-0/9", "Content-Encoding": "gzip"}, b"x"),
        "ignores byte ranges",
    ),
}


@pytest.mark.parametrize(("fault", "message"), FIRST.values(), ids=FIRST.keys())
def test_a_file_that_cannot_be_read_is_told_when_it_is_opened(server, content, patience, waits, fault, message):
    server.add("/a.nwb", content)
    server.faults.append(fault)
    with pytest.raises(RecordingError, match=message):
        read_all(server.root + "/a.nwb", patience)
    assert (waits, len(server.ranges)) == ([], 1)


def test_nothing_is_asked_for_in_compressed_form(server, content, patience):
    read_all(server.add("/a.nwb", content), patience)
    assert server.encodings == {"identity"}


def test_no_message_shows_a_password_or_a_signature(server, patience):
    url = server.root.replace("//", "//me:secret@") + "/none.nwb?signature=secret"
    with pytest.raises(RecordingError, match=r"there is no file http://127.*/none\.nwb:") as caught:
        read_all(url, patience)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://", "https:///a.nwb", "http://[/a.nwb", "http://host:port/a.nwb", "http://.a/b"]
)
def test_what_is_no_address_is_told(url, patience, waits):
    with pytest.raises(RecordingError, match="is no address that can be read"):
        read_all(url, patience)
    assert waits == []


def test_redirects_are_followed_once_and_then_remembered(server, small_blocks, content, patience):
    server.add("/signed/1", content)
    server.redirects = {"/a.nwb": "/again/1", "/again/1": "2", "/again/2": server.root + "/signed/1"}
    assert read_all(server.root + "/a.nwb", patience) == content
    paths = [path for path, _ in server.ranges]
    assert paths[:4] == ["/a.nwb", "/again/1", "/again/2", "/signed/1"]
    assert set(paths[4:]) == {"/signed/1"}


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_signed_address_that_expires_is_asked_for_again(server, small_blocks, content, patience, waits, code):
    server.add("/signed/1", content)
    server.add("/signed/2", content)
    server.redirects = {"/a.nwb": "/signed/1"}
    with open_remote(server.root + "/a.nwb", patience=patience) as file:
        first = file.read(5000)
        server.redirects = {"/a.nwb": "/signed/2"}
        server.faults.append(status(code))
        assert first + file.read() == content
    assert waits == []
    assert "/signed/2" in {path for path, _ in server.ranges}


def test_a_new_signed_address_that_does_not_work_either_is_told(server, small_blocks, content, patience, waits):
    server.add("/signed/1", content)
    server.redirects = {"/a.nwb": "/signed/1"}
    server.faults.extend([pass_on] + [status(403)] * 2)
    with pytest.raises(RecordingError, match=r"/a\.nwb may not be read: the server answered 403"):
        read_all(server.root + "/a.nwb", patience)
    assert (waits, len(server.ranges)) == ([], 2 + 3)


def test_endless_redirects_are_left(server, patience):
    server.redirects = {"/a.nwb": "/a.nwb"}
    with pytest.raises(RecordingError, match="redirects more than 10 times"):
        read_all(server.root + "/a.nwb", patience)
    assert len(server.ranges) == 10


@pytest.mark.parametrize("target", ["file:///etc/hosts", "ftp://host/a.nwb", "data:,a"])
def test_redirects_lead_to_web_addresses_only(server, patience, target):
    server.redirects = {"/a.nwb": target}
    with pytest.raises(RecordingError, match="redirects to an address that is not secure"):
        read_all(server.root + "/a.nwb", patience)


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/a.nwb", "file:///etc/hosts"])
def test_a_secure_address_does_not_lead_to_one_that_is_not(monkeypatch, patience, target):
    asked = []

    def send(_adapter, request, **_):
        asked.append(request.url)
        response = requests.Response()
        response.status_code, response.url, response.request, response.raw = 302, request.url, request, MagicMock()
        response.headers["Location"] = target
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    with pytest.raises(
        RecordingError, match=r"https://host/a\.nwb cannot be read: .* not secure, .*\n.*redirects to https"
    ):
        read_all("https://host/a.nwb", patience)
    assert asked == ["https://host/a.nwb"]


def test_a_server_that_cannot_be_trusted_is_told_at_once(monkeypatch, patience, waits):
    def send(*_, **__):
        raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    with pytest.raises(RecordingError, match="certificate cannot be verified"):
        read_all("https://host/a.nwb", patience)
    assert waits == []


def test_every_request_has_timeouts(monkeypatch, patience):
    seen = []

    def send(_adapter, _request, *, timeout, **_):
        seen.append(timeout)
        raise requests.exceptions.ConnectTimeout

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    with pytest.raises(NetworkError, match="no connection within 10 s"):
        read_all("https://host/a.nwb", patience)
    assert seen == [(10.0, 30.0)] * 3
