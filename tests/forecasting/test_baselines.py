import sys

import numpy as np
import pytest

from zoo.errors import InputError
from zoo.forecasting import baselines


def monthly(random, length=60):
    steps = np.arange(length)
    return 100 + 10 * np.sin(2 * np.pi * steps / 12) + random.normal(0, 1, length)


def median(name, series, horizon, period):
    (quantiles,) = baselines.forecast(name, [np.array(series, float)], horizon, [period])
    assert quantiles.shape == (horizon, 9) and (np.diff(quantiles, axis=1) >= 0).all()
    return quantiles[:, 4].tolist()


def test_seasonal_naive_repeats_the_last_season():
    assert median("seasonal_naive", [9, 9, 9, 1, 2, 3], 7, 3) == [1, 2, 3, 1, 2, 3, 1]
    assert median("seasonal_naive", [9, 8, 7], 2, 1) == [7, 7]


def test_seasonal_naive_looks_further_back_where_values_are_missing():
    nan = np.nan
    assert median("seasonal_naive", [4, 5, 6, nan, 2, nan], 4, 3) == [4, 2, 6, 4]
    assert median("seasonal_naive", [nan, 5, nan, nan, 2, nan], 3, 3) == [2, 2, 2]


def test_a_history_of_one_season_has_no_season():
    assert median("seasonal_naive", [1, 2, 3], 3, 3) == [3, 3, 3]
    assert median("seasonal_naive", [5], 2, 12) == [5, 5]


def test_the_band_of_seasonal_naive_has_the_spread_of_its_errors_and_grows_with_seasons():
    random = np.random.default_rng(0)
    series = np.cumsum(random.normal(size=4_000))
    (quantiles,) = baselines.forecast("seasonal_naive", [series], 4, [2])
    width = quantiles[:, 8] - quantiles[:, 0]
    deviation = np.sqrt(np.mean((series[2:] - series[:-2]) ** 2))
    np.testing.assert_allclose(width[0], 2 * 1.2815515655446004 * deviation)
    np.testing.assert_allclose(width / width[0], np.sqrt([1, 1, 2, 2]))


def test_an_unknown_period_is_inferred():
    series = np.tile([1.0, 5.0, 2.0, 8.0, 3.0, 9.0, 4.0], 9)
    assert median("seasonal_naive", series, 7, None) == series[:7].tolist()


@pytest.mark.parametrize("name", ["theta", "ets"])
def test_methods_of_the_library_follow_a_season(name):
    random = np.random.default_rng(1)
    series = monthly(random)
    (quantiles,) = baselines.forecast(name, [series], 12, [12])
    expected = 100 + 10 * np.sin(2 * np.pi * np.arange(60, 72) / 12)
    assert np.abs(quantiles[:, 4] - expected).mean() < 1.5
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert 1 < (quantiles[:, 8] - quantiles[:, 0]).mean() < 6


@pytest.mark.parametrize("name", baselines.NAMES)
def test_short_and_constant_series_and_gaps_have_a_forecast(name):
    random = np.random.default_rng(2)
    gaps = np.where(random.random(60) < 0.2, np.nan, monthly(random))
    late = np.concatenate([np.full(2_000, np.nan), monthly(random)])
    series = [np.array([3.0]), np.array([3.0, 4.0]), np.zeros(20), np.full(9, 7.0), gaps, late, np.array([0, 0, 1.0])]
    notes = []
    result = baselines.forecast(name, series, 5, [12] * 7, notes.append)
    for quantiles in result:
        assert quantiles.shape == (5, 9) and np.isfinite(quantiles).all() and (np.diff(quantiles, axis=1) >= 0).all()
    assert (result[2] == 0).all() and (result[3] == 7).all()
    if name == "seasonal_naive":
        assert notes == []
    else:
        assert notes[0] == f"{name}: missing values of 1 of 7 series are interpolated"
        assert "of 7 series cannot be fitted and have the forecast of seasonal naive (series 2: " in notes[1]


def test_a_series_whose_last_values_are_all_missing_has_the_forecast_of_seasonal_naive():
    series = np.concatenate([[1.0, 2.0], np.full(baselines.CONTEXT, np.nan)])
    notes = []
    (quantiles,) = baselines.forecast("theta", [series], 2, [1], notes.append)
    assert quantiles[:, 4].tolist() == [2, 2] and "series 1: no value among the last 1,024" in notes[1]


def test_wrong_names_and_empty_series_are_refused(monkeypatch):
    with pytest.raises(InputError, match="arima: no such method: choose one of seasonal_naive, theta, ets"):
        baselines.forecast("arima", [], 1, [])
    with pytest.raises(InputError, match="series 2: has no value"):
        baselines.forecast("seasonal_naive", [np.ones(3), np.full(3, np.nan)], 1, [1, 1])
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(InputError, match=r"theta: needs statsforecast: pip install 'seqzoo\[forecasting\]'"):
        baselines.forecast("theta", [np.ones(3)], 1, [1])
