"""What runs on torch, each file in a process of its own, for the backend of the other tests is another.

What stands in README.md and docs/ (pages/): torch begins a training in a second, TensorFlow traces its graph for
ten, and each command trains anew; the same commands run on TensorFlow, on fewer models, in the other tests. And the
layers that have a path of their own on torch.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGES = sorted(f"docs/pages/{file.name}" for file in (TESTS / "docs" / "pages").glob("test_*.py"))


@pytest.mark.parametrize("file", [*PAGES, "layers/test_dropout.py", "layers/test_recurrence.py"])
def test_on_torch(file):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / file)]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    run = subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True)
    assert run.returncode == 0 and " skipped" not in run.stdout, run.stdout[-20_000:] + run.stderr[-3_000:]
