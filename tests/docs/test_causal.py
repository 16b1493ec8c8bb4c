"""The commands and the Python of causal.md and streams.md in docs/guide run, on tiny models under the names there."""

import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from samples import document, tunes

from zoo import datasets
from zoo.checkpoints import locate
from zoo.data.examples import Examples
from zoo.fitting.setup import fresh
from zoo.recipes.recipes import RECIPES
from zoo.tasks import find_task
from zoo.training.config import TrainingConfig

DOCS = Path(__file__).parents[2] / "docs" / "guide"
PAGE = (DOCS / "causal.md").read_text("utf-8")
main = importlib.import_module("zoo.cli.main").main
pytestmark = pytest.mark.slow  # trains
PLAY = Examples(["ROMEO: KING RICHARD\nBut, soft! what light through yonder w, la!\n" * 9], [""], ["made:1"])
WRITER, COMPOSER = "gru_small.tiny_shakespeare", "tcn_small.jsb_chorales"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("play.txt").write_text(PLAY.inputs[0])
    Path("pieces.jsonl").write_text('{"frames": [[60, 64], [62], [60, 64]]}\n{"frames": [[62], []]}\n')
    monkeypatch.setattr(datasets, "load", lambda name, split: PLAY if name == "tiny_shakespeare" else tunes())
    monkeypatch.setattr(locate, "shipped_folder", lambda: tmp_path / "weights")
    for name, task, examples in ((WRITER, "language_modelling", PLAY), (COMPOSER, "music_modelling", tunes())):
        architecture, _, data = name.partition("_small.")
        pipeline = fresh(find_task(task), architecture, "tiny", examples, seed=1)
        pipeline.document = document(name, data)
        pipeline.save(tmp_path / "weights" / name)
        recipe = dataclasses.replace(RECIPES[name], size="tiny", config={}, training_config=TrainingConfig(epochs=1))
        monkeypatch.setitem(RECIPES, name, recipe)


def test_its_commands_run():
    commands = re.findall(r"^zoo (.+)$", PAGE, flags=re.M)
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output)
        assert result.output
    assert len(commands) == len(re.findall(r"^zoo ", PAGE, flags=re.M)) and Path("piece.mid").exists()
    # What was trained is measured, with a golden output, and the published figures stand beside it.
    record = locate.read_record(COMPOSER)
    assert record.metrics[0]["values"]["nll"]["value"] > 0 and record.golden["inputs"]
    assert {figure["values"]["nll"] for figure in record.published} == {8.10, 8.45, 8.43, 8.91}


def test_its_python_runs():
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.S):
        exec(compile(code, "causal.md", "exec"), names)
    assert names["writer"].spec.task == "language_modelling"


def test_streams_are_as_their_page_says():
    names = {}
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "streams.md").read_text("utf-8"), flags=re.S)
    exec(compile(code, "streams.md", "exec"), names)
    assert names["more"].shape[:2] == (2, 3)
    assert names["stream"].steps.tolist() == names["other"].steps.tolist() == [4, 0]
