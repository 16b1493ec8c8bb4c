"""Simple methods that need no training, to compare forecasters with: seasonal naive, theta and ETS."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from zoo.errors import InputError
from zoo.metrics.forecasting import MEDIAN, QUANTILES
from zoo.preprocessing.periods import infer_period

LIBRARY = {"theta": "AutoTheta", "ets": "AutoETS"}
"""Classes of ``statsforecast.models`` by the names of the methods."""

NAMES = ("seasonal_naive", *LIBRARY)
"""Names of all methods."""

CONTEXT = 1_024
"""Number of last values that theta and ETS read, as many as the models do; their time grows faster than the length."""

_LEVELS = [20, 40, 60, 80]
"""Central intervals whose bounds are the quantiles, in percent."""


def forecast(
    name: str,
    values: Sequence[np.ndarray],
    horizon: int,
    periods: Sequence[int | None],
    on_message: Callable[[str], None] = lambda line: None,
    on_step: Callable[[int], None] = lambda count: None,
) -> list[np.ndarray]:
    """Forecast series one by one with a simple method.

    Theta (Fiorucci et al. 2016) and ETS (Hyndman et al. 2002) are fitted by statsforecast, which chooses their form.
    They read missing values as interpolated ones. A series that they cannot fit has the forecast of seasonal naive.

    Args:
        name: One of ``NAMES``.
        values: Series, ``(time,)``; NaN marks a missing value.
        horizon: Number of steps ahead.
        periods: Steps of a season per series; ``None`` infers it from the values.
        on_message: Called with a note if series had the forecast of seasonal naive or interpolated values.
        on_step: Called with the number of finished series.

    Returns:
        Quantiles per series, ``(horizon, 9)``, ascending along the last axis.

    Raises:
        InputError: There is no such method, statsforecast is not installed, or a series has no value.

    Example:
        >>> import numpy as np
        >>> (quantiles,) = forecast("seasonal_naive", [np.array([1.0, 2.0, 3.0, 2.0, 3.0, 4.0])], 2, [3])
        >>> quantiles[:, 4]
        array([2., 3.])
    """
    if name not in NAMES:
        raise InputError(f"{name}: no such method: choose one of {', '.join(NAMES)}")
    library = _library(name) if name in LIBRARY else None
    results, replaced, reasons, interpolated = [], 0, [], 0
    for i, (series, given) in enumerate(zip(values, periods, strict=True)):
        known = np.isfinite(series)
        if not known.any():
            raise InputError(f"series {i + 1}: has no value: leave it out")
        series = np.asarray(series[known.argmax() :], np.float64)
        period = given or infer_period(series)
        quantiles, reason = None, ""
        if library is not None:
            history = series[-CONTEXT:]
            interpolated += int(np.isnan(history).any())
            quantiles, reason = _fitted(library, _interpolated(history), horizon, period)
            if quantiles is None:
                replaced += 1
                reasons.append(f"series {i + 1}: {reason}")
        results.append(seasonal_naive(series, horizon, period) if quantiles is None else quantiles)
        on_step(1)
    if interpolated:
        on_message(f"{name}: missing values of {interpolated:,} of {len(values):,} series are interpolated")
    if replaced:
        on_message(
            f"{name}: {replaced:,} of {len(values):,} series cannot be fitted and have the forecast of seasonal naive"
            f" ({reasons[0]})"
        )
    return results


def seasonal_naive(series: np.ndarray, horizon: int, period: int) -> np.ndarray:
    """Returns the last known value of each phase, with normal quantiles of the errors that this makes in the history.

    The variance grows by that of one season with each season ahead (Hyndman & Athanasopoulos 2021, section 5.5). A
    series that is not longer than a season has a period of 1. Constant series have equal quantiles.

    Args:
        series: ``(time,)``; NaN marks a missing value; at least one is known.
        horizon: Number of steps ahead.
        period: Steps of a season.
    """
    if len(series) <= period:
        period = 1
    ahead = np.arange(horizon)
    level = float(series[np.isfinite(series)][-1])
    latest = np.full(period, level)  # where a phase was never seen: the last value
    for phase in range(period):
        seen = series[len(series) - period + phase :: -period]
        seen = seen[np.isfinite(seen)]
        if len(seen):
            latest[phase] = seen[0]
    errors = series[period:] - series[:-period]
    errors = errors[np.isfinite(errors)]
    deviation = np.sqrt(np.mean(errors**2)) if len(errors) else 0.0
    spread = deviation * np.sqrt(ahead // period + 1)  # (horizon,)
    return latest[ahead % period][:, None] + spread[:, None] * norm.ppf(QUANTILES)


def _library(name: str) -> Any:
    try:
        from statsforecast import models
    except ImportError:
        raise InputError(f"{name}: needs statsforecast: pip install 'seqzoo[forecasting]'") from None
    return getattr(models, LIBRARY[name])


def _interpolated(series: np.ndarray) -> np.ndarray:
    known = np.isfinite(series)
    steps = np.arange(len(series))
    return np.interp(steps, steps[known], series[known]) if known.any() else series


def _fitted(library: Any, series: np.ndarray, horizon: int, period: int) -> tuple[np.ndarray | None, str]:
    """Returns the quantiles of a method of statsforecast, or None and the reason."""
    if not np.isfinite(series).all():
        return None, f"no value among the last {CONTEXT:,}"
    if np.ptp(series) == 0:
        return np.full((horizon, len(QUANTILES)), series[0]), ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = library(season_length=period).forecast(y=series, h=horizon, level=_LEVELS)
    except Exception as error:  # it raises errors of many kinds, for short series above all
        return None, " ".join(f"{type(error).__name__}: {error}".split())[:100]
    columns = [result[f"lo-{level}"] for level in reversed(_LEVELS)]
    columns += [result["mean"], *(result[f"hi-{level}"] for level in _LEVELS)]
    quantiles = np.stack(columns, axis=1).astype(np.float64)
    if not np.isfinite(quantiles).all():
        return None, "the forecast is not finite"
    # Bounds that theta simulates may lie on the wrong side of its mean.
    quantiles[:, :MEDIAN] = np.minimum(quantiles[:, :MEDIAN], quantiles[:, MEDIAN, None])
    quantiles[:, MEDIAN + 1 :] = np.maximum(quantiles[:, MEDIAN + 1 :], quantiles[:, MEDIAN, None])
    return np.sort(quantiles, axis=1), ""
