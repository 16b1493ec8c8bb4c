"""The backend of the tests is TensorFlow unless KERAS_BACKEND names another."""

import os
import time
import types

import pytest
from faulty_server import serving

from zoo import download

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture
def server():
    with serving() as running:
        yield running


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
