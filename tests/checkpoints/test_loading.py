"""A load hashes the weights once and parses the record once; so does ``zoo predict``, with one preprocessor."""

import hashlib

import pytest
from click.testing import CliRunner
from zoo.cli.main import main  # pyright: ignore[reportMissingImports]

import zoo
from zoo import tasks
from zoo.checkpoints import locate
from zoo.checkpoints.record import Record

NAME = "gru_small.italy_power_demand"


@pytest.fixture
def calls(monkeypatch):
    """Count hashes of files, records that are parsed and preprocessors that are made."""
    counts = {"hash": 0, "record": 0, "preprocessor": 0}

    def counted(kind, function):
        def call(*arguments, **named):
            counts[kind] += 1
            return function(*arguments, **named)

        return call

    monkeypatch.setattr(hashlib, "file_digest", counted("hash", hashlib.file_digest))
    monkeypatch.setattr(Record, "from_json", counted("record", Record.from_json))
    made = counted("preprocessor", tasks.PREPROCESSORS["series_classification"])
    monkeypatch.setitem(tasks.PREPROCESSORS, "series_classification", made)
    return counts


@pytest.mark.parametrize("place", ["name", "folder"])
def test_a_load_reads_everything_once(place, calls):
    zoo.load(NAME if place == "name" else locate.shipped_folder() / NAME)
    assert calls == {"hash": 1, "record": 1, "preprocessor": 1}


def test_a_prediction_on_the_command_line_reads_everything_once(calls):
    result = CliRunner().invoke(main, ["predict", NAME, ",".join(["0.5"] * 24)])
    assert result.exit_code == 0, result.output
    assert calls == {"hash": 1, "record": 1, "preprocessor": 1}
