"""Texts in a script that a pretrained tokenizer does not know."""

import importlib

import pytest
from click.testing import CliRunner
from samples import reviews

from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.errors import InputError
from zoo.evaluation.measure import evaluate
from zoo.fitting.start import prepare
from zoo.loading import load
from zoo.training.config import TrainingConfig

main = importlib.import_module("zoo.cli.main").main
TRAINING_CONFIG = TrainingConfig(epochs=1, batch_size=16)
MODEL = "gru_small.film_reviews"


def russian(share: float = 1.0) -> Examples:
    made = reviews(80)
    texts = [f"очень скучный фильм {i}" if i < share * 80 else text for i, text in enumerate(made.inputs)]
    return Examples(texts, made.targets, made.locations)


def share(notes):
    return next(float(note.split(" %")[0]) for note in notes if "unknown to the model" in note)


def test_the_share_is_told_warned_about_and_refused():
    known = prepare(MODEL, reviews(80), Columns(), training_config=TRAINING_CONFIG).notes
    assert not any("unknown to the model" in note for note in known), "nothing to tell"
    notes = prepare(MODEL, russian(0.3), Columns(), training_config=TRAINING_CONFIG).notes
    assert 5 < share(notes) < 50
    assert any(note.endswith("gru_small with fresh weights would learn them") for note in notes)
    with pytest.raises(InputError, match="9.* % of the tokens are unknown .* fresh weights .gru_small.*allow-unknown"):
        prepare(MODEL, russian(), Columns(), training_config=TRAINING_CONFIG)
    assert share(prepare(MODEL, russian(), Columns(), training_config=TRAINING_CONFIG, allow_unknown=True).notes) > 90
    assert not any(
        "unknown to" in note
        for note in prepare("gru_tiny", russian(), Columns(), training_config=TRAINING_CONFIG).notes
    )


def test_an_evaluation_tells_it_before_the_first_answer(tmp_path):
    model, notes = load(MODEL), []
    made = Examples(russian().inputs[:4], ["positive", "negative"] * 2, [f"a:{i}" for i in range(4)])
    with pytest.raises(InputError, match="% of the tokens are unknown"):
        evaluate(model, made)
    evaluate(model, made, allow_unknown=True, on_message=notes.append)
    assert share(notes) > 90
    table = tmp_path / "a.csv"
    table.write_text("text,label\n" + "".join(f"{text},positive\n" for text in made.inputs), "utf-8")
    arguments = ["evaluate", MODEL, str(table), "--input", "text", "--target", "label"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and "go on with --allow-unknown" in result.stderr and not result.stdout
    result = CliRunner().invoke(main, [*arguments, "--allow-unknown"])
    assert result.exit_code == 0 and result.stderr.startswith("note: ") and "accuracy" in result.stdout
