"""The commands in docs/guide/memory.md run."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
from character_models import TEXT, characters, saved, texts
from click.testing import CliRunner

from zoo import datasets
from zoo.analysis import profiling, recall
from zoo.checkpoints import locate

main = importlib.import_module("zoo.cli.main").main
pytestmark = pytest.mark.slow  # trains
PAGE = Path(__file__).parents[2] / "docs" / "guide" / "memory.md"
COMMANDS = re.findall(r"^zoo (.+)$", PAGE.read_text("utf-8"), flags=re.M)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with a tiny model of the name that is probed, and what takes long made short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locate, "shipped_folder", lambda: tmp_path / "weights")
    for name in ("gru_small.tiny_shakespeare", "gru_small.snips"):
        saved(characters("gru"), tmp_path / "weights" / name, name)
    monkeypatch.setattr(datasets, "load", lambda name, split: texts())
    Path("play.txt").write_text(TEXT)
    profiled, recalled = profiling.profile, recall.recall
    monkeypatch.setattr(
        profiling, "profile", lambda name, steps, batches: profiled(name.replace("lstm_small", "lstm_tiny"), 8, (1,))
    )
    monkeypatch.setattr(recall, "recall", lambda *arguments, **options: recalled(*arguments, steps=1, **options))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(command):
    result = CliRunner().invoke(main, shlex.split(command))
    assert result.exit_code == 0, result.output
    for picture in re.findall(r"--plot (\S+)", command):
        assert Path(picture).read_bytes().startswith(b"\x89PNG")


def test_there_are_commands_of_both_kinds():
    assert {command.split()[0] for command in COMMANDS} == {"probe", "profile"}
