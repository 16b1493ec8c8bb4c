"""Regression: one number per text, series or sound."""

import dataclasses
from typing import Any

import keras
import numpy as np

from zoo.data.labels import are_measured
from zoo.errors import InputError
from zoo.metrics.intervals import Counts
from zoo.metrics.numbers import regression_metrics
from zoo.preprocessing.number_targets import SeriesNumbers, TextNumbers, number
from zoo.tasks.classification import Classification
from zoo.tasks.series_classification import SeriesClassification


class OneNumber(Classification):
    """Common parts of regression over all inputs: the model of a classifier with one output and no softmax."""

    monitor = "mae"
    options = {}
    has_labels = False
    has_correct_answer = False
    softmax = False
    preprocessor: type
    what: str

    def misfits(self, examples, base):
        errors = super().misfits(examples, base)
        for i, target in enumerate(examples.targets):
            try:
                number(target)
            except InputError as error:
                errors.append((i, error))
        return errors

    def fit(self, examples, architecture):
        return self._fitted(super().fit(examples, architecture), examples)

    def fit_tokenizer(self, tokenizer, examples):
        return self._fitted(super().fit_tokenizer(tokenizer, examples), examples)

    def _fitted(self, reader, examples):
        targets = np.array([number(target) for target in examples.targets])
        reader = getattr(reader, "reader", reader)
        scale = float(targets.std()) or 1.0
        return self.preprocessor(
            dataclasses.replace(reader, labels=()), float(f"{targets.mean():.7g}"), float(f"{scale:.7g}")
        )

    def check(self, train):
        if len(set(map(number, train.targets))) < 2:
            raise InputError(f"{train.locations[0]}: all targets are {train.targets[0]}: give different ones")

    def check_example(self, preprocessor, value, target):
        preprocessor.encode_input(value)
        preprocessor.encode_target(target)

    def describe(self, preprocessor):
        return f"{self.name}, a number per {self.what}; training targets {preprocessor.mean:g} ± {preprocessor.scale:g}"

    def skewed(self, examples):
        return []

    def loss(self, training_config):
        return keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")

    def head_sizes(self, preprocessor):
        return {"num_classes": 1}

    def answers_and_weights(self, preprocessor, examples, training_config):
        answers = [[preprocessor.encode_target(target)] for target in examples.targets]
        return np.array(answers, "float32"), np.ones(len(answers), "float32")

    def predict(self, pipeline, inputs, batch_size, on_step):
        """Returns a number per input."""
        rows = pipeline.preprocessor.encode_inputs(inputs)
        return [pipeline.preprocessor.decode(row[0]) for row in self.outputs(pipeline, rows, batch_size, on_step)]

    def score(self, preprocessor, outputs, references):
        return regression_metrics(outputs, [number(reference) for reference in references])

    def metric_counts(self, preprocessor, outputs, references):
        errors = np.abs(np.array(outputs) - np.array([number(reference) for reference in references]))
        return Counts("mae", errors, np.ones(len(errors)))

    def adapt(self, base, parts):
        return self._fitted(super().adapt(base, parts), parts[0])

    def baselines(self, train, test):
        mean = float(np.mean([number(target) for target in train.targets]))
        values = regression_metrics([mean] * len(test), [number(target) for target in test.targets])
        shown = {name: value.value for name, value in values.items()}
        return [{"system": f"always {mean:.4g}, the mean", "source": "computed", "values": shown}]


class TextRegression(OneNumber):
    """Predict a number for a text, for example a rating."""

    name = "text_regression"
    preprocessor = TextNumbers
    what = "text"


class SeriesRegression(OneNumber, SeriesClassification):
    """Predict a number for a series or a sound."""

    name = "series_regression"
    preprocessor = SeriesNumbers
    what = "series"


def regression_of(task: str | None, inputs: list[Any]) -> str:
    """Returns the regression task for a kind of inputs.

    Args:
        task: Task of a pretrained model whose layers can be kept, or None.
        inputs: Raw inputs.
    """
    if task is not None:
        return {"classification": "text_regression", "series_classification": "series_regression"}.get(task, task)
    return "text_regression" if isinstance(inputs[0], str) else "series_regression"


def looks_measured(targets: list[str]) -> str | None:
    """Returns a note if targets are measurements rather than classes, or None."""
    if not are_measured(targets):
        return None
    count = len(set(targets))
    return f"the targets are {count:,} different numbers, so the task is regression; for labels set another --task"


TEXT_REGRESSION = TextRegression()
SERIES_REGRESSION = SeriesRegression()
