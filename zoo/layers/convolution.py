"""Dilated convolution over time, for whole sequences and for streams."""

import keras
from keras import ops


class Convolution(keras.layers.Layer):
    """Dilated convolution that keeps the sequence length by padding with zeros.

    With weight norm (Salimans & Kingma 2016, arXiv 1602.07868), the kernel is ``w = g v / |v|``.

    Args:
        inputs: Number of input features.
        outputs: Number of output features; each has its own norm ``g``.
        kernel_size: Number of taps.
        dilation: Steps between two taps.
        causal: Whether all padding is before the sequence.
        name: Name of the layer.
        weight_norm: Whether to learn ``v`` and ``g`` separately.
        initializer: Initializer of the kernel; the default is He's with weight norm, and Glorot's without.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.convolution import Convolution
        >>> layer = Convolution(4, 8, 3, 2, True, name="convolution")
        >>> tuple(layer(np.ones((1, 10, 4), "float32")).shape)
        (1, 10, 8)
        >>> layer.reach
        4
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        dilation: int,
        causal: bool,
        name: str,
        weight_norm: bool = False,
        initializer: keras.initializers.Initializer | None = None,
    ):
        super().__init__(name=name)
        self.shape = (kernel_size, inputs, outputs)
        self.dilation = dilation
        self.weight_norm = weight_norm
        self.initializer = initializer or ("he_normal" if weight_norm else "glorot_uniform")
        self.reach = (kernel_size - 1) * dilation
        self.padding = (self.reach, 0) if causal else (self.reach // 2, self.reach - self.reach // 2)

    def build(self, shape):
        if self.weight_norm:
            self.v = self.add_weight(shape=self.shape, initializer=self.initializer, name="direction")
            # The first kernel equals v as initialized. Use an initializer because Keras discards an assignment while it
            # infers shapes.
            self.g = self.add_weight(
                shape=(self.shape[-1],),
                initializer=lambda shape, dtype: ops.sqrt(ops.sum(ops.square(self.v), axis=(0, 1))),
                name="length",
            )
        else:
            self.weight = self.add_weight(shape=self.shape, initializer=self.initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.shape[-1],), initializer="zeros", name="bias")

    def kernel(self):
        """Returns the kernel, ``(taps, inputs, outputs)``, with weight norm applied."""
        if not self.weight_norm:
            return self.weight
        return self.v * self._scale()

    def _scale(self):
        """Returns ``g / |v|`` per output, ``(outputs,)``."""
        return self.g / ops.sqrt(ops.sum(ops.square(self.v), axis=(0, 1)))

    def call(self, x):
        """Map ``(batch, time, inputs)`` to ``(batch, time, outputs)``."""
        return self._valid(ops.pad(x, ((0, 0), self.padding, (0, 0))))

    def _valid(self, x):
        """Map ``(batch, reach + time, inputs)`` to ``(batch, time, outputs)``."""
        kernel, bias = ops.cast(self.kernel(), x.dtype), ops.cast(self.bias, x.dtype)
        if keras.backend.backend() == "torch":
            return _torch_convolution(x, kernel, bias, self.dilation)
        return ops.conv(x, kernel, padding="valid", dilation_rate=self.dilation) + bias

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the inputs before the first step: zeros, ``(batch, reach, inputs)``.

        With weight norm, also returns ``g / |v|``, ``(batch, outputs)``. A step that recomputes the norms would read
        the kernel once more.
        """
        past = ops.zeros((batch_size, self.reach, self.shape[1]), self.compute_dtype)
        if not self.weight_norm:
            return (past,)
        scale = ops.cast(self._scale(), self.compute_dtype)
        return past, ops.broadcast_to(scale[None], (batch_size, self.shape[-1]))

    def step(self, x, state: tuple):
        """Map one step. The ``state`` holds past inputs in the order of time."""
        kernel_size, inputs, outputs = self.shape
        past, *scale = state
        taps = ops.concatenate([past[:, :: self.dilation], x[:, None]], axis=1)
        taps = ops.reshape(taps, (-1, kernel_size * inputs))
        weight = self.v if self.weight_norm else self.weight
        y = ops.matmul(taps, ops.cast(ops.reshape(weight, (kernel_size * inputs, outputs)), taps.dtype))
        for factor in scale:
            y = y * factor  # fewer products than scaling the kernel
        past = ops.concatenate([past[:, 1:], x[:, None]], axis=1) if self.reach else past
        return y + ops.cast(self.bias, y.dtype), (past, *scale)

    def prefill(self, x, state: tuple):
        """Map several steps, ``(batch, count, inputs)``, as that many calls of ``step`` do."""
        past, *scale = state
        x = ops.concatenate([past, x], axis=1)
        return self._valid(x), (x[:, x.shape[1] - self.reach :], *scale)


class DepthwiseConvolution(keras.layers.Layer):
    """Causal depthwise convolution: ``y_t = b + sum over j of w_j x_{t - k + 1 + j}`` for each feature.

    Args:
        kernel_size: Number of taps.
        name: Name of the layer.

    Example:
        >>> import numpy as np
        >>> from zoo.layers.convolution import DepthwiseConvolution
        >>> layer = DepthwiseConvolution(4, name="convolution")
        >>> tuple(layer(np.ones((1, 10, 3), "float32")).shape)
        (1, 10, 3)
        >>> layer.count_params()
        15
    """

    def __init__(self, kernel_size: int, name: str):
        super().__init__(name=name)
        self.supports_masking = True  # masks come as arguments; avoids a warning of Keras
        self.kernel_size = kernel_size

    def build(self, shape):
        bound = self.kernel_size**-0.5  # torch's initialization of convolutions
        uniform = keras.initializers.RandomUniform(-bound, bound)
        self.weight = self.add_weight(shape=(self.kernel_size, shape[-1]), initializer=uniform, name="kernel")
        self.bias = self.add_weight(shape=shape[-1:], initializer="zeros", name="bias")

    def call(self, x, mask=None):
        """Map ``(batch, time, features)`` to the same shape; masked steps count as zeros."""
        return self._valid(ops.pad(zero_masked(x, mask), ((0, 0), (self.kernel_size - 1, 0), (0, 0))))

    def _valid(self, x):
        """Map ``(batch, kernel_size - 1 + time, features)`` to ``(batch, time, features)``."""
        time = ops.shape(x)[1] - self.kernel_size + 1
        weight, bias = ops.cast(self.weight, x.dtype), ops.cast(self.bias, x.dtype)
        return sum(x[:, tap : tap + time] * weight[tap] for tap in range(self.kernel_size)) + bias

    def initial_state(self, batch_size: int) -> tuple:
        """Returns the inputs before the first step: zeros, ``(batch, kernel_size - 1, features)``."""
        return (ops.zeros((batch_size, self.kernel_size - 1, self.bias.shape[0]), self.compute_dtype),)

    def step(self, x, state: tuple):
        """Map one step ``(batch, features)``. The ``state`` holds past inputs in the order of time."""
        y, state = self.prefill(x[:, None], state)
        return y[:, 0], state

    def prefill(self, x, state: tuple):
        """Map several steps, ``(batch, count, features)``, as that many calls of ``step`` do."""
        count, x = x.shape[1], ops.concatenate([state[0], x], axis=1)
        return self._valid(x), (x[:, count:],)


def _torch_convolution(x, kernel, bias, dilation: int):
    """Compute the convolution as torch's convolution of an image of height 1.

    torch's image convolutions accept channels-last data, which is the layout of ``x (batch, time, inputs)``. Its
    sequence convolutions do not, and Keras transposes before and after them. This version is up to 1.7 times as fast
    (benchmarks/layers.py).
    """
    import torch

    image = torch.permute(x, (0, 2, 1))[:, :, None]
    weight = torch.permute(kernel, (2, 1, 0))[:, :, None]
    y = torch.nn.functional.conv2d(image, weight, bias, dilation=(1, dilation))
    return torch.permute(y.squeeze(2), (0, 2, 1))


def zero_masked(x, mask):
    """Returns ``x (batch, time, features)`` with zeros where ``mask (batch, time)`` is false.

    Without this, masked positions would reach real ones through the kernel.
    """
    return x if mask is None else x * ops.cast(mask, x.dtype)[..., None]
