import numpy as np
import pytest

from zoo.errors import InputError
from zoo.metrics import forecasting
from zoo.metrics.forecasting import QUANTILES, forecast_counts, forecast_metrics, geometric_mean, relative
from zoo.metrics.intervals import Counts


def made(random, series=7, steps=5):
    actuals = [random.normal(10, 3, steps) for _ in range(series)]
    forecasts = [np.sort(random.normal(10, 3, (steps, 9)), axis=1) for _ in range(series)]
    scales = random.uniform(0.5, 2, series).tolist()
    return actuals, forecasts, scales


def test_metrics_equal_their_definitions():
    actuals, forecasts, scales = made(np.random.default_rng(0))
    result = forecast_metrics(forecast_counts(actuals, forecasts, scales))
    true, predicted = np.stack(actuals), np.stack(forecasts)
    error = true - predicted[..., 4]
    loss = 0.0
    for i, q in enumerate(QUANTILES):
        for y, p in zip(true.ravel(), predicted[..., i].ravel(), strict=True):
            loss += 2 * (q * (y - p) if y >= p else (1 - q) * (p - y)) / len(QUANTILES)
    assert result["mase"].value == pytest.approx(
        np.mean([np.abs(e).mean() / s for e, s in zip(error, scales, strict=True)])
    )
    assert result["wql"].value == pytest.approx(loss / np.abs(true).sum())
    assert result["mae"].value == pytest.approx(np.abs(error).mean())
    assert result["mse"].value == pytest.approx((error**2).mean())
    inside = (predicted[..., 0] <= true) & (true <= predicted[..., 8])
    assert result["coverage"].value == pytest.approx(inside.mean())
    for interval in result.values():
        assert interval.low < interval.value < interval.high


def test_a_loss_of_one_equal_quantile_is_the_absolute_error():
    actual = np.array([1.0, -2.0])
    counts = forecast_counts([actual], [np.zeros((2, 9))], [1.0])
    # The mean over symmetric quantiles of twice the pinball loss.
    assert forecast_metrics(counts)["wql"].value == pytest.approx(1.0)


def test_values_on_the_bounds_are_inside():
    quantiles = np.tile(np.arange(1.0, 10.0), (4, 1))
    counts = forecast_counts([np.array([1.0, 9.0, 0.99, 9.01])], [quantiles], [1.0])
    assert forecast_metrics(counts)["coverage"].value == 0.5


def test_missing_values_are_not_scored():
    actuals, forecasts, scales = made(np.random.default_rng(1), steps=6)
    gaps = [np.where(np.arange(6) % 2, actual, np.nan) for actual in actuals]
    result = forecast_counts(gaps, forecasts, scales)
    expected = forecast_counts([actual[1::2] for actual in actuals], [f[1::2] for f in forecasts], scales)
    for name in result:
        np.testing.assert_allclose(result[name].numerator, expected[name].numerator)
        np.testing.assert_allclose(result[name].denominator, expected[name].denominator)
    assert forecasting.missing_steps(gaps) == 3 * len(gaps)


def test_a_series_without_any_known_value_counts_for_nothing():
    actuals, forecasts, scales = made(np.random.default_rng(1), series=3)
    without = forecast_metrics(forecast_counts(actuals[:2], forecasts[:2], scales[:2]))
    actuals[2] = np.full(5, np.nan)
    result = forecast_metrics(forecast_counts(actuals, forecasts, scales))
    assert {name: value.value for name, value in result.items()} == {
        name: pytest.approx(value.value) for name, value in without.items()
    }


def test_the_scale_is_the_mean_absolute_seasonal_difference():
    random = np.random.default_rng(2)
    history = random.normal(size=50)
    assert forecasting.seasonal_scale(history, 12) == pytest.approx(np.mean(np.abs(history[12:] - history[:-12])))
    assert forecasting.seasonal_scale(history, None) == pytest.approx(np.mean(np.abs(np.diff(history))))
    assert forecasting.seasonal_scale(history[:12], 12) == pytest.approx(np.mean(np.abs(np.diff(history[:12]))))
    gaps = np.where(random.random(50) < 0.3, np.nan, history)
    pairs = [abs(gaps[i] - gaps[i - 4]) for i in range(4, 50) if np.isfinite(gaps[i] - gaps[i - 4])]
    assert forecasting.seasonal_scale(gaps, 4) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("history", [[], [3.0], [2.0] * 9, [np.nan] * 9, [1.0, np.nan, 2.0, np.nan]])
def test_a_series_without_a_scale_is_left_out_of_the_mase_only(history):
    scale = forecasting.seasonal_scale(np.array(history), 1)
    assert np.isnan(scale)
    actuals, forecasts, scales = made(np.random.default_rng(3), series=3)
    result = forecast_counts(actuals, forecasts, [*scales[:2], scale])
    expected = forecast_counts(actuals[:2], forecasts[:2], scales[:2])
    assert forecast_metrics(result)["mase"].value == pytest.approx(forecast_metrics(expected)["mase"].value)
    assert result["mase"].denominator.tolist() == [1, 1, 0] and result["mae"].denominator.tolist() == [5, 5, 5]
    assert "mase" not in forecast_metrics(forecast_counts(actuals[:1], forecasts[:1], [scale]))


def test_windows_of_a_series_are_resampled_together():
    actuals, forecasts, scales = made(np.random.default_rng(4), series=6)
    result = forecast_counts(actuals, forecasts, scales, groups=[0, 0, 1, 1, 2, 2])
    single = forecast_counts(actuals, forecasts, scales)
    assert len(result["mae"].numerator) == 3
    for name in ("wql", "mae", "mse", "coverage"):
        assert forecast_metrics(result)[name].value == pytest.approx(forecast_metrics(single)[name].value)
    np.testing.assert_allclose(result["mase"].numerator, single["mase"].numerator.reshape(3, 2).mean(axis=1))


def test_wrong_forecasts_are_refused():
    for wrong in (np.zeros((2, 9)), np.zeros((3, 8)), np.full((3, 9), np.nan)):
        with pytest.raises(InputError, match=r"window 1: a forecast of shape .* give finite numbers of shape \(3, 9\)"):
            forecast_counts([np.zeros(3)], [wrong], [1.0])


def counts(random, series, factor):
    errors = random.uniform(1, 2, series)
    ones = np.ones(series)
    return Counts("mae", factor * errors, ones), Counts("mae", errors, ones)


def test_a_relative_error_is_paired():
    ours, others = counts(np.random.default_rng(5), 40, 0.8)
    result = relative(ours, others)
    # The same factor for every series: no resample differs.
    assert [result.value, result.low, result.high] == pytest.approx([0.8] * 3)
    unpaired = relative(Counts("mae", ours.numerator[::-1], ours.denominator), others)
    assert unpaired.low < 0.8 < unpaired.high and unpaired.value == pytest.approx(0.8)


def test_the_mean_over_sets_is_geometric_and_sets_are_drawn():
    random = np.random.default_rng(6)
    result = geometric_mean([counts(random, 30, 0.5), counts(random, 3, 2.0), counts(random, 30, 1.0)])
    assert result.value == pytest.approx(1.0)
    # Resamples that draw one set three times happen with 1 in 27.
    assert result.low == pytest.approx(0.5) and result.high == pytest.approx(2.0)


def test_series_that_one_method_has_no_value_for_are_left_out():
    ours, others = counts(np.random.default_rng(7), 5, 0.7)
    others.denominator[2] = others.numerator[2] = 0
    assert relative(ours, others).value == pytest.approx(0.7)


def test_nothing_is_relative_to_no_error():
    ones, zeros = np.ones(2), np.zeros(2)
    for ours, others in ((zeros, zeros), (ones, zeros)):
        with pytest.raises(InputError, match="mae: the method to compare with has no error"):
            relative(Counts("mae", ones, ours), Counts("mae", zeros, others))
    perfect = relative(Counts("mae", zeros, ones), Counts("mae", ones, ones))
    assert perfect.value < 1e-100


def test_sets_are_joined():
    random = np.random.default_rng(8)
    first, second = made(random, 3), made(random, 4)
    both = forecasting.joined([forecast_counts(*first), forecast_counts(*second)])
    together = forecast_counts(*(a + b for a, b in zip(first, second, strict=True)))
    for name in together:
        np.testing.assert_array_equal(both[name].numerator, together[name].numerator)
