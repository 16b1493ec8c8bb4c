"""Forecasting: quantiles of the next values of a series of numbers."""

import numpy as np
from keras import ops

from zoo.errors import InputError, located
from zoo.inference.forecasting import forecast_series
from zoo.metrics.forecasting import QUANTILES
from zoo.metrics.intervals import Counts, mean_per_step
from zoo.models import registry
from zoo.models.forecaster import Forecaster
from zoo.preprocessing.patches import (
    CANDIDATES,
    FEATURES,
    PATCH,
    STEP_INPUTS,
    ForecastPreprocessor,
    encode,
    right_aligned,
)
from zoo.tasks.task import Task
from zoo.training.losses import QuantileLoss
from zoo.training.series_windows import SeriesWindows

GOLDEN_STEPS = 200
"""Most values of a series in a record."""


class Forecasting(Task):
    """Forecast quantiles of the next values of a series, without dates and other columns.

    The model reads at most ``context`` values. Every step ahead is forecast from the history itself, never from
    another forecast.
    """

    name = "forecasting"
    monitor = "wql"
    options = {"horizon": 24, "periods": None}
    validation = {}
    head = {"decoder_dim": 96, "head_dropout": 0.0}
    has_correct_answer = False
    layout = "series"
    streamed = False

    def architecture(self, name):
        return registry.find_backbone(name)

    def fit(self, examples, architecture):
        return ForecastPreprocessor()

    def check_example(self, preprocessor, value, target):
        preprocessor.encode_input(value)
        preprocessor.encode_target(target)

    def fields(self, preprocessor, architecture):
        return {"features": FEATURES}

    def prefers(self, architecture):
        return {"features": FEATURES}

    def create(self, architecture, config, *, decoder_dim, head_dropout):
        if not config.causal:
            field = "bidirectional=false" if hasattr(config, "bidirectional") else "causal=true"
            raise InputError(f"{self.name} needs a causal {architecture.name}: set {field}")
        if config.features != FEATURES:
            raise InputError(f"{self.name}: features = {config.features}: a patch has {FEATURES}: leave features out")
        return Forecaster.around(architecture.build(config), CANDIDATES, STEP_INPUTS, decoder_dim, head_dropout)

    def loss(self, training_config):
        return QuantileLoss(QUANTILES)

    def batches(self, preprocessor, examples, training_config):
        """Returns training windows of series; an input and its target are one series."""
        series = []
        for values, target, location in zip(examples.inputs, examples.targets, examples.locations, strict=True):
            with located(location):
                ahead = preprocessor.encode_target(target) if len(np.atleast_1d(target)) else np.zeros(0)
                series.append(np.concatenate([preprocessor.encode_input(values), ahead]))
        periods = [preprocessor.period(values, None) for values in series]
        return SeriesWindows(series, periods, training_config.batch_size, training_config.seed)

    def predict(self, pipeline, inputs, batch_size, on_step, horizon, periods):
        """Returns what ``zoo.inference.forecasting.forecast_series`` does."""

        def run(inputs):
            return ops.convert_to_numpy(pipeline.model.predict_on_batch(inputs))

        return forecast_series(run, pipeline.preprocessor, inputs, horizon, periods, batch_size, on_step)

    def score(self, preprocessor, outputs, references):
        counts = self.metric_counts(preprocessor, outputs, references)
        return {"wql": mean_per_step(counts.numerator, counts.denominator)}

    def metric_counts(self, preprocessor, outputs, references):
        """Returns the weighted quantile loss: pinball losses by absolute values, per series."""
        losses, sizes = [], []
        for output, reference in zip(outputs, references, strict=True):
            values = np.asarray(reference, "float64")
            error = values[:, None] - np.asarray(output)[: len(values)]
            pinball = np.maximum(np.array(QUANTILES) * error, (np.array(QUANTILES) - 1) * error)
            losses.append(np.nansum(2 * pinball.mean(axis=1)))
            sizes.append(np.nansum(np.abs(values)))
        return Counts("wql", np.array(losses), np.array(sizes))

    def adapt(self, base, parts):
        return base.preprocessor

    def transfer_weights(self, base, fresh):
        return base.tensors()

    def plain(self, pipeline, value):
        """Returns the last values of a series with six digits; null where missing."""
        values = pipeline.preprocessor.encode_input(value)[-GOLDEN_STEPS:]
        return [None if np.isnan(number) else float(f"{number:.6g}") for number in values]

    def logits(self, pipeline, text):
        """Returns the model's output for the next value: quantiles in units of the series' scale."""
        values = pipeline.preprocessor.encode_input(text)[-pipeline.preprocessor.context :]
        patches = -(-len(values) // PATCH)
        period = np.array([pipeline.preprocessor.period(values, None)])
        encoded = encode(right_aligned([values], patches), period, np.array([[patches - 1]]), np.arange(1, 2))
        return ops.convert_to_numpy(pipeline.model(encoded.inputs()))[0, 0, 0]


FORECASTING = Forecasting()
