"""Odd inputs of a pronunciation model give a defined result or one clear line, never a traceback."""

import importlib

import pytest
from click.testing import CliRunner

main = importlib.import_module("zoo.cli.main").main
MODEL = "lstm_tiny.cmudict"


def predict(*words, **more):
    return CliRunner().invoke(main, ["predict", MODEL, "--beam", "1", *words], **more)


def phones(*words) -> list[str]:
    result = predict(*words)
    assert result.exit_code == 0, result.output
    return [line.split("\t")[1] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Zürich", "zurich"),
        ("Zu\u0308rich", "zurich"),
        ("Łódź", "lodz"),
        ("Straße", "strasse"),
        ("ｃａｔ", "cat"),
        ("\u200fcat\u200f", "cat"),
        ("\u202ecat\u202c", "cat"),
        ("c\u200bat", "cat"),
        ("\ufeffcat", "cat"),
        ("c\u200dat", "cat"),
        ("“cat”", "cat"),
        ("CAT", "cat"),
    ],
)
def test_these_are_read_as_plain_words(written, read):
    assert phones(written) == phones(read)
    noted = f"is read as '{read}'" in predict(written).stderr
    assert noted == (written != "CAT")


def test_a_space_is_a_word_boundary():
    one, other = phones("hello", "world")
    assert phones("hello world") == phones(" hello\u00a0 world ") == [f"{one}  {other}"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("🙂", "'🙂'"),
        ("hello 🙂", "'🙂'"),
        ("https://example.com/a?b=1", "':'"),
        ("helloпривет", "'п'"),
        ("hello привет", "'в', 'е'"),
        ("३", "'३'"),
        ("٣", "'٣'"),
        ("42", "'2', '4'"),
        ("कि", "'क'"),
        ("", "is empty"),
        ("   ", "is empty"),
        ("\u200b\u200f", "'\\u200b'"),
        ("a" * 1_000_000, "has 1,000,000 symbols"),
    ],
)
def test_these_are_one_clear_line(text, part):
    result = predict(text)
    assert result.exit_code == 2 and not result.stdout
    assert len(result.stderr.splitlines()) == 1 and part in result.stderr and len(result.stderr) < 500


def test_a_long_line_of_words_is_answered():
    result = predict(input=("cat dog " * 20_000 + "\n").encode())
    assert result.exit_code == 0
    assert result.stdout.strip().split("\t")[1] == "  ".join(phones("cat", "dog") * 20_000)


def test_an_empty_line_of_a_pipe_is_named_and_the_others_are_answered():
    result = predict(input=b"cat\n\ndog\n")
    assert result.exit_code == 7 and len(result.stdout.splitlines()) == 2
    assert "stdin:2: the line is empty" in result.stderr
