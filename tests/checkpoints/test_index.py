"""The index of the shipped checkpoints, and the commands that read it."""

import importlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from samples import save

from zoo.checkpoints import index, locate
from zoo.errors import WeightsError
from zoo.fitting import recipe_run

NAMES = ["gru.words", "lstm.words"]
# By their names, because type checkers cannot follow a package that is mapped to another folder.
command = importlib.import_module("zoo.cli.main")
tables = importlib.import_module("zoo.cli.tables")
plain_table = importlib.import_module("zoo.cli.plain_table")


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """Two shipped checkpoints without an index."""
    folder = tmp_path / "weights"
    monkeypatch.setattr(locate, "shipped_folder", lambda: folder)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    for name in NAMES:
        save(folder / name)
    return folder


def run(*arguments: str):
    return CliRunner().invoke(command.main, arguments)


def test_the_shipped_index_agrees_with_the_records():
    rows = json.loads((locate.shipped_folder() / index.INDEX_FILE).read_text("utf-8"))
    assert rows == [index.summarize(locate.read_record(name)) for name in locate.list_models()]


def test_listing_reads_no_record_that_has_a_row(weights):
    index.write_index()
    expected = run("list", "--json").stdout
    for name in NAMES:
        (weights / name / "record.json").write_text("{}")
    assert [row["name"] for row in json.loads(expected)] == NAMES
    assert run("list", "--json").stdout == expected
    assert all(name in run("list").stdout for name in NAMES)


def test_a_record_without_a_row_is_read(weights):
    assert index.read_index() == {}
    without = index.list_rows(NAMES)
    index.write_index()
    save(weights / "tcn.words")
    assert index.list_rows(NAMES) == without
    assert [row["name"] for row in json.loads(run("list", "--json").stdout)] == [*NAMES, "tcn.words"]


def test_a_row_without_a_record_is_not_listed(weights):
    index.write_index()
    (weights / NAMES[0] / "record.json").unlink()
    assert [row["name"] for row in json.loads(run("list", "--json").stdout)] == NAMES[1:]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"name": "gru.words"}]', '[{"name": 1}]'])
def test_a_damaged_index_is_one_line_with_a_remedy(weights, text):
    (weights / index.INDEX_FILE).write_text(text)
    with pytest.raises(WeightsError, match=r"index\.json.*python -m zoo\.checkpoints\.index"):
        index.read_index()
    result = run("list")
    assert result.exit_code == WeightsError.exit_code
    assert len(result.stderr.splitlines()) == 1


def test_training_refreshes_the_index_of_shipped_checkpoints_only(weights, tmp_path, monkeypatch):
    def train(name, recipe, output, *others):
        save(output)
        return output

    monkeypatch.setattr(recipe_run, "_train", train)
    monkeypatch.setattr(recipe_run, "measure", lambda folder, recipe: None)
    recipe_run.train("gru_small.cmudict", tmp_path / "elsewhere")
    assert index.read_index() == {}
    recipe_run.train("gru_small.cmudict", weights / "tcn.words")
    assert list(index.read_index()) == [*NAMES, "tcn.words"]


def test_each_command_goes_by_its_own_name():
    assert {name: command.main.commands[name].name for name in command.COMMANDS} == {n: n for n in command.COMMANDS}
    listed = run("--help").stdout.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.strip().splitlines()] == sorted(command.COMMANDS)


def test_an_unknown_command_is_told_the_nearest():
    result = run("lst")
    assert result.exit_code == 2 and "No such command 'lst'" in result.stderr


def test_the_plain_table_is_the_one_that_rich_prints(monkeypatch):
    plain = run("list")
    monkeypatch.setattr(tables, "print_plain", lambda columns, rows: False)
    assert plain.exit_code == 0
    assert plain.stdout == run("list").stdout


@pytest.mark.parametrize("cell", ["[bold]", ":smile:", "tall\nrow", "日本", "x" * 200])
def test_cells_that_need_rich_are_left_to_it(cell, capsys):
    assert not plain_table.print_plain(["name"], [[cell]])
    assert capsys.readouterr().out == ""
