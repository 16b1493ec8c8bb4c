"""Loops over time of recurrent layers on TensorFlow and JAX, with explicit backward passes.

Keras differentiates the whole loop, so each step of its backward pass adds to the gradients of the kernels. Here the
loop of the backward pass computes the gradients of the gates only. The gradient of a kernel is one product, after the
loop. On torch see ``zoo.layers.recurrence``.

The functions take ``projected`` inputs ``(time, batch, gates * units)``, a mask ``(time, batch, 1)`` of ones and zeros
or ``None``, first states ``(batch, units)`` and the recurrent kernel ``(units, gates * units)``. A masked step keeps
the state. They return the states after each step, ``(time, batch, units)``.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def rnn(projected, mask, hidden, kernel):
    """Returns the states of a simple recurrent network (Elman 1990): ``h' = tanh(x + h U)``."""

    def forward(mask, projected, hidden, kernel):
        def step(state, now):
            x, m = now
            new = _kept(m, ops.tanh(x + ops.matmul(state[0], kernel)), state[0])
            return (new,), (new,)

        _, (states,) = scan(step, (hidden,), (projected, mask))

        def backward(gradient):
            transposed = ops.transpose(kernel)

            def step(state, now):
                read, factor, m = now
                total = read + state[0]
                real = _real(m, total)
                product = real * factor
                return (ops.matmul(product, transposed) + (total - real),), (product,)

            first, (products,) = scan(
                step, (ops.zeros_like(hidden),), (gradient, 1 - ops.square(states), mask), reverse=True
            )
            return products, first[0], _of_kernel(_before(hidden, states), products)

        return states, backward

    return _differentiable(forward, mask, projected, hidden, kernel)


def lstm(projected, mask, hidden, carry, kernel):
    """Returns the states of an LSTM (Hochreiter & Schmidhuber 1997), and its last carry ``(batch, units)``.

    With ``i, f, g, o`` of ``x + h U`` after sigmoid or, for ``g``, tanh: ``c' = f c + i g`` and ``h' = o tanh(c')``.
    """

    def forward(mask, projected, hidden, carry, kernel):
        def step(state, now):
            (h, c), (x, m) = state, now
            i, f, g, o = ops.split(x + ops.matmul(h, kernel), 4, axis=-1)
            i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
            new_c = f * c + i * g
            h, c = _kept(m, o * ops.tanh(new_c), h), _kept(m, new_c, c)
            return (h, c), (h, c, i, f, g, o)

        (_, last), (states, carries, i, f, g, o) = scan(step, (hidden, carry), (projected, mask))

        def backward(*gradients):
            gradient, of_last = keras.tree.flatten(gradients)  # JAX has the form of the outputs, TensorFlow a flat one
            transposed, squashed = ops.transpose(kernel), ops.tanh(carries)
            by_carry = o * (1 - ops.square(squashed))
            by_i, by_f = g * i * (1 - i), _before(carry, carries) * f * (1 - f)
            by_g, by_o = i * (1 - ops.square(g)), squashed * o * (1 - o)

            def step(state, now):
                (after_h, after_c), (read, keep, by_carry, by_i, by_f, by_g, by_o, m) = state, now
                total_h = read + after_h
                real_h = _real(m, total_h)
                total_c = after_c + real_h * by_carry
                real_c = _real(m, total_c)
                gates = ops.concatenate([real_c * by_i, real_c * by_f, real_c * by_g, real_h * by_o], axis=-1)
                before_h = ops.matmul(gates, transposed)
                if m is None:
                    return (before_h, real_c * keep), (gates,)
                return (before_h + (total_h - real_h), real_c * keep + (total_c - real_c)), (gates,)

            first, (gates,) = scan(
                step,
                (ops.zeros_like(hidden), of_last),
                (gradient, f, by_carry, by_i, by_f, by_g, by_o, mask),
                reverse=True,
            )
            return gates, *first, _of_kernel(_before(hidden, states), gates)

        return (states, last), backward

    return _differentiable(forward, mask, projected, hidden, carry, kernel)


def gru(projected, mask, hidden, kernel, bias):
    """Returns the states of a GRU whose reset gate is applied after the product: see ``torch_gru.GRULoop``.

    Args:
        projected: See above; the gates are update, reset, candidate.
        mask: See above.
        hidden: See above.
        kernel: See above.
        bias: ``(3 * units,)``, added to the recurrent product.
    """

    def forward(mask, projected, hidden, kernel, bias):
        def step(state, now):
            (h,), (x, m) = state, now
            x_z, x_r, x_c = ops.split(x, 3, axis=-1)
            m_z, m_r, m_c = ops.split(ops.matmul(h, kernel) + bias, 3, axis=-1)
            z, r = ops.sigmoid(x_z + m_z), ops.sigmoid(x_r + m_r)
            c = ops.tanh(x_c + r * m_c)
            h = _kept(m, c + z * (h - c), h)
            return (h,), (h, z, r, c, m_c)

        _, (states, z, r, c, inner) = scan(step, (hidden,), (projected, mask))

        def backward(gradient):
            transposed, before = ops.transpose(kernel), _before(hidden, states)
            by_z, by_c = (before - c) * z * (1 - z), (1 - z) * (1 - ops.square(c))
            by_r, by_product = by_c * inner * r * (1 - r), by_c * r

            def step(state, now):
                (after,), (read, keep, by_z, by_r, by_product, m) = state, now
                total = read + after
                real = _real(m, total)
                products = ops.concatenate([real * by_z, real * by_r, real * by_product], axis=-1)
                after = ops.matmul(products, transposed) + real * keep
                return (after if m is None else after + (total - real),), (products, real)

            first, (products, real) = scan(
                step, (ops.zeros_like(hidden),), (gradient, z, by_z, by_r, by_product, mask), reverse=True
            )
            units = hidden.shape[-1]
            inputs = ops.concatenate([products[..., : 2 * units], real * by_c], axis=-1)
            return inputs, first[0], _of_kernel(before, products), ops.sum(products, axis=(0, 1))

        return states, backward

    return _differentiable(forward, mask, projected, hidden, kernel, bias)


def scan(step: Callable, state: tuple, inputs: tuple, reverse: bool = False) -> tuple[tuple, tuple]:
    """Returns the last state and the outputs of all steps.

    On TensorFlow, ``keras.ops.scan`` supports only outputs in the form of the state.

    Args:
        step: Maps the state and the inputs of a step to the next state and the outputs of the step.
        state: State before the first step.
        inputs: Arrays ``(time, ...)``; a missing one is ``None`` in each step.
        reverse: Whether to begin with the last step.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.lax.scan(step, state, inputs, reverse=reverse)
    import tensorflow as tf

    time = tf.shape(inputs[0])[0]
    arrays = [None if x is None else tf.TensorArray(x.dtype, time).unstack(x) for x in inputs]
    _, example = step(state, tuple(None if x is None else x[0] for x in inputs))
    outputs = tuple(tf.TensorArray(x.dtype, time, element_shape=x.shape) for x in example)

    def body(i, state, outputs):
        now = time - 1 - i if reverse else i
        state, out = step(state, tuple(None if x is None else x.read(now) for x in arrays))
        return i + 1, state, tuple(array.write(now, x) for array, x in zip(outputs, out, strict=True))

    _, state, outputs = tf.while_loop(lambda i, *_: i < time, body, (0, state, outputs), maximum_iterations=time)
    return state, tuple(array.stack() for array in outputs)


def _kept(mask, new, old):
    """Returns the new state of real rows and the old one of masked rows."""
    return new if mask is None else old + mask * (new - old)


def _real(mask, x):
    return x if mask is None else mask * x


def _before(first, states):
    """Returns the state before each step."""
    return ops.concatenate([first[None], states[:-1]], axis=0)


def _of_kernel(before, gradients):
    """Returns the gradient of the recurrent kernel: one product over all steps and rows."""
    before, gradients = (ops.reshape(x, (-1, x.shape[-1])) for x in (before, gradients))
    return ops.matmul(ops.transpose(before), gradients)


def _differentiable(forward: Callable, mask, *arguments) -> Any:
    """Call a function of the mask and tensors that returns outputs and their backward pass."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        arguments = [tf.convert_to_tensor(x) for x in arguments]  # reads variables, which it would count as captured
    if mask is None:
        return ops.custom_gradient(lambda *tensors: forward(None, *tensors))(*arguments)

    def with_mask(mask, *tensors):
        outputs, backward = forward(mask, *tensors)
        return outputs, lambda *gradients: (ops.zeros_like(mask), *backward(*gradients))

    return ops.custom_gradient(with_mask)(mask, *arguments)
