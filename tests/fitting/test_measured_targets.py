"""Targets that are numbers: regression of texts, series and sounds."""

import numpy as np
import pytest
from samples import reviews, slopes, sounds

import zoo
from zoo.data.columns import Columns
from zoo.data.examples import Examples
from zoo.data.labels import number_of
from zoo.errors import InputError
from zoo.evaluation.measure import evaluate
from zoo.fitting.fine_tuning import fine_tune
from zoo.fitting.start import prepare
from zoo.metrics.numbers import regression_metrics
from zoo.preprocessing.number_targets import SeriesNumbers, TextNumbers
from zoo.training.config import TrainingConfig

TRAINING_CONFIG = TrainingConfig(epochs=12, batch_size=16, learning_rate=0.01, ema_decay=0.9)


def numbered(made: Examples, high: str) -> Examples:
    """Examples whose labels became numbers: about 30 and 10, with a fraction."""
    noise = np.random.default_rng(0).normal(size=len(made))
    targets = [f"{(30 if label == high else 10) + noise[i]:.3f}" for i, label in enumerate(made.targets)]
    return Examples(made.inputs, targets, made.locations)


MADE = {
    "text_regression": ("gru_tiny", lambda: numbered(reviews(160), "praise")),
    "series_regression": ("tcn_tiny", lambda: numbered(slopes(160), "up")),
    "sounds": ("gru_tiny", lambda: numbered(sounds(120), "high")),
}


@pytest.mark.parametrize("kind", ["text_regression", "series_regression", "sounds"])
def test_a_model_of_numbers_is_inferred_trained_saved_and_measured(kind, tmp_path):
    model, make = MADE[kind]
    made = make()
    mine = fine_tune(model, made, training_config=TRAINING_CONFIG, output=tmp_path / "mine")
    assert mine.spec.task == {"sounds": "series_regression"}.get(kind, kind)
    values = mine.document["metrics"][0]["values"]
    baseline = mine.document["published"][0]
    assert set(values) == {"mae", "rmse", "r2"} and baseline["system"].endswith(", the mean")
    assert values["mae"]["high"] < baseline["values"]["mae"] and values["r2"]["value"] > 0.5
    assert values["r2"]["low"] <= values["r2"]["value"] <= values["r2"]["high"] <= 1
    again = zoo.load(tmp_path / "mine")
    first = again.predict(made.inputs[:4])
    assert all(isinstance(value, float) for value in first) and first == pytest.approx(mine.predict(made.inputs[:4]))
    assert evaluate(again, made).values["mae"].value < 8
    assert "mean absolute error" in (tmp_path / "mine" / "README.md").read_text("utf-8")


def test_ratings_become_no_text_and_stars_stay_labels():
    targets = [f"{1 + i / 33:.3f}" for i in range(100)]
    made = Examples([f"text {i}" for i in range(100)], targets, [f"a:{i}" for i in range(100)])
    start = prepare("gru_tiny", made, Columns(), training_config=TRAINING_CONFIG)
    assert isinstance(start.pipeline.preprocessor, TextNumbers)
    assert start.notes[0].startswith("the targets are 100 different numbers, so the task is regression")
    stars = Examples(made.inputs, [str(1 + i % 5) for i in range(100)], made.locations)
    assert prepare("gru_tiny", stars, Columns(), training_config=TRAINING_CONFIG).pipeline.spec.task == "classification"
    start = prepare("gru_tiny", stars, Columns(), task="regression", training_config=TRAINING_CONFIG)
    assert start.pipeline.spec.task == "text_regression"


def test_the_layers_of_a_classifier_are_kept_for_numbers():
    start = prepare(
        "lstm_small.film_reviews", numbered(reviews(), "praise"), Columns(), training_config=TRAINING_CONFIG
    )
    assert start.pipeline.spec.task == "text_regression" and start.new == {"head/kernel", "head/bias"}
    assert start.base_name == "lstm_small.film_reviews"


def test_targets_that_are_no_numbers_are_named():
    made = Examples(["a", "b"], ["1.5", "much"], ["a.csv:2", "a.csv:3"])
    with pytest.raises(InputError, match="a.csv:3: target 'much': not a finite number"):
        prepare("gru_tiny", made, Columns(), task="regression", training_config=TRAINING_CONFIG)
    same = Examples([f"w{i}" for i in range(30)], ["2"] * 30, ["a.csv:2"] * 30)
    with pytest.raises(InputError, match="a.csv:2: all targets are 2: give different ones"):
        prepare("gru_tiny", same, Columns(), task="regression", training_config=TRAINING_CONFIG)
    assert number_of("1e999") is None and number_of("1_0") is None and number_of(" 2 ") == 2


def test_the_metrics_are_those_of_their_definitions():
    true, predicted = (
        np.array([1e6 + x for x in (1.0, 2.0, 4.0, 7.0)]),
        np.array([1e6 + x for x in (1.5, 2.0, 3.0, 8.0)]),
    )
    result = regression_metrics(predicted, true)
    assert result["mae"].value == pytest.approx(0.625) and result["rmse"].value == pytest.approx(np.sqrt(2.25 / 4))
    assert result["r2"].value == pytest.approx(1 - 2.25 / 21)
    assert set(regression_metrics([1.0, 2.0], [3.0, 3.0])) == {"mae", "rmse"}
    with pytest.raises(InputError, match="2 answers for 1 examples"):
        regression_metrics([1.0, 2.0], [1.0])


def test_the_preprocessor_is_written_and_read_back():
    for model, task, kind in (
        ("gru_tiny", "text_regression", TextNumbers),
        ("tcn_tiny", "series_regression", SeriesNumbers),
    ):
        preprocessor = prepare(model, MADE[task][1](), Columns(), training_config=TRAINING_CONFIG).pipeline.preprocessor
        again = kind.from_json(preprocessor.to_json())
        assert again.to_json() == preprocessor.to_json() and again.mean == preprocessor.mean
        assert again.decode(again.encode_target("12.5")) == pytest.approx(12.5)
