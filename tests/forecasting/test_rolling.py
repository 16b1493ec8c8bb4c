"""The last windows of series: what is held out, and the scores of forecasters on them."""

import numpy as np
import pytest

from zoo.data.forecast_series import Series
from zoo.errors import InputError
from zoo.forecasting.rolling import rolling_windows, score


def ramp(length: int, name: str = "a") -> Series:
    times = np.datetime64("2024-01-01", "us") + np.arange(length).astype("timedelta64[D]")
    return Series(name, np.arange(length, dtype=float), times, "D", 7, f"made: {name}")


def test_windows_are_the_last_steps_without_overlap():
    windows = rolling_windows([ramp(40)], horizon=10, windows=2)
    assert [len(window.series.values) for window in windows] == [20, 30]
    assert [window.actual.tolist() for window in windows] == [list(range(20, 30)), list(range(30, 40))]
    assert windows[1].series.times[-1] == np.datetime64("2024-01-30")


def test_short_series_have_fewer_windows_and_a_note():
    notes = []
    windows = rolling_windows([ramp(40), ramp(25, "b"), ramp(5, "c")], 10, 2, notes.append)
    assert [window.index for window in windows] == [0, 0, 1]
    assert notes == ["2 of 3 series are too short for 2 windows and have fewer, or none"]


@pytest.mark.parametrize(
    ("length", "horizon", "windows", "message"),
    [
        (30, 28, 1, "the longest series has 30 steps, too few for a window of 28"),
        (30, 0, 1, "horizon 0: give 1 to 10,000"),
        (30, 5, 0, "windows 0: give 1 to 1,000"),
    ],
)
def test_windows_that_do_not_exist(length, horizon, windows, message):
    with pytest.raises(InputError, match=message):
        rolling_windows([ramp(length)], horizon, windows)


def test_a_forecaster_that_knows_the_future_has_no_error():
    windows = rolling_windows([ramp(40), ramp(50, "b")], 10, 2)

    def knows(values, horizon, periods):
        return [len(one) + np.arange(horizon)[:, None] + np.linspace(-1, 1, 9) * [1.0] for one in values]

    result, naive = score([("knows", knows)], windows)
    assert naive.model == "seasonal_naive" and naive.relative == {}
    assert (result.values["mase"].value, result.values["coverage"].value) == (0, 1)
    assert result.relative["wql"].value < 0.2 and result.coverage_by_step == [1.0] * 10


def test_missing_values_are_not_scored():
    series = ramp(40)
    series.values[35:] = np.nan
    (window,) = rolling_windows([series], 10, 1)
    (naive,) = score(["seasonal_naive"], [window])
    assert np.isnan(naive.coverage_by_step).tolist() == [False] * 5 + [True] * 5
    assert naive.to_json()["coverage_by_step"][5:] == [None] * 5
