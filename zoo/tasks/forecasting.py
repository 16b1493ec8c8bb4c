"""Forecasting: quantiles of the next values of a series of numbers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from zoo.errors import InputError, located
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
from zoo.tasks import bands
from zoo.tasks.task import Task
from zoo.training.losses import QuantileLoss
from zoo.training.series_windows import SeriesWindows

MAX_HORIZON = 10_000
GOLDEN_STEPS = 200
"""Most values of a series in a record."""
_CHUNK = 16
"""Steps ahead per position."""
BLOCK = 256
"""Most steps ahead of a run of the model; further ones take further runs."""
_PATCHES = (4, 16, 64)
"""Padded numbers of patches: each new shape costs a compilation."""


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
        """Returns the quantiles of the next values per series, ``(horizon, 9)`` float64, ascending per step.

        Args:
            pipeline: The pipeline.
            inputs: Series of numbers, NaN or None where missing.
            batch_size: Series per batch.
            on_step: Called with the number of finished series.
            horizon: Number of steps ahead.
            periods: Steps of a season: one number for all, or one or None per series; None infers it from the values.

        Raises:
            InputError: A series has no value or an infinite one, or an option is out of range.
        """
        if not 1 <= horizon <= MAX_HORIZON:
            raise InputError(f"horizon {horizon}: give 1 to {MAX_HORIZON:,} steps")
        preprocessor = pipeline.preprocessor
        rows = []
        for i, values in enumerate(inputs):
            with located(f"series {i + 1}"):
                rows.append(preprocessor.encode_input(values)[-preprocessor.context :])
        given = _one_per_series(periods, len(rows))
        chosen = [preprocessor.period(values, period) for values, period in zip(rows, given, strict=True)]
        results = [np.zeros((horizon, len(QUANTILES))) for _ in rows]
        varied = []
        for i, values in enumerate(rows):
            if np.nanmin(values) == np.nanmax(values):
                results[i][:] = np.nanmax(values)
                on_step(1)
            else:
                varied.append(i)

        def run(inputs):
            return ops.convert_to_numpy(pipeline.model.predict_on_batch(inputs))

        for part, patches in _grouped([len(rows[i]) for i in varied], batch_size):
            indices = [varied[j] for j in part]
            values = right_aligned([rows[i] for i in indices], patches)
            quantiles = forecast(run, values, np.array([chosen[i] for i in indices]), horizon)
            for i, result in zip(indices, quantiles, strict=True):
                results[i] = result
            on_step(len(indices))
        return results

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


def forecast(
    run: Callable[[dict[str, np.ndarray]], np.ndarray], values: np.ndarray, periods: np.ndarray, horizon: int
) -> np.ndarray:
    """Returns quantiles of the next values, ``(batch, horizon, 9)``, ascending per step.

    The model also forecasts from earlier patches of each series. How well these bands covered what followed scales the
    band (``zoo.tasks.bands``).

    Args:
        run: Maps the inputs of a ``Forecaster`` to its output.
        values: ``(batch, patches * PATCH)``, right-aligned, NaN where missing and before the start.
        periods: ``(batch,)``.
        horizon: Number of steps ahead.
    """
    batch, time = values.shape
    size = 1 << (batch - 1).bit_length()
    # Repeat rows up to a power of two, because each new shape costs a compilation.
    rows = np.minimum(np.arange(size), batch - 1)
    last = time // PATCH - 1
    earlier = np.arange(last - 1, max(last - 1 - bands.ORIGINS, -1), -1)
    checked = np.linspace(1, min(horizon, BLOCK), _CHUNK).round().astype(int)
    parts, factor = [], np.ones(batch)
    for start in range(0, horizon, BLOCK):
        count = min(BLOCK, horizon - start)
        padded = max(_CHUNK, 1 << (count - 1).bit_length())
        steps = np.arange(start + 1, start + padded + 1).reshape(-1, _CHUNK)
        chunks = len(steps)
        places = np.full(chunks, last)
        if not start:
            steps = np.concatenate([steps, np.broadcast_to(checked, (len(earlier), _CHUNK))])
            places = np.concatenate([places, earlier])
        encoded = encode(values[rows], periods[rows], np.broadcast_to(places, (size, len(places))), steps)
        out = run(encoded.inputs())[:batch].astype("float64")
        if not start and len(earlier):
            actual = _followed(values, earlier, checked)
            scale = encoded.scale[:batch, chunks:, None]
            distance = (actual - encoded.anchor[:batch, chunks:, None]) / np.where(scale > 0, scale, np.nan)
            factor = bands.factors(out[:, chunks:], distance)
        quantiles = bands.scaled(out[:, :chunks].reshape(batch, padded, len(QUANTILES))[:, :count], factor)
        parts.append(encoded.anchor[:batch, :1, None] + encoded.scale[:batch, :1, None] * quantiles)
    # The sum with a large last value may round two quantiles in different directions.
    return np.maximum.accumulate(np.concatenate(parts, axis=1), axis=-1)


def _followed(values: np.ndarray, patches: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Returns the values some steps after patches, ``(batch, patches, steps)``; NaN where there is none.

    A patch before which a series has fewer than ``PATCH`` values has none.
    """
    ends = patches * PATCH + PATCH - 1
    index = ends[:, None] + steps
    found = np.where(index < values.shape[1], values[:, np.minimum(index, values.shape[1] - 1)], np.nan)
    known = np.cumsum(np.isfinite(values), axis=1)[:, ends]
    return np.where((known >= PATCH)[..., None], found, np.nan)


def _one_per_series(periods: Any, count: int) -> Sequence[Any]:
    if periods is None or isinstance(periods, int | np.integer | str | float):
        return [periods] * count
    if len(periods) != count:
        raise InputError(f"periods: {len(periods)} for {count} series: give one per series, or one for all")
    return list(periods)


def _grouped(lengths: Sequence[int], batch_size: int) -> Iterator[tuple[list[int], int]]:
    """Yield the indices of series of similar length, and their padded number of patches."""
    needed = [-(-length // PATCH) for length in lengths]
    padded = [next((edge for edge in _PATCHES if edge >= count), count) for count in needed]
    for patches in sorted(set(padded)):
        chosen = [i for i, edge in enumerate(padded) if edge == patches]
        for start in range(0, len(chosen), batch_size):
            yield chosen[start : start + batch_size], patches


FORECASTING = Forecasting()
