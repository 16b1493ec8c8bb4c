"""Scores of forecasters on the last windows of a user's series."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.data.forecast_series import Series
from zoo.errors import InputError
from zoo.forecasting import forecasters
from zoo.metrics.forecasting import forecast_counts, forecast_metrics, relative, seasonal_scale
from zoo.metrics.intervals import Counts, Interval

MAX_WINDOWS = 1_000
REFERENCE = "seasonal_naive"
"""Forecaster to which scores are compared."""


@dataclasses.dataclass(frozen=True)
class Window:
    """A history and what followed it.

    Attributes:
        series: The history.
        actual: The values that followed, ``(horizon,)``, NaN where missing.
        index: Number of the series.
    """

    series: Series
    actual: np.ndarray
    index: int


@dataclasses.dataclass(frozen=True)
class Score:
    """Scores of one forecaster over all windows.

    Attributes:
        model: Name of the forecaster.
        values: Metrics by the names of ``zoo.metrics.forecasting.METRICS``, with 95 % intervals by a bootstrap over
            series.
        relative: MASE and weighted quantile loss divided by those of seasonal naive, with paired intervals; without
            those that do not exist, because seasonal naive has no error. Empty for seasonal naive.
        coverage_by_step: Share of values inside the 80 % band per step ahead, ``(horizon,)``; NaN without values.
        seconds: Time of all forecasts.
        outputs: Quantiles of each window, ``(horizon, 9)``.
    """

    model: str
    values: dict[str, Interval]
    relative: dict[str, Interval]
    coverage_by_step: list[float]
    seconds: float
    outputs: list[np.ndarray]

    def to_json(self) -> dict[str, Any]:
        """Returns the scores as JSON values, without the forecasts."""
        return {
            "model": self.model,
            "values": {name: dataclasses.asdict(value) for name, value in self.values.items()},
            "relative": {name: dataclasses.asdict(value) for name, value in self.relative.items()},
            "coverage_by_step": [None if np.isnan(share) else round(share, 4) for share in self.coverage_by_step],
            "seconds": round(self.seconds, 3),
        }


def rolling_windows(
    series: Sequence[Series], horizon: int, windows: int, on_message: Callable[[str], None] = lambda line: None
) -> list[Window]:
    """Returns the last windows of each series, without overlap; the last one ends where the series ends.

    A series too short for all windows has fewer: a history has at least as many steps as the horizon, or two seasons.

    Args:
        series: The series.
        horizon: Steps of a window.
        windows: Number of windows per series.
        on_message: Called with notes.

    Raises:
        InputError: No series is long enough.
    """
    forecasters.check_horizon(horizon)
    if not 1 <= windows <= MAX_WINDOWS:
        raise InputError(f"windows {windows}: give 1 to {MAX_WINDOWS:,}")
    result, short = [], 0
    for index, one in enumerate(series):
        least = max(2, min(horizon, 2 * (one.period or horizon)))
        count = min(windows, (len(one.values) - least) // horizon)
        short += count < windows
        for ahead in range(count, 0, -1):
            end = len(one.values) - ahead * horizon
            history, actual = one.values[:end], one.values[end : end + horizon]
            if np.isnan(history).all() or np.isnan(actual).all():
                continue
            times = None if one.times is None else one.times[:end]
            result.append(Window(dataclasses.replace(one, values=history, times=times), actual, index))
    if not result:
        longest = max(len(one.values) for one in series)
        raise InputError(
            f"the longest series has {longest:,} steps, too few for a window of {horizon:,} after a history: give a"
            " smaller horizon"
        )
    if short:
        on_message(f"{short:,} of {len(series):,} series are too short for {windows:,} windows and have fewer, or none")
    return result


def score(
    models: Sequence[Any],
    windows: Sequence[Window],
    on_start: Callable[[str], Callable[[int], None]] = lambda name: lambda count: None,
    on_message: Callable[[str], None] = lambda line: None,
) -> list[Score]:
    """Returns the scores of forecasters on the same windows; those of seasonal naive come last if not asked for.

    Args:
        models: Arguments of ``zoo.forecasting.forecasters.find``; or pairs of a name and a function.
        windows: Result of ``rolling_windows``.
        on_start: Called with the name of each model; returns the function to call with finished windows.
        on_message: Called with notes on the forecasts.
    """
    asked = [model for model in models if isinstance(model, str)]
    results = []
    for model in [*models, *([] if REFERENCE in asked else [REFERENCE])]:
        on_step = on_start(model if isinstance(model, str) else "")
        name, forecaster = model if isinstance(model, tuple) else forecasters.find(model, on_step, on_message)
        started = time.monotonic()
        outputs = forecasters.run(forecaster, [window.series for window in windows], len(windows[0].actual))
        seconds = time.monotonic() - started
        results.append((name, outputs, window_counts(windows, outputs), seconds))
    reference = next(counts for name, _, counts, _ in results if name == REFERENCE)
    return [
        Score(
            name,
            forecast_metrics(counts),
            {} if name == REFERENCE else _relative(counts, reference),
            coverage_by_step(windows, outputs),
            seconds,
            outputs,
        )
        for name, outputs, counts, seconds in results
    ]


def window_counts(windows: Sequence[Window], outputs: Sequence[np.ndarray]) -> dict[str, Counts]:
    """Returns numerators and denominators of the metrics per series."""
    scales = [seasonal_scale(window.series.values, window.series.period) for window in windows]
    return forecast_counts([window.actual for window in windows], outputs, scales, [window.index for window in windows])


def _relative(counts: dict[str, Counts], reference: dict[str, Counts]) -> dict[str, Interval]:
    result = {}
    for name in ("mase", "wql"):
        with contextlib.suppress(InputError):  # seasonal naive has no error
            result[name] = relative(counts[name], reference[name])
    return result


def coverage_by_step(windows: Sequence[Window], outputs: Sequence[np.ndarray]) -> list[float]:
    """Returns the share of values inside the 80 % band per step ahead, NaN where there is no value."""
    actual, quantiles = np.stack([window.actual for window in windows]), np.stack(outputs)
    known = ~np.isnan(actual)
    inside = known & (actual >= quantiles[..., 0]) & (actual <= quantiles[..., -1])
    counts = known.sum(axis=0)
    return np.where(counts > 0, inside.sum(axis=0) / np.maximum(counts, 1), np.nan).tolist()
