"""``zoo weights``: what is on this machine, verified, pruned, published, and fetched from where it was published."""

import functools
import http.server
import importlib
import json
import re
import shutil
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner
from faulty_server import Handler, serving

from zoo.checkpoints import hugging_face, locate
from zoo.errors import DownloadError, InputError

SHIPPED = locate.shipped_folder()
NAMES = ("gru_small.cmudict", "lstm_small.cmudict")
# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["weights", *map(str, arguments)])
    assert result.exit_code == code, result.output
    assert len(result.stderr.splitlines()) == (1 if code else 0)
    return result.stdout if code == 0 else result.stderr


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Two shipped checkpoints, one of them without its weights, and an empty cache."""
    monkeypatch.setattr(locate, "shipped_folder", lambda: tmp_path / "weights")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    for name in ("ZOO_WEIGHTS_URL", "ZOO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in NAMES:
        shutil.copytree(SHIPPED / name, tmp_path / "weights" / name)
    (tmp_path / "weights" / NAMES[1] / "model.safetensors").unlink()
    return tmp_path


@pytest.fixture
def site(tmp_path):
    """Serve a folder on loopback, as any static web server does; yields its URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    (tmp_path / "site").mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "site"))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def flip(file):
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def test_published_fetched_verified_and_pruned(places, site, monkeypatch):
    lines = [line.split("\t")[:3] for line in run("list").splitlines()]
    size = (places / "weights" / NAMES[0] / "model.safetensors").stat().st_size
    assert lines == [[NAMES[0], "shipped", f"{size / 1e6:.1f} MB"], [NAMES[1], "shipped", "not fetched"]]
    monkeypatch.setattr(locate, "shipped_folder", lambda: SHIPPED)
    run("publish", places / "site", *NAMES)
    monkeypatch.setattr(locate, "shipped_folder", lambda: places / "weights")

    monkeypatch.setenv("ZOO_WEIGHTS_URL", site)
    cached = places / "cache" / NAMES[1]
    assert run("fetch", *NAMES).splitlines() == [
        f"{NAMES[0]}\t{places / 'weights' / NAMES[0] / 'model.safetensors'}",
        f"{NAMES[1]}\t{cached / 'model.safetensors'}",
    ]
    assert run("verify").splitlines() == [f"{NAMES[0]}\tshipped\tok", f"{NAMES[1]}\tcache\tok"]
    (held,) = [one for one in json.loads(run("list", "--json")) if one["place"] == "cache"]
    assert held["bytes"] == locate.read_record(NAMES[1]).weights.bytes

    (cached / "model.safetensors.1234..partial").write_bytes(b"cut")
    flip(cached / "model.safetensors")
    message = run("verify", code=5)
    assert f"1 of 2 damaged: {cached}: is damaged: its SHA-256 begins" in message and "zoo weights fetch" in message
    shown = run("prune", "--dry-run")
    assert (cached / "model.safetensors").exists()
    assert run("prune") == shown
    assert {line.split("\t")[0] for line in shown.splitlines()} >= {
        str(cached / "model.safetensors"),
        str(cached / "model.safetensors.1234..partial"),
    }
    assert not cached.exists()
    run("fetch", NAMES[1])
    run("prune")
    assert run("verify", NAMES[1]) == f"{NAMES[1]}\tcache\tok\n"
    run("prune", "--all")
    assert not any((places / "cache").iterdir())
    assert (places / "weights" / NAMES[0] / "model.safetensors").exists()


def test_a_published_folder_is_checked_without_the_zoo(places):
    folder = places / "public"
    run("publish", folder, NAMES[0])
    record = locate.read_record(NAMES[0])
    assert json.loads((folder / "index.json").read_text()) == [
        {"name": NAMES[0], "bytes": record.weights.bytes, "sha256": record.weights.sha256}
    ]
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=folder, capture_output=True).returncode == 0
    flip(folder / NAMES[0] / "model.safetensors")
    assert subprocess.run(check, cwd=folder, capture_output=True).returncode != 0
    assert f"{folder / NAMES[0]}: is damaged" in run("verify", folder / NAMES[0], code=5)


def test_what_is_damaged_is_not_published(places):
    flip(places / "weights" / NAMES[0] / "model.safetensors")
    assert "is damaged" in run("publish", places / "public", places / "weights" / NAMES[0], code=5)
    assert "is damaged" in run("publish", places / "public", NAMES[0], code=6)
    assert not list((places / "public").glob("*/*")) if (places / "public").exists() else True
    (places / "file").touch()
    assert "is a file" in run("publish", places / "file", NAMES[0], code=2)


def test_unknown_names_are_answered_with_the_nearest():
    for command in ("fetch", "verify"):
        assert NAMES[0] in run(command, "gru_smal.cmudict", code=2)


@pytest.mark.parametrize("command", ["list", "fetch", "verify", "prune", "publish"])
def test_help_shows_an_example(command):
    assert f"zoo weights {command}" in run(command, "--help").split("Example:")[1]


class HuggingFace(Handler):
    """Answers as the Hub does for one repository whose files are those that come with the package."""

    def file(self):
        result = re.fullmatch(r"/owner/zoo/resolve/main/([\w.]+/[\w.]+)", self.path)
        path = SHIPPED / result[1] if result else None
        return path.read_bytes() if path and path.is_file() else None

    def do_HEAD(self):
        data = self.file()
        self.server.requests.append(self.path)
        self.send_response(404 if data is None else 200)
        if data is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("X-Repo-Commit", "1" * 40)
        self.send_header("ETag", f'"{len(data or b"")}"')
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.file() or b"")))
        self.end_headers()
        self.write(self.file() or b"")


def test_a_repository_of_the_hugging_face_hub(places, monkeypatch):
    constants = importlib.import_module("huggingface_hub.constants")
    with serving(HuggingFace) as server:
        address = server.url.removesuffix("/model.safetensors")
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(places / "hf"))
        monkeypatch.setenv("ZOO_WEIGHTS_URL", "hf://owner/zoo")
        for name in NAMES[1], "rnn_small.cmudict":  # with a shipped record, and without
            record, file = locate.resolve(name)
            assert record == locate.read_record(SHIPPED / name)
            assert file.read_bytes() == (SHIPPED / name / "model.safetensors").read_bytes()
            assert file.is_relative_to(places / "hf")
        # The client does not look at what its cache holds; the zoo does, and has it fetched again.
        flip(file.resolve())
        _, file = locate.resolve("rnn_small.cmudict")
        assert file.read_bytes() == (SHIPPED / "rnn_small.cmudict" / "model.safetensors").read_bytes()
        asked = len(server.requests)
        monkeypatch.setenv("ZOO_OFFLINE", "1")
        locate.resolve("rnn_small.cmudict")
        flip(file.resolve())
        with pytest.raises(DownloadError, match=r"hf://owner/zoo/rnn_small.cmudict/model.safetensors: .*is damaged"):
            locate.resolve("rnn_small.cmudict")
        with pytest.raises(DownloadError, match="not in the client's cache, and ZOO_OFFLINE is set"):
            locate.resolve("tcn.words")
        assert len(server.requests) == asked
        monkeypatch.delenv("ZOO_OFFLINE")
        with pytest.raises(DownloadError, match="hf://owner/zoo/tcn.words/record.json: ") as caught:
            locate.resolve("tcn.words")
        assert "\n" not in str(caught.value)
        with pytest.raises(DownloadError, match="more than the 10 allowed"):
            hugging_face.fetch("hf://owner/zoo", "rnn_small.cmudict/record.json", 10)


@pytest.mark.parametrize("base", ["hf://owner", "hf://owner/zoo/more", "hf://owner/../x", "hf://a/b@"])
def test_other_hugging_face_bases_are_refused(base):
    with pytest.raises(InputError, match="write hf://owner/name"):
        hugging_face.fetch(base, "record.json", 10)


def test_without_the_client_an_hf_base_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'seqzoo\[hub\]'"):
        hugging_face.fetch("hf://owner/zoo", "record.json", 10)
