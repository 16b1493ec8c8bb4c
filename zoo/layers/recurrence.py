"""Recurrent layers with a fast loop over time.

On torch, Keras runs a recurrent layer as a Python loop with about twenty small operations per step. torch has the loop
as one operation with its own backward pass, in float32 and bfloat16. For the GRU the zoo has a faster one
(``torch_gru``). Masks that torch's loop does not support use Keras's.

On TensorFlow and JAX the loops are those of ``recurrent_loop``. On GPUs and TPUs they are Keras's, which are cuDNN's
where it has them. The weights have the names and shapes of Keras's layers.
"""

from functools import partial

import keras
from keras import ops

from zoo.layers import recurrent_loop
from zoo.layers.masks import values_are_known


class SimpleRNN(keras.layers.SimpleRNN):
    """``keras.layers.SimpleRNN`` (Elman 1990): ``(batch, time, features)`` to ``(batch, time, units)``.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.recurrence import SimpleRNN
        >>> layer = SimpleRNN(6, return_sequences=True)
        >>> tuple(layer(np.ones((2, 5, 4), "float32")).shape)
        (2, 5, 6)
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if _suits_torch(self, mask):
            return _run(self, sequences, initial_state, mask)
        loop = partial(_loop, self) if _suits_loop(self) else super().inner_loop
        return _loop_per_device(self, loop, sequences, initial_state, mask, training)


class LSTM(keras.layers.LSTM):
    """``keras.layers.LSTM`` (Hochreiter & Schmidhuber 1997): ``(batch, time, features)`` to ``(..., units)``.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.recurrence import LSTM
        >>> layer = LSTM(6, return_sequences=True)
        >>> tuple(layer(np.ones((2, 5, 4), "float32")).shape)
        (2, 5, 6)
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if _suits_torch(self, mask):
            return _run(self, sequences, initial_state, mask)
        loop = partial(_loop, self) if _suits_loop(self) else super().inner_loop
        return _loop_per_device(self, loop, sequences, initial_state, mask, training)


class GRU(keras.layers.GRU):
    """``keras.layers.GRU`` (Cho et al. 2014): ``(batch, time, features)`` to ``(batch, time, units)``.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.recurrence import GRU
        >>> layer = GRU(6, return_sequences=True)
        >>> tuple(layer(np.ones((2, 5, 4), "float32")).shape)
        (2, 5, 6)
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if _suits_torch(self, mask):
            return _run(self, sequences, initial_state, mask)
        loop = partial(_loop, self) if _suits_loop(self) else super().inner_loop
        return _loop_per_device(self, loop, sequences, initial_state, mask, training)


LAYERS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


class Bidirectional(keras.layers.Layer):
    """Two layers of one kind, forward and backward: ``(batch, time, features)`` to ``(batch, time, 2 * units)``.

    It computes the same as ``keras.layers.Bidirectional``, with the same weight names. Keras's layer copies its inner
    layer by serialisation, which imports TensorFlow on any backend.

    Args:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        units: Units per direction.
        name: Name of the layer.
        inner: Suffix of the two layers' names, after ``forward_`` and ``backward_``.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.recurrence import Bidirectional
        >>> layer = Bidirectional("gru", 6, name="both")
        >>> tuple(layer(np.ones((2, 5, 4), "float32")).shape)
        (2, 5, 12)
    """

    def __init__(self, cell: str, units: int, name: str, inner: str = "recurrent"):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras
        self.forward_layer = LAYERS[cell](units, return_sequences=True, name=f"forward_{inner}")
        self.backward_layer = LAYERS[cell](units, return_sequences=True, go_backwards=True, name=f"backward_{inner}")

    def build(self, shape):
        self.forward_layer.build(shape)
        self.backward_layer.build(shape)

    def call(self, x, mask=None, training=False):
        forward = self.forward_layer(x, mask=mask, training=training)
        backward = self.backward_layer(x, mask=mask, training=training)
        return ops.concatenate([forward, ops.flip(backward, axis=1)], axis=-1)


def _loop_per_device(layer, loop, sequences, states, mask, training):
    """Run a layer's loop on each device's rows, where ``keras.distribution`` has split the batch on JAX.

    Left to itself, JAX's compiler adds up the gradient of the recurrent weights over all devices at every step of the
    loop. So they add up once, behind it.
    """
    distribution = keras.distribution.distribution()
    cell = layer.cell
    if keras.backend.backend() != "jax" or distribution is None or cell.dropout or cell.recurrent_dropout:
        return loop(sequences, states, mask, training)
    import jax

    variables = layer.variables

    def run(values, sequences, states, mask):
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return loop(sequences, states, mask, training)

    replicated, rows = jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec(distribution.batch_dim_name)
    mesh = distribution.device_mesh.backend_mesh
    split = jax.shard_map(run, mesh=mesh, in_specs=(replicated, rows, rows, rows), out_specs=rows, check_vma=False)
    return split([v.value for v in variables], sequences, states, mask)


def _suits_loop(layer) -> bool:
    """Returns whether the zoo's loop on TensorFlow and JAX supports the layer: it returns every output, on a CPU."""
    cell = layer.cell
    return (
        keras.backend.backend() in ("tensorflow", "jax")
        and layer.return_sequences
        and not (layer.return_state or layer.unroll or cell.dropout or cell.recurrent_dropout)
        and not any("cpu" not in device for device in keras.distribution.list_devices())
    )


def _loop(layer, sequences, states, mask, training):
    """Run a layer over ``(batch, time, features)``; returns the last output, all outputs and the last states."""
    cell = layer.cell
    kernel, recurrent, bias = (ops.convert_to_tensor(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias))
    x = ops.transpose(sequences, (1, 0, 2))
    seen = None if mask is None else ops.cast(ops.transpose(mask)[..., None], x.dtype)
    if layer.go_backwards:
        x, seen = ops.flip(x, axis=0), None if seen is None else ops.flip(seen, axis=0)
    if isinstance(layer, GRU):
        outputs = recurrent_loop.gru(ops.matmul(x, kernel) + bias[0], seen, states[0], recurrent, bias[1])
    elif isinstance(layer, LSTM):
        outputs, carry = recurrent_loop.lstm(ops.matmul(x, kernel) + bias, seen, *states, recurrent)
        return outputs[-1], ops.transpose(outputs, (1, 0, 2)), [outputs[-1], carry]
    else:
        outputs = recurrent_loop.rnn(ops.matmul(x, kernel) + bias, seen, states[0], recurrent)
    return outputs[-1], ops.transpose(outputs, (1, 0, 2)), [outputs[-1]]


def _suits_torch(layer, mask) -> bool:
    """Returns whether torch's loop supports the layer: it returns every output, and its mask hides only the end."""
    if keras.backend.backend() != "torch" or not layer.return_sequences or layer.return_state:
        return False
    # torch's loop has no mask. Padding after the sequence needs none because no output reads it.
    return mask is None or (values_are_known(mask) and bool((mask[:, 1:] <= mask[:, :-1]).all()))


def _run(layer, x, states, mask):
    """Run a layer over ``x (batch, time, features)``, with outputs in Keras's order.

    In a backward layer, Keras reads the padding first and holds the state there. Reversing only the real part of each
    row gives the same outputs.
    """
    if not layer.go_backwards:
        outputs, states = _torch_loop(layer, x, states)
    elif mask is None:
        outputs, states = _torch_loop(layer, ops.flip(x, axis=1), states)
    else:
        steps = ops.arange(x.shape[1])[None]
        lengths = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        turned = ops.where(steps < lengths, lengths - 1 - steps, steps)[..., None]
        outputs, states = _torch_loop(layer, ops.take_along_axis(x, turned, axis=1), states)
        outputs = ops.flip(ops.take_along_axis(outputs, turned, axis=1), axis=1)
    return outputs[:, -1], outputs, states


def _torch_loop(layer, x, states):
    """Map ``(batch, time, features)`` and Keras's states to all outputs and the last states."""
    import torch

    cell = layer.cell
    kernel, recurrent, bias = (ops.convert_to_tensor(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias))
    if isinstance(layer, GRU):
        from zoo.layers.torch_gru import GRULoop

        projected = torch.transpose(x @ kernel + bias[0], 0, 1).contiguous()
        outputs = GRULoop.apply(projected, states[0], recurrent, bias[1])
        return torch.transpose(outputs, 0, 1), [outputs[-1]]
    # torch stores kernels as (gates, features), and has two biases.
    weights = [kernel.T.contiguous(), recurrent.T.contiguous(), bias, torch.zeros_like(bias)]
    states = [state[None].contiguous() for state in states]
    # Save for the backward pass even if the layer is frozen, because lower layers may be trainable.
    arguments = (weights, True, 1, 0.0, True, False, True)
    if isinstance(layer, LSTM):
        outputs, hidden, carry = torch.lstm(x, states, *arguments)
        return outputs, [hidden[0], carry[0]]
    outputs, hidden = torch.rnn_tanh(x, states[0], *arguments)
    return outputs, [hidden[0]]
