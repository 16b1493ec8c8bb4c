"""The commands and the Python of docs/guide/forecasting.md run."""

import importlib
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from zoo import datasets
from zoo.data.forecast_series import Series
from zoo.fitting import forecast_tuning
from zoo.training.config import override

TEXT = (Path(__file__).parents[2] / "docs" / "guide" / "forecasting.md").read_text("utf-8")
# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main
pytestmark = pytest.mark.slow  # trains


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with the files that the page names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(forecast_tuning, "GENTLE", override(forecast_tuning.GENTLE, {"epochs": 1}))
    random = np.random.default_rng(0)
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-09-01"))
    rows = []
    for store, size in (("north", 30), ("south", 100)):
        units = size * (1 + 0.3 * np.sin(np.arange(len(days)) * 2 * np.pi / 7)) + random.normal(0, 3, len(days))
        rows += [f"{store},{day},{value:.0f}" for day, value in zip(days, units, strict=True)]
    Path("stores.csv").write_text("\n".join(["store,day,units", *rows]) + "\n")
    only = [row.partition(",")[2] for row in rows[: len(days)]]
    Path("sales.csv").write_text("\n".join(["day,units", *only]) + "\n")
    rates = [Series(f"rate {i}", 1 + np.cumsum(random.normal(0, 0.01, 600)), period=5) for i in range(2)]
    monkeypatch.setattr(datasets, "load_series", lambda name: rates)  # in place of a download


def test_its_commands_run():
    commands = re.findall(r"^zoo (.+)$", TEXT, flags=re.M)
    assert len(commands) == 8
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, (command, result.output)
    assert {"forecast.png", "next.csv", "page", "mine"} <= {path.name for path in Path().iterdir()}


def test_its_python_runs():
    for code in re.findall(r"```python\n(.*?)```", TEXT, flags=re.S):
        exec(compile(code, "docs/guide/forecasting.md", "exec"), {})
