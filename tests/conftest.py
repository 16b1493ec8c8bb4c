"""The backend of the tests is torch, which starts fastest, unless KERAS_BACKEND names another."""

import os
import time
import types

import pytest
from faulty_server import serving

from zoo.checkpoints import download

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The tests of JAX compile many small programs that run once: optimizing them takes longer than they run.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
if "PYTEST_XDIST_WORKER" in os.environ:
    # As many processes as cores: more threads of torch would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def waits(monkeypatch):
    """Skip the pauses between tries and list their lengths; keep the user's settings out."""
    lengths = []
    clock = types.SimpleNamespace(sleep=lengths.append, monotonic=time.monotonic, time=time.time)
    monkeypatch.setattr(download, "time", clock)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    return lengths


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gru.words" / "model.safetensors"


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Prepare a dataset from small files in place of its own. Returns the rows of each split."""

    # Not for the tests that need no dataset: it takes seconds.
    import tensorflow_datasets as tfds

    def prepared(module, name, files=None):
        if files is not None:
            paths = {}
            for i, (key, content) in enumerate(files.items()):
                paths[key] = str(tmp_path / f"file{i}")
                (tmp_path / f"file{i}").write_bytes(content)
            monkeypatch.setattr(module, "fetch", lambda builder, manager, urls: {key: paths[key] for key in urls})
        builder = tfds.builder(name, data_dir=tmp_path / "prepared")
        builder.download_and_prepare()
        return {split: list(tfds.as_numpy(builder.as_dataset(split=split))) for split in builder.info.splits}

    return prepared
