"""Downloads against a real server with faults: every one ends in the right file or in one clear error."""

import contextlib
import email.utils
import hashlib
import http.server
import os
import random
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
from pathlib import Path

import pytest

from zoo import download
from zoo.errors import DownloadError, StorageError

BODY = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(len(BODY))
SHA256 = hashlib.sha256(BODY).hexdigest()
ONE = b'"one"'.hex()  # the default ETag as a partial file's name carries it
ROOT = Path(download.__file__).parent.parent


def answer(body=BODY, etag='"one"', cut=None, ranges=True, length=True, kind="application/octet-stream"):
    """Returns a well-behaved answer, apart from what is asked for.

    Args:
        cut: Close the connection after so many bytes.
        ranges: Whether Range is honoured, where If-Range allows it.
        length: Whether Content-Length is sent.
    """

    def send(handler):
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if ranges and asked and handler.headers.get("If-Range") in (None, etag):
            start = int(asked[1])
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Type", kind)
        if etag:
            handler.send_header("ETag", etag)
        if length:
            handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        handler.write(body[start:][:cut])

    return send


def status(code, **headers):
    """Returns an answer without a body."""

    def send(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send


class Handler(http.server.BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self):
        with self.server.lock:
            self.server.requests.append(dict(self.headers))
            script = self.server.script
            send = script.pop(0) if len(script) > 1 else script[0]
        with contextlib.suppress(ConnectionError):
            send(self)
        self.close_connection = True

    def write(self, data):
        for place in range(0, len(data), 10_000):
            self.wfile.write(data[place : place + 10_000])
            with self.server.lock:
                self.server.sent += len(data[place : place + 10_000])

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Plays the answers of ``script`` in order, the last one for ever; counts requests and body bytes."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.script = [answer()]
        self.requests = []
        self.sent = 0
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/model.safetensors"


@pytest.fixture
def server():
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.closing.set()
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Skips the pauses between tries and lists their lengths; keeps the user's settings out."""
    lengths = []
    clock = types.SimpleNamespace(sleep=lengths.append, monotonic=time.monotonic, time=time.time)
    monkeypatch.setattr(download, "time", clock)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    return lengths


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gru.words" / "model.safetensors"


def fetch(server, path):
    return download.fetch(server.url, path, SHA256, len(BODY))


def whole(path):
    """Tells whether the file is the right one and nothing half-done is left beside it."""
    names = {item.name for item in path.parent.iterdir()} - {"model.safetensors.lock"}
    return path.read_bytes() == BODY and names == {"model.safetensors"}


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


def flipped(body):
    return body[:150_000] + bytes([body[150_000] ^ 1]) + body[150_001:]


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
        (answer(b"Please log in", kind="text/plain"), "'13' bytes where 300000 are due"),
        (answer(BODY + b"more"), "'300004' bytes where 300000 are due"),
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
    """Answers a Range with the bytes of another one."""
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
    assert max(waits) <= 1.25 * download.LONGEST_BACKOFF


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


@pytest.mark.parametrize("damaged", [flipped(BODY), BODY[:-1], BODY + b"x", b""])
def test_a_damaged_file_is_fetched_again_and_stays_until_then(server, path, damaged, monkeypatch):
    path.parent.mkdir()
    path.write_bytes(damaged)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(DownloadError):
        fetch(server, path)
    assert path.read_bytes() == damaged
    monkeypatch.delenv("ZOO_OFFLINE")
    fetch(server, path)
    assert whole(path)


@contextlib.contextmanager
def ordinary_user(folder):
    """Gives up root's right to write everywhere, where the tests run as root."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        assert not os.access(folder, os.W_OK, effective_ids=True)
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.fixture
def read_only_folder():
    folder = Path(tempfile.mkdtemp())
    (folder / "model.safetensors").write_bytes(BODY)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_warm_read_only_cache_works(server, read_only_folder):
    with ordinary_user(read_only_folder):
        fetch(server, read_only_folder / "model.safetensors")
    assert server.requests == []
    assert os.listdir(read_only_folder) == ["model.safetensors"]


@pytest.mark.parametrize("name", ["cold.safetensors", "folder/cold.safetensors"])
def test_a_cold_read_only_cache_is_a_storage_error(server, read_only_folder, name):
    with (
        ordinary_user(read_only_folder),
        pytest.raises(StorageError, match=f"^{read_only_folder}/.*Permission denied: check the space"),
    ):
        fetch(server, read_only_folder / name)
    assert os.listdir(read_only_folder) == ["model.safetensors"]


@pytest.mark.parametrize("limit", [100_000, 0])
def test_a_full_disk_is_a_storage_error_and_leaves_nothing(server, path, limit):
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(StorageError, match=r"File too large: check the space"):
            fetch(server, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"damaged"
    assert set(os.listdir(path.parent)) - {"model.safetensors.lock"} == {"model.safetensors"}


FETCH = "download.fetch(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))"
WITHOUT_LOCKS = "download._one_at_a_time = lambda path: contextlib.nullcontext()"


def start(server, path, *lines):
    """Starts another process that fetches the file."""
    code = ["import contextlib, pathlib, sys", "from zoo import download", *lines, FETCH]
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(code), server.url, str(path), SHA256, str(len(BODY))],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_at_60_percent_the_next_run_moves_the_rest(server, path):
    reached = threading.Event()

    def most_of_it(handler):
        answer(cut=180_000)(handler)
        reached.set()
        handler.server.closing.wait()

    server.script = [most_of_it, answer()]
    process = start(server, path)
    assert reached.wait(30)
    while sum(file.stat().st_size for file in path.parent.glob("*.partial")) < 170_000:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    before = server.sent
    fetch(server, path)
    assert whole(path)
    assert server.sent - before <= 0.45 * len(BODY)


def test_leftovers_that_cannot_be_resumed_are_removed(server, path):
    path.parent.mkdir()
    for name, data in {
        f"aaaa.{ONE}": BODY[:1000],
        f"bbbb.{ONE}": BODY[:200_000],
        f"cccc.{ONE}": BODY + b"too long",
        "dddd.": BODY[:250_000],
        "eeee.nothex": BODY[:250_000],
        "ffff." + b'"\r\nHost: x"'.hex(): BODY[:250_000],
    }.items():
        (path.parent / f"model.safetensors.{name}.partial").write_bytes(data)
    fetch(server, path)
    assert whole(path)
    assert [request.get("Range") for request in server.requests] == ["bytes=200000-"]


def test_a_leftover_that_is_whole_or_damaged_ends_right(server, path):
    path.parent.mkdir()
    leftover = path.parent / f"model.safetensors.aaaa.{ONE}.partial"
    leftover.write_bytes(BODY)
    fetch(server, path)
    assert whole(path)
    assert server.requests == []
    path.unlink()
    leftover.write_bytes(bytes(200_000))
    fetch(server, path)
    assert whole(path)
    assert [request.get("Range") for request in server.requests] == ["bytes=200000-", None]


def slow_start(handler):
    time.sleep(0.3)
    answer()(handler)


def test_four_processes_make_one_download(server, path):
    server.script = [slow_start]
    processes = [start(server, path) for _ in range(4)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert errors == [""] * 4
    assert whole(path)
    assert len(server.requests) == 1


def test_four_processes_are_all_right_where_locks_do_nothing(server, path):
    # Nobody gets a byte before all four have asked.
    all_here = threading.Barrier(4)

    def together(cut):
        def send(handler):
            all_here.wait(60)
            answer(cut=cut)(handler)

        return send

    server.script = [together(150_000), together(None), together(100_000), together(None), answer()]
    processes = [start(server, path, WITHOUT_LOCKS) for _ in range(4)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert errors == [""] * 4
    assert [process.returncode for process in processes] == [0] * 4
    assert whole(path)


def test_a_page_is_fetched_within_its_limit(server):
    server.script = [answer(b"page", cut=2), answer(b"page")]
    assert download.fetch_text(server.url, 4) == b"page"
    with pytest.raises(DownloadError, match="more than the 3 bytes"):
        download.fetch_text(server.url, 3)


def test_the_bar_is_for_terminals_only(server, path, monkeypatch, capsys):
    fetch(server, path)
    assert capsys.readouterr() == ("", "")
    path.unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fetch(server, path)
    out, err = capsys.readouterr()
    assert out == ""
    assert "gru.words" in err
