"""Forecasts of a series that grows: a new value costs one step of the backbone."""

from typing import Any

import numpy as np
from keras import ops

from zoo.backends.compile import compiled, program
from zoo.errors import InputError
from zoo.forecasting.forecasters import check_horizon
from zoo.inference.bands import ORIGINS
from zoo.inference.forecasting import forecast
from zoo.metrics.forecasting import QUANTILES
from zoo.models.streaming import Stream
from zoo.pipeline import Pipeline
from zoo.preprocessing.patches import MAX_VALUE, PATCH, encode, right_aligned
from zoo.tasks import FORECASTERS

_EMPTY = 4  # patches before a series: the features of its first patches tell how many values are missing there


class ForecastStream:
    """Forecasts of one series that grows.

    Patches end at the last value, so each value moves all of them. The stream keeps ``PATCH`` states of the backbone in
    rotation, one per place at which patches can begin: a new value completes a patch of one of them. The features of
    this patch are computed from the last values; the backbone does not read these again.

    Up to the length that ``Pipeline.predict`` reads, the forecasts equal those of ``predict``; closely where it pads a
    history with fewer than four patches. After that the states also know older values.

    Args:
        pipeline: A forecaster.
        history: First values, NaN where missing; may be empty.
        period: Steps of a season; ``None`` infers it from ``history``.

    Raises:
        InputError: The pipeline does not forecast, or the history cannot be read.

    Example:
        >>> import numpy as np, zoo
        >>> from zoo.forecasting.stream import ForecastStream
        >>> stream = ForecastStream(zoo.load("tcn_small.forecasting"), np.sin(np.arange(50) / 3))
        >>> stream.update(0.5)
        >>> stream.forecast(horizon=7).shape
        (7, 9)
    """

    def __init__(self, pipeline: Pipeline, history: Any = (), period: int | None = None):
        if pipeline.spec.task not in FORECASTERS:
            raise InputError(f"{pipeline.spec.task}: does not forecast: give a forecaster")
        self.pipeline = pipeline
        self.context = pipeline.preprocessor.context
        values = pipeline.preprocessor.encode_input(history) if len(history) else np.zeros(0)
        self.period = pipeline.preprocessor.period(values, period) if len(values) else int(period or 1)
        self.count = len(values)
        self.values = values[-self.context :]
        self._decode = program(pipeline.model, _compiled_decoder)
        # Those of the backbone at the last patches of each phase, (1, patches, hidden_dim).
        self._outputs: list[np.ndarray | None] = [None] * PATCH
        self._streams = [self._started(phase, self.values) for phase in range(PATCH)]

    def update(self, value: float | None) -> None:
        """Read the next value; None or NaN if it is missing.

        Raises:
            InputError: The value is not a number, or is infinite.
        """
        number = np.nan if value is None else value
        if isinstance(number, bool) or not isinstance(number, int | float | np.number) or np.abs(number) > MAX_VALUE:
            raise InputError(f"value {value!r}: give a finite number up to {MAX_VALUE:g}, or NaN if it is missing")
        if not self.count and np.isnan(number):
            return  # a series begins with a value
        self.values = np.append(self.values, float(number))[-self.context :]
        self.count += 1
        phase = self.count % PATCH
        stream = self._streams[phase]
        limit = stream.backbone.max_length
        if limit is not None and stream.steps[0] == limit:  # learned positions end
            self._streams[phase] = self._started(phase, self.values[-PATCH * max(1, limit // 2) :])
        else:
            self._keep(phase, stream.step(self._features(self.values)[:, -1])[:, None])

    def forecast(self, horizon: int) -> np.ndarray:
        """Returns the quantiles of the next values, ``(horizon, 9)``, ascending along the last axis.

        Raises:
            InputError: No value was read, or the horizon is out of range.
        """
        check_horizon(horizon)
        outputs = self._outputs[self.count % PATCH]
        if outputs is None:
            raise InputError("the stream has read no value: update it first")
        if np.nanmin(self.values) == np.nanmax(self.values):
            return np.full((horizon, len(QUANTILES)), np.nanmax(self.values))

        def run(inputs):
            places = inputs["positions"][..., None]
            patch = np.take_along_axis(inputs["features"], places, axis=1)
            back = places.max() - places
            x = np.take_along_axis(outputs, np.maximum(outputs.shape[1] - 1 - back, 0), axis=1)
            parts = [ops.convert_to_tensor(part, "float32") for part in (x, patch, inputs["steps"])]
            return ops.convert_to_numpy(self._decode(*parts))

        return forecast(run, self._aligned(self.values), np.array([self.period]), int(horizon))[0]

    def _started(self, phase: int, values: np.ndarray) -> Stream:
        """Returns the stream of a phase after some last values, and keeps its last outputs."""
        stream = self.pipeline.model.backbone.stream(1)
        after = (self.count - phase) % PATCH  # values behind its last patch
        if len(values) > after:
            self._outputs[phase] = None
            self._keep(phase, stream.prefill(self._features(values[: len(values) - after])))
        return stream

    def _keep(self, phase: int, outputs: np.ndarray) -> None:
        before = self._outputs[phase]
        outputs = np.asarray(ops.convert_to_numpy(outputs))
        joined = outputs if before is None else np.concatenate([before, outputs], axis=1)
        self._outputs[phase] = joined[:, -1 - ORIGINS :]

    def _aligned(self, values: np.ndarray) -> np.ndarray:
        return right_aligned([values], -(-len(values) // PATCH) + _EMPTY)

    def _features(self, values: np.ndarray) -> np.ndarray:
        """Returns the features of each patch, the last of which ends at the last value, ``(1, patches, features)``."""
        aligned = self._aligned(values)
        last = np.array([[aligned.shape[1] // PATCH - 1]])
        encoded = encode(aligned, np.array([self.period]), last, np.ones(1, int))
        return encoded.inputs()["features"][:, : int(encoded.positions[0, 0]) + 1]


def _compiled_decoder(model):
    return compiled(model, model.decode, rank=None)
