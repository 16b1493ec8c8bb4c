"""Scores of forecasters on the last windows of a user's series."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.data.forecast_series import Series
from zoo.errors import InputError
from zoo.forecasting import forecasters
from zoo.forecasting.forecasters import Forecaster
from zoo.metrics.forecasting import QUANTILES
from zoo.metrics.intervals import Counts, Interval, difference, mean_per_step

MAX_WINDOWS = 1_000
REFERENCE = "seasonal_naive"
"""Forecaster to which scores are compared."""
_LEVELS = np.array(QUANTILES)


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
        values: ``mase``, the mean absolute scaled error of the median; ``wql``, the weighted quantile loss; and
            ``coverage``, the share of values inside the 80 % band. With 95 % intervals by a bootstrap over series.
        coverage_by_step: Share of values inside the 80 % band per step ahead, ``(horizon,)``.
        difference: Weighted quantile loss minus that of seasonal naive, with a paired interval; ``None`` for itself.
        seconds: Time of all forecasts.
        outputs: Quantiles of each window, ``(horizon, 9)``.
    """

    model: str
    values: dict[str, Interval]
    coverage_by_step: list[float]
    difference: Interval | None
    seconds: float
    outputs: list[np.ndarray]

    def to_json(self) -> dict[str, Any]:
        """Returns the scores as JSON values, without the forecasts."""
        return {
            "model": self.model,
            "values": {name: dataclasses.asdict(value) for name, value in self.values.items()},
            "coverage_by_step": [None if np.isnan(share) else round(share, 4) for share in self.coverage_by_step],
            "difference": None if self.difference is None else dataclasses.asdict(self.difference),
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
    found, short = [], 0
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
            found.append(Window(dataclasses.replace(one, values=history, times=times), actual, index))
    if not found:
        longest = max(len(one.values) for one in series)
        raise InputError(
            f"the longest series has {longest:,} steps, too few for a window of {horizon:,} after a history: give a"
            " smaller horizon"
        )
    if short:
        on_message(f"{short:,} of {len(series):,} series are too short for {windows:,} windows and have fewer, or none")
    return found


def score(
    models: Sequence[Any],
    windows: Sequence[Window],
    on_start: Callable[[str], Callable[[int], None]] = lambda name: lambda count: None,
) -> list[Score]:
    """Returns the scores of forecasters on the same windows; those of seasonal naive come last if not asked for.

    Args:
        models: Arguments of ``zoo.forecasting.forecasters.find``; or pairs of a name and a function.
        windows: Result of ``rolling_windows``.
        on_start: Called with the name of each model; returns the function to call with finished windows.
    """
    names = [model for model in models if isinstance(model, str)]
    wanted = [*models, *([] if REFERENCE in names else [REFERENCE])]
    results = []
    for model in wanted:
        on_step = on_start(model if isinstance(model, str) else "")
        name, forecaster = model if isinstance(model, tuple) else forecasters.find(model, on_step)
        started = time.monotonic()
        outputs = _outputs(forecaster, windows)
        results.append((name, outputs, time.monotonic() - started))
    reference = next(_counts(windows, outputs)["wql"] for name, outputs, _ in results if name == REFERENCE)
    return [_score(name, outputs, seconds, windows, reference) for name, outputs, seconds in results]


def _outputs(forecaster: Forecaster, windows: Sequence[Window]) -> list[np.ndarray]:
    horizon = len(windows[0].actual)
    return forecasters.run(forecaster, [window.series for window in windows], horizon)


def _score(name: str, outputs: list[np.ndarray], seconds: float, windows: Sequence[Window], reference: Counts) -> Score:
    counts = _counts(windows, outputs)
    values = {key: mean_per_step(part.numerator, part.denominator) for key, part in counts.items()}
    covered = np.array([_inside(*pair) for pair in zip(windows, outputs, strict=True)])  # (windows, 2, horizon)
    inside, known = covered.sum(axis=0)
    shares = np.where(known > 0, inside / np.maximum(known, 1), np.nan)
    less = None if name == REFERENCE else difference(counts["wql"], reference)
    return Score(name, values, shares.tolist(), less, seconds, outputs)


def _counts(windows: Sequence[Window], outputs: Sequence[np.ndarray]) -> dict[str, Counts]:
    """Returns numerators and denominators per series."""
    size = max(window.index for window in windows) + 1
    sums = {name: np.zeros((2, size)) for name in ("mase", "wql", "coverage")}
    for window, quantiles in zip(windows, outputs, strict=True):
        actual, row = window.actual, window.index
        known = ~np.isnan(actual)
        scale = naive_error(window.series.values, window.series.period or 1)
        if scale > 0:
            error = np.abs(actual - quantiles[:, QUANTILES.index(0.5)])[known].mean()
            sums["mase"][:, row] += error / scale, 1
        losses = actual[:, None] - quantiles
        pinball = np.maximum(_LEVELS * losses, (_LEVELS - 1) * losses)[known]
        sums["wql"][:, row] += 2 * pinball.mean(axis=1).sum(), np.abs(actual[known]).sum()
        inside, counted = _inside(window, quantiles)
        sums["coverage"][:, row] += inside.sum(), counted.sum()
    used = {name: part[:, part[1] > 0] for name, part in sums.items()}
    return {name: Counts(name, part[0], part[1]) for name, part in used.items() if part.size}


def _inside(window: Window, quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns which values are inside the 80 % band, and which are known, ``(horizon,)`` each."""
    known = ~np.isnan(window.actual)
    low, high = quantiles[:, 0], quantiles[:, -1]
    return known & (window.actual >= low) & (window.actual <= high), known


def naive_error(values: np.ndarray, period: int) -> float:
    """Returns the mean absolute difference to the value one season before; to the last value if there is no season."""
    lag = period if len(values) > period else 1
    differences = np.abs(values[lag:] - values[:-lag])
    return float(np.nanmean(differences)) if len(differences) and not np.isnan(differences).all() else 0.0
