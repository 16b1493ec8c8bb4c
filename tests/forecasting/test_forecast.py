"""``zoo.forecast``: the table that it returns."""

import sys

import numpy as np
import pandas as pd
import pytest
from forecasting_models import tiny_forecaster

import zoo
from zoo.data.columns import Columns
from zoo.data.time_tables import read_series
from zoo.errors import InputError
from zoo.forecasting import baselines, forecasters, rolling


@pytest.fixture(scope="module")
def pipeline():
    return tiny_forecaster()


def frame(freq: str = "MS") -> pd.DataFrame:
    dates = pd.date_range("2021-01-01", periods=40, freq=freq)
    parts = [
        pd.DataFrame({"shop": shop, "month": dates, "units": size * (1 + np.arange(40) % 12)})
        for shop, size in (("b", 1), ("a", 100))
    ]
    return pd.concat(parts)


def test_a_row_per_series_and_step(pipeline):
    result = zoo.forecast(pipeline, frame(), horizon=6, series="shop", time="month", target="units")
    assert list(result.columns) == ["series", "time", *(f"0.{i}" for i in range(1, 10))]
    assert result["series"].tolist() == ["b"] * 6 + ["a"] * 6
    expected = pd.date_range("2024-05-01", periods=6, freq="MS")
    assert result["time"].tolist() == [*expected, *expected]
    assert (np.diff(result.to_numpy()[:, 2:].astype(float), axis=1) >= 0).all()


def test_simple_methods_are_known_by_name_without_their_libraries():
    assert forecasters.BASELINES == baselines.NAMES


def test_a_name_and_a_pipeline_are_forecasters_alike():
    result = zoo.forecast("seasonal_naive", frame(), horizon=12, series="shop", time="month", target="units")
    assert result["0.5"].tolist()[:12] == [float(1 + (40 + i) % 12) for i in range(12)]


@pytest.mark.parametrize(
    ("data", "steps"),
    [
        (np.arange(30.0), [1, 2, 3]),
        ([np.arange(30.0), np.arange(20.0)], [1, 2, 3, 1, 2, 3]),
        (pd.DataFrame({"week": range(10, 70, 2), "units": range(30)}), [70, 72, 74]),
    ],
)
def test_without_dates_there_are_steps(pipeline, data, steps):
    columns = {"time": "week", "target": "units"} if isinstance(data, pd.DataFrame) else {}
    assert zoo.forecast(pipeline, data, horizon=3, **columns)["step"].tolist() == steps


def test_notes_and_progress_are_reported(pipeline):
    notes, counts = [], []
    data = frame().iloc[:50]
    zoo.forecast(
        pipeline,
        data.drop(data.index[[3]]),
        horizon=2,
        series="shop",
        time="month",
        target="units",
        on_message=notes.append,
        on_step=counts.append,
    )
    assert notes[0] == "steps without a row: 2, in 2 series; they are read as missing values"
    assert "end before the others" in notes[1] and sum(counts) == 2


def test_bad_arguments(pipeline, monkeypatch):
    for horizon in (0, 100_000, True, 2.5):
        with pytest.raises(InputError, match=f"horizon {horizon}: give 1 to 10,000 steps"):
            zoo.forecast(pipeline, [1, 2, 3], horizon=horizon)
    with pytest.raises(InputError, match="is a model of sequence_to_sequence, which does not forecast"):
        zoo.forecast("gru_small.cmudict", [1, 2, 3], horizon=1)
    with pytest.raises(InputError, match="has no columns: leave their names out"):
        zoo.forecast(pipeline, [1, 2, 3], horizon=1, target="units")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"pip install 'seqzoo\[parquet\]' for pandas"):
        zoo.forecast(pipeline, [1, 2, 3], horizon=1)


def test_other_functions_name_the_way_to_forecast(pipeline):
    with pytest.raises(InputError, match="horizon: missing: a forecaster is measured on windows"):
        zoo.evaluate(pipeline, frame(), series="shop", time="month", target="units")
    with pytest.raises(InputError, match="time_series: 10 test sets: choose one"):
        zoo.evaluate(pipeline, "time_series")
    with pytest.raises(InputError, match="horizon: sequence_to_sequence does not forecast"):
        zoo.evaluate("gru_small.cmudict", frame(), horizon=4)
    with pytest.raises(InputError, match="is a forecaster: give a horizon"):
        zoo.fine_tune(pipeline, frame(), series="shop", time="month", target="units")


def test_fine_tune_with_a_horizon_fine_tunes_a_forecaster(pipeline):
    mine = zoo.fine_tune(
        pipeline, frame(), series="shop", time="month", target="units", horizon=4, epochs=1, learning_rate=1e-4
    )
    recipe = mine.document["training"]["recipe"]
    assert (recipe["horizon"], recipe["training_config"]["epochs"]) == (4, 1)
    assert recipe["training_config"]["learning_rate"] == 1e-4
    assert mine.predict([np.arange(30.0)], horizon=4)[0].shape == (4, 9)
    with pytest.raises(InputError, match="does not forecast"):
        zoo.fine_tune("gru_small.cmudict", frame(), series="shop", time="month", target="units", horizon=4)


def noisy() -> pd.DataFrame:
    data = frame()
    return data.assign(units=data["units"] * (1 + 0.1 * np.random.default_rng(0).normal(size=len(data))))


def test_evaluate_scores_the_last_windows(pipeline):
    columns = {"series": "shop", "time": "month", "target": "units"}
    done = []
    report = zoo.evaluate(pipeline, noisy(), **columns, horizon=4, windows=2, on_step=done.append)
    series, _ = read_series(noisy(), Columns(**columns))
    windows = rolling.rolling_windows(series, 4, 2)
    expected, *_ = rolling.score([pipeline], windows)
    assert report.values["mase"] == expected.values["mase"]
    assert report.values["relative_wql"] == expected.relative["wql"]
    assert (report.size, sum(done), report.split) == (len(windows), len(windows), "last 2 x 4 steps")
    np.testing.assert_array_equal(report.references[1], windows[1].actual)
    simple = zoo.evaluate("seasonal_naive", noisy(), **columns, horizon=4, windows=2)
    assert simple.values["mase"].value > 0 and "relative_wql" not in simple.values


def test_compare_ranks_forecasters_and_fine_tunes_them(pipeline, tmp_path):
    pipeline.save(tmp_path / "tiny")
    columns = {"series": "shop", "time": "month", "target": "units"}
    models = [str(tmp_path / "tiny"), "seasonal_naive"]
    rows = zoo.compare(noisy(), models, **columns, horizon=4)
    assert {row.model for row in rows} == set(models)
    losses = [row.values["wql"].value for row in rows]
    assert losses == sorted(losses) and rows[0].difference is None
    assert rows[1].difference.value == pytest.approx(losses[1] - losses[0])
    tuned = zoo.compare(noisy(), models[:1], **columns, horizon=4, epochs=1, output=tmp_path / "out")
    assert {row.epochs for row in tuned} == {0, 1} and (tmp_path / "out" / "tiny" / "record.json").exists()
    with pytest.raises(InputError, match="does not forecast"):
        zoo.compare(noisy(), ["gru_small.cmudict"], **columns, horizon=4)
