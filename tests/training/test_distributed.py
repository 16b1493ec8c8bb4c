"""Several processes train what one does: with its order, dropout and augmentation, and from its state."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parents[1] / "training_program.py"
pytest.importorskip("jax")
pytestmark = pytest.mark.slow  # starts processes that compile


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


def run(place, name, processes, seconds=400, **train):
    """Runs the program in some processes; returns exit code and error of each, and the seconds that it took."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    (place / name).mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "JAX_COMPILATION_CACHE_DIR": str(place / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    children = []
    for process in range(processes):
        options = {"folder": str(place / name), "processes": processes, "process": process, "address": address}
        command = [sys.executable, str(PROGRAM), json.dumps({**options, "train": train})]
        children.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment))
    end = time.monotonic() + seconds
    try:
        errors = [child.communicate(timeout=max(1, end - time.monotonic()))[1] for child in children]
    finally:
        for child in children:
            child.kill()
    return [(child.returncode, error) for child, error in zip(children, errors, strict=True)]


@pytest.fixture(scope="module")
def alone(place):
    """The weights and the curve of one process."""
    results = run(place, "alone", 1)
    assert results[0][0] == 0, results
    return np.load(place / "alone" / "weights.npz")


def assert_same(weights, others):
    for name in weights.files:
        if name != "curve":
            np.testing.assert_allclose(weights[name], others[name], rtol=0, atol=1e-5, err_msg=name)
    curve, other = (json.loads(str(found["curve"])) for found in (weights, others))
    for row, other_row in zip(curve, other, strict=True):
        assert row == pytest.approx(other_row, abs=1e-5)


def test_a_run_of_two_that_is_stopped_goes_on_in_four_and_ends_as_that_of_one(place, alone):
    """The signal comes to the second process alone; 22 rows a batch are shared by two and by four."""
    results = run(place, "stopped", 2, **{"1": {"at_step": {"2": "stop"}}})
    assert [code for code, _ in results] == [143, 143], results
    assert "the state is in" in results[0][1]
    results = run(place, "stopped", 4, all={"resume": True})
    assert [code for code, _ in results] == [0] * 4, results
    assert_same(alone, np.load(place / "stopped" / "weights.npz"))


def test_a_killed_process_ends_the_other(place, alone):
    results = run(place, "killed", 2, **{"1": {"at_step": {"2": "kill"}}})
    assert [code for code, _ in results][1] == -9
    assert results[0][0] in (9, -6), results  # -6 if the runtime was first; ``zoo train`` makes 9 of it


def test_other_data_are_refused_before_the_first_step(place, alone):
    results = run(place, "other", 2, **{"1": {"seed": 4, "at_step": {"1": "kill"}}})
    assert [code for code, _ in results] == [2, 2], results
    assert all("process 1 differs from process 0 (training data: " in error for _, error in results)
    assert not (place / "other" / "weights.npz").exists()
