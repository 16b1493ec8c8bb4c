"""docs/guide/languages.md names every language, and what it says of inputs holds."""

import importlib
import re
from pathlib import Path

from click.testing import CliRunner

from zoo.datasets.wikipron.languages import LANGUAGES

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "languages.md").read_text("utf-8")
main = importlib.import_module("zoo.cli.main").main


def test_its_table_has_the_languages():
    rows = re.findall(r"^\| ([A-Za-z-]+[0-9]*) \| ([^|]+) \|$", PAGE, flags=re.M)
    table = [row for row in rows if row[0] in LANGUAGES]
    assert table == [(code, name) for code, (name, _) in LANGUAGES.items()]


def test_two_words_and_an_accent_are_read_as_it_says():
    assert 'zoo predict gru_small.cmudict "hello Zürich"' in PAGE
    result = CliRunner().invoke(main, ["predict", "gru_small.cmudict", "hello Zürich", "--beam", "1"])
    assert result.exit_code == 0 and len(result.stdout.strip().split("\t")[1].split("  ")) == 2
    assert "note: 'hello Zürich' is read as 'hello zurich'" in result.stderr
