"""What is on the disk before, during and after a download: damage, leftovers, other processes."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from faulty_server import BODY, ONE, ROOT, SHA256, answer, fetch, flipped, whole

from zoo.checkpoints import download
from zoo.errors import DownloadError, StorageError

pytestmark = pytest.mark.usefixtures("waits")


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
    """Give up root's right to write everywhere, where the tests run as root."""
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
        pytest.raises(StorageError, match=f"^{read_only_folder}/.*Permission denied: check space"),
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
        with pytest.raises(StorageError, match=r"File too large: check space"):
            fetch(server, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"damaged"
    assert set(os.listdir(path.parent)) - {"model.safetensors.lock"} == {"model.safetensors"}


FETCH = "download.fetch(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))"
WITHOUT_LOCKS = "download.file_lock = lambda path: contextlib.nullcontext()"


def start(server, path, *lines):
    """Start another process that fetches the file."""
    code = ["import contextlib, pathlib, sys", "from zoo.checkpoints import download", *lines, FETCH]
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
