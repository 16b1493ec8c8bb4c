"""Regression with a causal model: one number per series, predicted at its last step."""

import keras
import numpy as np
from keras import ops

from zoo.errors import located
from zoo.metrics.intervals import Counts, mean_per_step
from zoo.preprocessing.arrays import NumbersPreprocessor
from zoo.tasks.next_step import NextStep, Steps, in_batches
from zoo.training.batching import Batches


class Regression(NextStep):
    """Predict one number from a whole series of numbers."""

    name = "regression"
    layout = "series"
    monitor = "mse"
    options = {}
    head_dropout = 0.0

    def fit(self, examples, architecture):
        return NumbersPreprocessor(int(np.shape(examples.inputs[0])[-1]))

    def check_example(self, preprocessor, value, target):
        preprocessor.encode_input(value)
        preprocessor.encode_target(target)

    def fields(self, preprocessor, architecture):
        return {"features": preprocessor.features}

    def outputs(self, preprocessor):
        return 1

    def loss(self, training_config):
        return keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")

    def targets(self, preprocessor, examples) -> list[float]:
        """Returns every target as a number (raises InputError with the location of an invalid one)."""
        result = []
        for target, location in zip(examples.targets, examples.locations, strict=True):
            with located(location):
                result.append(preprocessor.encode_target(target))
        return result

    def batches(self, preprocessor, examples, training_config):
        rows = self.encode(preprocessor, examples, min_length=1)
        targets = self.targets(preprocessor, examples)

        def collate(chosen, length, padded_batch_size):
            answer, weight = (
                np.zeros((padded_batch_size, length, 1), "float32"),
                np.zeros((padded_batch_size, length), "float32"),
            )
            for place, i in enumerate(chosen):
                answer[place], weight[place, len(rows[i]) - 1] = targets[i], 1
            return _inputs([rows[i] for i in chosen], length, padded_batch_size), answer, weight

        return Batches([len(row) for row in rows], collate, training_config.batch_size, training_config.seed)

    def predict(self, pipeline, inputs, batch_size, on_step):
        """Returns a number per series."""
        rows = [pipeline.preprocessor.encode_input(series) for series in inputs]

        def run(features):
            return ops.convert_to_numpy(pipeline.model.predict_on_batch({"features": features}))

        results = in_batches(rows, batch_size, run, on_step, dtype="float32")
        return [float(output[len(row) - 1, 0]) for output, row in zip(results, rows, strict=True)]

    def score(self, preprocessor, outputs, references):
        counts = self.metric_counts(preprocessor, outputs, references)
        return {"mse": mean_per_step(counts.numerator, counts.denominator)}

    def metric_counts(self, preprocessor, outputs, references):
        targets = [preprocessor.encode_target(reference) for reference in references]
        squares = np.array([(a - b) ** 2 for a, b in zip(outputs, targets, strict=True)])
        return Counts("mse", squares, np.ones(len(squares)))

    def steps(self, preprocessor, examples):
        rows = self.encode(preprocessor, examples, min_length=1)
        targets = self.targets(preprocessor, examples)
        return Steps(
            "features",
            rows,
            [np.full((len(row), 1), answer, "float32") for row, answer in zip(rows, targets, strict=True)],
            [np.array([len(row) - 1]) for row in rows],
        )

    def adapt(self, base, parts):
        return base.preprocessor

    def logits(self, pipeline, text):
        series = pipeline.preprocessor.encode_input(text)
        return ops.convert_to_numpy(pipeline.model(_inputs([series], len(series), 1)))[0, -1]


def _inputs(rows: list[np.ndarray], length: int, padded_batch_size: int) -> dict[str, np.ndarray]:
    """Returns ``features (batch, length, features)``, padded at the end."""
    features = np.zeros((padded_batch_size, length, rows[0].shape[1]), "float32")
    for place, row in enumerate(rows):
        features[place, : len(row)] = row
    return {"features": features}


REGRESSION = Regression()
