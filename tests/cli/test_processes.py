"""Options of processes, and how the parent ends when its children do."""

import importlib
import io
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from zoo.errors import ProcessError

processes = importlib.import_module("zoo.cli.processes")
main = importlib.import_module("zoo.cli.main").main


@pytest.mark.parametrize(
    "options, problem",
    [
        (["--process", "0"], "--process: needs --coordinator"),
        (["--coordinator", "a:1"], "needs --processes N and --process I"),
        (["--coordinator", "auto", "--processes", "2"], "finds --processes"),
        (["--coordinator", "a:1", "--processes", "2", "--process", "2"], "process 2 of 2"),
        (["--coordinator", "a", "--processes", "2", "--process", "0"], "expected HOST:PORT"),
        (["--processes", "2"], "train on JAX, not on torch"),
    ],
)
def test_options_are_checked_before_anything_starts(options, problem, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    result = CliRunner().invoke(main, ["train", "gru_small.cmudict", *options])
    assert result.exit_code == 2
    assert problem in result.output


def child(code: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code])


def test_the_others_are_ended_some_time_after_one_that_failed(monkeypatch):
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.5)
    children = [child("import time; time.sleep(60)"), child("raise SystemExit(3)")]
    assert [*map(processes._wait_for(children), children)] == [0, 3]


def test_all_may_end_well():
    children = [child(""), child("")]
    codes = [*map(processes._wait_for(children), children)]
    assert codes == [0, 0]
    assert processes._end(codes, False, []) is None


@pytest.mark.parametrize(
    "codes, log, problem",
    [
        ([9, -signal.SIGKILL], "", "process 1: was killed by signal 9"),
        ([-signal.SIGABRT], "tasks are unhealthy: /job:jax_worker/replica:0/task:3", "process 3: ended, or cannot"),
        ([-signal.SIGABRT], "", "another process: ended, or cannot be reached"),
    ],
)
def test_a_killed_process_is_named(codes, log, problem):
    with pytest.raises(ProcessError, match=problem):
        processes._end(codes, False, [io.BytesIO(log.encode())] * len(codes))


@pytest.mark.parametrize("codes, code", [([2, 2], 2), ([0, 4], 4), ([-signal.SIGABRT, 3], 3)])
def test_the_exit_code_is_that_of_the_error(codes, code):
    with pytest.raises(SystemExit) as caught:
        processes._end(codes, False, [])
    assert caught.value.code == code
