"""The state of a run on the disk: whole and of one moment, whatever happens while it is written."""

import os
import resource
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from faulty_server import ROOT

from zoo.errors import InputError, NotFiniteError, StorageError
from zoo.training.batching import Batches
from zoo.training.config import TrainingConfig
from zoo.training.interruption import Interrupted
from zoo.training.state import STATE, read_state, write_state
from zoo.training.trainer import Trainer

TENSORS = {"a": np.arange(6, dtype="float32").reshape(2, 3).T, "b": np.arange(4)[::2], "c": np.float16([0.5])}


def test_what_is_written_is_read_whatever_the_memory_layout(tmp_path):
    assert read_state(tmp_path) is None
    write_state(tmp_path / "new", TENSORS, {"step": 3})
    tensors, metadata = read_state(tmp_path / "new") or ({}, {})
    assert metadata == {"step": 3} and tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(tensors[name], tensor)


def test_killed_while_saving_a_run_goes_on_from_a_whole_state():
    """The quick half: ten kills. All two hundred: ``python benchmarks/kills.py``."""
    command = [sys.executable, ROOT / "benchmarks" / "kills.py", "--kills", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 correct resumes of 10 kills" in done.stdout


def test_a_full_disk_leaves_the_state_before_and_nothing_else(tmp_path):
    write_state(tmp_path, TENSORS, {})
    kept = (tmp_path / STATE).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(StorageError, match=f"^{tmp_path / STATE}: File too large: check space") as caught:
            write_state(tmp_path, {"a": np.zeros(100_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit_code == 4
    assert (tmp_path / STATE).read_bytes() == kept
    assert os.listdir(tmp_path) == [STATE]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_never_saved(tmp_path, value):
    write_state(tmp_path, TENSORS, {})
    kept = (tmp_path / STATE).read_bytes()
    with pytest.raises(NotFiniteError, match="b is not finite: the state saved before is kept") as caught:
        write_state(tmp_path, {**TENSORS, "b": np.array([1.0, value])}, {})
    assert caught.value.exit_code == 3
    assert (tmp_path / STATE).read_bytes() == kept


def test_what_a_killed_process_left_goes_with_the_next_save(tmp_path):
    (tmp_path / f".{STATE}.0123abcd.tmp").write_bytes(b"cut")
    write_state(tmp_path, TENSORS, {})
    assert os.listdir(tmp_path) == [STATE]


@pytest.mark.parametrize("data", [b"", b"not a state", b"\xff" * 100, b"\x80\x04cos\nsystem\n."])
def test_another_file_in_its_place_is_an_error(tmp_path, data):
    (tmp_path / STATE).write_bytes(data)
    with pytest.raises(InputError, match="not a training state .*: delete it to start over"):
        read_state(tmp_path)


def test_a_signal_inside_a_call_of_the_model_interrupts_the_run(tmp_path):
    """Keras turns an exception that is raised inside a layer into another one; the run has to end as any other."""

    class Signalling(keras.layers.Dense):
        def call(self, inputs):
            if armed:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().call(inputs)

    armed: list[bool] = []
    model = keras.Sequential([keras.Input((2,)), Signalling(1)])
    lengths = [1] * 8

    def collate(chosen, length, height):
        return np.ones((height, 2), "float32"), np.ones((height, 1), "float32"), np.ones(height, "float32")

    def validate():
        armed.append(True)
        model(np.ones((1, 2), "float32"))
        return {"error": 0.0}

    batches = Batches(lengths, collate, 4, 1)
    loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    config = TrainingConfig(epochs=2, batch_size=4)
    trainer = Trainer(model, batches, validate, "error", config, loss, tmp_path)
    with pytest.raises(Interrupted, match="stopped at step 2 of 4") as caught:
        trainer.run()
    assert caught.value.exit_code == 128 + signal.SIGTERM
    assert read_state(tmp_path) is not None
