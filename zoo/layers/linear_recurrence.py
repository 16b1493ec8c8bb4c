"""Linear recurrences ``h_t = a_t h_{t-1} + b_t`` for whole sequences and single steps, with an explicit gradient.

The gradient of such a recurrence is a recurrence in reverse time (Martin & Cundy 2018, arXiv 1709.04057). With ``dy``
the gradient of all states, ``g_t = dy_t + conj(a_{t+1}) g_{t+1}``, ``db_t = g_t`` and ``da_t = g_t conj(h_{t-1})``. It
stores only the decays and the states.

Each backend runs its fastest form (docs/experiments/linear_recurrence.md): a plain loop over time on torch and JAX, and
parallel chunks of 16 steps on TensorFlow. ``keras.ops.associative_scan`` was slower on all three.
"""

from typing import Any

import keras
from keras import ops

CHUNK = 16
"""Steps per chunk on TensorFlow."""


def linear_scan(decay, inputs, initial=None):
    """Returns all states of ``h_t = decay_t h_{t-1} + inputs_t``.

    Args:
        decay: ``(batch, time, units)``.
        inputs: ``(batch, time, units)``.
        initial: The state before the first step, ``(batch, units)``; ``None`` means zeros.

    Returns:
        ``(batch, time, units)``.

    Example:
        >>> import numpy as np
        >>> decay, inputs = np.full((1, 3, 1), 0.5, "float32"), np.ones((1, 3, 1), "float32")
        >>> np.asarray(linear_scan(decay, inputs)).ravel().tolist()
        [1.0, 1.5, 1.75]
    """
    decay, inputs = ops.convert_to_tensor(decay), ops.convert_to_tensor(inputs)
    if initial is not None:
        first = inputs[:, :1] + decay[:, :1] * ops.convert_to_tensor(initial)[:, None]
        inputs = ops.concatenate([first, inputs[:, 1:]], axis=1)
    if keras.backend.backend() == "torch":
        from zoo.layers.torch_scan import Scan

        return Scan.apply(decay, inputs)
    return _real_scan(decay, inputs)


def complex_scan(decay, inputs, initial=None):
    """Returns all states of ``h_t = decay h_{t-1} + inputs_t`` for complex numbers, each given as two real tensors.

    Args:
        decay: Real and imaginary parts, each ``(units,)``, constant over time.
        inputs: Real and imaginary parts, each ``(batch, time, units)``.
        initial: Both parts of the state before the first step, each ``(batch, units)``; ``None`` means zeros.

    Returns:
        Both parts, each ``(batch, time, units)``.
    """
    decay, inputs = ([ops.convert_to_tensor(part) for part in pair] for pair in (decay, inputs))
    if initial is not None:
        initial = [ops.convert_to_tensor(part) for part in initial]
        carried = multiply(decay, initial)
        inputs = [
            ops.concatenate([part[:, :1] + before[:, None], part[:, 1:]], axis=1)
            for part, before in zip(inputs, carried, strict=True)
        ]
    if keras.backend.backend() == "torch":
        from zoo.layers.torch_scan import ComplexScan

        return ComplexScan.apply(*decay, *inputs)
    return _complex_scan(*decay, *inputs)


def multiply(left, right):
    """Returns the product of two complex numbers, each given as two real tensors."""
    return left[0] * right[0] - left[1] * right[1], left[0] * right[1] + left[1] * right[0]


def gradients(decay, states, upstream, scan):
    """Returns the gradients of decays and inputs.

    Args:
        decay: ``(batch, time, units)``, or ``(units,)`` if constant over time.
        states: ``(batch, time, units)``, the result of the scan.
        upstream: The gradient of ``states``.
        scan: Scan function of the backend.
    """
    constant = len(decay.shape) == 1
    # The last step has no next decay; the value that roll puts there multiplies a state of zeros.
    after = ops.conj(decay) if constant else ops.roll(ops.conj(decay), -1, axis=1)
    total = scan(after, upstream, reverse=True)
    before = ops.concatenate([ops.zeros_like(states[:, :1]), states[:, :-1]], axis=1)
    of_decay = total * ops.conj(before)
    return (ops.sum(of_decay, axis=(0, 1)) if constant else of_decay), total


@ops.custom_gradient
def _real_scan(decay, inputs):
    states = _scan(decay, inputs)
    return states, lambda upstream: gradients(decay, states, upstream, _scan)


@ops.custom_gradient
def _complex_scan(decay_real, decay_imaginary, inputs_real, inputs_imaginary):
    decay = _complex(decay_real, decay_imaginary)
    states = _scan(decay, _complex(inputs_real, inputs_imaginary))

    def gradient(*upstream):
        both = gradients(decay, states, _complex(*keras.tree.flatten(upstream)), _scan)
        return tuple(part for value in both for part in (ops.real(value), ops.imag(value)))

    return (ops.real(states), ops.imag(states)), gradient


def _complex(real, imaginary):
    if keras.backend.backend() == "jax":
        import jax

        return jax.lax.complex(real, imaginary)
    import tensorflow as tf

    return tf.complex(real, imaginary)


def _scan(decay, inputs, reverse: bool = False):
    """Run the recurrence without a gradient; from the last step backwards if ``reverse``."""
    if keras.backend.backend() == "jax":
        return _jax_loop(decay, inputs, reverse)
    return _tensorflow_chunks(decay, inputs, reverse)


def _jax_loop(decay, inputs, reverse: bool):
    """Write each step in place; a scan that stacks its outputs would transpose all arrays."""
    from jax import lax
    from jax import numpy as jnp

    time = inputs.shape[1]

    def advance(i, carry):
        state, states = carry
        t = time - 1 - i if reverse else i
        now = decay if decay.ndim == 1 else lax.dynamic_index_in_dim(decay, t, 1, keepdims=False)
        state = now * state + lax.dynamic_index_in_dim(inputs, t, 1, keepdims=False)
        return state, lax.dynamic_update_index_in_dim(states, state, t, 1)

    return lax.fori_loop(0, time, advance, (jnp.zeros_like(inputs[:, 0]), jnp.zeros_like(inputs)))[1]


def _tensorflow_chunks(decay, inputs, reverse: bool):
    """Run all chunks in parallel from zeros, then add the effect of each previous chunk's last state.

    ``h_t = l_t + p_t e``: ``l`` are the states from zeros, ``p`` the products of the decays since the start of the
    chunk, and ``e`` is the last state of the previous chunk. A loop over chunks computes the last states.
    """
    import tensorflow as tf

    batch, time = tf.unstack(tf.shape(inputs)[:2])
    units, constant = inputs.shape[-1], len(decay.shape) == 1
    count = -(-time // CHUNK)
    padding = [[0, 0], [0, count * CHUNK - time], [0, 0]]

    def steps(x, value: float):
        x = tf.pad(x, padding, constant_values=tf.cast(value, x.dtype))
        parts = tf.unstack(tf.reshape(x, (batch, count, CHUNK, units)), axis=2)
        return parts[::-1] if reverse else parts

    inputs = steps(inputs, 0)
    decays = [decay] * CHUNK if constant else steps(decay, 1)
    local, product = [inputs[0]], [decays[0]]
    for now, x in zip(decays[1:], inputs[1:], strict=True):
        local.append(now * local[-1] + x)
        product.append(now * product[-1])

    total, last = product[-1], local[-1]  # (units,) or (batch, chunks, units), and (batch, chunks, units)
    array = tf.TensorArray(last.dtype, count)

    def advance(i, state, states):
        t = count - 1 - i if reverse else i
        after = (total if constant else total[:, t]) * state + last[:, t]
        return i + 1, after, states.write(t, state)

    start = (tf.constant(0), tf.zeros_like(inputs[0][:, 0]), array)
    before = tf.transpose(tf.while_loop(lambda i, *_: i < count, advance, start)[2].stack(), (1, 0, 2))
    states = [own + decays_since * before for own, decays_since in zip(local, product, strict=True)]
    states = tf.stack(states[::-1] if reverse else states, axis=2)
    return tf.reshape(states, (batch, count * CHUNK, units))[:, :time]


class LinearRecurrence(keras.layers.Layer):
    """A layer ``h_t = a_t h_{t-1} + b_t`` whose coefficients depend only on the input of the same step.

    Coefficients and states are float32 even under mixed precision because decays near 1 need the bits.

    Args:
        units: Number of features of a state.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> class RunningSum(LinearRecurrence):
        ...     def coefficients(self, x):
        ...         return ops.ones_like(x), x
        >>> layer = RunningSum(1, name="sum")
        >>> [float(y) for y in layer(np.ones((1, 3, 1), "float32"))[0, :, 0]]
        [1.0, 2.0, 3.0]
    """

    def __init__(self, units: int, name: str):
        super().__init__(name=name)
        self.units = units
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras

    def coefficients(self, x) -> tuple[Any, Any]:
        """Map ``(..., features)`` to the decay ``a`` and the input ``b``, each ``(..., units)`` in float32."""
        raise NotImplementedError

    def call(self, x, mask=None):
        """Map ``(batch, time, features)`` to all states ``(batch, time, units)``; masked steps keep the state."""
        decay, inputs = self.coefficients(x)
        if mask is not None:
            mask = ops.cast(mask, "bool")[..., None]
            decay, inputs = ops.where(mask, decay, 1.0), ops.where(mask, inputs, 0.0)
        return ops.cast(linear_scan(decay, inputs), self.compute_dtype)

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the state before the first step: zeros, ``(batch, units)``."""
        return (ops.zeros((batch_size, self.units), "float32"),)

    def step(self, x, state: tuple):
        """Map one step ``(batch, features)`` to ``(batch, units)`` and the next state."""
        decay, inputs = self.coefficients(x)
        after = decay * state[0] + inputs
        return ops.cast(after, self.compute_dtype), (after,)

    def prefill(self, x, state: tuple):
        """Map several steps ``(batch, count, features)`` as that many calls of ``step`` do."""
        states = linear_scan(*self.coefficients(x), initial=state[0])
        return ops.cast(states, self.compute_dtype), (states[:, -1],)


def dense_float32(layer: keras.layers.Dense, x):
    """Returns a dense layer's output in float32, whatever its compute dtype."""
    return ops.cast(layer(x), "float32")
