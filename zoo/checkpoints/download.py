"""Download a file with known size and SHA-256: returns the correct bytes or raises one clear error.

An interrupted transfer is resumed. Several processes that want the same file download it once.
"""

import contextlib
import email.utils
import glob
import hashlib
import http.client
import os
import random
import re
import secrets
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, Self, TypeVar

from zoo.errors import DownloadError, StorageError
from zoo.files import file_lock, integrity_error, replacing, storage
from zoo.progress import progress
from zoo.version import __version__

TRIES = 8
FIRST_WAIT = 0.5  # seconds before the second try; doubles up to LONGEST_BACKOFF
MAX_BACKOFF = 8.0  # seconds
MAX_RETRY_AFTER = 60.0  # maximum seconds that a server may ask to wait
STALL_SECONDS = 30.0
MIN_BYTES_PER_SECOND = 1000  # minimum bytes per second, over STALL_SECONDS
PIECE = 64 * 1024  # bytes

RETRIED_STATUSES = {408, 425, 429, 500, 502, 503, 504}
# Only a strong ETag guarantees equal bytes (RFC 9110, 8.8.1); a long one would not fit into a file name.
STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,80}"')


Result = TypeVar("Result")


class _TryAgain(Exception):
    """A temporary fault."""


def fetch(url: str, path: Path, sha256: str, size: int) -> Path:
    """Ensure that a file exists and is correct; download it if necessary.

    A correct file is not touched, and needs neither a writable folder nor the network.

    Args:
        url: ``http://`` or ``https://`` address.
        path: Target path. Received bytes first go into ``<path>.*.partial`` beside it.
        sha256: Expected SHA-256, in hexadecimal digits.
        size: Expected size in bytes; nothing beyond it is accepted.

    Returns:
        ``path``.

    Raises:
        DownloadError: The file could not be downloaded, or its contents are wrong.
        StorageError: The file could not be written.
    """
    if integrity_error(path, size, sha256) is None:
        return path
    refuse_offline(url)
    with storage(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(path):
        # Another process may have downloaded the file in the meantime.
        if integrity_error(path, size, sha256) is not None:
            with (
                progress(path.parent.name, size, "bytes") as show,
                _Transfer(url, path, sha256, size, show) as transfer,
            ):
                transfer.adopt_leftovers()
                _persist(url, transfer.attempt)
    return path


def fetch_text(url: str, limit: int) -> bytes:
    """Returns the body of a small page of at most ``limit`` bytes (raises DownloadError)."""
    refuse_offline(url)

    def attempt() -> bytes:
        body = bytearray()
        with _open(url, {}) as response:
            for piece in _body(response):
                body += piece
                if len(body) > limit:
                    raise DownloadError(f"{url}: more than the {limit} bytes that are allowed here")
            declared = response.headers.get("Content-Length", str(len(body)))
        if declared != str(len(body)):
            raise _TryAgain(f"cut after {len(body)} of {declared[:20]!r} bytes")
        return bytes(body)

    return _persist(url, attempt)


def check_reachable(url: str) -> None:
    """Raise DownloadError if a server cannot be reached; for other libraries, whose downloads retry for minutes."""
    refuse_offline(url)

    def attempt() -> None:
        try:
            _open(url, {"Range": "bytes=0-0"}).close()
        except urllib.error.HTTPError as error:
            error.close()  # the server answered, and may accept other requests

    _persist(url, attempt)


def refuse_offline(url: str) -> None:
    """Raise DownloadError if ``ZOO_OFFLINE=1`` is set; called before any socket opens."""
    if os.environ.get("ZOO_OFFLINE", "") not in ("", "0"):
        raise DownloadError(f"{url}: not tried, because ZOO_OFFLINE is set")


class _Transfer:
    """A running download; the received bytes are in a partial file that only this process writes.

    No other process writes that file, so it stays correct where locks have no effect (network file systems). Its name
    contains the ETag of the version, so that bytes and version always match. A later run can resume the file of a
    killed process.
    """

    def __init__(self, url: str, path: Path, sha256: str, size: int, show: Callable[..., None]):
        self.url = url
        self.path = path
        self.sha256 = sha256
        self.size = size
        self.show, self.shown = show, 0
        self.mismatches = 0
        self._start("")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind, error, trace) -> None:
        """Keep the partial file only if a later run can resume it."""
        if kind is None or issubclass(kind, StorageError) or not self.etag or not self.received:
            self._discard()
        else:
            self.file.close()

    def adopt_leftovers(self) -> None:
        """Copy the longest partial file of a killed or failed process, and remove all of them.

        It is copied because its writer may still run where locks have no effect. The first bytes of a version stay
        correct while more are appended. A running writer keeps its open file and needs no name.
        """
        leftovers = self.path.parent.glob(f"{glob.escape(self.path.name)}.*.partial")
        for leftover in [file for file in leftovers if str(file) != self.file.name]:
            etag = _etag_in(leftover.name)
            with storage(self.path), contextlib.suppress(FileNotFoundError):
                with open(leftover, "rb") as source:
                    if etag and self.received < os.fstat(source.fileno()).st_size <= self.size:
                        self._restart(etag)
                        shutil.copyfileobj(source, self.file)
                        self.received = self.file.tell()
                leftover.unlink()

    def attempt(self) -> None:
        """Receive the missing bytes and move the file to its place (raises _TryAgain, DownloadError)."""
        if self.received < self.size:
            try:
                self._receive()
            except urllib.error.HTTPError as error:
                if error.code != 416 or not self.received:
                    raise
                self._restart("")
                raise _TryAgain("the server has no such range") from None
        self._publish()

    def _start(self, etag: str) -> None:
        """Open an empty partial file for another version."""
        name = f"{self.path.name}.{secrets.token_hex(4)}.{etag.encode().hex()}.partial"
        with storage(self.path):
            # Stays open during the transfer; __exit__ closes it.
            self.file = open(self.path.parent / name, "x+b")  # noqa: SIM115
        self.etag = etag
        self.received = 0

    def _restart(self, etag: str) -> None:
        self._discard()
        self._start(etag)

    def _refuse(self, reason: str) -> NoReturn:
        self._restart("")
        raise DownloadError(f"{self.url}: {reason}: not the file of the record") from None

    def _discard(self) -> None:
        # On a full disk, close tries to write the rest once more and fails again.
        with contextlib.suppress(OSError):
            self.file.close()
        with contextlib.suppress(OSError):
            os.unlink(self.file.name)

    def _receive(self) -> None:
        """Receive into the partial file, from its end if the server supports ranges, otherwise from the start."""
        headers = {}
        if self.received and self.etag:
            headers = {"Range": f"bytes={self.received}-", "If-Range": self.etag}
        with _open(self.url, headers) as response:
            etag = response.headers.get("ETag", "")
            if response.status == 206 and headers:
                expected = f"bytes {self.received}-{self.size - 1}/{self.size}"
                if response.headers.get("Content-Range") != expected or etag not in ("", self.etag):
                    self._restart("")
                    raise _TryAgain("the server sent another range or version than the one asked for")
            elif response.status == 200:
                if response.headers.get_content_type() == "text/html":
                    raise DownloadError(f"{self.url}: a web page, not a file: does the network want a login?")
                self._restart(etag if STRONG_ETAG.fullmatch(etag) else "")
            else:
                raise DownloadError(f"{self.url}: unexpected answer HTTP {response.status}")
            declared = response.headers.get("Content-Length")
            if declared and declared != str(self.size - self.received):
                self._refuse(f"{declared[:20]!r} bytes where {self.size - self.received} are expected")
            for piece in _body(response):
                if self.received + len(piece) > self.size:
                    self._refuse(f"more than {self.size} bytes")
                with storage(self.path):
                    self.file.write(piece)
                self.received += len(piece)
                self.show(self.received - self.shown)
                self.shown = self.received
        if self.received < self.size:
            raise _TryAgain(f"cut after {self.received} of {self.size} bytes")

    def _publish(self) -> None:
        """Copy the partial file to its place if its SHA-256 is correct."""
        digest = hashlib.sha256()
        with storage(self.path):
            self.file.seek(0)
        try:
            with replacing(self.path) as target:
                while piece := self.file.read(PIECE):
                    digest.update(piece)
                    target.write(piece)
                if digest.hexdigest() != self.sha256:
                    raise _TryAgain("the bytes do not have the SHA-256 of the record")
        except _TryAgain as fault:
            # Damage in transit rarely happens twice; a wrong file on the server stays wrong.
            self.mismatches += 1
            if self.mismatches == 2:
                self._refuse(f"{fault}, twice")
            self._restart("")
            raise


def _etag_in(name: str) -> str:
    """Returns the strong ETag in a partial file's name, or an empty text."""
    try:
        etag = bytes.fromhex(name.split(".")[-2]).decode("ascii")
    except ValueError:
        return ""
    return etag if STRONG_ETAG.fullmatch(etag) else ""


def _open(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Send a GET request; follow redirects to http and https only."""
    opener = urllib.request.OpenerDirector()
    for kind in ("Proxy", "Unknown", "HTTP", "HTTPS", "HTTPDefaultError", "HTTPRedirect"):
        opener.add_handler(getattr(urllib.request, f"{kind}Handler")())
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    headers = {"User-Agent": f"seqzoo/{__version__}", "Accept-Encoding": "identity", **headers}
    return opener.open(urllib.request.Request(url, headers=headers), timeout=STALL_SECONDS)


def _body(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield a body in pieces as it arrives (raises _TryAgain if it is too slow)."""
    since, received = time.monotonic(), 0
    while piece := response.read1(PIECE):
        yield piece
        received += len(piece)
        if time.monotonic() - since > STALL_SECONDS:
            if received < MIN_BYTES_PER_SECOND * STALL_SECONDS:
                raise _TryAgain(f"stalled: {received} bytes in {STALL_SECONDS:g} seconds")
            since, received = time.monotonic(), 0


def _persist(url: str, attempt: Callable[[], Result]) -> Result:
    """Repeat an attempt after temporary faults, with growing pauses.

    Raises:
        DownloadError: The fault is permanent, or remained after ``TRIES`` tries.
    """
    pause, reason = FIRST_WAIT, ""
    for tries_left in reversed(range(TRIES)):
        wait = 0.0
        try:
            return attempt()
        except _TryAgain as fault:
            reason = str(fault)
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"HTTP {error.code}"
            wait = _retry_after(error.headers.get("Retry-After", ""))
            if error.code not in RETRIED_STATUSES:
                raise DownloadError(f"{url}: {reason}") from None
            if wait > MAX_RETRY_AFTER:
                raise DownloadError(f"{url}: {reason}: the server asks to wait {wait:.0f} seconds") from None
        except urllib.error.URLError as error:
            reason = str(error.reason)
            passing = isinstance(error.reason, TimeoutError | ConnectionError)
            if not passing or isinstance(error.reason, ConnectionRefusedError):
                raise DownloadError(f"{url}: {reason}") from None
        except TimeoutError:
            reason = f"stalled: nothing for {STALL_SECONDS:g} seconds"
        except (ConnectionError, ssl.SSLError) as error:
            reason = error.strerror or "connection cut"
        except http.client.InvalidURL as error:
            raise DownloadError(f"{url!r}: {error}") from None
        except http.client.HTTPException as error:
            reason = f"not an HTTP answer, or cut short ({type(error).__name__})"
        except ValueError as error:
            raise DownloadError(f"{url!r}: {error}") from None
        if tries_left:
            time.sleep(wait or pause * random.uniform(0.75, 1.25))
            pause = min(2 * pause, MAX_BACKOFF)
    raise DownloadError(f"{url}: {reason}; gave up after {TRIES} tries")


def _retry_after(value: str) -> float:
    """Returns the seconds in a Retry-After header, a number or a date; 0 if there is none."""
    if value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
