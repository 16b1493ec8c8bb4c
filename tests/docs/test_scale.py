"""The commands of docs/guide/scale.md run."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from zoo.checkpoints import locate

processes = importlib.import_module("zoo.cli.processes")
main = importlib.import_module("zoo.cli.main").main
TEXT = (Path(__file__).parents[2] / "docs" / "guide" / "scale.md").read_text("utf-8")
COMMANDS = re.findall(r"^zoo (.+)$", TEXT, flags=re.M)
pytest.importorskip("jax")


def table():
    rows = [
        f"the {'lovely' if i % 2 else 'boring'} film {'cdefgh'[i % 6]},{'good' if i % 2 else 'bad'}" for i in range(60)
    ]
    return "\n".join(["text,label", *rows]) + "\n"


@pytest.mark.slow
def test_its_commands_for_a_laptop_run(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_BACKEND")
    Path("films.csv").write_text(table())
    for command in COMMANDS[:2]:
        assert "--processes 2" in command and "--coordinator" not in command
        monkeypatch.setenv("KERAS_BACKEND", "torch") if command.startswith("evaluate") else None
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output, capfd.readouterr())
    assert locate.read_record("films").training["steps"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["films", "films.csv"]


def test_its_commands_for_a_cluster_start_a_process_each(monkeypatch):
    started = []
    monkeypatch.setattr(processes, "_run_parent", started.extend)
    for command in COMMANDS[2:]:
        assert CliRunner().invoke(main, shlex.split(command)).exit_code == 0
    assert [(one.coordinator, one.processes, one.process) for one in started] == [
        ("10.0.0.1:7890", 4, 0),
        ("10.0.0.1:7890", 4, 1),
    ]
    assert CliRunner().invoke(main, ["train", "x", "--coordinator", "auto"]).exit_code == 0
    assert started[-1].coordinator is None
