"""Regression: one number for a whole series, said by a causal model at its last step."""

import keras
import numpy as np
from keras import ops

from zoo import models
from zoo.arrays import NumbersPreprocessor
from zoo.batching import Batches
from zoo.errors import InputError
from zoo.metrics import regression_metrics
from zoo.models.predictor import causal_predictor
from zoo.tasks.task import Cases, Task


class Regression(Task):
    """A series of numbers has one number as its target, which is known once all of it has been read."""

    name = "regression"
    monitor = "mse"
    options = {}
    validation = {}

    def architecture(self, name):
        return models.find_backbone(name)

    def fit(self, examples, architecture):
        return NumbersPreprocessor(int(np.shape(examples.inputs[0])[-1]))

    def fields(self, preprocessor, architecture):
        return {"features": preprocessor.features}

    def build(self, architecture, config, preprocessor):
        return causal_predictor(
            architecture, config, 1, {"features": np.zeros((1, 1, preprocessor.features), "float32")}
        )

    def loss(self, plan):
        return keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")

    def batches(self, preprocessor, examples, plan):
        rows, answers = [], []
        for series, target, where in zip(examples.inputs, examples.targets, examples.where, strict=True):
            try:
                rows.append(preprocessor.encode_input(series))
                answers.append(preprocessor.encode_target(target))
            except InputError as error:
                raise InputError(f"{where}: {error}") from None

        def collate(chosen, length, height):
            answer, weight = np.zeros((height, length, 1), "float32"), np.zeros((height, length), "float32")
            for place, i in enumerate(chosen):
                answer[place], weight[place, len(rows[i]) - 1] = answers[i], 1
            return _inputs([rows[i] for i in chosen], length, height), answer, weight

        return Batches([len(row) for row in rows], collate, plan.batch_size, plan.seed)

    def cases(self, examples):
        return Cases(list(examples.inputs), list(examples.targets), list(examples.where))

    def predict(self, pipeline, inputs, batch_size, tick):
        """Returns a number for each series."""
        rows = [pipeline.preprocessor.encode_input(series) for series in inputs]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = [0.0] * len(rows)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = _inputs([rows[i] for i in chosen], len(rows[chosen[-1]]), len(chosen))
            said = ops.convert_to_numpy(pipeline.model.predict_on_batch(batch))
            for place, i in enumerate(chosen):
                found[i] = float(said[place, len(rows[i]) - 1, 0])
            tick(len(chosen))
        return found

    def score(self, preprocessor, outputs, references):
        return regression_metrics(outputs, [preprocessor.encode_target(reference) for reference in references])

    def adapt(self, base, parts):
        return base.preprocessor

    def carry(self, base, fresh):
        return base.tensors()

    def logits(self, pipeline, text):
        series = pipeline.preprocessor.encode_input(text)
        return ops.convert_to_numpy(pipeline.model(_inputs([series], len(series), 1)))[0, -1]


def _inputs(rows: list[np.ndarray], length: int, height: int) -> dict[str, np.ndarray]:
    """Returns ``features (height, length, features)``; padding stands behind the end, where no causal step looks."""
    features = np.zeros((height, length, rows[0].shape[1]), "float32")
    for place, row in enumerate(rows):
        features[place, : len(row)] = row
    return {"features": features}


REGRESSION = Regression()
