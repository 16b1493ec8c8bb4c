import dataclasses
import importlib
import json

import numpy as np
import pytest
from click.testing import CliRunner

import zoo
from zoo import datasets
from zoo.data.forecast_series import Series
from zoo.errors import InputError
from zoo.forecasting import protocol
from zoo.metrics.forecasting import seasonal_scale

# By its name, because type checkers cannot follow a package that is mapped to another folder.
main = importlib.import_module("zoo.cli.main").main


def hours(random, length=20 * 30 * 24 + 50):
    steps = np.arange(length)
    return 5 + 3 * np.sin(2 * np.pi * steps / 24) + random.normal(0, 1, length)


def made(part, name, values, period, horizon):
    return Series(name, values[:-horizon], period=period, location=f"{part}:{name}", test=values[-horizon:])


@pytest.fixture
def small(monkeypatch):
    """Small series in place of all test sets."""
    random = np.random.default_rng(0)

    def walks(part, period, horizon, length=40):
        return [made(part, str(i), 50 + np.cumsum(random.normal(size=length)), period, horizon) for i in range(4)]

    loaded = {
        "time_series/m1": [*walks("m1", 1, 6), *walks("m1", 4, 8), *walks("m1", 12, 18)],
        "time_series/us_employment": walks("us_employment", 12, 24, 80),
        "time_series/exchange_rate": walks("exchange_rate", 5, 30, 80),
        "time_series/ett_h1": [made("ett_h1", "OT", hours(random), 24, 24)],
        "time_series/ett_h2": [made("ett_h2", name, hours(random), 24, 24) for name in ("HUFL", "OT")],
    }
    loaded["time_series/us_employment"][1].test[3:5] = np.nan
    monkeypatch.setattr(datasets, "load_series", lambda name: loaded[name])
    return loaded


def last_value(values, horizon, periods):
    """Repeats the last value, as all quantiles."""
    return [np.full((horizon, 9), series[-1]) for series in values]


def test_the_benchmark_equals_its_definitions(small):
    names = [name for name in protocol.SETS if name != "ett_h1_96"]
    result = protocol.benchmark("last value", last_value, names)
    by_name = {score.name: score for score in result.sets}
    assert [score.series for score in result.sets] == [12, 4, 1, 2, 4, 4, 4, 4, 3]
    series = small["time_series/m1"][4:8]  # the quarterly ones
    ours, naive, errors, total = [], [], 0.0, 0.0
    for one in series:
        scale = seasonal_scale(one.values, 4)
        repeated = np.tile(one.values[-4:], 2)
        ours.append(np.abs(one.test - one.values[-1]).mean() / scale)
        naive.append(np.abs(one.test - repeated).mean() / scale)
        errors += np.abs(one.test - repeated).sum()
        total += np.abs(one.test - one.values[-1]).sum()
    score = by_name["m1_quarterly"]
    assert score.values["mase"].value == pytest.approx(np.mean(ours))
    assert score.relative["mase"].value == pytest.approx(np.mean(ours) / np.mean(naive))
    # Equal quantiles: the loss is the absolute error, and so is that of the points of seasonal naive.
    assert score.relative["wql"].value == pytest.approx(total / errors)
    assert score.relative["wql_band"].value > score.relative["wql"].value
    assert by_name["us_employment"].missing == 2 and by_name["m1"].missing == 0
    for metric in ("mase", "wql"):
        means = [score.relative[metric].value for score in result.sets[:5]]
        assert result.mean[metric].value == pytest.approx(np.exp(np.mean(np.log(means))))


def test_a_set_of_two_parts_has_all_their_series(small):
    result = protocol.benchmark("last value", last_value, ["ett_h1", "ett_h2", "ett_hourly"])
    first, second, both = (score.values["mase"].value for score in result.sets)
    assert both == pytest.approx((first + 2 * second) / 3)
    assert result.mean == {}  # not all sets


def test_seasonal_naive_is_relative_to_itself(small):
    from zoo.forecasting import forecasters

    result = protocol.benchmark(*forecasters.find("seasonal_naive"), ["m1"])
    relative = result.sets[0].relative
    assert relative["mase"].value == relative["wql_band"].value == 1 and relative["wql"].value < 1


def test_a_series_is_forecast_once_for_all_its_sets(small):
    calls = []

    def forecaster(values, horizon, periods):
        calls.append((len(values), horizon, set(periods)))
        return last_value(values, horizon, periods)

    steps = []
    protocol.benchmark("x", forecaster, ["m1", "m1_monthly", "m1_yearly"], steps.append, steps.append)
    assert calls == [(4, 6, {1}), (4, 8, {4}), (4, 18, {12})] and steps == [12, 12]


def test_long_horizons_are_scored_on_the_split_of_the_papers(small):
    (series,) = small["time_series/ett_h1"]
    windows = protocol.month_windows(series, 3)
    values = np.concatenate([series.values, series.test])
    train = values[:8640]
    assert len(windows) == 2880 - 96 + 1 and {window.index for window in windows} == {3}
    first, last = windows[0], windows[-1]
    np.testing.assert_allclose(first.actual, (values[11520 : 11520 + 96] - train.mean()) / train.std())
    np.testing.assert_allclose(last.actual, (values[14400 - 96 : 14400] - train.mean()) / train.std())
    assert len(first.series.values) == 11520 and first.series.values[:8640].std() == pytest.approx(1)


def test_squared_errors_of_the_long_horizon_are_those_of_the_median(small, monkeypatch):
    monkeypatch.setitem(
        protocol.SETS,
        "ett_h1_96",
        dataclasses.replace(protocol.SETS["ett_h1_96"], windows=lambda s, i: protocol.month_windows(s, i)[::900]),
    )
    result = protocol.benchmark("last value", last_value, ["ett_h1_96"]).sets[0]
    (series,) = small["time_series/ett_h1"]
    windows = protocol.month_windows(series, 0)[::900]
    errors = np.array([window.actual - window.series.values[-1] for window in windows])
    assert set(result.values) == {"mse", "mae", "coverage"} and result.relative == {}
    assert result.values["mse"].value == pytest.approx((errors**2).mean()) and result.windows == 4


def test_every_set_has_data_in_the_catalogue_that_nobody_may_train_on():
    for chosen in protocol.SETS.values():
        for part in chosen.parts:
            assert datasets.entry(part).splits == ("test",)
    assert [name for name, chosen in protocol.SETS.items() if chosen.in_mean] == [
        *("m1", "us_employment", "ett_h1", "ett_h2", "exchange_rate")
    ]


def test_sets_are_chosen_by_the_name_of_a_dataset():
    assert protocol.select(None) == protocol.select("time_series") == tuple(protocol.SETS)
    assert protocol.select("time_series/m1_monthly") == ("m1_monthly",)
    with pytest.raises(InputError, match="time_series/m4_hourly: no test set of forecasters: choose time_series"):
        protocol.select("time_series/m4_hourly")


def run(*arguments):
    return CliRunner().invoke(main, ["evaluate", *arguments])


def test_the_command_prints_scores_beside_published_figures(small):
    result = run("seasonal_naive", "--dataset", "time_series/exchange_rate", "--against", "theta")
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "exchange_rate (4 series)" in text and "theta" in text and "chronos-bolt-tiny" in text
    assert "published: https://github.com/amazon-science/chronos-forecasting" in text
    result = run("seasonal_naive", "--dataset", "time_series/us_employment")
    assert "us_employment: 2 values are missing and not scored" in result.output


def test_the_command_writes_json(small):
    result = run("seasonal_naive", "--dataset", "time_series/m1_yearly", "--json")
    found = json.loads(result.stdout)
    (score,) = found["sets"]
    assert (found["model"], score["set"], score["series"]) == ("seasonal_naive", "m1_yearly", 4)
    assert score["published"][0]["values"] == {"mase": 4.8943, "wql": 0.2093}
    assert score["relative"]["mase"] == {"value": 1, "low": 1, "high": 1}


def test_a_dataset_is_scored_on_more_windows_than_its_test_part(small):
    options = ("--dataset", "time_series/exchange_rate", "--horizon", "30", "--windows", "2")
    result = json.loads(run("seasonal_naive", *options, "--json").stdout)
    assert (result["data"], result["series"], result["windows"]) == ("time_series/exchange_rate", 4, 8)
    # Two windows of 30 steps after 20: each has the last week of its history as its forecast.
    errors = []
    for one in small["time_series/exchange_rate"]:
        values = np.concatenate([one.values, one.test])
        errors += [values[s : s + 30] - np.resize(values[s - 5 : s], 30) for s in (20, 50)]
    assert result["scores"][0]["values"]["mae"]["value"] == pytest.approx(np.abs(errors).mean())
    report = zoo.evaluate("seasonal_naive", "time_series/exchange_rate", horizon=30, windows=2)
    assert report.values["mae"].value == pytest.approx(np.abs(errors).mean())


@pytest.mark.parametrize(
    "options, message",
    [
        (("--dataset", "snips", "--horizon", "5"), "snips: has no series to forecast: choose one of time_series/"),
        (("--dataset", "time_series/m1", "--horizon", "5", "--time", "day"), "--time: has no meaning with --dataset"),
        (("--dataset", "snips"), "snips: no test set of forecasters: choose time_series for all, or one of"),
        (("--limit", "5"), "--limit: has no meaning on test sets of forecasters: omit it"),
        (("--against", "gru_small.cmudict"), "gru_small.cmudict: is a model of sequence_to_sequence"),
    ],
)
def test_wrong_requests_are_refused_in_a_line(options, message):
    result = run("seasonal_naive", *options)
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output
