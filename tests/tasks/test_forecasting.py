"""Forecasting: units, gaps, lengths, horizons, batches, and what is refused."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.checkpoints.document import blank_document
from zoo.data.examples import Examples
from zoo.errors import InputError, WeightsError
from zoo.models import registry
from zoo.pipeline import Pipeline
from zoo.preprocessing.patches import FEATURES, STEP_INPUTS, ForecastPreprocessor
from zoo.tasks.forecasting import FORECASTING
from zoo.training.config import TrainingConfig
from zoo.training.losses import QuantileLoss


def forecaster(name: str = "gru") -> Pipeline:
    """Returns a tiny forecaster with random weights, in the head too."""
    family = registry.find_backbone(name)
    keras.utils.set_random_seed(1)
    fields = {**family.sizes["tiny"], **FORECASTING.prefers(family)}
    pipeline = Pipeline(FORECASTING.spec(family, "tiny", ForecastPreprocessor(), fields), blank_document("mine"))
    random = np.random.default_rng(0)
    for layer in pipeline.model.output_layers():
        for weight in layer.weights:
            weight.assign(random.normal(0, 0.1, weight.shape))
    return pipeline


@pytest.fixture(scope="module")
def pipeline():
    return forecaster()


def seasonal(length: int, seed: int = 0) -> np.ndarray:
    steps = np.arange(length)
    return 20 + 0.05 * steps + 4 * np.sin(2 * np.pi * steps / 12) + np.random.default_rng(seed).normal(0, 0.3, length)


def test_other_units_scale_the_forecast(pipeline):
    series = seasonal(90)
    expected = pipeline.predict([series], horizon=30)[0]
    for factor in (1000.0, 1e-6):
        result = pipeline.predict([factor * series], horizon=30)[0]
        np.testing.assert_allclose(result / factor, expected, rtol=1e-4)
    # Growth in per cent has a meaning for positive series only.
    below = pipeline.predict([series - 100], horizon=30)[0]
    result = pipeline.predict([3 * series - 1e5], horizon=30)[0]
    np.testing.assert_allclose((result + 1e5 - 300) / 3, below, rtol=1e-4)


def test_a_constant_series_stays_constant(pipeline):
    for value in (0.0, 5.0, -1e12):
        (result,) = pipeline.predict([np.full(50, value)], horizon=7)
        assert result.shape == (7, 9) and (result == value).all()
    (result,) = pipeline.predict([[None, 3.0, float("nan")]], horizon=2)
    assert (result == 3).all()


@pytest.mark.parametrize("length", [1, 2, 3, 15, 16, 17, 300, 1_024, 5_000])
def test_any_length_is_read_and_only_the_last_values_count(pipeline, length):
    series = seasonal(length)
    (result,) = pipeline.predict([series], horizon=5, periods=12)
    assert result.shape == (5, 9) and np.isfinite(result).all() and (np.diff(result) >= 0).all()
    np.testing.assert_array_equal(pipeline.predict([series[-1_024:]], horizon=5, periods=12)[0], result)


def test_horizons_agree_in_what_they_share(pipeline):
    series = seasonal(100)
    longest = pipeline.predict([series], horizon=600)[0]
    assert longest.dtype == np.float64
    for horizon in (1, 2, 64, 200, 257):
        result = pipeline.predict([series], horizon=horizon)[0]
        # The horizon tells at which steps earlier bands are checked, and so scales the band.
        distances, others = (one - one[:, 4:5] for one in (result, longest[:horizon]))
        np.testing.assert_allclose(result[:, 4], longest[:horizon, 4], rtol=1e-5)
        np.testing.assert_allclose(distances / distances[0, 8], others / others[0, 8], rtol=1e-3, atol=1e-4)


def test_gaps_are_read_as_gaps(pipeline):
    series = seasonal(100)
    gaps = series.copy()
    gaps[[3, 50, 51, 99]] = np.nan
    (result,) = pipeline.predict([gaps], horizon=4)
    assert np.isfinite(result).all()
    assert np.abs(result - pipeline.predict([series], horizon=4)[0]).max() > 1e-3
    before = pipeline.predict([np.concatenate([np.full(20, np.nan), series])], horizon=4)[0]
    np.testing.assert_array_equal(before, pipeline.predict([series], horizon=4)[0])


def test_neither_other_series_nor_the_batch_size_change_a_forecast(pipeline):
    series = [seasonal(length, length) for length in (5, 40, 40, 700, 90, 3, 16)]
    together = pipeline.predict(series, horizon=9)
    alone = [pipeline.predict([values], horizon=9)[0] for values in series]
    back = pipeline.predict(series[::-1], horizon=9, batch_size=2)[::-1]
    for one, other, third in zip(together, alone, back, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
        np.testing.assert_allclose(one, third, rtol=1e-5)


def test_finished_series_are_counted(pipeline):
    counts = []
    pipeline.predict([seasonal(5), np.ones(4), seasonal(80)], 1, counts.append, horizon=2)
    assert sum(counts) == 3


def test_the_period_matters_and_is_inferred(pipeline):
    series = seasonal(120)
    inferred, given, other = (pipeline.predict([series], horizon=12, periods=periods)[0] for periods in (None, 12, [5]))
    np.testing.assert_array_equal(inferred, given)
    assert np.abs(other - given).max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2]], {"horizon": 0}), "horizon 0: give 1 to 10,000 steps"),
        (([[1, 2]], {"horizon": 100_000}), "horizon 100000: give"),
        (([[1, 2]], {"horizon": 1.5}), "horizon 1.5: give a whole number"),
        (([[1, 2]], {"periods": 0}), "period 0: give a whole number"),
        (([[1, 2]], {"periods": [1, 2]}), "periods: 2 for 1 series"),
        (([[float("inf"), 2]], {}), "series 1: step 1 of a series is inf"),
        (([[float("nan")]], {}), "a series without a value"),
        (([[]], {}), "a series without a value"),
        (([["a", 2]], {}), "not a series"),
        (([[[1, 2], [3, 4]]], {}), r"series 1: a series of shape \(2, 2\)"),
        (([[1, 2]], {"steps": 3}), "steps: unknown"),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_one_line(pipeline, arguments, message):
    inputs, options = arguments
    with pytest.raises(InputError, match=message) as caught:
        pipeline.predict(inputs, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", registry.ARCHITECTURES)
def test_every_family_forecasts_learns_with_every_weight_and_sees_no_future(name):
    pipeline = forecaster(name)
    series = seasonal(700)
    (result,) = pipeline.predict([series], horizon=3)
    assert np.isfinite(result).all()
    examples = Examples([series, seasonal(60, 2)], [[], []], ["a", "b"])
    batches = FORECASTING.batches(pipeline.preprocessor, examples, TrainingConfig(batch_size=8))
    inputs, targets, weights = batches.batch(np.random.default_rng(1), 32)
    pipeline.model.compile("sgd", FORECASTING.loss(TrainingConfig()))
    before = pipeline.tensors()
    pipeline.model.train_on_batch(inputs, targets, sample_weight=weights)
    still = [path for path, value in pipeline.tensors().items() if np.array_equal(value, before[path])]
    assert not still
    # Later patches change no earlier output.
    changed = {key: value.copy() for key, value in inputs.items()}
    changed["features"][:, 9:] += 1
    first, second = (ops.convert_to_numpy(pipeline.model(x)) for x in (inputs, changed))
    early = inputs["positions"] < 9
    assert early.any() and not early.all()
    np.testing.assert_allclose(first[early], second[early], atol=1e-5)
    assert np.abs(first[~early] - second[~early]).max() > 1e-4


def test_a_saved_forecaster_forecasts_the_same(pipeline, tmp_path):
    expected = pipeline.predict([seasonal(77)], horizon=20)
    pipeline.save(tmp_path / "mine")
    loaded = zoo.load(tmp_path / "mine")
    np.testing.assert_array_equal(loaded.predict([seasonal(77)], horizon=20), expected)
    with pytest.raises(WeightsError, match="preprocessor.context"):
        Pipeline(dataclasses.replace(pipeline.spec, preprocessor={"context": 100}))


def test_a_model_that_reads_both_ways_is_refused():
    with pytest.raises(InputError, match="needs a causal gru: set bidirectional=false"):
        zoo.create_model("gru_tiny", task="forecasting", bidirectional=True)
    with pytest.raises(InputError, match="features = 3"):
        zoo.create_model("gru_tiny", task="forecasting", features=3)
    model = zoo.create_model("gru_tiny", task="forecasting", decoder_dim=8)
    assert (model.backbone.features, model.step_inputs, model.decoder_dim) == (FEATURES, STEP_INPUTS, 8)


def test_the_loss_is_twice_the_pinball_loss():
    shares = np.array([0.1, 0.5, 0.9])
    values, forecasts = np.array([[[3.0, -1.0]]]), np.array([[[[1.0, 2.0, 4.0], [0.0, 0.5, 1.0]]]])
    weights = np.array([[[1.0, 3.0]]])
    error = values[..., None] - forecasts
    each = 2 * np.where(error > 0, shares * error, (shares - 1) * error).mean(-1)
    result = float(QuantileLoss(shares)(values, forecasts, sample_weight=weights))
    assert result == pytest.approx((each * weights).sum() / weights.sum(), rel=1e-5)
