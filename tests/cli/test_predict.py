"""``zoo predict``: good inputs are answered in order, bad ones named; other columns are carried along."""

import csv
import importlib
import io
import json

import pytest
from click.testing import CliRunner

import zoo
from zoo.analysis import plotting

main = importlib.import_module("zoo.cli.main").main
MODEL = "rnn_small.cmudict"


def run(*arguments, input=None):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=input)


def test_the_good_of_300_words_are_answered_in_order(tmp_path):
    words = [f"c{'abcdefgh'[i % 8]}t{'aeiou'[i % 5]}" for i in range(300)]
    bad = {7: "na☃ve", 150: "", 299: "d0g"}
    lines = [bad.get(i, word) for i, word in enumerate(words)]
    file = tmp_path / "words.txt"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    result = run("predict", MODEL, "--file", file, "--beam", "1")
    assert result.exit_code == 7
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == [
        w for i, w in enumerate(words) if i not in bad
    ]
    errors = result.stderr.splitlines()
    assert {line.split(": ")[1] for line in errors[:-1]} == {f"{file}:{i + 1}" for i in bad}
    assert errors[-1] == "error: 3 of 300 inputs could not be read: see the lines above"
    piped = run("predict", MODEL, "--beam", "1", input=file.read_bytes())
    assert piped.exit_code == 7 and piped.stdout == result.stdout
    strict = run("predict", MODEL, "--file", file, "--strict")
    assert strict.exit_code == 2 and not strict.stdout and len(strict.stderr.splitlines()) == 1


def test_columns_are_kept_and_bad_rows_named(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text('id,word,note\n7,cat,"a, b"\n8,,x\n,dog,\n9,d0g,y\n10\n', "utf-8")
    arguments = ("predict", MODEL, "--file", file, "--input", "word", "--keep", "id", "--keep", "note")
    result = run(*arguments)
    assert result.exit_code == 7
    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert rows[0] == ["id", "note", "word", "prediction"]
    assert [row[:3] for row in rows[1:]] == [["7", "a, b", "cat"], ["", "", "dog"]]
    for line in (3, 5, 6):
        assert f"error: {file}:{line}: " in result.stderr
    rows = [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]
    assert [(row["id"], row["note"], row["input"]) for row in rows] == [("7", "a, b", "cat"), ("", "", "dog")]


def test_json_rows_that_lack_a_field_are_named(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_text('{"word": "cat", "id": 1}\n{"words": "dog", "id": 2}\nnot json\n{"word": "cow", "id": 3}\n')
    result = run("predict", MODEL, "--file", file, "--input", "word", "--keep", "id", "--json")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [1, 3]
    assert result.exit_code == 7 and len(result.stderr.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--input", "words"), "t.csv:2: no column 'words'"),
        (("--input", "word", "--keep", "idd"), "t.csv:2: no column 'idd'; did you mean 'id'"),
        (("--input", "word", "--keep", "word"), "--keep word: a column of this name is printed anyway"),
        (("--input", "word", "--keep", "prediction"), "--keep prediction: a column of this name"),
    ],
)
def test_a_wrong_column_is_one_error(tmp_path, arguments, part):
    file = tmp_path / "t.csv"
    file.write_text("id,word\n1,cat\n2,dog\n")
    result = run("predict", MODEL, "--file", file, *arguments)
    assert result.exit_code == 2 and not result.stdout
    assert len(result.stderr.splitlines()) == 1 and part in result.stderr


def test_where_no_input_can_be_read_the_exit_code_is_2():
    result = run("predict", MODEL, "d0g", "c4t")
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 3
    result = run("predict", MODEL, "--keep", "id", "cat")
    assert result.exit_code == 2 and "--keep: needs a table" in result.stderr


def test_line_breaks_and_terminal_codes_are_escaped():
    result = run("predict", "tcn_small.film_reviews", "a\tfine\nfilm \x1b[31mred", "plain")
    assert result.stdout.splitlines()[0].startswith("a\\tfine\\nfilm \\x1b[31mred\t")
    assert len(result.stdout.splitlines()) == 2


def test_the_picture_explains_the_answer_that_is_printed(tmp_path, monkeypatch):
    """In the README's example greedy search and beam search give different pronunciations."""
    drawn = []
    monkeypatch.setattr(plotting, "alignment", lambda source, target, weights, path: drawn.append(target))
    word, answers = "culurciello", []
    for beam in ("1", "5"):
        result = run("predict", "gru_small.cmudict", word, "--beam", beam, "--plot", tmp_path / "a.png")
        answers.append(result.stdout.strip().split("\t")[1])
    assert answers[0] != answers[1]
    assert drawn == [[*answer.split(), "</s>"] for answer in answers]
    model = zoo.load("gru_small.cmudict")
    assert model.alignment(word)[1] == [*model.predict([word])[0].split(), "</s>"]
