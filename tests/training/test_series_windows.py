"""Windows of series: what follows a patch is its target, batches depend on seed and step only, and synthetic series."""

import numpy as np
import pytest

from zoo.data.synthetic_series import draw
from zoo.preprocessing.patches import CANDIDATES, PATCH
from zoo.training.series_windows import SeriesWindows


def windows(seed=1, **changes):
    settings = {"per_epoch": 3, "synthetic": 0.5, "draw": draw, "regroup": True, **changes}
    return SeriesWindows([np.sin(np.arange(400)), np.arange(40.0) ** 1.5], [1, 12], 6, seed, **settings)


def same(first, second) -> bool:
    flat = [[*batch[0].values(), *batch[1:]] for batch in (first, second)]
    return all(a.shape == b.shape and np.array_equal(a, b) for a, b in zip(*flat, strict=True))


def test_batches_depend_on_seed_and_step_only():
    every = [list(windows().epoch(epoch)) for epoch in range(2)]
    resumed = list(windows().epoch(1, start=2))
    assert same(resumed[0], every[1][2])
    assert not same(every[0][0], every[1][0])
    assert not same(every[0][0], next(windows(seed=2).epoch(0)))


def test_targets_are_what_follows_in_units_of_the_scale():
    made = SeriesWindows([np.arange(3_000.0) ** 2], [1], 4, 1, per_epoch=1)
    inputs, targets, weights = next(made.epoch(0))
    assert (weights > 0).any()
    # A parabola has constant second differences: the last value and the scale give the next ones.
    for row, position in zip(*np.nonzero((weights > 0).all(axis=-1)), strict=True):
        steps = np.exp(inputs["steps"][row, position, :, CANDIDATES] + 2)
        order = np.argsort(steps)
        assert (np.diff(targets[row, position][order]) >= 0).all() and targets[row, position].min() > 0


def test_what_is_unknown_has_no_weight():
    values = np.random.default_rng(0).normal(size=60)
    values[30:] = np.nan
    for inputs, targets, weights in SeriesWindows([values], [1], 8, 1, per_epoch=20).epoch(0):
        assert np.isfinite(targets).all() and np.isfinite(weights).all() and (weights >= 0).all()
        assert np.isfinite(inputs["features"]).all() and np.isfinite(inputs["steps"]).all()
    (constant,) = SeriesWindows([np.ones(500)], [1], 8, 1, per_epoch=1).epoch(0)
    assert (constant[2] == 0).all()
    with pytest.raises(ValueError, match="two points"):
        SeriesWindows([np.ones(1)], [1], 8, 1)


def test_short_series_make_short_batches():
    made = SeriesWindows([np.arange(50.0)], [1], 4, 1, per_epoch=9)
    assert {batch[0]["features"].shape[1] for batch in made.epoch(0)} == {8}
    shapes = {batch[0]["features"].shape[1] for batch in windows(per_epoch=40).epoch(0)}
    assert shapes == {8, 16, 32, 64}
    assert [batch[0]["features"].shape[1] for batch in windows().extremes()] == [8, 64]


def test_synthetic_series_are_finite_varied_and_seeded():
    random = np.random.default_rng(3)
    made = [draw(random, length) for length in (24, 100, 1_280) for _ in range(60)]
    for values, period in made:
        assert np.isfinite(values).any() and not np.isinf(values).any() and np.nanstd(values) > 0
        assert 1 <= period <= max(2, len(values) // 3)
    assert len({period for _, period in made}) > 10
    assert any(np.isnan(values).any() for values, _ in made)
    assert any((values[np.isfinite(values)] % 1 == 0).all() for values, _ in made)
    first, second = (draw(np.random.default_rng(7), 300)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_seasonal_series_repeats_more_than_by_chance():
    random, gains = np.random.default_rng(0), []
    while len(gains) < 40:
        values, period = draw(random, 600)
        if period > 3 and np.isfinite(values).all():
            level = np.convolve(values, np.ones(period) / period, "same")
            rest = (values - level)[period:-period]
            if rest[period:].std() > 0 and rest[:-period].std() > 0:
                gains.append(np.corrcoef(rest[period:], rest[:-period])[0, 1])
    assert np.median(gains) > 0.15


def test_patches_of_a_window_end_where_its_history_ends():
    made = SeriesWindows([np.arange(5_000.0)], [1], 4, 1, per_epoch=1)
    inputs, targets, weights = made.batch(np.random.default_rng(0), 8)
    # A line of slope one: its scale is one, so that a target is its number of steps ahead.
    steps = np.exp(inputs["steps"][..., CANDIDATES] + 2)
    near = (weights > 0) & (targets < 15)
    np.testing.assert_allclose(targets[near], steps[near], rtol=1e-4)
    assert (inputs["positions"] < 8).all() and PATCH == 16
