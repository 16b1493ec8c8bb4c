"""Forecasts by commands: what they print and write, and bad input: one line, exit code 2, nothing written."""

import csv
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from forecasting_models import tiny_forecaster

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
DAYS = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-03-01"))
COLUMNS = ["--time", "day", "--target", "units"]
STORES = ["stores.csv", "--series", "store", *COLUMNS]


def week(i: int) -> int:
    """Returns the sales of a day, the same each week."""
    return [5, 7, 9, 11, 13, 30, 20][i % 7]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with the sales of a shop, and with those of two shops."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{day},{week(i)}" for i, day in enumerate(DAYS)]
    Path("sales.csv").write_text("\n".join(["day,units", *rows]) + "\n")
    rows = [f"{store},{day},{size * week(i)}" for store, size in (("b", 1), ("a", 10)) for i, day in enumerate(DAYS)]
    Path("stores.csv").write_text("\n".join(["store,day,units", *rows]) + "\n")


def run(*arguments, model="seasonal_naive"):
    return CliRunner().invoke(main, ["forecast", model, *map(str, arguments)])


def test_a_table_of_quantiles_is_printed():
    result = run("sales.csv", *COLUMNS, "--horizon", 3)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1].split() == ["time", "0.1", "0.3", "0.5", "0.7", "0.9"]
    rows = [line.split() for line in lines[3:6]]
    assert [row[0] for row in rows] == ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert [float(row[3]) for row in rows] == [week(len(DAYS) + i) for i in range(3)]


def test_all_quantiles_of_all_series_are_written_and_a_picture_is_drawn():
    result = run(*STORES, "--horizon", 28, "--output", "next.csv", "--plot", "next.png")
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    with open("next.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["series", "time", *(f"0.{i}" for i in range(1, 10))]
    assert [(row["series"], row["time"]) for row in (rows[0], rows[-1])] == [("b", "2024-03-01"), ("a", "2024-03-28")]
    assert [float(row["0.5"]) for row in rows[28:]] == [10 * week(len(DAYS) + i) for i in range(28)]
    assert Path("next.png").read_bytes().startswith(b"\x89PNG")


def test_json_lines_and_a_json_file_have_the_same_rows():
    printed = run(*STORES, "--horizon", 2, "--json")
    run(*STORES, "--horizon", 2, "--output", "next.json")
    rows = [json.loads(line) for line in printed.stdout.splitlines()]
    assert rows == json.loads(Path("next.json").read_text()) and len(rows) == 4


def test_notes_come_before_the_forecast():
    rows = Path("sales.csv").read_text().splitlines()
    Path("sales.csv").write_text("\n".join([rows[0], *rows[10:20], *rows[23:], rows[1]]) + "\n")
    result = run("sales.csv", *COLUMNS, "--horizon", 1)
    assert result.stderr.splitlines()[:2] == [
        "note: the rows are not in the order of time: they are sorted by column 'day'",
        "note: steps without a row: 11; they are read as missing values",
    ]


@pytest.mark.parametrize("last", [["--output", "next.csv"], ["--plot", "next.png"], ["--json"]])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sales.csv", "--horizon", 0], "horizon 0: give 1 to 10,000 steps"),
        (["sales.csv", "--horizon", 100_000], "horizon 100000: give 1 to 10,000 steps"),
        (["sales.csv", "--horizon", 3, "--period", 0], "period 0: give 1"),
        (
            ["sales.csv", "--horizon", 3, "--time-format", "%d.%m.%Y"],
            "sales.csv:2: column 'day': '2024-01-01' is not in",
        ),
        (["sales.csv", "--horizon", 3, "--series", "store"], "sales.csv:2: no column 'store'"),
        (["stores.csv", "--horizon", 3], "stores.csv:62: '2024-01-01' is at stores.csv:2 too"),
        (["none.csv", "--horizon", 3], "none.csv: no such file"),
        (["bad.csv", "--horizon", 3], "bad.csv:4: column 'units': 'many' is not a number"),
        (["slashes.csv", "--horizon", 3], "slashes.csv:2: '03/04/2024' may begin with the day or the month"),
        (["one.csv", "--horizon", 3], "one.csv:2: one date shows no frequency"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, message, last):
    Path("bad.csv").write_text("day,units\n2024-01-01,1\n2024-01-02,2\n2024-01-03,many\n")
    Path("slashes.csv").write_text("day,units\n03/04/2024,1\n04/04/2024,2\n")
    Path("one.csv").write_text("day,units\n2024-01-01,1\n")
    before = sorted(os.listdir())
    result = run(*arguments, *COLUMNS, *last)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(f"error: {re.escape(message)}.*\n", result.stderr), result.stderr
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("gru_small.cmudict", [], "gru_small.cmudict: is a model of sequence_to_sequence, which does not forecast"),
        ("nothing", [], "no checkpoint 'nothing'"),
        ("seasonal_naive", ["--output", "next.txt"], "--output next.txt: unknown format: use .csv or .json"),
        ("seasonal_naive", ["--plot", "next.gif"], "--plot next.gif: unknown format"),
        ("seasonal_naive", ["--output", "sales.csv"], "sales.csv: is read as the input"),
        ("seasonal_naive", ["--output", "a.csv", "--json"], "--json: prints, and --output writes: give one of them"),
    ],
)
def test_bad_options_are_one_line(model, options, message):
    result = run("sales.csv", *COLUMNS, "--horizon", 3, *options, model=model)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {message}") and result.stderr.count("\n") == 1


def test_bad_input_is_named_before_a_backend_is_imported():
    program = (
        "import sys; from importlib import import_module; main = import_module('zoo.cli.main').main\n"
        "try: main(['forecast', 'seasonal_naive', 'none.csv', '--target', 'units', '--horizon', '3'])\n"
        "except SystemExit as end: print(end.code, [m for m in ('keras', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "2 []\n"


def zoo_command(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


WINDOWS = [*STORES, "--horizon", 7, "--windows", 2]


def test_evaluate_scores_the_last_windows_beside_seasonal_naive():
    result = zoo_command("evaluate", "seasonal_naive", *WINDOWS, "--json", "--report", "page")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["series"], found["windows"], found["horizon"]) == (2, 4, 7)
    assert found["scores"][0]["model"] == "seasonal_naive"
    assert found["scores"][0]["values"]["mae"]["value"] == 0
    assert "Coverage by step ahead" in Path("page/index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "seasonal_naive", *STORES, "--windows", 2], "--windows: needs --horizon: add it"),
        (["evaluate", "seasonal_naive", *WINDOWS, "--beam", 2], "--beam: has no meaning with --horizon: omit it"),
        (["evaluate", "seasonal_naive", "--horizon", 7], "DATA: missing"),
        (["evaluate", "seasonal_naive", *STORES, "--horizon", 100], "the longest series has 60 steps, too few"),
        (
            ["evaluate", "seasonal_naive", *WINDOWS, "--against", "gru_small.cmudict"],
            "gru_small.cmudict: is a model of",
        ),
        (["compare", "stores.csv", "--models", "nobody", *WINDOWS[1:]], "nobody: no forecaster matches"),
        (["compare", "stores.csv", "--models", "ets", *WINDOWS[1:], "--output", "x"], "--output: without --minutes"),
        (["finetune", "seasonal_naive", *WINDOWS, "--output", "x"], "seasonal_naive: has no weights to train"),
        (["finetune", "gru_small.cmudict", *WINDOWS, "--output", "x"], "gru_small.cmudict: is a model of"),
        (["finetune", "gru_small.cmudict", *WINDOWS, "--output", "x", "--augment"], "--augment: has no meaning"),
        (["finetune", "gru_small.cmudict", *STORES, "--period", 7, "--output", "x"], "--period: needs --horizon"),
    ],
)
def test_bad_options_of_scores_are_one_line(arguments, message):
    before = sorted(os.listdir())
    result = zoo_command(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {message}") and result.stderr.count("\n") == 1, result.stderr
    assert sorted(os.listdir()) == before


def test_a_forecaster_needs_a_horizon():
    tiny_forecaster().save("tiny")
    for command in (["evaluate", "tiny", *STORES], ["finetune", "tiny", *STORES, "--output", "x"]):
        result = zoo_command(*command)
        assert result.exit_code == 2
        assert (
            result.stderr == "error: --horizon: missing: tiny is a forecaster: give the number of steps to forecast\n"
        )


@pytest.mark.slow
def test_fine_tuning_keeps_the_better_weights_and_says_so():
    tiny_forecaster().save("tiny")
    result = zoo_command("finetune", "tiny", *WINDOWS, "--output", "mine", "--epochs", 1, "--rate", 1e-9)
    assert result.exit_code == 0, result.output
    kept = "the zero-shot weights are kept" in result.stdout
    recipe = json.loads(Path("mine/record.json").read_text())["training"]["recipe"]
    assert recipe["kept"] == ("zero-shot" if kept else "fine-tuned")
    assert run(*STORES, "--horizon", 2, "--json", model="mine").exit_code == 0
    assert "zoo forecast path/of/this/folder data.csv --series store" in Path("mine/README.md").read_text()


@pytest.mark.slow
def test_compare_fine_tunes_with_a_budget_only():
    tiny_forecaster().save("tiny")
    arguments = ["compare", "stores.csv", "--models", "tiny,seasonal_naive", *WINDOWS[1:], "--json"]
    for budget, expected in (
        ([], ["seasonal_naive", "tiny"]),
        (["--epochs", 1], ["seasonal_naive", "tiny", "tiny, fine-tuned"]),
    ):
        result = zoo_command(*arguments, *budget)
        assert result.exit_code == 0, result.output
        assert sorted(score["model"] for score in json.loads(result.stdout)["scores"]) == expected
