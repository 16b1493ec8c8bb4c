"""A stream forecasts like the whole history."""

import numpy as np
import pytest
from forecasting_models import tiny_forecaster

import zoo
from zoo.errors import InputError
from zoo.forecasting.stream import ForecastStream


def series(length: int) -> np.ndarray:
    steps = np.arange(length)
    values = 50 + 0.1 * steps + 8 * np.sin(2 * np.pi * steps / 7) + np.random.default_rng(0).normal(0, 1, length)
    values[[20, 21, 40]] = np.nan
    values[86:88] = np.nan
    return values


def randomized(name: str):
    """Returns a forecaster whose head has random weights, so that the backbone's outputs matter."""
    pipeline = tiny_forecaster(name)
    random = np.random.default_rng(0)
    for layer in pipeline.model.output_layers():
        for weight in layer.weights:
            weight.assign(random.normal(0, 0.1, weight.shape))
    return pipeline


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru", "tcn", "transformer", "lru"])
def test_each_new_value_gives_the_forecast_of_the_whole_history(name):
    pipeline, values = randomized(name), series(120)
    streams = [ForecastStream(pipeline, values[:start], period=7) for start in (0, 70)]
    for i, value in enumerate(values):
        for start, stream in zip((0, 70), streams, strict=True):
            if i >= start:
                stream.update(value)
        if i in (70, 71, 85, 86, 87, 119):  # predict reads these with at least four empty patches before them
            (expected,) = pipeline.predict([values[: i + 1]], horizon=20, periods=7)
            for stream in streams:
                np.testing.assert_allclose(stream.forecast(20), expected, rtol=1e-4, atol=1e-4)


def test_a_new_value_gives_the_forecast_of_the_whole_history():
    pipeline, values = randomized("gru"), series(75)
    stream = ForecastStream(pipeline, values[:70], period=7)
    for value in values[70:]:
        stream.update(value)
    (expected,) = pipeline.predict([values], horizon=20, periods=7)
    np.testing.assert_allclose(stream.forecast(20), expected, rtol=1e-4, atol=1e-4)


def test_long_streams_keep_as_many_values_as_the_model_reads():
    pipeline = randomized("gru")
    stream = ForecastStream(pipeline, series(1_500), period=7)
    for value in series(60):
        stream.update(value)
    assert (len(stream.values), stream.count) == (1_024, 1_560)
    assert np.isfinite(stream.forecast(300)).all()


def test_constant_series_and_missing_first_values():
    stream = ForecastStream(tiny_forecaster())
    with pytest.raises(InputError, match="has read no value"):
        stream.forecast(3)
    for value in (None, float("nan"), 5, 5.0):
        stream.update(value)
    assert stream.count == 2 and (stream.forecast(3) == 5).all()


@pytest.mark.parametrize("value", [float("inf"), "5", True, 1e200])
def test_values_that_are_none(value):
    stream = ForecastStream(tiny_forecaster(), [1.0, 2.0])
    with pytest.raises(InputError, match="give a finite number"):
        stream.update(value)
    assert stream.count == 2


def test_another_model_is_refused():
    with pytest.raises(InputError, match="series_classification: does not forecast"):
        ForecastStream(zoo.load("gru_small.italy_power_demand"))
