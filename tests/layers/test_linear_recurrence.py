"""Linear recurrences against loops in NumPy: states, gradients, and lengths that are no multiple of a chunk."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.layers.linear_recurrence import CHUNK, complex_scan, linear_scan


def loop(decay, inputs, initial):
    states, state = [], initial
    for t in range(inputs.shape[1]):
        state = (decay if decay.ndim == 1 else decay[:, t]) * state + inputs[:, t]
        states.append(state)
    return np.stack(states, axis=1)


def backwards(decay, states, weights, initial):
    """Gradients of ``sum(weights * states)`` by the chain rule, a step at a time; complex ones as real pairs."""
    of_decay, of_inputs, carried = np.zeros_like(states), np.zeros_like(states), np.zeros_like(states[:, 0])
    for t in range(states.shape[1] - 1, -1, -1):
        of_inputs[:, t] = weights[:, t] + carried
        of_decay[:, t] = of_inputs[:, t] * np.conj(states[:, t - 1] if t else initial)
        carried = np.conj(decay if decay.ndim == 1 else decay[:, t]) * of_inputs[:, t]
    return of_decay, of_inputs


def gradients_of(function, values):
    """Returns the gradients of a scalar function of arrays on the running backend."""
    backend = keras.backend.backend()
    if backend == "torch":
        tensors = [ops.convert_to_tensor(value).requires_grad_() for value in values]
        function(*tensors).backward()
        return [tensor.grad.cpu().numpy() for tensor in tensors]
    if backend == "jax":
        import jax

        return [np.asarray(x) for x in jax.jit(jax.grad(function, argnums=tuple(range(len(values)))))(*values)]
    import tensorflow as tf

    tensors = [tf.constant(value) for value in values]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        out = tf.function(function)(*tensors)
    return [x.numpy() for x in tape.gradient(out, tensors)]


def numbers(time: int, count: int):
    random = np.random.default_rng(time)
    return [random.normal(size=(3, time, 5)).astype("float32") for _ in range(count)]


@pytest.mark.parametrize("time", [1, 2, CHUNK, 2 * CHUNK + 5])
@pytest.mark.parametrize("given", [False, True])
def test_real_states_equal_a_loop(time, given):
    x, noise = numbers(time, 2)
    decay = 1 / (1 + np.exp(-noise))
    initial = np.full((3, 5), 2.0, "float32") if given else None
    result = ops.convert_to_numpy(linear_scan(decay, x, initial))
    np.testing.assert_allclose(result, loop(decay, x, 0.0 if initial is None else initial), atol=1e-5)


@pytest.mark.parametrize("time", [1, CHUNK - 1, 2 * CHUNK + 5])
def test_real_gradients_equal_the_chain_rule(time):
    x, noise, weights = numbers(time, 3)
    decay = 1 / (1 + np.exp(-noise))
    initial = np.full((3, 5), 2.0, "float32")
    expected = backwards(decay, loop(decay, x, initial), weights, initial)

    def scalar(decay, x):
        return ops.sum(linear_scan(decay, x, initial) * ops.convert_to_tensor(weights))

    for result, right in zip(gradients_of(scalar, [decay, x]), expected, strict=True):
        np.testing.assert_allclose(result, right, atol=2e-5)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("time", [1, 2 * CHUNK + 5])
def test_complex_states_and_gradients(time, given):
    real, imaginary, real_weights, imaginary_weights = numbers(time, 4)
    weights = (real_weights, imaginary_weights)
    decay = (np.linspace(0.5, 0.99, 5) * np.exp(1j * np.linspace(0, 3, 5))).astype("complex64")
    initial = np.full((3, 5), 1 - 2j, "complex64") if given else np.zeros((3, 5), "complex64")
    start = (initial.real, initial.imag) if given else None
    states = loop(decay, real + 1j * imaginary, initial)
    result = complex_scan((decay.real, decay.imag), (real, imaginary), start)
    for part, right in zip(result, (states.real, states.imag), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(part), right, atol=1e-5)

    def scalar(*values):
        out = complex_scan(values[:2], values[2:], start)
        return sum(ops.sum(part * ops.convert_to_tensor(w)) for part, w in zip(out, weights, strict=True))

    of_decay, of_inputs = backwards(decay, states, real_weights + 1j * imaginary_weights, initial)
    of_decay = of_decay.sum((0, 1))
    expected = [of_decay.real, of_decay.imag, of_inputs.real, of_inputs.imag]
    values = [np.ascontiguousarray(x) for x in (decay.real, decay.imag, real, imaginary)]
    for result, right in zip(gradients_of(scalar, values), expected, strict=True):
        np.testing.assert_allclose(result, right, rtol=1e-4, atol=1e-4)
