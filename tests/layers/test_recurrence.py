"""torch's loop against Keras's own, which runs on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.layers.recurrence import LAYERS, Bidirectional

KERAS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
MASKS = {
    "none": None,
    "padded": [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]],
    "holes": [[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 1, 1, 0, 0]],
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("cell", LAYERS)
def test_outputs_equal_those_of_keras(cell, backwards, mask):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    seen = None if MASKS[mask] is None else np.array(MASKS[mask], bool)
    ours = LAYERS[cell](6, return_sequences=True, go_backwards=backwards)
    reference = KERAS[cell](6, return_sequences=True, go_backwards=backwards)
    ours.build(x.shape)
    reference.build(x.shape)
    for i, variable in enumerate(ours.weights):  # biases too: they start as zeros
        variable.assign(np.random.default_rng(i).normal(size=variable.shape) * 0.5)
        reference.weights[i].assign(variable)
    result, expected = (ops.convert_to_numpy(layer(x, mask=seen)) for layer in (ours, reference))
    if mask == "padded":  # what stands at padding means nothing
        real = seen[:, ::-1] if backwards else seen
        result, expected = result[real], expected[real]
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("cell", LAYERS)
def test_a_given_state_is_where_the_loop_starts(cell):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
    layer = LAYERS[cell](5, return_sequences=True)
    whole = layer(x)
    state = [np.zeros((2, 5), "float32")] * (2 if cell == "lstm" else 1)
    for t in range(3):
        _, state = layer.cell(x[:, t], state)
    rest = layer(x[:, 3:], initial_state=list(state))
    np.testing.assert_allclose(ops.convert_to_numpy(rest), ops.convert_to_numpy(whole)[:, 3:], atol=1e-6)


@pytest.mark.parametrize("mask", ["none", "padded"])
@pytest.mark.parametrize("cell", LAYERS)
def test_both_directions_equal_those_of_keras(cell, mask):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    seen = None if MASKS[mask] is None else np.array(MASKS[mask], bool)
    ours = Bidirectional(cell, 3, name="both")
    reference = keras.layers.Bidirectional(KERAS[cell](3, return_sequences=True, name="recurrent"), name="both")
    result, expected = (ops.convert_to_numpy(layer(x, mask=seen)) for layer in (ours, reference))
    assert [v.path for v in ours.weights] == [v.path for v in reference.weights]
    for variable, value in zip(ours.weights, reference.weights, strict=True):
        variable.assign(value)
    result = ops.convert_to_numpy(ours(x, mask=seen))
    real = np.ones((3, 5), bool) if seen is None else seen
    np.testing.assert_allclose(result[real], expected[real], atol=1e-6)


def gradients_of(layer, x, seen, weight):
    """Returns the gradients of a weighted sum of a layer's outputs for its inputs and weights."""
    if keras.backend.backend() == "torch":
        import torch

        leaf = torch.tensor(x, requires_grad=True)
        total = (layer(leaf, mask=seen) * torch.tensor(weight)).sum()
        result = torch.autograd.grad(total, [leaf, *(v.value for v in layer.weights)])
        return [value.detach().numpy() for value in result]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        leaf = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(leaf)
            total = tf.reduce_sum(layer(leaf, mask=seen) * weight)
        return [value.numpy() for value in tape.gradient(total, [leaf, *(v.value for v in layer.weights)])]
    import jax

    def total_of(x, values):
        with keras.StatelessScope(list(zip(layer.weights, values, strict=True))):
            return (layer(x, mask=seen) * weight).sum()

    of_x, of_weights = jax.grad(total_of, argnums=(0, 1))(x, [v.value for v in layer.weights])
    return [np.asarray(value) for value in [of_x, *of_weights]]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("cell", LAYERS)
def test_gradients_equal_those_of_keras(cell, backwards, mask):
    random = np.random.default_rng(0)
    x, seen = random.normal(size=(3, 5, 4)).astype("float32"), np.array(MASKS[mask] or np.ones((3, 5)), bool)
    weight = random.normal(size=(3, 5, 6)).astype("float32") * (seen[:, ::-1] if backwards else seen)[..., None]
    seen = None if MASKS[mask] is None else seen
    layers = [kind[cell](6, return_sequences=True, go_backwards=backwards) for kind in (LAYERS, KERAS)]
    for layer in layers:
        layer.build(x.shape)
        for i, variable in enumerate(layer.weights):
            variable.assign(np.random.default_rng(i).normal(size=variable.shape) * 0.5)
    for ours, reference in zip(*(gradients_of(layer, x, seen, weight) for layer in layers), strict=True):
        np.testing.assert_allclose(ours, reference, atol=1e-5)
