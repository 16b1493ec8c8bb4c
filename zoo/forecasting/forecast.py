"""Forecasts of a table or of arrays, as a table."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data import frequency
from zoo.data.columns import Columns
from zoo.data.forecast_series import Series
from zoo.data.time_tables import date_text, read_series
from zoo.errors import InputError
from zoo.forecasting import forecasters
from zoo.metrics.forecasting import QUANTILES

if TYPE_CHECKING:
    import pandas

    from zoo.pipeline import Pipeline


def forecast(
    model: "Pipeline | str | os.PathLike",
    data: Any,
    *,
    horizon: int,
    series: str = "",
    time: str = "",
    target: str = "",
    period: int | None = None,
    time_format: str = "",
    header: bool = True,
    dialect: str = "",
    on_message: Callable[[str], None] = lambda line: None,
    on_step: Callable[[int], None] = lambda count: None,
) -> "pandas.DataFrame":
    """Forecast what follows one series or many, without training.

    Args:
        model: A pipeline, a name for ``zoo.load`` (``zoo.list_models("*.forecasting")``), or ``"seasonal_naive"``,
            ``"theta"`` or ``"ets"``.
        data: A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file or a DataFrame with a row per step; or an array, a
            list of arrays or a pandas Series.
        horizon: Number of steps, 1 to 10,000.
        series: Column of a table with the name of the series, if it has several.
        time: Column with dates or numbers of steps. Without it, rows are steps in their order.
        target: Column with the numbers.
        period: Steps of a season. By default the dates suggest it, for example 12 for months, or the values do.
        time_format: Format of the dates for ``datetime.strptime``, if they can be read in two ways.
        header: Whether the first row of a ``.csv`` or ``.tsv`` names its columns.
        dialect: Format of a ``.csv`` or ``.tsv``: ``"auto"`` to detect it, or for example ``"separator=; decimal=,"``.
        on_message: Called with notes on the data, for example the number of missing steps.
        on_step: Called with the number of finished series.

    Returns:
        A row per series and step, with the columns ``series``, ``time`` (or ``step`` where there are no dates), and one
        per quantile, ``"0.1"`` to ``"0.9"``. The median, ``"0.5"``, is the point forecast. Without any column of time,
        ``step`` counts from 1.

    Raises:
        InputError: The data cannot be read, or can be read in two ways; or pandas is not installed.

    Example:
        >>> import numpy as np, zoo
        >>> sales = 100 + 10 * np.sin(np.arange(60) * 2 * np.pi / 12)
        >>> zoo.forecast("seasonal_naive", sales, horizon=3, period=12)["0.5"].round(6).tolist()
        [100.0, 105.0, 108.660254]
    """
    try:
        import pandas
    except ImportError:
        raise InputError("zoo.forecast returns a DataFrame: pip install 'seqzoo[parquet]' for pandas") from None
    forecasters.check_horizon(horizon)
    columns = Columns(target=target, series=series, time=time, header=header, dialect=dialect)
    result, notes = read_series(data, columns, time_format, period)
    for line in notes:
        on_message(line)
    _, forecaster = forecasters.find(model, on_step, on_message)
    outputs = forecasters.run(forecaster, result, horizon)
    names = np.repeat(np.array([one.name for one in result], object), horizon)
    times = np.concatenate([steps_ahead(one, horizon) for one in result])
    quantiles = np.concatenate(outputs)
    return pandas.DataFrame(
        {"series": names, time_column(result): times, **{str(q): quantiles[:, i] for i, q in enumerate(QUANTILES)}}
    )


def time_column(series: Sequence[Series]) -> str:
    """Returns the name of the column with the time of a forecast: ``"time"`` for dates, ``"step"`` for numbers."""
    times = series[0].times
    return "step" if times is None or times.dtype.kind == "i" else "time"


def steps_ahead(series: Series, horizon: int) -> np.ndarray:
    """Returns the dates of the next steps, or their numbers; without any time they count from 1."""
    if series.times is None or series.frequency is None:
        return np.arange(1, horizon + 1)
    try:
        return frequency.named(series.frequency).after(series.times, horizon)
    except (OverflowError, ValueError):
        raise InputError(f"{series.location}: the dates ahead are too late: give a smaller horizon") from None


def rows(series: Sequence[Series], outputs: Sequence[np.ndarray]) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``forecast`` as plain values, with dates as texts."""
    column = time_column(series)
    for one, quantiles in zip(series, outputs, strict=True):
        for time, values in zip(steps_ahead(one, len(quantiles)), quantiles, strict=True):
            moment = date_text(time) if column == "time" else int(time)
            numbers = {str(q): float(f"{value:.9g}") for q, value in zip(QUANTILES, values, strict=True)}
            yield {"series": one.name, column: moment, **numbers}
