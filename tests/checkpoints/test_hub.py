"""The hub: which checkpoint a name means, where its weights come from, and how one is saved."""

import functools
import http.server
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from samples import SPEC, TENSORS, document, save

from zoo.checkpoints import locate
from zoo.checkpoints.save import save_checkpoint
from zoo.checkpoints.tensors import read_tensors
from zoo.errors import DownloadError, InputError, WeightsError


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Put the shipped checkpoints, the cache and the working folder under the test's own folder."""
    monkeypatch.setattr(locate, "shipped_folder", lambda: tmp_path / "weights")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("ZOO_WEIGHTS_URL", raising=False)
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


class Site(http.server.ThreadingHTTPServer):
    """Serves a folder on loopback; lists the paths asked for."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        self.paths = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    server: Site

    def log_request(self, *args):
        self.server.paths.append(self.path)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(places):
    (places / "site").mkdir()
    running = Site(places / "site")
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def check(located, folder):
    record, file = located
    assert file == folder / "model.safetensors"
    tensors = read_tensors(file, record)
    assert set(tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], tensor)


def test_names_are_listed_in_natural_order_by_wildcard(places):
    for name in ("gru_small.words_v10", "gru_small.words_v2", "lstm.words", "lstm.bytes"):
        save(places / "weights" / name)
    (places / "weights" / "no_record").mkdir()
    (places / "weights" / ".gru.words.1234.tmp").mkdir()
    (places / "weights" / ".gru.words.1234.tmp" / "record.json").touch()
    assert locate.list_models() == ["gru_small.words_v2", "gru_small.words_v10", "lstm.bytes", "lstm.words"]
    assert locate.list_models("*.words") == ["lstm.words"]
    assert locate.list_models("gru*") == ["gru_small.words_v2", "gru_small.words_v10"]
    assert locate.list_models("none") == []
    assert locate.records()["lstm.bytes"] == places / "weights" / "lstm.bytes"


def test_nothing_shipped_is_an_empty_list():
    assert locate.list_models() == []


def test_listing_and_reading_records_imports_no_backend_and_no_network():
    code = (
        "import sys, zoo; zoo.list_models(); "
        "heavy = {'numpy', 'keras', 'tensorflow', 'jax', 'torch', 'urllib.request'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(locate.__file__).parents[2]
    assert subprocess.check_output([sys.executable, "-c", code], cwd=root, text=True) == "[]\n"


def test_what_is_saved_is_what_is_read(places):
    record = save(places / "weights" / "gru.words")
    assert locate.read_record("gru.words") == record
    assert locate.read_record(places / "weights" / "gru.words") == record
    assert record.spec.config == {"dilations": [1, 2]}
    assert record.weights.parameters == 7
    assert record.weights.tensors["model/kernel"].shape == (3, 2)
    check(locate.resolve("gru.words"), places / "weights" / "gru.words")


def test_float32_weights_are_kept_to_the_bit(places):
    tensors = {"model/kernel": np.array([1 / 3, 1e-30], "float32")}
    record = save_checkpoint(places / "gru.words", {"spec": SPEC, **document("gru.words")}, tensors, dtype="float32")
    read = read_tensors(places / "gru.words" / "model.safetensors", record)
    assert read["model/kernel"].tobytes() == tensors["model/kernel"].tobytes()


@pytest.mark.parametrize("given", ["my-g2p", "./my-g2p", "../here/my-g2p", Path("my-g2p")])
def test_a_folder_of_ones_own(places, given):
    save(places / "here" / "other").to_text()
    (places / "here" / "other").rename(places / "here" / "my-g2p")
    check(locate.resolve(given), Path(given))


def test_a_damaged_folder_of_ones_own_is_named(places):
    folder = places / "my-g2p"
    save(folder)
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(WeightsError, match=f"^{folder}/model.safetensors: holds 5 bytes, its record says"):
        locate.resolve(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=f"^{folder}/model.safetensors: no such file"):
        locate.resolve(folder)
    (folder / "record.json").write_text("{")
    with pytest.raises(WeightsError, match=f"^{folder}/record.json:1: not valid JSON"):
        locate.read_record(folder)


def test_an_unknown_name_is_answered_with_the_nearest(places):
    save(places / "weights" / "gru_small.cmudict")
    for function in (locate.resolve, locate.read_record):
        with pytest.raises(InputError, match=r"no checkpoint 'gru_smal.cmudict'; nearest: gru_small.cmudict"):
            function("gru_smal.cmudict")
        with pytest.raises(InputError, match=r"no checkpoint 'zzz'; see zoo list"):
            function("zzz")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../gru",
        "a/../b",
        "/etc",
        "a\\b",
        "a..b",
        ".hidden",
        "a  b",
        "a\0b",
        "%2e%2e",
        "x" * 5000,
        "\n",
    ],
)
def test_no_name_leads_out_of_its_folder(server, monkeypatch, name):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", server.url)
    for function in (locate.resolve, locate.read_record):
        with pytest.raises(InputError) as caught:
            function(name)
        assert len(str(caught.value)) < 400
        assert "\n" not in str(caught.value)
    assert server.paths == []


def test_other_files_are_refused_with_the_reason(places):
    for name in ("model.keras", "model.h5", "model.pkl"):
        (places / name).write_bytes(b"anything")
        with pytest.raises(WeightsError, match="refused: a .* the zoo reads safetensors only"):
            locate.resolve(places / name)
    save(places / "gru.words")
    with pytest.raises(InputError, match="is a file; give the folder"):
        locate.resolve(places / "gru.words" / "model.safetensors")


@pytest.fixture
def published(places, server):
    """A checkpoint that the server has and this machine does not."""
    save(places / "site" / "gru.words")
    return places / "site" / "gru.words"


def test_a_name_that_only_a_base_url_knows(published, server, places, monkeypatch):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", f"{server.url}/nothing, {server.url}/")
    check(locate.resolve("gru.words"), places / "cache" / "gru.words")
    assert server.paths == [
        "/nothing/gru.words/record.json",
        "/gru.words/record.json",
        "/gru.words/model.safetensors",
    ]
    # The second time, and with the server forgotten, the cache is enough.
    monkeypatch.delenv("ZOO_WEIGHTS_URL")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    check(locate.resolve("gru.words"), places / "cache" / "gru.words")
    assert locate.read_record("gru.words").name == "gru.words"
    assert len(server.paths) == 3


def test_a_shipped_record_rules_over_the_cache_and_the_server(published, server, places, monkeypatch):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", server.url)
    shutil.copytree(published, places / "weights" / "gru.words")
    (places / "weights" / "gru.words" / "model.safetensors").unlink()
    (published / "record.json").write_text("not asked for")
    save(places / "cache" / "gru.words", {"other": np.zeros(3)})
    check(locate.resolve("gru.words"), places / "cache" / "gru.words")
    assert server.paths == ["/gru.words/model.safetensors"]


@pytest.mark.parametrize("damage", ["cut", "flip", "record"])
def test_a_damaged_cache_is_fetched_again_or_named_offline(published, server, places, monkeypatch, damage):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", server.url)
    locate.resolve("gru.words")
    file = places / "cache" / "gru.words" / ("record.json" if damage == "record" else "model.safetensors")
    data = file.read_bytes()
    file.write_bytes(data[:-1] if damage == "cut" else data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    asked = len(server.paths)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(DownloadError, match=rf"{file}.*; {server.url}.* ZOO_OFFLINE is set"):
        locate.resolve("gru.words")
    assert len(server.paths) == asked
    monkeypatch.delenv("ZOO_OFFLINE")
    check(locate.resolve("gru.words"), places / "cache" / "gru.words")
    assert file.read_bytes() == data


def test_a_mirror_on_disk_is_read_where_it_stands(published, places, monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("ZOO_WEIGHTS_URL", (places / "site").as_uri())
    check(locate.resolve("gru.words"), published)
    assert not (places / "cache").exists()
    (published / "model.safetensors").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"site/gru.words/model.safetensors: holds 0 bytes"):
        locate.resolve("gru.words")


def test_missing_weights_list_the_places_tried(published, server, places, monkeypatch):
    shutil.copytree(published, places / "weights" / "gru.words")
    (places / "weights" / "gru.words" / "model.safetensors").write_text("version https://git-lfs")
    with pytest.raises(DownloadError) as caught:
        locate.resolve("gru.words")
    assert str(places / "weights" / "gru.words" / "model.safetensors") in str(caught.value)
    assert str(places / "cache" / "gru.words" / "model.safetensors") in str(caught.value)
    assert "ZOO_WEIGHTS_URL is not set" in str(caught.value)
    monkeypatch.setenv("ZOO_WEIGHTS_URL", f"{server.url}/a,{server.url}/b,file:///nowhere")
    with pytest.raises(DownloadError) as caught:
        locate.resolve("gru.words")
    assert f"{server.url}/a/gru.words/model.safetensors: HTTP 404" in str(caught.value)
    assert f"{server.url}/b/gru.words/model.safetensors: HTTP 404" in str(caught.value)
    assert "/nowhere/gru.words/model.safetensors: no such file" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_record_under_another_name_is_refused(published, server, places, monkeypatch):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", server.url)
    published.rename(places / "site" / "lstm.words")
    with pytest.raises(DownloadError, match=r"record.json: name: is 'gru.words', expected 'lstm.words'"):
        locate.resolve("lstm.words")
    assert not (places / "cache" / "lstm.words" / "model.safetensors").exists()


def test_a_web_page_in_place_of_a_record_is_refused(published, server, monkeypatch):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", server.url)
    (published / "record.json").write_text("<html>Please log in</html>")
    with pytest.raises(DownloadError, match=r"record.json:1: not valid JSON"):
        locate.resolve("gru.words")


def test_offline_opens_no_socket(places, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("ZOO_WEIGHTS_URL", "https://example.org/zoo")
    with pytest.raises(DownloadError, match=r"https://example.org/zoo/gru.words/record.json: not tried, .*OFFLINE"):
        locate.resolve("gru.words")


@pytest.mark.parametrize("base", ["ftp://example.org", "weights", "s3://x/y"])
def test_other_kinds_of_base_are_refused(monkeypatch, base):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", base)
    with pytest.raises(InputError, match=f"^ZOO_WEIGHTS_URL: '{base}': only https, http, hf and file"):
        locate.resolve("gru.words")


def test_the_cache_is_the_users_unless_chosen(places, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", "~/zoo")
    assert locate.cache_folder() == Path.home() / "zoo"
    monkeypatch.delenv("ZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(places / "xdg"))
    assert locate.cache_folder().name == "seqzoo"
