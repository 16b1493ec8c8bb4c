"""Bands scaled by their past errors."""

import numpy as np

from zoo.inference.bands import ORIGINS, factors, scaled

BAND = np.linspace(-2, 2, 9)


def quantiles(series: int = 1, origins: int = ORIGINS) -> np.ndarray:
    return np.broadcast_to(BAND, (series, origins, 16, 9))


def test_the_factor_makes_past_bands_cover_four_fifths():
    random = np.random.default_rng(0)
    errors = random.normal(size=(2, 400, 16)) * np.array([0.5, 3.0])[:, None, None]
    result = factors(quantiles(2, 400), errors)
    for row, factor in enumerate(result):
        assert 0.77 < (np.abs(errors[row]) <= 2 * factor).mean() < 0.83


def test_few_origins_change_little_and_none_nothing():
    errors = np.full((1, ORIGINS, 16), 6.0)
    sizes = []
    for origins in (ORIGINS, 3, 1, 0):
        known = errors.copy()
        known[:, origins:] = np.nan
        sizes.append(float(factors(quantiles(), known)[0]))
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] == 1
    np.testing.assert_allclose(sizes[0], 3 ** (ORIGINS / (ORIGINS + 4)))


def test_bands_without_width_do_not_count():
    flat = np.zeros((1, ORIGINS, 16, 9))
    assert factors(flat, np.ones((1, ORIGINS, 16))).tolist() == [1.0]


def test_scaling_keeps_the_median():
    result = scaled(BAND[None, None] + 5, np.array([0.5]))
    np.testing.assert_allclose(result[0, 0], 5 + BAND / 2)
