"""The layers that have a path of their own on torch, tested there too: the backend of the other tests is another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.parametrize("file", ["test_dropout.py", "test_recurrence.py"])
def test_on_torch(file):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / file)]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    run = subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True)
    assert run.returncode == 0 and " skipped" not in run.stdout, run.stdout[-20_000:] + run.stderr[-3_000:]
