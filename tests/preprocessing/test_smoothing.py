"""Smoothed forecasts against their definitions, value by value."""

import numpy as np
import pytest

from zoo.preprocessing.rows import Rows
from zoo.preprocessing.smoothing import Season, smoothed_forecasts

STEPS = np.array([1, 2, 7, 90])


def season_at(x: np.ndarray, p: int, memory: float, phase: int) -> float:
    """Returns the weighted mean deviation of a phase from the centred moving mean."""
    half = p // 2
    places = [t for t in range(half, len(x) - (p - 1 - half)) if t % p == phase] if p > 1 else []
    weights = [memory**k for k in range(len(places))][::-1]
    if sum(weights) < 1.5:
        return 0.0
    return np.average([x[t] - x[t - half : t - half + p].mean() for t in places], weights=weights)


def expected(x: np.ndarray, p: int, memory: float, h: int) -> list[float]:
    """Returns the three forecasts of the value ``h`` steps after ``x``."""
    n = len(x)
    past = [x[t] - season_at(x, p, memory, t % p) for t in range(n)][-64:]
    first = np.mean(past[: min(4, max(1, len(past) // 8))])

    def smooth(alpha, beta):
        level, trend, damping, total = first, 0.0, 0.9 if beta else 0.0, 0.0
        for value in past:
            before = level + damping * trend
            error = value - before
            level, trend, total = (
                before + alpha * error,
                damping * trend + alpha * beta * error,
                0.95 * total + abs(error),
            )
        return total, level, trend

    _, level, _ = min(smooth(a, 0.0) for a in (0.05, 0.1, 0.2, 0.4, 0.7, 1.0))
    _, other, trend = min(smooth(a, b) for a, b in ((0.2, 0.05), (0.5, 0.05), (0.9, 0.05), (0.5, 0.25), (0.9, 0.25)))
    slope = np.polyfit(np.arange(len(past)), past, 1)[0] if len(past) > 2 else 0.0
    season = season_at(x, p, memory, (n - 1 + h) % p)
    damped = sum(0.9**k for k in range(1, h + 1))
    return [level + season, level + 0.5 * slope * min(h, 1 + len(past)) + season, other + trend * damped + season]


@pytest.mark.parametrize(
    ("length", "period", "memory"), [(90, 5, 0.7), (90, 12, 1.0), (30, 4, 0.8), (20, 1, 0.7), (3, 5, 1.0)]
)
def test_forecasts_are_those_of_their_definitions(length, period, memory):
    steps = np.arange(length)
    x = 20 + 0.3 * steps + 4 * np.sin(2 * np.pi * steps / 5) + np.random.default_rng(0).normal(size=length)
    # The series stands after seven places without values.
    rows = Rows(
        np.concatenate([np.full(7, x[0]), x])[None],
        np.concatenate([np.zeros(7, bool), np.ones(length, bool)])[None],
        np.array([7]),
        np.array([period]),
    )
    result = smoothed_forecasts(rows, Season(rows, rows.period, memory), np.array([[length + 6]]), STEPS)
    for j, h in enumerate(STEPS):
        np.testing.assert_allclose([one[0, 0, j] for one in result], expected(x, period, memory, int(h)), rtol=1e-9)


def test_a_gap_keeps_the_level():
    x = np.array([3.0, 3, 3, 3, 9, 9])
    rows = Rows(x[None], np.array([[True, True, True, True, False, False]]), np.array([0]), np.array([1]))
    plain, *_ = smoothed_forecasts(rows, Season(rows, rows.period, 1.0), np.array([[5]]), np.array([1]))
    assert plain.item() == pytest.approx(3)
