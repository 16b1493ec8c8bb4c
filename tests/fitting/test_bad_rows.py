"""Rows that cannot be used are named before the first step, ten at once, or left out and counted."""

import importlib

import numpy as np
import pytest
from click.testing import CliRunner
from samples import reviews, slopes

from zoo.data.bad_rows import REMEDY, BadRows
from zoo.data.examples import Examples
from zoo.errors import BadRowsError, InputError
from zoo.fitting.callbacks import Callbacks
from zoo.fitting.fine_tuning import fine_tune
from zoo.training.config import TrainingConfig
from zoo.training.trainer import Trainer

main = importlib.import_module("zoo.cli.main").main
TRAINING_CONFIG = TrainingConfig(epochs=1, batch_size=32)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def no_step(monkeypatch):
    """Fail a test that gets as far as training."""

    def fail(self):
        raise AssertionError("a step was trained")

    monkeypatch.setattr(Trainer, "run", fail)


def words(count: int = 60, start: int = 0) -> Examples:
    """Made-up words that are pronounced as they are written."""
    made = ["".join("abcdefgh"[(i >> shift) % 8] for shift in (0, 3, 6)) for i in range(start, start + count)]
    return Examples(made, [" ".join(word).upper() for word in made], [f"words:{i + 1}" for i in range(count)])


def with_row(examples: Examples, value, target, location: str) -> Examples:
    return Examples([*examples.inputs, value], [*examples.targets, target], [*examples.locations, location])


@pytest.mark.parametrize(
    ("value", "target", "message"),
    [("aßc", "A C", "odd:7: 'aßc' has 'ß', unknown"), ("a" * 60, "A C", "odd:7: .* has 60 symbols")],
    ids=["rare letter", "long word"],
)
@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_row_of_a_part_is_refused_before_the_first_step(no_step, part, value, target, message):
    other = with_row(words(5, start=100), value, target, "odd:7")
    with pytest.raises(InputError, match=f"^{message}"):
        fine_tune("gru_tiny", words(), **{part: other}, task="sequence_to_sequence", training_config=TRAINING_CONFIG)


def test_a_rare_letter_in_a_drawn_part_is_refused_before_the_first_step(no_step):
    made = words()
    odd = Examples([f"{word}{chr(0x4E00 + i)}" for i, word in enumerate(made.inputs)], made.targets, made.locations)
    with pytest.raises(BadRowsError) as error:
        fine_tune("gru_tiny", odd, task="sequence_to_sequence", training_config=TRAINING_CONFIG)
    lines = error.value.lines()
    assert len(lines) == 11 and all(line.startswith("words:") for line in lines[:10])
    assert lines[-1] == (
        "11 rows cannot be used, 1 of them not shown: correct them, or leave them out with --skip-bad-rows"
    )


def test_a_series_with_other_channels_is_refused_or_left_out():
    made = slopes()
    one = with_row(made, np.zeros((9, 3), np.float32), "up", "made:61")
    with pytest.raises(InputError, match="^made:61: 3 channels where others have 2: give each series the same number$"):
        fine_tune("gru_tiny", one, training_config=TRAINING_CONFIG)
    messages = []
    model = fine_tune(
        "gru_tiny",
        one,
        training_config=TRAINING_CONFIG,
        skip_bad_rows=True,
        callbacks=Callbacks(on_message=messages.append),
    )
    assert sum(model.document["data"]["splits"].values()) == 60
    assert "note: 1 row was left out" in messages and any("made:61" in line for line in messages)


def test_a_table_with_bad_rows(tmp_path):
    made = reviews(40)
    rows = [f"{text},{label}" for text, label in zip(made.inputs, made.targets, strict=True)]
    rows[3], rows[17], rows[30] = ",praise", "a film,", "one,two,three"
    data = tmp_path / "reviews.csv"
    data.write_text("\n".join(["text,label", *rows]))
    arguments = ("finetune", "gru_tiny", data, "--input", "text", "--target", "label", "--epochs", "1", "--output")
    result = run(*arguments, tmp_path / "no")
    assert result.exit_code == 2 and not (tmp_path / "no").exists()
    lines = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines[:-1]] == [f"{data}:{i}" for i in (5, 19, 32)]
    assert "3 rows cannot be used" in lines[-1] and "--skip-bad-rows" in lines[-1]
    result = run(*arguments, tmp_path / "yes", "--skip-bad-rows")
    assert result.exit_code == 0, result.output
    assert "note: 3 rows were left out" in result.stderr and f"note: {data}:19: " in result.stderr
    result = run("finetune", "gru_tiny", data, "--input", "texts", "--target", "label", "--output", tmp_path / "no")
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1, "a missing column is one error"


def test_an_evaluation_names_ten_rows(tmp_path):
    data = tmp_path / "words.csv"
    data.write_text("word,phones\ncat,K\n" + "".join(f"d{i}g,D\n" for i in range(12)))
    result = run("evaluate", "rnn_small.cmudict", data, "--input", "word", "--target", "phones")
    lines = result.stderr.splitlines()
    assert result.exit_code == 2 and len(lines) == 11 and lines[0].startswith(f"error: {data}:3: 'd0g'")
    assert lines[-1] == f"error: 12 rows cannot be used, 2 of them not shown: {REMEDY}"


def test_rows_with_the_same_problem_share_a_line():
    bad = BadRows()
    for i in range(1_200):
        bad(InputError("odd"), f"a:{i}")
    bad(InputError("another"), "a:7")
    bad(InputError("another"), "a:9")
    bad(InputError("another"), "a:9")  # read again
    with pytest.raises(BadRowsError) as error:
        bad.check()
    assert error.value.lines() == [
        "a:0: odd (and 1,199 further rows)",
        "a:7: another (and 1 further row)",
        f"1,202 rows cannot be used: {REMEDY}",
    ]


def test_where_no_row_is_left_the_first_error_is_told():
    def read(bad, count):
        for i in range(count):
            bad(InputError(f"a:{i}: odd"))

    bad = BadRows(skip=True)
    read(bad, 30)
    bad.check()
    assert bad.notes() == ["30 rows were left out", *(f"a:{i}: odd" for i in range(10))]
    bad = BadRows()
    bad.check()
    read(bad, 1)
    with pytest.raises(InputError, match="^a:0: odd$"):
        bad.check()


def test_a_table_of_one_bad_row_names_it(tmp_path):
    data = tmp_path / "words.csv"
    data.write_text("word,phones\ncat,K,T\n")
    arguments = ("finetune", "gru_tiny", data, "--input", "word", "--target", "phones", "--output", tmp_path / "no")
    for more in ((), ("--skip-bad-rows",)):
        result = run(*arguments, *more)
        assert result.exit_code == 2 and f"{data}:2: the row has 3 cells" in result.stderr
        assert len(result.stderr.splitlines()) == 1
