"""Simple forecasts from the history alone, which a forecaster weighs and corrects.

Every function works on rows of a batch. ``x (batch, time)`` has no gaps; ``start (batch,)`` is each row's first real
index; ``ends (batch, positions)`` are the last indices that a forecast may read.
"""

import dataclasses

import numpy as np

from zoo.preprocessing.rows import Rows, column
from zoo.preprocessing.smoothing import Season, smoothed_forecasts

CANDIDATES = 20
LONGER = {7: 364, 24: 168, 48: 336, 96: 672}
"""Second period of days and weeks, by the first."""
_SEASONS = np.array([0.4, 0.3, 0.2, 0.1])
"""Weights of the last seasons in a seasonal mean, the latest first."""
_TAPS = 16
_LEVEL = 0.3 * 0.7 ** np.arange(_TAPS)
_CHANGE = 0.25 * 0.75 ** np.arange(_TAPS)


def lag_differences(rows: Rows, lag: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns ``x[t] - x[t - lag]`` and whether both are observed, ``(batch, time)``; 0 where they are not."""
    index = np.arange(rows.x.shape[1])[None] - lag[:, None]
    real = (index >= rows.start[:, None]) & rows.known & rows.at(index, rows.known)
    return np.where(real, rows.x - rows.at(index), 0.0), real


def window_mean(values: np.ndarray, real: np.ndarray, ends: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Returns the mean of the real values in the ``width (batch,)`` indices up to each end; NaN if there is none."""
    totals = [np.concatenate([np.zeros((len(a), 1)), np.cumsum(a, axis=1)], axis=1) for a in (values * real, real)]
    first = np.maximum(ends + 1 - width[:, None], 0)
    total, count = (np.take_along_axis(a, ends + 1, 1) - np.take_along_axis(a, first, 1) for a in totals)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _smoothed(rows: Rows, values: np.ndarray, real: np.ndarray, ends: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns a weighted mean of the last values, the latest first; NaN if none is real."""
    index = ends[..., None] - np.arange(len(weights))
    share = weights * rows.at(index, real) * (index >= column(rows.start, 3))
    total = share.sum(-1)
    return np.where(total > 0, (share * rows.at(index, values)).sum(-1) / np.where(total > 0, total, 1), np.nan)


def _seasonal_mean(rows: Rows, index: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Returns the weighted mean of the values at ``index`` and one, two and three periods before."""
    before = index[..., None] - np.arange(len(_SEASONS)) * column(rows.period, index.ndim + 1)
    share = _SEASONS * (before >= column(rows.start, before.ndim))
    total = share.sum(-1)
    return np.where(total > 0, (share * rows.at(before)).sum(-1) / np.where(total > 0, total, 1), fallback)


@dataclasses.dataclass(frozen=True)
class Past:
    """Series with what the candidates of all positions share.

    Attributes:
        rows: The series.
        origin: ``(batch,)``, what has been subtracted from each series.
        mean: Season as the mean of all periods.
        recent: Season in which newer periods weigh more.
        longer: Season of the second period.
        logs: Logarithms of the series; 0 at values that are not positive.
        log_season: Their season.

    Example:
        >>> rows = Rows(np.array([[1.0, 2.0]]), np.ones((1, 2), bool), np.array([0]), np.array([1]))
        >>> Past.of(rows, origin=np.array([0.0])).logs.x.round(2).tolist()
        [[0.0, 0.69]]
    """

    rows: Rows
    origin: np.ndarray
    mean: Season
    recent: Season
    longer: Season
    logs: Rows
    log_season: Season

    @classmethod
    def of(cls, rows: Rows, origin: np.ndarray) -> "Past":
        """Returns the past of series."""
        values = rows.x + origin[:, None]
        logs = dataclasses.replace(rows, x=np.log(np.where(values > 0, values, 1.0)))
        period, second = rows.period, longer_period(rows.period)
        seasons = (Season(rows, period, 1.0), Season(rows, period, 0.7), Season(rows, second, 0.8))
        return cls(rows, origin, *seasons, logs, Season(logs, period, 0.7))


def longer_period(period: np.ndarray) -> np.ndarray:
    """Returns the second period of each series, ``(batch,)``: that of weeks for days and hours, else the same."""
    return np.array([LONGER.get(int(p), int(p)) for p in period])


def _in_logs(past: Past, ends: np.ndarray, steps: np.ndarray) -> list[np.ndarray]:
    """Returns smoothed forecasts with trends, made in logarithms; NaN after a value that is not positive."""
    rows, origin = past.rows, past.origin
    values = rows.x + origin[:, None]
    low, high = (
        rows.at(ends, extreme.accumulate(np.where(rows.known, values, limit), axis=1))[..., None]
        for extreme, limit in ((np.minimum, np.inf), (np.maximum, -np.inf))
    )
    usable = (low > 0) & np.isfinite(low)
    least, most = (np.log(np.where(usable, edge, 1.0)) for edge in (low, high))
    result = smoothed_forecasts(past.logs, past.log_season, ends, steps)[1:]
    return [np.where(usable, np.exp(np.clip(one, least - 1, most + 1)) - column(origin, 3), np.nan) for one in result]


def candidates(past: Past, ends: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Returns simple forecasts, ``(batch, positions, steps, CANDIDATES)``.

    They are the last value, its exponential smoothing, the mean, the mean of the last period, the seasonal naive
    forecast, a seasonal mean, the seasonal naive forecast shifted by the recent change against the season before,
    with the change per season, and with its growing amplitude, the seasonal mean shifted by its recent errors, a
    trend, and the seasonal naive forecast of a longer period; then those of ``smoothed_forecasts``: by level and with
    half of the trend, with the mean season; by level and with both trends, with a recent season; by level with the
    season of the longer period; and with both trends in logarithms.

    Args:
        past: The series.
        ends: ``(batch, positions)``.
        steps: ``(steps,)``, steps ahead, from 1; or ``(positions, steps)``.
    """
    rows = past.rows
    period, start = rows.period, rows.start
    last = rows.at(ends)
    wide = (*ends.shape, steps.shape[-1])
    last_wide = np.broadcast_to(last[..., None], wide)
    first, all_of = column(start, 3), np.full(len(period), rows.x.shape[1])
    ahead = ends[..., None] + steps
    season = (steps - 1) // column(period, 3) + 1
    index = ahead - season * column(period, 3)
    naive = np.where(index >= first, rows.at(index), last_wide)

    level = _smoothed(rows, rows.x, rows.known, ends, _LEVEL)
    mean = window_mean(rows.x, rows.known, ends, all_of)
    recent = window_mean(rows.x, rows.known, ends, np.maximum(period, 4))
    change, real = lag_differences(rows, period)
    shift = np.nan_to_num(_smoothed(rows, change, real, ends, _CHANGE))
    drift = np.nan_to_num(window_mean(change, real, ends, np.maximum(period, 8)))

    seasonal = _seasonal_mean(rows, index, last_wide)
    lately = ends[..., None] - np.arange(_TAPS)
    before = lately - column(period, 3)
    share = _CHANGE * (before >= first) * rows.at(lately, rows.known)
    errors = rows.at(lately) - _seasonal_mean(rows, before, rows.at(lately))
    offset = (share * errors).sum(-1) / np.maximum(share.sum(-1), 1e-9)

    # A slope over whole periods, and over all points where there is not one.
    history = np.maximum(ends - start[:, None], 0)
    full = np.minimum(np.maximum(2 * period, 16)[:, None], history) // period[:, None] * period[:, None]
    span = np.where(full > 0, full, history)
    slope = np.where(span > 0, (last - rows.at(ends - span)) / np.maximum(span, 1), 0.0)
    trend = last[..., None] + np.minimum(steps, 1 + history[..., None]) * slope[..., None]

    # The amplitude of the last period against that of the one before.
    middle = np.where(np.isnan(recent), last, recent)
    moves, moved = lag_differences(rows, np.ones_like(period))
    size, size_before = (
        np.nan_to_num(window_mean(np.abs(moves), moved, np.maximum(ends - back, 0), period))
        for back in (np.zeros_like(period)[:, None], period[:, None])
    )
    two_periods = (history >= 2 * period[:, None]) & (size_before > 0)
    ratio = np.where(two_periods, np.clip(size / np.where(two_periods, size_before, 1), 0.5, 2), 1.0)
    growing = naive + drift[..., None] + (naive - middle[..., None]) * (ratio[..., None] - 1)

    longer = column(longer_period(period), 3)
    second = ahead - ((steps - 1) // longer + 1) * longer
    naive_longer = np.where(second >= first, rows.at(second), naive)
    result = [
        last,
        level,
        mean,
        recent,
        naive,
        seasonal,
        naive + shift[..., None],
        naive + np.minimum(season, 4) * drift[..., None],
        growing,
        seasonal + offset[..., None],
        trend,
        naive_longer,
        *smoothed_forecasts(rows, past.mean, ends, steps)[:2],
        *smoothed_forecasts(rows, past.recent, ends, steps),
        *smoothed_forecasts(rows, past.longer, ends, steps)[:1],
        *_in_logs(past, ends, steps),
    ]
    flat = [np.broadcast_to(a if a.ndim == 3 else a[..., None], wide) for a in result]
    return np.stack([np.where(np.isfinite(a), a, last_wide) for a in flat], axis=-1)
