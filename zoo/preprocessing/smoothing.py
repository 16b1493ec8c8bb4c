"""Exponential smoothing of the seasonally adjusted past, in NumPy, at many positions of many series at once.

The forecasts are those of the theta method (Assimakopoulos & Nikolopoulos 2000; Hyndman & Billah 2003: smoothing with
half of the linear trend) and of a damped trend (Gardner & McKenzie 1985). The rate that made the smallest errors in the
past is taken, per position. A position reads only what lies before it.
"""

import numpy as np

from zoo.preprocessing.rows import Rows, column

TAPS = 64
"""Last values that are smoothed."""
_LEVELS = ((0.05, 0.0), (0.1, 0.0), (0.2, 0.0), (0.4, 0.0), (0.7, 0.0), (1.0, 0.0))
_TRENDS = ((0.2, 0.05), (0.5, 0.05), (0.9, 0.05), (0.5, 0.25), (0.9, 0.25))
"""Rates of the level and of the trend."""
_DAMPING = 0.9
_FADING = 0.95
"""Weight of an error against the one after it."""


class Season:
    """The mean deviation of each phase of a period from a centred moving mean, known at every index.

    Args:
        rows: Series.
        period: ``(batch,)``.
        memory: Weight of a period against the one after it.

    Example:
        >>> x = np.array([[1.0, 3.0] * 6])
        >>> season = Season(Rows(x, np.ones_like(x, bool), np.array([0]), np.array([2])), np.array([2]), 1.0)
        >>> season.at(np.array([[11]]), np.array([[[12, 13]]])).tolist()
        [[[-1.0, 1.0]]]
    """

    def __init__(self, rows: Rows, period: np.ndarray, memory: float):
        self.period, self.start = period, rows.start
        batch, time = rows.x.shape
        self.half = period // 2
        total = np.concatenate([np.zeros((batch, 1)), np.cumsum(rows.x, axis=1)], axis=1)
        index = np.arange(time)
        first, last = index - self.half[:, None], index + (period - 1 - self.half)[:, None] + 1
        inside = (first >= rows.start[:, None]) & (last <= time) & (period > 1)[:, None]
        first, last = np.clip(first, 0, time), np.clip(last, 0, time)
        mean = (np.take_along_axis(total, last, 1) - np.take_along_axis(total, first, 1)) / period[:, None]
        real = inside & rows.known
        parts = np.stack([np.where(real, rows.x - mean, 0.0), real * 1.0])
        self.sums, self.counts = _by_phase(parts, period, memory)

    def at(self, ends: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Returns the season of ``index (batch, positions, n)`` as known at ``ends (batch, positions)``, or 0."""
        newest = (ends - (self.period - 1 - self.half)[:, None])[..., None]
        period = column(self.period, 3)
        place = np.maximum(newest - (newest - index) % period, -1) + 1
        flat = place.reshape(len(place), -1)
        sums, counts = (np.take_along_axis(a, flat, 1).reshape(index.shape) for a in (self.sums, self.counts))
        # Two values of a phase at least, as one is mostly noise.
        return np.where(counts >= 1.5, sums / np.maximum(counts, 1), 0.0)


def _by_phase(values: np.ndarray, period: np.ndarray, memory: float) -> np.ndarray:
    """Returns sums of the values at an index and all periods before, ``(..., batch, 1 + time)``, with 0 at first."""
    *leading, time = values.shape
    sums = np.zeros((*leading, time + 1))
    width = np.minimum(period, time)
    for p in np.unique(width[width > 1]):
        rows = np.flatnonzero(width == p)
        filled = np.zeros((len(values), len(rows), -(-time // p) * p))
        filled[..., :time] = values[:, rows]
        cycles = filled.reshape(*filled.shape[:2], -1, p)
        for cycle in range(1, cycles.shape[2]):
            cycles[:, :, cycle] += memory * cycles[:, :, cycle - 1]
        sums[:, rows, 1:] = filled[..., :time]
    return sums


def smoothed_forecasts(rows: Rows, season: Season, ends: np.ndarray, steps: np.ndarray) -> list[np.ndarray]:
    """Returns forecasts by level, by level and half of the trend, and by a damped trend, each with the season.

    Args:
        rows: Series.
        season: Their season.
        ends: ``(batch, positions)``.
        steps: ``(steps,)``, steps ahead, from 1; or ``(positions, steps)``.

    Returns:
        Three arrays ``(batch, positions, steps)``.
    """
    index = ends[..., None] - np.arange(TAPS - 1, -1, -1)
    real = (index >= column(rows.start, 3)) & rows.at(index, rows.known)
    past = rows.at(index) - season.at(ends, index)
    ahead = season.at(ends, ends[..., None] + steps)
    level, trend, slope = _smooth(past, real)
    damped = _DAMPING * (1 - _DAMPING**steps) / (1 - _DAMPING)
    # A line goes on for as long as it was seen.
    seen = np.minimum(steps, 1 + real.sum(-1, keepdims=True))
    plain = level[0][..., None] + ahead
    return [plain, plain + 0.5 * slope[..., None] * seen, level[1][..., None] + trend[..., None] * damped + ahead]


def _smooth(past: np.ndarray, real: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Returns the levels without and with a trend, the trend, and the slope of a line, each ``(batch, positions)``."""
    rates = np.array(_LEVELS + _TRENDS)[:, :, None]
    alpha, beta = rates[:, 0], rates[:, 1]
    damping = np.where(beta > 0, _DAMPING, 0.0)
    seen_values = np.cumsum(real, axis=-1)
    count = np.maximum(real.sum(-1), 1)
    # The first values together make the first level.
    early = real & (seen_values <= np.clip(count // 8, 1, 4)[..., None])
    first = (past * early).sum(-1) / np.maximum(early.sum(-1), 1)
    shape, taps = first.shape, past.shape[-1]
    values, kept = (np.ascontiguousarray(a.reshape(-1, taps).T) for a in (past, real * 1.0))
    level = np.repeat(first.reshape(1, -1), len(rates), axis=0)  # (rates, batch * positions)
    trend, errors = np.zeros_like(level), np.zeros_like(level)
    for value, weight in zip(values, kept, strict=True):
        trend *= damping
        level += trend
        error = (value - level) * weight
        level += alpha * error
        trend += alpha * beta * error
        errors *= _FADING
        errors += np.abs(error)
    plain = len(_LEVELS)
    best, trending = errors[:plain].argmin(0)[None], plain + errors[plain:].argmin(0)[None]
    levels = [np.take_along_axis(level, chosen, 0).reshape(shape) for chosen in (best, trending)]
    return levels, np.take_along_axis(trend, trending, 0).reshape(shape), _slope(past, real)


def _slope(past: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Returns the slope of a least-squares line, ``(batch, positions)``; 0 for fewer than three values."""
    count = real.sum(-1)
    safe = np.maximum(count, 1)
    times = np.arange(past.shape[-1]) - (np.arange(past.shape[-1]) * real).sum(-1, keepdims=True) / safe[..., None]
    square = (times**2 * real).sum(-1)
    return np.where(count >= 3, (times * past * real).sum(-1) / np.maximum(square, 1), 0.0)
