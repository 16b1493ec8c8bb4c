"""Downloads over a network with faults: every one ends in the right file or in one clear error."""

import email.utils
import os
import random
import socket
import time

import pytest
from faulty_server import BODY, SHA256, answer, fetch, flipped, status, whole

from zoo.checkpoints import download
from zoo.errors import DownloadError

OTHER = random.Random(1).randbytes(len(BODY))
pytestmark = pytest.mark.usefixtures("waits")


def test_a_plain_download_and_then_none(server, path, waits):
    assert fetch(server, path) == path
    assert whole(path)
    assert fetch(server, path) == path
    assert len(server.requests) == 1
    assert waits == []


@pytest.mark.parametrize("length", [True, False], ids=["length", "no length"])
def test_cut_connections_are_resumed(server, path, length, waits):
    server.script = [answer(cut=60_000, length=length) for _ in range(4)] + [answer()]
    fetch(server, path)
    assert whole(path)
    assert server.sent == len(BODY)
    assert [request.get("Range") for request in server.requests] == [None] + [
        f"bytes={count * 60_000}-" for count in (1, 2, 3, 4)
    ]
    assert all(request["If-Range"] == '"one"' for request in server.requests[1:])
    assert waits == sorted(waits)
    assert len(waits) == 4


@pytest.mark.parametrize("etag", ["", 'W/"weak"', '"' + "x" * 90 + '"'], ids=["none", "weak", "long"])
def test_without_a_strong_etag_a_cut_download_starts_again(server, path, etag):
    server.script = [answer(etag=etag, cut=100_000), answer(etag=etag)]
    fetch(server, path)
    assert whole(path)
    assert "Range" not in server.requests[1]


def test_cut_for_ever_is_one_error_and_a_later_run_resumes(server, path):
    server.script = [answer(cut=20_000)]
    with pytest.raises(DownloadError, match=rf"cut after {8 * 20_000} of 300000 bytes; gave up after 8 tries"):
        fetch(server, path)
    assert not path.exists()
    server.script = [answer()]
    fetch(server, path)
    assert whole(path)
    assert server.sent == len(BODY)


def test_a_wrong_bit_on_the_way_is_fetched_again(server, path):
    server.script = [answer(flipped(BODY)), answer()]
    fetch(server, path)
    assert whole(path)
    assert "Range" not in server.requests[1]


def test_a_wrong_bit_on_the_server_is_an_error(server, path):
    server.script = [answer(flipped(BODY))]
    with pytest.raises(DownloadError, match=r"SHA-256 of the record, twice"):
        fetch(server, path)
    assert os.listdir(path.parent) in ([], ["model.safetensors.lock"])
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (answer(b"<html>Please log in</html>", kind="text/html; charset=utf-8"), "a web page, not a file"),
        (answer(b"<html>", length=False, kind="text/html"), "a web page, not a file"),
        (answer(b"Please log in", kind="text/plain"), "'13' bytes where 300000 are expected"),
        (answer(BODY + b"more"), "'300004' bytes where 300000 are expected"),
        (answer(BODY * 100, length=False), "more than 300000 bytes: not the file of the record"),
        (status(204), "unexpected answer HTTP 204"),
        (status(404), "HTTP 404"),
        (status(403), "HTTP 403"),
        (status(302, Location="file:///etc/hostname"), "HTTP 302"),
        (status(503, Retry_After="3600"), "HTTP 503: the server asks to wait 3600 seconds"),
    ],
    ids=range(10),
)
def test_what_will_not_pass_fails_at_once(server, path, page, message, waits):
    server.script = [page]
    with pytest.raises(DownloadError, match=message) as caught:
        fetch(server, path)
    assert str(caught.value).startswith(server.url)
    assert len(server.requests) == 1
    assert waits == []
    assert os.listdir(path.parent) in ([], ["model.safetensors.lock"])
    # What lies in the buffers of the loopback counts as sent.
    assert server.sent < 50 * len(BODY)


def test_a_file_replaced_between_two_tries_is_never_mixed(server, path):
    server.script = [answer(OTHER, etag='"old"', cut=180_000), answer(etag='"new"')]
    fetch(server, path)
    assert whole(path)
    assert server.requests[1]["If-Range"] == '"old"'
    assert server.sent == 180_000 + len(BODY)


def other_range(handler):
    """Answer a Range with the bytes of another one."""
    handler.send_response(206)
    handler.send_header("ETag", '"one"')
    handler.send_header("Content-Range", f"bytes 0-{len(BODY) - 1}/{len(BODY)}")
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.write(BODY)


def new_version_ignoring_if_range(handler):
    del handler.headers["If-Range"]
    answer(OTHER, etag='"new"')(handler)


@pytest.mark.parametrize("wrong", [other_range, new_version_ignoring_if_range, status(416), status(206)])
def test_a_wrong_answer_to_a_range_is_refused(server, path, wrong):
    server.script = [answer(cut=100_000), wrong, answer()]
    fetch(server, path)
    assert whole(path)
    assert "Range" not in server.requests[2]


def test_a_server_that_ignores_ranges_starts_again(server, path):
    server.script = [answer(cut=100_000), answer(ranges=False)]
    fetch(server, path)
    assert whole(path)
    assert "Range" in server.requests[1]


def test_a_busy_server_is_waited_for(server, path, waits):
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    server.script = [
        status(503, Retry_After="7"),
        status(429, Retry_After=later),
        status(500),
        status(503, Retry_After="soon"),
        answer(),
    ]
    fetch(server, path)
    assert whole(path)
    assert waits[0] == 7
    assert 20 < waits[1] <= 30
    assert 0 < waits[2] < waits[3] < 7


def test_a_server_that_stays_busy_is_an_error(server, path, waits):
    server.script = [status(503)]
    with pytest.raises(DownloadError, match=r"HTTP 503; gave up after 8 tries$"):
        fetch(server, path)
    assert len(server.requests) == 8
    assert max(waits) <= 1.25 * download.MAX_BACKOFF


def silent(handler):
    handler.server.closing.wait()


def stalled(handler):
    handler.send_response(200)
    handler.send_header("ETag", '"one"')
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.write(BODY[:100_000])
    handler.server.closing.wait()


def trickle(handler):
    handler.send_response(200)
    handler.send_header("ETag", '"one"')
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    for place in range(1000):
        handler.write(BODY[place : place + 1])
        if handler.server.closing.wait(0.05):
            return


def test_a_silent_server_is_given_up(server, path, monkeypatch):
    monkeypatch.setattr(download, "STALL_SECONDS", 0.2)
    server.script = [silent]
    with pytest.raises(DownloadError, match=r"stalled: nothing for 0.2 seconds; gave up after 8 tries"):
        fetch(server, path)


@pytest.mark.parametrize(("fault", "places"), [(stalled, [100_000]), (trickle, range(1, 900))])
def test_a_stalled_transfer_is_resumed(server, path, monkeypatch, fault, places):
    monkeypatch.setattr(download, "STALL_SECONDS", 0.3)
    server.script = [fault, answer()]
    fetch(server, path)
    assert whole(path)
    assert server.requests[1]["Range"] in [f"bytes={place}-" for place in places]


def test_garbage_instead_of_http_is_an_error(server, path):
    server.script = [lambda handler: handler.wfile.write(b"\x00\xff" * 100)]
    with pytest.raises(DownloadError, match=r"not an HTTP answer.*; gave up"):
        fetch(server, path)


def test_a_refused_connection_fails_at_once(path, waits):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/model.safetensors"
        with pytest.raises(DownloadError, match=r"Connection refused"):
            download.fetch(url, path, SHA256, len(BODY))
    assert waits == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "http:///x", "http://a:b/", "x"])
def test_a_url_that_cannot_be_is_one_error(path, url, waits):
    with pytest.raises(DownloadError):
        download.fetch(url, path, SHA256, len(BODY))
    assert waits == []


def test_offline_opens_no_socket_and_names_itself(path, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(DownloadError, match="not tried, because ZOO_OFFLINE is set"):
        download.fetch("http://127.0.0.1:1/x", path, SHA256, len(BODY))
    with pytest.raises(DownloadError, match="not tried, because ZOO_OFFLINE is set"):
        download.fetch_text("http://127.0.0.1:1/x", 10)
    assert not path.parent.exists()
    path.parent.mkdir()
    path.write_bytes(BODY)
    assert download.fetch("http://127.0.0.1:1/x", path, SHA256, len(BODY)) == path
