"""Several processes train what one does: with its order, dropout and augmentation, and from its state."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parents[1] / "training_program.py"
pytest.importorskip("jax")
pytestmark = pytest.mark.slow  # starts processes that compile


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def runs(place):
    """A program that forks the processes of each run: see ``training_program.wait_for_run``."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # of the compiler: it takes longer than the steps
        "JAX_COMPILATION_CACHE_DIR": str(place / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    command = [sys.executable, str(PROGRAM)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as result:
        yield result


def run(runs, folder, processes, **train):
    """Returns exit code and error of each process of a run."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    folder.mkdir(exist_ok=True)
    logs = [folder / f"log_{process}" for process in range(processes)]
    shared = {"folder": str(folder), "processes": processes, "address": address, "train": train}
    options = [{**shared, "process": process, "log": str(log)} for process, log in enumerate(logs)]
    print(json.dumps(options), file=runs.stdin, flush=True)
    codes = json.loads(runs.stdout.readline())
    return [(code, log.read_text()) for code, log in zip(codes, logs, strict=True)]


@pytest.fixture(scope="module")
def alone(runs, place):
    """The weights and the curve of one process."""
    results = run(runs, place / "alone", 1)
    assert results[0][0] == 0, results
    return np.load(place / "alone" / "weights.npz")


def assert_same(weights, others):
    for name in weights.files:
        if name != "curve":
            np.testing.assert_allclose(weights[name], others[name], rtol=0, atol=1e-5, err_msg=name)
    curve, other = (json.loads(str(result["curve"])) for result in (weights, others))
    for row, other_row in zip(curve, other, strict=True):
        assert row == pytest.approx(other_row, abs=1e-5)


def test_a_run_of_two_that_is_stopped_goes_on_in_four_and_ends_as_that_of_one(runs, place, alone):
    """The signal comes to the second process alone; 22 rows a batch are shared by two and by four."""
    results = run(runs, place / "stopped", 2, **{"1": {"at_step": {"2": "stop"}}})
    assert [code for code, _ in results] == [143, 143], results
    assert "the state is in" in results[0][1]
    results = run(runs, place / "stopped", 4, all={"resume": True})
    assert [code for code, _ in results] == [0] * 4, results
    assert_same(alone, np.load(place / "stopped" / "weights.npz"))


def test_a_killed_process_ends_the_other(runs, place, alone):
    results = run(runs, place / "killed", 2, **{"1": {"at_step": {"2": "kill"}}})
    assert [code for code, _ in results][1] == -9
    assert results[0][0] in (9, -6), results  # -6 if the runtime was first; ``zoo train`` makes 9 of it


def test_other_data_are_refused_before_the_first_step(runs, place, alone):
    results = run(runs, place / "other", 2, **{"1": {"seed": 4, "at_step": {"1": "kill"}}})
    assert [code for code, _ in results] == [2, 2], results
    assert all("process 1 differs from process 0 (training data: " in error for _, error in results)
    assert not (place / "other" / "weights.npz").exists()
