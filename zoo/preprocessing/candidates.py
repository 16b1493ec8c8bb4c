"""Simple forecasts from the history alone, which a forecaster weighs and corrects.

Every function works on rows of a batch. ``x (batch, time)`` has no gaps; ``start (batch,)`` is each row's first real
index; ``ends (batch, positions)`` are the last indices that a forecast may read.
"""

import dataclasses

import numpy as np

CANDIDATES = 12
LONGER = {7: 364, 24: 168, 48: 336, 96: 672}
"""Second period of days and weeks, by the first."""
_SEASONS = np.array([0.4, 0.3, 0.2, 0.1])
"""Weights of the last seasons in a seasonal mean, the latest first."""
_TAPS = 16
_LEVEL = 0.3 * 0.7 ** np.arange(_TAPS)
_CHANGE = 0.25 * 0.75 ** np.arange(_TAPS)


@dataclasses.dataclass(frozen=True)
class Rows:
    """A batch of series without gaps.

    Attributes:
        x: ``(batch, time)``.
        known: ``(batch, time)``, true at observed values.
        start: ``(batch,)``, first observed index.
        period: ``(batch,)``, at least 1.

    Example:
        >>> rows = Rows(np.array([[1.0, 2.0]]), np.ones((1, 2), bool), np.array([0]), np.array([1]))
        >>> rows.at(np.array([[1, 0]])).tolist()
        [[2.0, 1.0]]
    """

    x: np.ndarray
    known: np.ndarray
    start: np.ndarray
    period: np.ndarray

    def at(self, index: np.ndarray, array: np.ndarray | None = None) -> np.ndarray:
        """Returns values at ``index (batch, ...)``; indices below 0 read index 0."""
        array = self.x if array is None else array
        flat = np.maximum(index, 0).reshape(len(index), -1)
        return np.take_along_axis(array, flat, axis=1).reshape(index.shape)


def column(values: np.ndarray, rank: int) -> np.ndarray:
    """Returns ``(batch,)`` with axes of size 1 up to ``rank``."""
    return values.reshape(-1, *[1] * (rank - 1))


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


def candidates(rows: Rows, ends: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Returns simple forecasts, ``(batch, positions, steps, CANDIDATES)``.

    They are the last value, its exponential smoothing, the mean, the mean of the last period, the seasonal naive
    forecast, a seasonal mean, the seasonal naive forecast shifted by the recent change against the season before,
    with the change per season, and with its growing amplitude, the seasonal mean shifted by its recent errors, a
    trend, and the seasonal naive forecast of a longer period.

    Args:
        rows: The series.
        ends: ``(batch, positions)``.
        steps: ``(steps,)``, steps ahead, from 1.
    """
    period, start = rows.period, rows.start
    last = rows.at(ends)
    wide = (*ends.shape, len(steps))
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
    whole = np.minimum(np.maximum(2 * period, 16)[:, None], history) // period[:, None] * period[:, None]
    span = np.where(whole > 0, whole, history)
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

    longer = column(np.array([LONGER.get(int(p), int(p)) for p in period]), 3)
    second = ahead - ((steps - 1) // longer + 1) * longer
    naive_longer = np.where(second >= first, rows.at(second), naive)
    found = [
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
    ]
    flat = [np.broadcast_to(a if a.ndim == 3 else a[..., None], wide) for a in found]
    return np.stack([np.where(np.isfinite(a), a, last_wide) for a in flat], axis=-1)
