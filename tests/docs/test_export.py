"""The commands in export.md, serving.md and demo.md of docs/guide run."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from zoo import datasets
from zoo.data.examples import Examples

main = importlib.import_module("zoo.cli.main").main
GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGE = (GUIDE / "export.md").read_text("utf-8")
COMMANDS = re.findall(r"^zoo (.+)$", PAGE, flags=re.M)


@pytest.mark.slow
def test_the_commands_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = Examples(["cat", "dog"], ["K AE1 T", "D AO1 G"], ["made:1", "made:2"])
    monkeypatch.setattr(datasets, "load", lambda name, split: examples)
    for command in COMMANDS:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output)
    assert (tmp_path / "g2p" / "runner.py").exists() and (tmp_path / "writer" / "step.onnx").exists()


def test_the_commands_of_the_page_on_serving(monkeypatch, tmp_path):
    import uvicorn

    ran = []
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: ran.append(sockets))
    commands = re.findall(r"^zoo (.+)$", (GUIDE / "serving.md").read_text("utf-8"), flags=re.M)
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output)
    assert len(ran) == len(commands) == 1


def test_the_commands_of_the_page_on_the_demo(monkeypatch, tmp_path):
    from zoo.export import demo

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "_runtime_files", lambda runtime: {})
    commands = re.findall(r"^zoo (.+)$", (GUIDE / "demo.md").read_text("utf-8"), flags=re.M)
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output)
    assert (tmp_path / "page" / "index.html").exists()
