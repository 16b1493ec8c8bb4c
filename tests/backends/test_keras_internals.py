"""The private names of Keras that the zoo uses exist, and no other file uses them."""

import re
from pathlib import Path

import keras
import numpy as np
from keras import ops

from zoo.backends import keras_internals
from zoo.training.optimizers import LayerwiseAdamW

ROOT = Path(__file__).parents[2]
USED = (
    *keras_internals.OVERRIDDEN,
    *keras_internals.SLOTS,
    "_value",
    "_deferred_initialize",
    "_flatten_layers",
    "_trainable_variables",
    "_get_variable_index",
)


def test_optimizers_have_what_is_overridden():
    for name in keras_internals.OVERRIDDEN:
        assert callable(getattr(keras.optimizers.AdamW, name))


def test_slots_and_indices_of_a_built_optimizer():
    variables = [keras.Variable(np.ones(2)), keras.Variable(np.ones((2, 3)))]
    optimizer = LayerwiseAdamW([1.0, 1.0], learning_rate=0.1, use_ema=True)
    optimizer.build(variables)
    assert list(keras_internals.trained_variables(optimizer)) == variables
    assert keras_internals.variable_index(optimizer, variables[1]) == 1
    for slot in keras_internals.slots(optimizer).values():
        assert [tuple(value.shape) for value in slot] == [(2,), (2, 3)]
    assert keras_internals.weight_averages(optimizer) is keras_internals.slots(optimizer)[keras_internals.SLOTS[2]]


def test_deferred_variables_hold_no_memory_until_they_are_initialized():
    with keras_internals.deferred_variables():
        layer = keras.layers.Dense(3)
        layer.build((None, 2))
    assert [keras_internals.raw_value(variable) for variable in layer.weights] == [None, None]
    keras_internals.initialize_deferred(layer)
    assert ops.convert_to_numpy(layer.kernel).shape == (2, 3)
    assert list(keras_internals.own_weights(layer)) == layer.weights
    assert keras_internals.sublayers(keras.Sequential([layer])) == [layer]


def test_private_names_stand_nowhere_else():
    allowed = {"zoo/backends/keras_internals.py", "zoo/training/optimizers.py"}
    pattern = re.compile(rf"\.({'|'.join(USED)})\b")
    result = {
        str(path.relative_to(ROOT)) for path in (ROOT / "zoo").rglob("*.py") if pattern.search(path.read_text("utf-8"))
    }
    assert result <= allowed
