"""What stands in README.md and docs/ runs: every file of tests/pages, in a process of its own.

On torch, which begins a training in a second; TensorFlow traces its graph for ten, and each command trains anew.
The same commands run on TensorFlow, on fewer models, in the other tests.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).parent / "pages"


@pytest.mark.parametrize("file", sorted(file.name for file in PAGES.glob("test_*.py")))
def test_the_commands_of_a_page_run(file):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PAGES / file)]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    run = subprocess.run(command, cwd=PAGES.parents[1], env=environment, capture_output=True, text=True)
    assert run.returncode == 0 and " skipped" not in run.stdout, run.stdout[-20_000:] + run.stderr[-3_000:]
