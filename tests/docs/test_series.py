"""The commands and the Python of docs/guide/series.md run."""

import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from samples import slopes, sounds, write_wav

from zoo import datasets
from zoo.fitting import start

TEXT = (Path(__file__).parents[2] / "docs" / "guide" / "series.md").read_text("utf-8")
# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
pytestmark = pytest.mark.slow  # trains


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with the files that the page names."""
    monkeypatch.chdir(tmp_path)
    for name in ("FROM_SCRATCH", "ULMFIT"):
        training_config = dataclasses.replace(getattr(start, name), epochs=1, min_steps=0)
        monkeypatch.setattr(start, name, training_config)
    for i, (sound, label) in enumerate(zip(sounds(20).inputs, sounds().targets[:20], strict=True)):
        write_wav(Path("digits") / {"low": "zero", "high": "one"}[label] / f"{i}.wav", sound.samples)
    examples = slopes(20)
    pairs = list(zip(examples.inputs, examples.targets, strict=True))
    wide = [",".join([label, *(f"{x:.4f}" for x in series[:8, 0])]) for series, label in pairs]
    Path("wide.csv").write_text("\n".join(["kind," + ",".join(f"t{i}" for i in range(8)), *wide]) + "\n")
    rows = [f"{i},{t},{a},{b},{label}" for i, (s, label) in enumerate(pairs) for t, (a, b) in enumerate(s)]
    Path("long.csv").write_text("\n".join(["id,t,x,y,kind", *rows]) + "\n")
    lines = [":".join(",".join(map(str, channel)) for channel in s.T) + f":{label}" for s, label in pairs]
    Path("motions.ts").write_text("@classLabel true up down\n@data\n" + "\n".join(lines) + "\n")


def test_its_commands_run():
    commands = re.findall(r"^zoo (.+)$", TEXT, flags=re.M)
    assert len(commands) == 9
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output)
    assert Path("page/index.html").exists() and Path("comparison.png").exists()


def test_its_python_runs(monkeypatch):
    for code in re.findall(r"```python\n(.*?)```", TEXT, flags=re.S):
        exec(compile(code, "docs/guide/series.md", "exec"), {})


def test_it_names_the_datasets_of_series():
    named = re.findall(r"^\| `(.+?)` \|", TEXT, flags=re.M)
    assert named == [name for name, entry in datasets.DATASETS.items() if entry.task == "series_classification"]
