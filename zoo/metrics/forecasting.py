"""Metrics of forecasts: scaled errors, quantile losses and coverage, alone and relative to a simple method.

Definitions are those of GIFT-Eval (Aksu et al. 2024, arXiv 2410.10393) and fev (Shchur et al. 2025, arXiv 2509.26468).
"""

from collections.abc import Callable, Sequence

import numpy as np

from zoo.errors import InputError
from zoo.metrics.intervals import Counts, Interval, mean_per_step

QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Quantiles of a forecast, in the order of its last axis."""

MEDIAN = QUANTILES.index(0.5)
"""Index of the point forecast."""

METRICS = {
    "mase": "mean absolute error, divided by the mean absolute seasonal difference of the history",
    "wql": "weighted quantile loss: twice the pinball loss, divided by the sum of absolute values",
    "coverage": "share of values between the quantiles 0.1 and 0.9; 80 % is right",
    "mae": "mean absolute error of the median",
    "mse": "mean squared error of the median",
}
"""Metrics of forecasts, with their meaning."""

_RESAMPLES = 1_000
_EPSILON = 1e-300  # lower bound of a divisor


def seasonal_scale(history: np.ndarray, period: int | None) -> float:
    """Returns the mean absolute difference of values one season apart, the divisor of the MASE.

    Missing values are left out. A history that is not longer than a season has differences of neighbours instead.

    Args:
        history: ``(time,)``; NaN marks a missing value.
        period: Steps of a season; ``None`` is 1.

    Returns:
        The scale; NaN if it is zero or no two values can be compared, because then no scaled error exists.

    Example:
        >>> import numpy as np
        >>> seasonal_scale(np.array([1.0, 5.0, 2.0, 7.0]), 2)
        1.5
    """
    lag = period or 1
    lag = lag if lag < len(history) else 1
    differences = np.abs(history[lag:] - history[:-lag])
    differences = differences[np.isfinite(differences)]
    scale = float(differences.mean()) if len(differences) else 0.0
    return scale if scale > 0 else float("nan")


def forecast_counts(
    actuals: Sequence[np.ndarray],
    forecasts: Sequence[np.ndarray],
    scales: Sequence[float],
    groups: Sequence[int] | None = None,
) -> dict[str, Counts]:
    """Score forecasts, series by series.

    Args:
        actuals: The true values of each window, ``(horizon,)``; NaN marks a missing value, which is not scored.
        forecasts: The quantiles of each window, ``(horizon, 9)``.
        scales: ``seasonal_scale`` of the history of each window; NaN leaves the window out of the MASE.
        groups: Number of the series of each window, from 0. By default each window is a series.

    Returns:
        Numerators and denominators per series, by the names of ``METRICS``. A MASE is the mean over series, each the
        mean over its windows and steps; the others are sums over all steps.

    Raises:
        InputError: A forecast has another shape than its window, or is not finite.

    Example:
        >>> import numpy as np
        >>> counts = forecast_counts([np.array([2.0, 4.0])], [np.full((2, 9), 3.0)], [0.5])
        >>> counts["mase"].numerator, counts["mae"].denominator
        (array([2.]), array([2.]))
    """
    index = np.arange(len(actuals)) if groups is None else np.asarray(groups)
    rows = {name: np.zeros((len(actuals), 2)) for name in METRICS}
    for i, (actual, forecast, scale) in enumerate(zip(actuals, forecasts, scales, strict=True)):
        if forecast.shape != (len(actual), len(QUANTILES)) or not np.isfinite(forecast).all():
            raise InputError(
                f"window {i + 1}: a forecast of shape {forecast.shape} for {len(actual)} steps: give finite numbers of"
                f" shape ({len(actual)}, {len(QUANTILES)})"
            )
        known = np.isfinite(actual)
        true, quantiles = actual[known], forecast[known]
        above = true[:, None] - quantiles  # (steps, 9)
        pinball = np.maximum(np.multiply(QUANTILES, above), np.subtract(QUANTILES, 1) * above)
        error = above[:, MEDIAN]
        inside = (above[:, 0] >= 0) & (above[:, -1] <= 0)
        steps = len(true)
        rows["wql"][i] = 2 * pinball.mean(axis=1).sum(), np.abs(true).sum()
        rows["coverage"][i] = inside.sum(), steps
        rows["mae"][i] = np.abs(error).sum(), steps
        rows["mse"][i] = (error**2).sum(), steps
        if np.isfinite(scale):
            rows["mase"][i] = np.abs(error).sum() / scale, steps
    size = int(index.max()) + 1 if len(index) else 0
    summed = {}
    for name, values in rows.items():
        numerator, denominator = (np.bincount(index, values[:, i], size) for i in (0, 1))
        if name == "mase":  # every series counts once
            numerator, denominator = numerator / np.maximum(denominator, 1), (denominator > 0).astype(float)
        summed[name] = Counts(name, numerator, denominator)
    return summed


def missing_steps(actuals: Sequence[np.ndarray]) -> int:
    """Returns the number of values that are not scored because they are missing.

    Example:
        >>> import numpy as np
        >>> missing_steps([np.array([1.0, np.nan]), np.array([2.0])])
        1
    """
    return sum(int((~np.isfinite(actual)).sum()) for actual in actuals)


def joined(parts: Sequence[dict[str, Counts]]) -> dict[str, Counts]:
    """Returns the counts of several sets as those of one.

    Example:
        >>> import numpy as np
        >>> part = forecast_counts([np.array([2.0, 4.0])], [np.full((2, 9), 3.0)], [0.5])
        >>> joined([part, part])["mae"].denominator
        array([2., 2.])
    """
    return {
        name: Counts(
            name,
            np.concatenate([part[name].numerator for part in parts]),
            np.concatenate([part[name].denominator for part in parts]),
        )
        for name in parts[0]
    }


def forecast_metrics(counts: dict[str, Counts]) -> dict[str, Interval]:
    """Returns each metric with its bootstrap interval over series; metrics without any value are left out.

    Example:
        >>> import numpy as np
        >>> counts = forecast_counts([np.array([2.0, 4.0])], [np.full((2, 9), 3.0)], [float("nan")])
        >>> {name: metric.value for name, metric in forecast_metrics(counts).items()}
        {'wql': 0.3333333333333333, 'coverage': 0.0, 'mae': 1.0, 'mse': 1.0}
    """
    return {
        name: mean_per_step(count.numerator, count.denominator)
        for name, count in counts.items()
        if count.denominator.sum() > 0
    }


def relative(ours: Counts, others: Counts) -> Interval:
    """Returns our metric divided by that of another method on the same series, with its paired interval.

    Example:
        >>> import numpy as np
        >>> ones = np.ones(3)
        >>> relative(Counts("mae", np.array([1.0, 2.0, 3.0]), ones), Counts("mae", np.full(3, 4.0), ones)).value
        0.5
    """
    return geometric_mean([(ours, others)])


def geometric_mean(pairs: Sequence[tuple[Counts, Counts]]) -> Interval:
    """Returns the geometric mean over sets of our metric divided by that of another method.

    The interval is a percentile bootstrap with 1,000 resamples: each draws sets, and series in every drawn set. Both
    methods have the same draws. With one set only its series are drawn.

    Args:
        pairs: Counts of our method and of the other one, per set.

    Raises:
        InputError: A set has no value of the metric, or the other method has no error there.

    Example:
        >>> import numpy as np
        >>> one = np.ones(1)
        >>> half, double = Counts("mae", one, one), Counts("mae", 2 * one, one)
        >>> geometric_mean([(half, double), (double, half), (half, half)]).value
        1.0
    """
    generator = np.random.default_rng(0)
    logs = [_log_ratio(*pair) for pair in pairs]
    values = np.array([float(log(np.ones((1, size)))[0]) for log, size in logs])
    drawn = np.zeros((_RESAMPLES, len(logs)))
    for place in range(len(logs)):  # each drawn set has its own draws of series
        chosen = generator.integers(len(logs), size=_RESAMPLES)
        for i, (log, size) in enumerate(logs):
            rows = np.flatnonzero(chosen == i)
            drawn[rows, place] = log(generator.multinomial(size, np.full(size, 1 / size), len(rows)))
    low, high = np.percentile(np.exp(drawn.mean(axis=1)), [2.5, 97.5])
    return Interval(float(np.exp(values.mean())), float(low), float(high))


def _log_ratio(ours: Counts, others: Counts) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """Returns a function from weights of the series ``(resamples, series)`` to log ratios, and the number of series.

    Raises:
        InputError: No series has both values, or the errors of the others are zero.
    """
    used = (ours.denominator > 0) & (others.denominator > 0)
    if not others.numerator[used].sum() > 0:
        raise InputError(f"{ours.name}: the method to compare with has no error: nothing is relative to it")
    sums = [part[used] for part in (ours.numerator, ours.denominator, others.numerator, others.denominator)]

    def log(weights: np.ndarray) -> np.ndarray:
        numerator, denominator, other_numerator, other_denominator = (
            np.maximum(weights @ part, _EPSILON) for part in sums
        )
        return np.log(numerator / denominator) - np.log(other_numerator / other_denominator)

    return log, int(used.sum())
