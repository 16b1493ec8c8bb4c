"""Compare forecasters on the last windows of a user's series, as they are and with a budget fine-tuned too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.data.columns import Columns
from zoo.data.time_tables import read_series
from zoo.fitting.callbacks import Callbacks
from zoo.fitting.forecast_tuning import fine_tune_forecaster
from zoo.fitting.row import Row, median_time
from zoo.forecasting import forecasters, rolling
from zoo.loading import load
from zoo.metrics.intervals import Counts, difference
from zoo.pipeline import Pipeline


def compare_forecasters(
    data: Any,
    models: Sequence[str],
    columns: Columns,
    horizon: int,
    windows: int,
    period: int | None,
    time_format: str,
    training_config: Mapping[str, Any],
    folders: Mapping[str, Path],
    callbacks: Callbacks,
) -> list[Row]:
    """Returns a row per forecaster, the one with the lowest weighted quantile loss first.

    Args:
        data: The series, as for ``zoo.forecast``.
        models: Names of forecasters.
        columns: Columns of a table.
        horizon: Steps of a window.
        windows: Windows per series.
        period: Steps of a season.
        time_format: Format of the dates.
        training_config: Fields of the training config; none to leave the models as they are.
        folders: Folder for the fine-tuned checkpoint of a model, by name.
        callbacks: Functions to call.

    Raises:
        InputError: The data cannot be read, or a name is no forecaster.
    """
    forecasters.check_horizon(horizon)
    series, notes = read_series(data, columns, time_format, period)
    rolled = rolling.rolling_windows(series, horizon, windows, callbacks.on_message)
    for note in notes:
        callbacks.on_message(note)
    rows: list[tuple[Counts, Row]] = []

    def add(name: str, model: Any, epochs: int, seconds: float) -> None:
        score, *_ = rolling.score([model], rolled, on_message=callbacks.on_message)
        forecaster = forecasters.find(model)[1]
        one = rolled[0].series
        latency = median_time(lambda _: forecasters.run(forecaster, [one], horizon), [None])
        values = {**score.values, **{f"relative_{key}": value for key, value in score.relative.items()}}
        parameters = model.model.count_params() if isinstance(model, Pipeline) else 0
        counts = rolling.window_counts(rolled, score.outputs)["wql"]
        rows.append((counts, Row(name, values, parameters, epochs, seconds, latency, None)))

    for name in models:
        callbacks.on_message(f"{name}:")
        if name in forecasters.BASELINES:
            add(name, name, 0, 0.0)
            continue
        base = load(name)
        add(name, base, 0, 0.0)
        if training_config:
            tuned = fine_tune_forecaster(
                base,
                data,
                horizon=horizon,
                target=columns.target,
                series=columns.series,
                time=columns.time,
                period=period,
                time_format=time_format,
                header=columns.header,
                dialect=columns.dialect,
                windows=windows,
                training_config=training_config,
                output=folders.get(name),
                callbacks=callbacks,
            ).pipeline
            assert tuned.document is not None
            training = tuned.document["training"]
            add(f"{name}, fine-tuned", tuned, len(training["curve"]), training["seconds"])
    rows.sort(key=lambda row: row[1].values["wql"].value)
    (best, first), *others = rows
    return [first, *(Row(**{**vars(row), "difference": difference(counts, best)}) for counts, row in others)]
