"""A forked process in which no backend can run says so, and does not wait for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.backends import process
from zoo.errors import ForkError

ROOT = Path(__file__).parents[2]
CODE = """
import multiprocessing, sys
import zoo
MODEL = "gru_small.italy_power_demand"
SERIES = [[0.5] * 24]

def work(queue):
    try:
        queue.put(zoo.load(MODEL).predict(SERIES))
    except zoo.ForkError as error:
        queue.put(str(error))

if __name__ == "__main__":
    if sys.argv[1] != "idle":
        zoo.load(MODEL).predict(SERIES)
    context = multiprocessing.get_context("spawn" if sys.argv[1] == "spawn" else "fork")
    queue = context.Queue()
    child = context.Process(target=work, args=(queue,))
    child.start()
    print(queue.get(timeout=400))
    child.join(20)
    sys.exit(child.exitcode)
"""


@pytest.mark.slow
@pytest.mark.parametrize("parent", ["ran", "idle", "spawn"])
def test_a_process_forked_after_a_backend_ran(tmp_path, parent):
    (tmp_path / "work.py").write_text(CODE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, tmp_path / "work.py", parent]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert ('multiprocessing.get_context("spawn")' in done.stdout) == (parent == "ran")


def test_the_process_is_claimed_once_and_for_all(monkeypatch):
    monkeypatch.setattr(process, "_owner", None)
    process.claim_process()
    process.claim_process()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(ForkError, match="process 1: forked from one in which a Keras backend had run"):
        process.claim_process()
