"""Dropout: on every backend the rate that was asked, its scale, and nothing outside of training."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.layers.dropout import Dropout

SIZE = 200_001  # not a multiple of the four features that one word of torch's generator decides


def dropped(rate: float, seed: int, x) -> np.ndarray:
    keras.utils.set_random_seed(seed)
    return ops.convert_to_numpy(Dropout(rate)(x, training=True))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_features_are_dropped_at_the_rate_and_the_others_make_up_for_it(rate):
    x = np.arange(1, SIZE + 1, dtype="float32")
    y = dropped(rate, 3, x)
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / (1 - rate), rtol=1e-6)
    # Five standard deviations of a share of so many.
    error = 5 * np.sqrt(rate * (1 - rate) / SIZE)
    assert abs(1 - kept.mean() - rate) < error
    # One feature says nothing of those beside it, which one word may decide.
    for lag in (1, 2, 3, 4):
        both = (kept[lag:] & kept[:-lag]).mean()
        assert abs(both - (1 - rate) ** 2) < error


def test_a_seed_draws_the_same_and_another_does_not():
    x = np.ones((3, 50, 7), "float32")
    np.testing.assert_array_equal(dropped(0.3, 5, x), dropped(0.3, 5, x))
    assert (dropped(0.3, 5, x) != dropped(0.3, 6, x)).any()
    assert dropped(0.3, 5, x).shape == x.shape


def test_each_call_draws_anew():
    layer, x = Dropout(0.5), np.ones(1_000, "float32")
    first, second = (ops.convert_to_numpy(layer(x, training=True)) for _ in range(2))
    assert (first != second).any()


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_nothing_is_dropped_outside_of_training_or_at_rate_0(rate, training):
    x = np.ones(1_000, "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(Dropout(rate)(x, training=training)), x)


def test_it_computes_in_the_dtype_of_its_layer():
    y = Dropout(0.5, dtype="bfloat16")(ops.ones(1_000, "bfloat16"), training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert set(ops.convert_to_numpy(ops.cast(y, "float32"))) == {0, 2}
