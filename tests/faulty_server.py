"""A server on this machine that plays scripted faults, for the tests of downloads and benchmarks/faults.py."""

import contextlib
import hashlib
import http.server
import random
import re
import threading
from pathlib import Path

from zoo.checkpoints import download

BODY = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
ONE = b'"one"'.hex()  # the default ETag as a partial file's name carries it
ROOT = Path(download.__file__).parents[2]


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

    def __init__(self, handler=Handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.lock = threading.Lock()
        self.script = [answer()]
        self.requests = []
        self.sent = 0
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/model.safetensors"


@contextlib.contextmanager
def serving(handler=Handler):
    """Run a server in a thread while the body runs."""
    server = Server(handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def fetch(server, path):
    return download.fetch(server.url, path, SHA256, len(BODY))


def whole(path):
    """Tell whether the file is the right one and nothing half-done is left beside it."""
    names = {item.name for item in path.parent.iterdir()} - {"model.safetensors.lock"}
    return path.read_bytes() == BODY and names == {"model.safetensors"}


def flipped(body):
    return body[:150_000] + bytes([body[150_000] ^ 1]) + body[150_001:]
