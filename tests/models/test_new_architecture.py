"""Somebody adds an architecture with one file and one line: the invariants of the registry hold for it at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zoo

ROOT = Path(__file__).parents[2]
CODE = """
import numpy as np, zoo
assert zoo.__file__.startswith({copy!r}), zoo.__file__
assert zoo.list_architectures("stranger_*") == ["stranger_tiny", "stranger_small", "stranger_base"]
model = zoo.create_model("stranger_tiny", task="classification", num_classes=2, vocab_size=9)
model.compile("adam", "sparse_categorical_crossentropy")
inputs = {{"tokens": np.ones((4, 6), "int32"), "mask": np.ones((4, 6), "bool")}}
model.fit(inputs, np.zeros(4, "int32"), verbose=0)
assert model.predict(inputs, verbose=0).shape == (4, 2)
"""


@pytest.mark.slow
def test_one_file_and_one_line_are_enough(tmp_path):
    copy = tmp_path / "checkout"
    for name in ("zoo", "cli", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "weights").symlink_to(ROOT / "weights")

    # The file: a TCN under another name, so that nothing may depend on the names that are there.
    source = (ROOT / "zoo" / "models" / "backbones" / "tcn.py").read_text("utf-8")
    file = copy / "zoo" / "models" / "backbones" / "stranger.py"
    source = source.replace("\nTCN = ", "\nSTRANGER = ").replace('"tcn"', '"stranger"').replace("tcn_", "stranger_")
    file.write_text(source, "utf-8")
    # The line.
    registry = copy / "zoo" / "models" / "registry.py"
    line = '    "stranger": "zoo.models.backbones.stranger:STRANGER",\n'
    text = registry.read_text("utf-8")
    registry.write_text(text.replace("ARCHITECTURES = {\n", "ARCHITECTURES = {\n" + line, 1), "utf-8")
    assert registry.read_text("utf-8").count("\n") == text.count("\n") + 1

    environment = {**os.environ, "PYTHONPATH": str(copy)}
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/models/test_architectures.py", "-k", "stranger"]
    for arguments in (["-c", CODE.format(copy=str(copy))], tests):
        run = subprocess.run(
            [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=600
        )
        assert run.returncode == 0, run.stdout[-5_000:] + run.stderr[-3_000:]
    assert " passed" in run.stdout and " skipped" not in run.stdout
    assert zoo.list_architectures("stranger_*") == []  # the copy alone has it
