"""docs/guide/languages.md names every language, and what it says of inputs holds."""

import csv
import importlib
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from zoo.checkpoints import locate
from zoo.datasets.wikipron.languages import LANGUAGES

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "languages.md").read_text("utf-8")
COMMANDS = re.findall(r"^zoo (.+)$", PAGE, flags=re.M)
main = importlib.import_module("zoo.cli.main").main


def run(command):
    result = CliRunner().invoke(main, shlex.split(command))
    assert result.exit_code == 0, (command, result.output, result.exception)
    return result.stdout


def test_it_predicts_words_and_sentences_and_lists_the_languages():
    words, sentences, info = (run(command) for command in COMMANDS[:3])
    assert words.splitlines() == ["Straße\tʃ t ʁ aː s ə", "Brötchen\tb ʁ øː t ç ə n"]
    assert "\tvingt\t" in sentences and "\tmodel\n" in sentences and "unknown" not in sentences
    assert all(f"{code} " in info for code in LANGUAGES)


def test_its_scores_are_those_of_the_record():
    record = locate.read_record("lstm_small.wikipron")
    for found in record.metrics:
        if found["dataset"].startswith("sigmorphon2021/"):
            level, language = found["dataset"].removeprefix("sigmorphon2021/").split("_", 1)
            wer, per = (f"{100 * found['values'][name]['value']:.1f}" for name in ("wer", "per"))
            assert f"| {level} | {language} | {wer} | {per} | " in PAGE


@pytest.mark.slow  # trains
def test_it_learns_a_new_language(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open("hindi.csv", "w", newline="") as table:
        rows = [("नम", "n ə m"), ("मन", "m ə n"), ("नमस्ते", "n ə m ə s t̪ eː"), ("तेन", "t̪ eː n")] * 6
        csv.writer(table).writerows([("word", "phones"), *rows])
    finetune, predict = COMMANDS[4:]
    run(f"{finetune} --epochs 1")
    assert run(predict).startswith("नमस्ते\t")


def test_its_table_has_the_languages():
    rows = re.findall(r"^\| ([A-Za-z-]+[0-9]*) \| ([^|]+) \|$", PAGE, flags=re.M)
    table = [row for row in rows if row[0] in LANGUAGES]
    assert table == [(code, name) for code, (name, _) in LANGUAGES.items()]


def test_two_words_and_an_accent_are_read_as_it_says():
    assert 'zoo predict gru_small.cmudict "hello Zürich"' in PAGE
    result = CliRunner().invoke(main, ["predict", "gru_small.cmudict", "hello Zürich", "--beam", "1"])
    assert result.exit_code == 0 and len(result.stdout.strip().split("\t")[1].split("  ")) == 2
    assert "note: 'hello Zürich' is read as 'hello zurich'" in result.stderr
