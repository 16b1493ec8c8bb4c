"""Several models under one budget, by Python and by the command."""

import importlib
import json

import pytest
from click.testing import CliRunner
from samples import reviews, slopes

from zoo.checkpoints import locate
from zoo.data.columns import Columns
from zoo.errors import InputError
from zoo.fitting import baselines
from zoo.fitting.comparison import compare, expand
from zoo.fitting.start import prepare
from zoo.training.config import TrainingConfig

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main


def test_rows_come_best_first_and_are_of_the_same_held_out_rows(tmp_path):
    training_config = TrainingConfig(epochs=6, batch_size=8, learning_rate=0.01, ema_decay=0.9)
    rows = compare(reviews(), ["gru_tiny", "tcn_tiny"], training_config=training_config, output=tmp_path)
    assert {row.model for row in rows} == {"gru_tiny", "tcn_tiny"}
    errors = [row.values["error"].value for row in rows]
    assert errors == sorted(errors)
    best, other = rows
    assert best.difference is None and other.difference is not None
    assert other.difference.value == pytest.approx(other.values["accuracy"].value - best.values["accuracy"].value)
    records = [locate.read_record(tmp_path / row.model) for row in rows]
    assert len({record.data["fingerprint"] for record in records}) == 1
    for row, record in zip(rows, records, strict=True):
        assert row.parameters == record.weights.parameters and row.latency > 0 and row.epochs == 6
        assert record.metrics[0]["values"]["error"]["value"] == row.values["error"].value


def test_minutes_end_a_training_within_an_epoch():
    (row,) = compare(reviews(), ["gru_tiny"], training_config=TrainingConfig(epochs=50, batch_size=8, minutes=1e-6))
    assert row.epochs == 1


def test_wildcards_stand_for_checkpoints_and_architectures():
    assert expand(["tcn_*", "tcn_tiny"]) == [*locate.list_models("tcn_*"), "tcn_tiny", "tcn_small", "tcn_base"]
    assert expand(["*.cmudict"]) == locate.list_models("*.cmudict")
    with pytest.raises(InputError, match="lstm_huge: no checkpoint or architecture matches"):
        expand(["lstm_huge"])


def test_the_command_prints_a_table_json_and_a_picture(tmp_path):
    file = tmp_path / "reviews.csv"
    rows = zip(reviews().inputs, reviews().targets, strict=True)
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    arguments = ["compare", str(file), "--models", "rnn_tiny, gru_tiny", "--input", "text", "--target", "label"]
    result = CliRunner().invoke(main, [*arguments, "--epochs", "1", "--plot", str(tmp_path / "picture.png")])
    assert result.exit_code == 0, result.output
    assert "rnn_tiny" in result.stdout and "accuracy (95 % interval)" in result.stdout
    assert "difference to the best" in result.stdout and " to +" in result.stdout
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    result = CliRunner().invoke(main, [*arguments, "--epochs", "1", "--json"])
    assert {row["model"] for row in json.loads(result.stdout)} == {"rnn_tiny", "gru_tiny"}
    result = CliRunner().invoke(main, [*arguments, "--plot", "picture.gif"])
    assert result.exit_code == 2 and "unknown format: use .png" in result.output


def test_tfidf_is_measured_on_the_same_rows(tmp_path):
    from sklearn.metrics import accuracy_score

    rows = compare(reviews(), ["tcn_tiny", "tfidf"], epochs=1)
    result = next(row for row in rows if row.model == "tfidf")
    start = prepare("tcn_tiny", reviews(), Columns())
    train, _, test = start.parts
    expected = accuracy_score(test.targets, baselines.tfidf(train.inputs, train.targets).predict(test.inputs))
    assert result.values["accuracy"].value == pytest.approx(expected)
    assert rows[0].difference is None and rows[1].difference is not None and result.parameters > 0
    with pytest.raises(InputError, match="tfidf classifies texts"):
        compare(slopes(), ["tcn_tiny", "tfidf"], epochs=1)
    with pytest.raises(InputError, match="at least one checkpoint"):
        compare(reviews(), ["tfidf"], epochs=1)
