"""Scores of a forecaster as those of other models: on the last windows of a user's series, or on a test set."""

from collections.abc import Callable
from typing import Any

from zoo import datasets
from zoo.data import read
from zoo.data.columns import Columns
from zoo.data.time_tables import read_series
from zoo.errors import InputError
from zoo.evaluation.report import Report
from zoo.forecasting import forecasters, protocol, rolling
from zoo.metrics.intervals import Interval
from zoo.pipeline import Pipeline


def evaluate_forecaster(
    model: Pipeline | str,
    data: Any,
    columns: Columns,
    horizon: int | None,
    windows: int,
    period: int | None,
    time_format: str,
    on_start: Callable[[int], None],
    on_step: Callable[[int], None],
    on_message: Callable[[str], None],
) -> Report:
    """Returns the scores of a forecaster; the arguments are those of ``zoo.evaluate``.

    Raises:
        InputError: There is no such test set, the data cannot be read, or the horizon is missing.
    """
    if horizon is None:
        if not isinstance(data, str) or not data.startswith("time_series"):
            raise InputError("horizon: missing: a forecaster is measured on windows of so many steps: give it")
        return _on_test_set(model, data, on_start, on_step)
    forecasters.check_horizon(horizon)
    if isinstance(data, str) and data in datasets.DATASETS:
        series = protocol.whole_series(data)
    else:
        series, notes = read_series(data, columns, time_format, period)
        for note in notes:
            on_message(note)
    rolled = rolling.rolling_windows(series, horizon, windows, on_message)
    on_start(len(rolled))
    score, *_ = rolling.score(
        [model], rolled, lambda name: on_step if name != rolling.REFERENCE else _ignore, on_message
    )
    return Report(
        read.named(data),
        f"last {windows} x {horizon} steps",
        len(rolled),
        {"horizon": horizon},
        {**score.values, **_relative(score.relative)},
        [window.series.values for window in rolled],
        score.outputs,
        [window.actual for window in rolled],
        [window.series.location for window in rolled],
    )


def _ignore(count: int) -> None:
    pass


def _on_test_set(model: Pipeline | str, data: str, on_start: Callable, on_step: Callable) -> Report:
    sets = protocol.select(data)
    if len(sets) > 1:
        raise InputError(
            f"{data}: {len(sets)} test sets: choose one of {', '.join(sets)}, such as time_series/{sets[0]}"
        )
    label, forecaster = forecasters.find(model)
    (score,) = protocol.benchmark(label, forecaster, sets, on_start, on_step).sets
    values = {**score.values, **_relative(score.relative)}
    return Report(data, "test", score.windows, {}, values, [], [], [], [])


def _relative(values: dict[str, Interval]) -> dict[str, Interval]:
    return {f"relative_{name}": value for name, value in values.items()}
