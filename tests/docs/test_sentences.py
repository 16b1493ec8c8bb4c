"""The commands and the Python of docs/guide/sentences.md run; its table is what the benchmark prints."""

import importlib
import re
import runpy
import shlex
from pathlib import Path

from click.testing import CliRunner

import zoo

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "sentences.md").read_text("utf-8")
main = importlib.import_module("zoo.cli.main").main


def test_its_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text("It was 1984.\nHe read it.\n", "utf-8")
    Path("my_words.txt").write_text("Keras\tK EH1 R AH0 S\n", "utf-8")
    commands = re.findall(r"^zoo (.+)$", PAGE, flags=re.M)
    outputs = [CliRunner().invoke(main, shlex.split(command)) for command in commands]
    assert len(outputs) == 3 and all(result.exit_code == 0 and result.stdout for result in outputs)
    assert "Keras\tkeras\tˈkɛɹəs\tlexicon" in outputs[2].stdout and "\tread\tˈɹɛd\tcontext" in outputs[2].stdout


def test_its_python_runs():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    load, show = code.strip().splitlines()
    names = {"zoo": zoo}
    exec(load, names)
    assert eval(show, names)[2] == ("three", "TH R IY1", "dictionary")


def test_its_table_is_what_the_benchmark_prints(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["homographs.py"])
    runpy.run_path(str(ROOT / "benchmarks" / "homographs.py"), run_name="__main__")
    assert capsys.readouterr().out in PAGE
