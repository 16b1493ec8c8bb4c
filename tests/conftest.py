"""The backend of the tests is TensorFlow unless KERAS_BACKEND names another."""

import os
import threading
import time
import types

import pytest
from faulty_server import Server

from zoo import download

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


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


@pytest.fixture
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
