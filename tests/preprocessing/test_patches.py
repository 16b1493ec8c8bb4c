"""Patches and candidates: against their definitions point by point, and no number reads the future."""

import numpy as np
import pytest

from zoo.errors import InputError, WeightsError
from zoo.preprocessing.candidates import CANDIDATES
from zoo.preprocessing.patches import (
    FEATURES,
    PATCH,
    ForecastPreprocessor,
    encode,
    fill,
    right_aligned,
)
from zoo.preprocessing.periods import infer_period

PERIOD, STEPS = 5, np.array([1, 2, 5, 6, 13, 40])


def noisy(length: int, seed: int = 0) -> np.ndarray:
    steps = np.arange(length)
    return 3 * np.sin(2 * np.pi * steps / PERIOD) + 0.1 * steps + np.random.default_rng(seed).normal(size=length)


def encoded(series, patches=6, positions=(5,), period=PERIOD, steps=STEPS):
    values = right_aligned([series], patches)
    return encode(values, np.array([period]), np.array([positions]), steps)


def simple_forecasts(x: np.ndarray, p: int, h: int) -> list[float]:
    """Returns the candidates of the value ``h`` steps after a history without gaps, by their definitions."""
    n, last, k = len(x), x[-1], (h - 1) // p + 1

    def seasonal_mean(index, fallback):
        weights = [w for j, w in enumerate((0.4, 0.3, 0.2, 0.1)) if index - j * p >= 0]
        values = [x[index - j * p] for j in range(4) if index - j * p >= 0]
        return np.average(values, weights=weights) if values else fallback

    at = n - 1 + h - k * p
    naive = x[at] if at >= 0 else last
    level = np.average(x[::-1][:16], weights=0.7 ** np.arange(min(16, n)))
    changes = x[p:] - x[:-p] if n > p else np.zeros(0)
    shift = np.average(changes[::-1][:16], weights=0.75 ** np.arange(min(16, len(changes)))) if len(changes) else 0
    drift = changes[-max(p, 8) :].mean() if len(changes) else 0
    errors = [(j, x[n - 1 - j] - seasonal_mean(n - 1 - j - p, 0)) for j in range(16) if n - 1 - j - p >= 0]
    offset = np.average([e for _, e in errors], weights=[0.75**j for j, _ in errors]) if errors else 0
    history = n - 1
    span = min(max(2 * p, 16), history) // p * p or history
    slope = (last - x[n - 1 - span]) / span if span else 0
    moves = np.abs(np.diff(x))
    middle = x[-max(p, 4) :].mean()
    ratio = 1.0
    if history >= 2 * p:
        now, before = moves[-p:].mean(), moves[-2 * p : -p].mean()
        ratio = np.clip(now / before, 0.5, 2)
    return [
        last,
        level,
        x.mean(),
        middle,
        naive,
        seasonal_mean(at, last),
        naive + shift,
        naive + min(k, 4) * drift,
        naive + drift + (naive - middle) * (ratio - 1),
        seasonal_mean(at, last) + offset,
        last + min(h, 1 + history) * slope,
        naive,
    ]


@pytest.mark.parametrize("length", [96, 90, 33, 16, 7, 5, 3, 2])
def test_candidates_are_those_of_their_definitions(length):
    x = noisy(length)
    result = encoded(x)
    unit = result.scale[0, 0] or 1.0
    for j, h in enumerate(STEPS):
        expected = (np.array(simple_forecasts(x, PERIOD, int(h))) - x[-1]) / unit
        np.testing.assert_allclose(result.steps[0, 0, j, :12], expected, atol=1e-9, err_msg=f"step {h}")
        known = np.array([np.log(h) - 2, np.arcsinh(h / PERIOD) - 1, min(h / length, 4), (h - 1) % PERIOD / PERIOD])
        np.testing.assert_allclose(result.steps[0, 0, j, CANDIDATES:], known, atol=1e-9)


def test_a_patch_holds_its_values_in_units_of_the_past():
    x = noisy(90)
    result = encoded(x)
    scale = min(np.abs(np.diff(x)[-64:]).mean(), np.abs(x[PERIOD:] - x[:-PERIOD])[-64:].mean())
    assert result.scale[0, 0] == pytest.approx(scale) and result.anchor[0, 0] == x[-1]
    last = result.features[0, 5]
    np.testing.assert_allclose(last[:PATCH], np.arcsinh((x[-PATCH:] - x[-1]) / scale), atol=1e-9)
    assert (last[PATCH : 2 * PATCH] == 1).all()
    np.testing.assert_allclose(
        last[2 * PATCH : 3 * PATCH], np.arcsinh((x[-PATCH:] - x[-PATCH - 5 : -5]) / scale), atol=1e-9
    )
    # 90 values: the first patch has ten.
    np.testing.assert_array_equal(result.features[0, 0, PATCH : 2 * PATCH], [0] * 6 + [1] * 10)
    assert result.features.shape == (1, 6, FEATURES)


def test_no_number_reads_the_future():
    x = noisy(96)
    positions = tuple(range(6))
    before = encoded(x, positions=positions)
    for patch in range(1, 6):
        changed = x.copy()
        changed[patch * PATCH :] = np.random.default_rng(9).normal(100, 50, 96 - patch * PATCH)
        changed[patch * PATCH + 3] = np.nan
        after = encoded(changed, positions=positions)
        np.testing.assert_allclose(after.features[0, :patch], before.features[0, :patch], atol=1e-9)
        np.testing.assert_allclose(after.steps[0, :patch], before.steps[0, :patch], atol=1e-9)
        assert np.abs(after.features[0, patch:] - before.features[0, patch:]).max() > 0.1


def test_gaps_are_filled_from_the_season_before_and_marked():
    x = noisy(40)
    gaps = x.copy()
    gaps[[3, 20, 25, 30, 39]] = np.nan
    rows = fill(right_aligned([gaps], 3), np.array([PERIOD]))
    row = rows.x[0, 8:]
    assert row[3] == x[2] and row[20] == row[25] == row[30] == x[15] and row[39] == x[34]
    known = encoded(gaps, 3, (2,)).features[0, 2, PATCH : 2 * PATCH]
    np.testing.assert_array_equal(known, np.isfinite(gaps[-PATCH:]))


def test_rows_of_a_batch_do_not_touch():
    series = [noisy(length, length) for length in (9, 96, 40)]
    periods, positions = np.array([1, 5, 12]), np.full((3, 1), 5)
    together = encode(right_aligned(series, 6), periods, positions, STEPS)
    for i, values in enumerate(series):
        alone = encode(right_aligned([values], 8), periods[i : i + 1], np.array([[7]]), STEPS)
        count = -(-len(values) // PATCH)
        np.testing.assert_allclose(alone.features[0, :count], together.features[i, :count], atol=1e-9)
        assert (together.features[i, count:] == 0).all()
        assert together.positions[i, 0] == alone.positions[0, 0] == count - 1
        np.testing.assert_allclose(alone.steps[0], together.steps[i], atol=1e-9)


def test_values_are_read_from_the_first_one_on():
    read = ForecastPreprocessor().encode_input
    assert read([None, 1, 2, None]).tolist()[:2] == [1.0, 2.0]
    assert read(np.array([[1], [2]])).tolist() == [1.0, 2.0]
    for bad, message in (
        (["1"], "not a series"),
        (3, "not a series|shape"),
        ([1e31], "step 1 of a series is 1e\\+31"),
        ([], "without a value"),
    ):
        with pytest.raises(InputError, match=message):
            read(bad)
    assert ForecastPreprocessor.from_json(ForecastPreprocessor().to_json()) == ForecastPreprocessor()
    for state in ({}, {"context": 0}, {"context": 17}, {"context": "x"}):
        with pytest.raises(WeightsError):
            ForecastPreprocessor.from_json(state)


@pytest.mark.parametrize("period", [4, 7, 12, 24, 52])
def test_a_clear_period_is_found_through_trend_noise_and_gaps(period):
    random = np.random.default_rng(period)
    for length in (4 * period + 8, 900):
        steps = np.arange(length)
        x = np.tile(random.normal(size=period), length)[:length] * 2 + 0.02 * steps + random.normal(0, 0.3, length)
        x[random.integers(0, length, 3)] = np.nan
        assert infer_period(x) == period


def test_no_period_is_found_where_there_is_none():
    random = np.random.default_rng(0)
    result = [
        infer_period(np.cumsum(random.normal(size=n)) if i % 2 else random.normal(size=n))
        for i in range(20)
        for n in (3, 200)
    ]
    assert np.mean([period == 1 for period in result]) > 0.7
    for x in (np.zeros(50), np.arange(50.0), np.full(3, np.nan)):
        assert infer_period(x) == 1
